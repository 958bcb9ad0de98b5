"""The pictures of memory: what a checkpoint gains by what it has read, and which cells carry a sum over a gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from poetgen.humanize import brief
from poetgen.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from poetgen.inspect.memory import Outcome, Point


def draw_memory(curves: Mapping[str, Sequence[Point]], caption: str, stem: Path) -> list[Path]:
    """Draw gains over the reach, with their intervals, a panel for each name; the last reach is all there is.

    The perplexity stands at each point. Returns the PNG and the SVG; raises SaveError.
    """
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(4.6 * len(curves), 4.6), layout="constrained")
        figure.suptitle(caption, x=0.01, ha="left", fontsize=10)
        figure.supylabel("gain (nats per character); small figures: perplexity", fontsize=10)
        figure.supxlabel("characters and marks before it that are the poem's own", fontsize=10)
        panels = figure.subplots(1, len(curves), squeeze=False)[0]
        for axes, (name, points), colour in zip(panels, curves.items(), cycle((BLUE, VERMILION, GREEN)), strict=False):
            _gains(axes, points[1:], colour)
            axes.set_title(name, loc="left", fontsize=11)
        return save(figure, stem)


def _gains(axes: Axes, points: Sequence[Point], colour: str) -> None:
    """One curve; all there is stands one step behind the rest, however much it is."""
    x = [*(point.reach for point in points[:-1]), 2 * points[-2].reach]
    gains = [point.gain for point in points]
    axes.plot(x, [gain.value for gain in gains], "o-", color=colour, ms=5)
    axes.fill_between(x, [gain.low for gain in gains], [gain.high for gain in gains], color=colour, alpha=0.2, lw=0)
    for place, point in zip(x, points, strict=True):
        axes.annotate(
            _rounded(point.perplexity),
            (place, point.gain.high),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, [*(str(point.reach) for point in points[:-1]), "all"])
    axes.minorticks_off()
    axes.margins(y=0.1)
    axes.set_ylim(bottom=min(0.0, *(gain.low for gain in gains)))


def _rounded(perplexity: float) -> str:
    return f"{perplexity:,.0f}" if 10 <= perplexity < 1e6 else brief(perplexity)


def draw_digits(kinds: Mapping[str, Sequence[Outcome]], chance: float, caption: str, stem: Path) -> list[Path]:
    """Draw the accuracy over the length, a line through the means of each kind of network, and each network as a dot.

    Returns the PNG and the SVG; raises SaveError.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    lengths = sorted({outcome.length for outcomes in kinds.values() for outcome in outcomes})
    apart = min((b - a for a, b in zip(lengths, lengths[1:], strict=False)), default=10) / 25
    with style():
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        looks = cycle(((VERMILION, "s"), (BLUE, "D"), (GREEN, "o"), (ORANGE, "^")))
        for number, ((name, outcomes), (colour, mark)) in enumerate(zip(kinds.items(), looks, strict=False)):
            there = sorted({outcome.length for outcome in outcomes})  # a run that was stopped may lack some
            means = [fmean(outcome.accuracy for outcome in outcomes if outcome.length == length) for length in there]
            shift = (number - (len(kinds) - 1) / 2) * apart  # lest kinds hide each other
            axes.plot([length + shift for length in there], means, f"{mark}-", color=colour, ms=7, label=name)
            x, y = [outcome.length + shift for outcome in outcomes], [outcome.accuracy for outcome in outcomes]
            axes.scatter(x, y, s=24, color=colour, alpha=0.9, lw=0.6, edgecolor="white", zorder=3)
        axes.axhline(chance, color=GREY, ls="--", lw=1.2, label="always saying 9")
        axes.set_xticks(lengths)
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("length of the sequence: two digits, then zeros")
        axes.set_ylabel("sums given right, of all 100")
        axes.set_title(caption, loc="left", fontsize=10)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        return save(figure, stem)
