"""What all figures share: style, labels, provenance, and files that are the same whenever they are made."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from skimflow.files import whole

_MARKERS = "osD^v<>"
_SHORT = 46
COMBINED = {"any": "OR of all paths", "every": "AND of all paths"}
_DPI = 100
WIDTH = 8.5
"""Inches: figures of several panels have one below the other, and can be read on a page and on a narrow screen."""


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
            write = {".png": write_png, ".pdf": _write_pdf}[Path(file).suffix]
            with whole(file) as partial:
                figure.set_dpi(_DPI)
                write(figure, partial, stamp)
        plt.close(figure)


def write_png(figure: Figure, file: Path, stamp: Mapping[str, Any]) -> None:
    """Write a figure that is laid out, in 256 colours: a third of the bytes and the same to the eye, as a report of
    many figures has to be mailed. `stamp` is kept in the metadata."""
    # As in `_write_pdf`, what savefig does in the end; it would draw the figure once more.
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    about = PngInfo()
    about.add_text("Description", _stamped(stamp))
    about.add_text("Software", "skimflow")
    few = picture.quantize(256, dither=Image.Dither.NONE)
    few.save(file, "png", pnginfo=about, dpi=(_DPI, _DPI), optimize=True)


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
    last = _right_of(axes)
    last.text(1, 1.01, right, transform=last.transAxes, ha="right", va="bottom", fontsize="small")


def _right_of(axes: Axes) -> Axes:
    """The last axes in the row of these: a narrow panel has no room for both ends of the label."""
    row = [(other, other.get_subplotspec()) for other in axes.figure.axes]
    first = axes.get_subplotspec()
    same = [
        (spec.colspan.stop, other)
        for other, spec in row
        if first and spec and spec.rowspan.start == first.rowspan.start
    ]
    return max(same, key=lambda one: one[0])[1] if same else axes


def _write_pdf(figure: Figure, file: Path, stamp: Mapping[str, Any]) -> None:
    about = {"Keywords": _stamped(stamp), "CreationDate": None, "Creator": "skimflow", "Producer": None}
    FigureCanvasPdf(figure).print_pdf(file, metadata=about)


def _stamped(stamp: Mapping[str, Any]) -> str:
    return json.dumps(stamp, sort_keys=True)
