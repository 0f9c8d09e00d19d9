"""Small correction files for tests, written with correctionlib's own schema, and Rochester tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import correctionlib.schemav2 as schema
import numpy as np

from skimflow.physics.corrections.files import CorrectionFile


def of(*corrections: schema.Correction, compound: Sequence[schema.CompoundCorrection] = ()) -> CorrectionFile:
    """As if read from a file."""
    whole = schema.CorrectionSet(
        schema_version=2, corrections=list(corrections), compound_corrections=list(compound) or None
    )
    return CorrectionFile("test.json", whole.model_dump_json(exclude_unset=True))


def correction(name: str, inputs: Mapping[str, str], data: Any) -> schema.Correction:
    """`inputs` by name: `real`, `int` or `string`."""
    return schema.Correction(
        name=name,
        version=1,
        inputs=[schema.Variable(name=one, type=kind) for one, kind in inputs.items()],
        output=schema.Variable(name="weight", type="real"),
        data=data,
    )


def binning(name: str, edges: Sequence[float], content: Sequence[Any], flow: Any = "error") -> schema.Binning:
    ends = [edge if np.isfinite(edge) else "inf" for edge in edges]
    return schema.Binning(nodetype="binning", input=name, edges=ends, content=list(content), flow=flow)


def formula(name: str, expression: str) -> schema.Formula:
    """Of one input, which the expression calls x."""
    return schema.Formula(nodetype="formula", expression=expression, parser="TFormula", variables=[name])


def category(name: str, content: Mapping[Any, Any]) -> schema.Category:
    items = [schema.CategoryItem(key=key, value=value) for key, value in content.items()]
    return schema.Category(nodetype="category", input=name, content=items)


def rochester_text(
    members: Sequence[int] = (1,),
    scale: Callable[[int, int, float, int], tuple[float, float]] = lambda member, kind, eta, phi: (1.0, 0.0),
    width: Callable[[int, int], float] = lambda member, kind: 1.0,
    shape: Sequence[float] = (0.01, 0.0, 0.0, 1.0, 2.0, 5.0),
) -> str:
    """Tables `RoccoR`: 4 bins in η, 4 in φ, 2 in |η|, 3 in layers from 6 on.

    Args:
        members: of each set.
        scale: M and A from (member of all, simulation or data, centre of the η bin, φ bin).
        width: k from (member, simulation or data).
        shape: σ₀, σ₁, σ₂, and the Crystal Ball's sigma, alpha, n, in all bins.
    """
    eta = [-2.4, -1.2, 0.0, 1.2, 2.4]
    lines = [
        f"NSET {len(members)}",
        f"NMEM {' '.join(map(str, members))}",
        f"TVAR {' '.join('0' for _ in members)}",
        "CPHI 4",
        f"CETA 4 {' '.join(map(str, eta))}",
        "RMIN 6",
        "RTRK 3",
        "RETA 2 0.0 1.2 2.4",
    ]
    for number, (s, m) in enumerate((s, m) for s, count in enumerate(members) for m in range(count)):
        for kind in (0, 1):
            for h, centre in enumerate(np.add(eta[1:], eta[:-1]) / 2):
                pairs = [scale(number, kind, float(centre), f) for f in range(4)]
                lines.append(f"{s} {m} C {kind} 0 {h} " + " ".join(repr(100 * (one - 1)) for one, _ in pairs))
                lines.append(f"{s} {m} C {kind} 1 {h} " + " ".join(repr(100 * bend) for _, bend in pairs))
            lines.append(f"{s} {m} F {kind} " + " ".join([repr(float(width(number, kind)))] * 2))
            lines += [f"{s} {m} T {kind} {h} 0 0.3 0.6 1" for h in range(2)]
        for variable, value in enumerate(shape):
            written = value * 100 if variable == 2 else value
            lines += [f"{s} {m} R {variable} {h} {written!r} {written!r} {written!r}" for h in range(2)]
    return "\n".join(lines) + "\n"
