"""What all figures share: style, labels, provenance, and files that are the same whenever they are made."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import mplhep
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from skimflow.files import whole

_CANVASES = {"png": FigureCanvasAgg, "pdf": FigureCanvasPdf}
_MARKERS = "osD^v<>"
_SHORT = 46
COMBINED = {"any": "OR of all paths", "every": "AND of all paths"}
_DPI = 100


def draw(
    paint: Callable[[Figure], None],
    files: Sequence[str | Path],
    settings: Mapping[str, Any],
    stamp: Mapping[str, Any],
    size: tuple[float, float] = (10, 8),
) -> None:
    """Paint a figure and write it to each of `files` (their endings say the format).

    Args:
        paint: fills an empty figure.
        settings: those of `targets.plot_settings`.
        stamp: provenance, kept in the file's metadata; its `completeness` and `luminosity` are printed on the
            figure.
    """
    with plt.style.context([mplhep.style.CMS, {"font.size": 18, "svg.hashsalt": "skimflow"}]):
        figure = plt.figure(figsize=size, layout="constrained", dpi=_DPI)
        paint(figure)
        _label(figure, settings["style"], stamp)
        # Laid out once for all formats: it takes longer than to draw, and savefig would do it twice for each.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for file in files:
            kind = Path(file).suffix.removeprefix(".")
            with whole(file) as partial:
                # What savefig calls in the end; it would draw the figure once more for each file.
                figure.set_dpi(_DPI)
                getattr(_CANVASES[kind](figure), f"print_{kind}")(partial, metadata=_metadata(Path(file), stamp))
        plt.close(figure)


def marker(place: int) -> str:
    return _MARKERS[place % len(_MARKERS)]


def colour(settings: Mapping[str, Any], place: int) -> str:
    colours = settings["style"]["colours"]
    return colours[place % len(colours)]


def axis_title(settings: Mapping[str, Any], variable: str) -> str:
    label, unit = settings["labels"].get(variable, (variable, ""))
    return f"{label} [{unit}]" if unit else label


def short(trigger: str) -> str:
    """A trigger path as legends show it: without the prefix, cut in the middle when long."""
    name = COMBINED.get(trigger, trigger.removeprefix("HLT_"))
    return name if len(name) <= _SHORT else f"{name[: _SHORT - 12]}…{name[-11:]}"


def sample_title(sample: str, kind: str, reference: str = "") -> str:
    title = f"{sample} data" if kind == "data" else f"{sample} simulation"
    return f"{title}, reference {reference}" if reference else title


def no_data(axes: Axes) -> None:
    axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center", color="0.5")


def _label(figure: Figure, style: Mapping[str, Any], stamp: Mapping[str, Any]) -> None:
    axes = figure.axes[0]
    name = rf"$\mathbf{{{style['experiment']}}}$ " if style["experiment"] else ""
    axes.text(0, 1.01, f"{name}$\\it{{{style['status'].replace(' ', '~')}}}$", transform=axes.transAxes, va="bottom")
    energy = f"{style['energy']:g} TeV" if style["energy"] else ""
    luminosity = stamp.get("luminosity", "").replace("⁻¹", "$^{-1}$")
    energy = f"{luminosity} ({energy})" if luminosity and energy else luminosity or energy
    right = ", ".join(part for part in (stamp.get("completeness", ""), energy) if part)
    axes.text(1, 1.01, right, transform=axes.transAxes, ha="right", va="bottom", fontsize="small")


def _metadata(file: Path, stamp: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(stamp, sort_keys=True)
    if file.suffix == ".pdf":
        return {"Keywords": text, "CreationDate": None, "Creator": "skimflow", "Producer": None}
    return {"Description": text, "Software": "skimflow"}
