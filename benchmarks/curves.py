"""A picture of how fast alternatives learn: ppl_char over minutes of training, from what learning.py wrote.

    python benchmarks/curves.py checkpoints/learning default textbook
    python benchmarks/curves.py checkpoints/learning default=poetgen "textbook=textbook loop" --out docs/learning

A dashed line stands where the slowest of them ends, and a mark where each of the others crosses it. Writes OUT.png
and OUT.svg.
"""

from __future__ import annotations

import argparse
import io
import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from poetgen.files import write_atomic

#: Minutes of training and ppl_char there, by rising minutes.
Curve = list[tuple[float, float]]

#: Okabe & Ito's colours, which can be told apart by nearly everyone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9")
GREY = "#7F7F7F"
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "svg.hashsalt": "poetgen",
}
#: Least distance between two labels, as a share of the height of the axes.
LEADING = 0.05


def crossing(curve: Curve, level: float) -> float | None:
    """The minutes at which a falling curve first reaches a level, straight between points on a log axis.

    >>> round(crossing([(0.0, 1000.0), (2.0, 10.0)], 100.0), 6)
    1.0
    """
    if curve[0][1] <= level:
        return curve[0][0]
    for (start, high), (end, low) in pairwise(curve):
        if low <= level < high:
            return start + (end - start) * math.log(high / level) / math.log(high / low)
    return None


def spread(heights: Sequence[float], least: float) -> list[float]:
    """The same heights, moved up as little as it takes to lie `least` apart.

    >>> spread([0.5, 0.1, 0.52], 0.1)
    [0.5, 0.1, 0.6]
    """
    placed = [0.0] * len(heights)
    floor = -math.inf
    for index in sorted(range(len(heights)), key=lambda index: heights[index]):
        placed[index] = max(heights[index], floor)
        floor = placed[index] + least
    return placed


def draw(axes: Axes, curves: dict[str, Curve]) -> None:
    """All curves, each with its name at its end, and where the others pass the end of the slowest."""
    colours = dict(zip(curves, COLOURS * len(curves), strict=False))
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True), "o-", color=colours[name], ms=3.5, lw=1.4)
    slowest = max(curves, key=lambda name: curves[name][-1][1])
    level = curves[slowest][-1][1]
    axes.axhline(level, color=GREY, ls="--", lw=1.0, zorder=0)
    crossings = {name: crossing(curve, level) for name, curve in curves.items() if name != slowest}
    for row, (name, minutes) in enumerate(crossings.items()):
        if minutes is not None:
            axes.plot([minutes], [level], "D", color=colours[name], ms=7)
            label, above = f"{minutes:.2g} minutes", (6, 6 + 13 * row)
            axes.annotate(label, (minutes, level), above, textcoords="offset points", color=colours[name])
    axes.set_yscale("log")
    label_ends(axes, curves, colours)


def label_ends(axes: Axes, curves: dict[str, Curve], colours: dict[str, str]) -> None:
    """Write each curve's name and last value to the right of it, no two over one another."""
    bottom, top = map(math.log, axes.get_ylim())
    heights = [(math.log(curve[-1][1]) - bottom) / (top - bottom) for curve in curves.values()]
    right = max(curve[-1][0] for curve in curves.values())
    axes.set_xlim(0, 1.01 * right)
    for (name, curve), height in zip(curves.items(), spread(heights, LEADING), strict=True):
        text = f"{name}, {curve[-1][1]:,.0f}"
        axes.text(1.01, height, text, transform=axes.transAxes, color=colours[name], va="center")


def picture(curves: dict[str, Curve], out: Path) -> list[Path]:
    """Draw the curves into OUT.png and OUT.svg; returns the two paths. Raises SaveError."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.subplots()
        draw(axes, curves)
        axes.set_xlabel("minutes of training")
        axes.set_ylabel("ppl_char")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        paths = [out.with_name(f"{out.name}.{kind}") for kind in ("png", "svg")]
        for path in paths:
            kind = path.suffix[1:]
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=130, metadata={"Date": None} if kind == "svg" else None)
            write_atomic(path, buffer.getvalue())
    return paths


def main() -> None:
    """Read the curves and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the --out of learning.py")
    parser.add_argument("names", nargs="+", metavar="NAME[=LABEL]")
    parser.add_argument("--out", type=Path, help="the picture, without its suffix; by default FOLDER/curves")
    options = parser.parse_args()
    lines = (options.folder / "curves.jsonl").read_text(encoding="utf-8").splitlines()
    found = {record["name"]: record["points"] for record in map(json.loads, lines)}
    labels = {name: label or name for name, _, label in (text.partition("=") for text in options.names)}
    if missing := [name for name in labels if not found.get(name)]:
        parser.error(f"{', '.join(missing)}: no curve in {options.folder}; there are {', '.join(found)}")
    curves = {label: [(minutes, value) for minutes, value in found[name]] for name, label in labels.items()}
    for path in picture(curves, options.out or options.folder / "curves"):
        print(path)


if __name__ == "__main__":
    main()
