"""The pictures of memory: what a checkpoint gains by what it has read, and which cells carry a sum over a gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from poetgen.display import brief
from poetgen.plots import BLUE, GREEN, GREY, VERMILION, save, style

if TYPE_CHECKING:
    from poetgen.inspect.memory import Outcome, Point


def draw(curves: Mapping[str, Sequence[Point]], caption: str, stem: Path) -> list[Path]:
    """Draw gains over the reach, a line with its interval for each name; the last reach is all there is.

    The perplexity stands at each point. Returns the PNG and the SVG; raises SaveError.
    """
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for (name, points), colour in zip(curves.items(), (BLUE, VERMILION, GREEN), strict=False):
            seen = points[1:]
            # All there is stands one step behind the rest, however much it is.
            x = [*(point.reach for point in seen[:-1]), 2 * seen[-2].reach] if len(seen) > 1 else [1]
            axes.plot(x, [point.gain.value for point in seen], "o-", color=colour, ms=5, label=name)
            axes.fill_between(
                x,
                [point.gain.low for point in seen],
                [point.gain.high for point in seen],
                color=colour,
                alpha=0.2,
                lw=0,
            )
            for place, point in zip(x, seen, strict=True):
                axes.annotate(
                    _rounded(point.perplexity),
                    (place, point.gain.high),
                    xytext=(0, 5),
                    textcoords="offset points",
                    ha="center",
                    color=colour,
                    fontsize=8,
                )
        axes.set_xscale("log", base=2)
        axes.set_xticks(x, [*(str(point.reach) for point in seen[:-1]), "all"])
        axes.minorticks_off()
        axes.margins(y=0.1)
        axes.set_ylim(bottom=min(0.0, *(point.gain.low for points in curves.values() for point in points)))
        axes.set_xlabel("characters and marks before it that are the poem's own")
        axes.set_ylabel("gain (nats a character), and the perplexity at each point")
        axes.set_title(caption, loc="left", fontsize=10)
        axes.legend(loc="upper left")
        return save(figure, stem)


def _rounded(perplexity: float) -> str:
    return f"{perplexity:,.0f}" if 10 <= perplexity < 1e6 else brief(perplexity)


def draw_digits(outcomes: Sequence[Outcome], chance: float, caption: str, stem: Path) -> list[Path]:
    """Draw the accuracy over the length, a line a cell through the means of its runs, and each run as a dot.

    Returns the PNG and the SVG; raises SaveError.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    cells = list(dict.fromkeys(outcome.cell for outcome in outcomes))
    lengths = sorted({outcome.length for outcome in outcomes})
    with style():
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        apart = min((b - a for a, b in zip(lengths, lengths[1:], strict=False)), default=10) / 30
        for number, (cell, colour, mark) in enumerate(zip(cells, (VERMILION, BLUE, GREEN), "sDo", strict=False)):
            own = [outcome for outcome in outcomes if outcome.cell == cell]
            means = [fmean(outcome.accuracy for outcome in own if outcome.length == length) for length in lengths]
            shift = (number - (len(cells) - 1) / 2) * apart  # lest dots of different cells hide each other
            axes.scatter(
                [outcome.length + shift for outcome in own],
                [outcome.accuracy for outcome in own],
                s=14,
                color=colour,
                alpha=0.45,
                lw=0,
            )
            axes.plot([length + shift for length in lengths], means, f"{mark}-", color=colour, ms=6, label=cell)
        axes.axhline(chance, color=GREY, ls="--", lw=1.2, label="always saying 9")
        axes.set_xticks(lengths)
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("length of the sequence: two digits, then zeros")
        axes.set_ylabel("sums given right, of all 100")
        axes.set_title(caption, loc="left", fontsize=10)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return save(figure, stem)
