"""Templates in files: ROOT histograms, UHI JSON, and the JSON of the Analysis Grand Challenge to compare with.

The UHI serialisation (https://uhi.readthedocs.io) is what hist and boost-histogram read; it is written here without
them, with numbers that survive the way back to the last bit.
"""

import contextlib
import datetime
import json
import types
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from skimflow.errors import InputError
from skimflow.files import whole
from skimflow.histograms.template import Template
from skimflow.io.outputs import write_text

_PROVENANCE = "provenance"
_WRITTEN = datetime.datetime(2000, 1, 1)


def write_root(templates: Mapping[str, Template], path: str | Path, stamp: Mapping[str, Any]) -> None:
    """Write TH1D histograms by name, with Σw² and flow, and `stamp` as the string `provenance`.

    The same templates give the same bytes: ROOT's times of writing are all 2000-01-01.
    """
    content = {name: _th1d(template) for name, template in templates.items()}
    about = json.dumps(stamp, sort_keys=True)
    seeded = uuid.uuid5(uuid.NAMESPACE_OID, about)
    # Handed over opened: uproot writes a file's name into it, and the temporary name holds the process.
    with (
        whole(path) as partial,
        partial.open("w+b") as sink,
        _clock_stopped(),
        uproot.recreate(sink, uuid_function=lambda: seeded) as file,
    ):
        file[_PROVENANCE] = about
        for name, histogram in content.items():
            file[name] = histogram


def write_json(templates: Mapping[str, Template], path: str | Path, stamp: Mapping[str, Any]) -> None:
    """Write UHI JSON: an object of histograms by name, with `stamp` in each `writer_info`, readable and sorted.

    Templates without variances are written as plain storage (`double`).
    """
    about = {"skimflow": {"provenance": json.dumps(stamp, sort_keys=True)}}
    content = {name: {"writer_info": about, **to_uhi(template)} for name, template in templates.items()}
    lines = (f"{json.dumps(name)}: {json.dumps(content[name], sort_keys=True)}" for name in sorted(content))
    write_text("{\n" + ",\n".join(lines) + "\n}\n", path)


def to_uhi(template: Template) -> dict[str, Any]:
    """A template as a histogram of the UHI serialisation schema, version 1."""
    edges = {"type": "variable", "edges": template.edges.tolist()}
    axis = {**edges, "underflow": True, "overflow": True, "circular": False}
    storage = {"type": "double", "values": template.values.tolist()}
    if template.variances is not None:
        storage |= {"type": "weighted", "variances": template.variances.tolist()}
    return {"uhi_schema": 1, "axes": [axis], "storage": storage, "metadata": {"entries": template.entries}}


def from_uhi(content: Mapping[str, Any]) -> Template:
    """The template in a UHI histogram of one axis with under- and overflow.

    Raises:
        KeyError, TypeError, ValueError: it is no such histogram.
    """
    (axis,), storage = content["axes"], content["storage"]
    if storage["type"] not in ("int", "double", "weighted") or "index" in storage:
        raise ValueError(f"storage {storage['type']} is not a dense histogram of counts or weights")
    regular = axis["type"] == "regular"
    edges = np.linspace(axis["lower"], axis["upper"], axis["bins"] + 1) if regular else axis["edges"]
    if not (axis["underflow"] and axis["overflow"]):
        raise ValueError("its axis has no under- and overflow")
    variances = storage["values"] if storage["type"] == "int" else storage.get("variances")
    return _checked(edges, storage["values"], variances, content.get("metadata", {}).get("entries", 0))


def read(path: str | Path) -> dict[str, Template]:
    """The histograms in a file, by name.

    ROOT (TH1 at the top level), UHI JSON, or the reference format of the Analysis Grand Challenge: `edges` and
    `contents` with flow, by name.

    Raises:
        InputError: the file is absent, or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("missing", f"{path}: there is no such file")
    found = _read_root(path) if path.read_bytes()[:4] == b"root" else _read_json(path)
    if not found:
        raise InputError("no_histograms", f"{path} holds no histogram in one variable")
    return found


def _read_root(path: Path) -> dict[str, Template]:
    try:
        with uproot.open(path) as file:
            names = file.keys(cycle=False, recursive=False, filter_classname="TH1*")
            return {name: _from_th1(file[name]) for name in names}
    except (OSError, ValueError, uproot.KeyInFileError, uproot.DeserializationError) as error:
        raise InputError("corrupt", f"{path}: cannot be read as ROOT: {error}") from error


def _from_th1(histogram: Any) -> Template:
    # ROOT without Sumw2 means a histogram of unweighted events: then its variances are its contents.
    variances = histogram.variances(flow=True)
    return _checked(histogram.axis().edges(), histogram.values(flow=True), variances, int(histogram.member("fEntries")))


def _read_json(path: Path) -> dict[str, Template]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError("corrupt", f"{path}: neither ROOT nor JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError("no_histograms", f"{path}: not an object of histograms by name")
    found = {}
    for name, one in content.items():
        try:
            found[name] = from_uhi(one) if "uhi_schema" in one else _checked(one["edges"], one["contents"], None, 0)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("corrupt", f"{path}: {name} is no histogram that can be read: {error!r}") from error
    return found


def _checked(edges: Any, contents: Any, variances: Any, entries: int) -> Template:
    edges, contents = np.asarray(edges, float), np.asarray(contents, float)
    variances = None if variances is None else np.asarray(variances, float)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError("its edges do not rise")
    for values in (contents, variances):
        if values is not None and values.shape != (len(edges) + 1,):
            raise ValueError(f"{len(edges)} edges and {values.size} contents; with flow there is one content more")
        if values is not None and not np.isfinite(values).all():
            raise ValueError("a content is not a finite number")
    return Template(edges, contents, variances, entries)


def _th1d(template: Template) -> Any:
    edges, inside = template.edges, template.inside
    centres = (edges[1:] + edges[:-1]) / 2
    variances = template.values if template.variances is None else template.variances
    writing = uproot.writing.identify
    return writing.to_TH1x(
        fName=None,
        fTitle="",
        data=np.ascontiguousarray(template.values, ">f8"),
        fEntries=float(template.entries),
        fTsumw=inside.sum(),
        fTsumw2=variances[1:-1].sum(),
        fTsumwx=(inside * centres).sum(),
        fTsumwx2=(inside * centres**2).sum(),
        fSumw2=np.ascontiguousarray(variances, ">f8"),
        fXaxis=writing.to_TAxis(
            fName="xaxis", fTitle="", fNbins=len(centres), fXmin=edges[0], fXmax=edges[-1], fXbins=edges
        ),
    )


@contextlib.contextmanager
def _clock_stopped() -> Iterator[None]:
    """uproot asks the time for each key that it writes, and offers no other way to give it one.

    An uproot that has it elsewhere writes the time: the bytes then differ, the histograms do not.
    """
    module = uproot.writing._cascade
    clock = getattr(module, "datetime", None)
    still = type("Still", (datetime.datetime,), {"now": classmethod(lambda cls, tz=None: _WRITTEN)})
    module.datetime = types.SimpleNamespace(datetime=still)
    try:
        yield
    finally:
        module.datetime = clock
