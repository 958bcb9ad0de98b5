"""The picture of a training run: loss, perplexity, learning rate and gradient norm over the steps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from poetgen.humanize import brief, duration
from poetgen.network.records import EvalRecord, RateRecord, StepRecord, TrainingRecord, read_log
from poetgen.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Where the perplexity of a run that goes astray is cut off: it soon has hundreds of digits.
_HOPELESS = 1e9


@dataclass(frozen=True)
class _Run:
    """The records of a run, all of them and by kind."""

    records: list[TrainingRecord]
    steps: list[StepRecord]
    evals: list[EvalRecord]

    @property
    def at(self) -> list[int]:
        """The steps of the optimizer that the step records stand at."""
        return [record.step for record in self.steps]


def draw_run(log_path: Path, out_folder: Path, clip: float | None = None) -> list[Path]:
    """Draw a run from its log.jsonl: loss, perplexity, learning rate, gradient norm; returns the PNG and the SVG.

    `clip` draws the line at which gradients are cut. Raises SaveError.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    records = read_log(log_path)
    run = _Run(
        records,
        [record for record in records if isinstance(record, StepRecord)],
        [record for record in records if isinstance(record, EvalRecord)],
    )
    with style():
        figure = Figure(figsize=(9, 10), layout="constrained")
        loss, perplexity, rate, norm = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 1.6, 2))
        _draw_loss(loss, run)
        _draw_perplexity(perplexity, run)
        rate.plot([r.step for r in records], [r.lr for r in records], color=BLUE, drawstyle="steps-post")
        rate.set_yscale("log")
        rate.set_ylabel("learning rate")
        _draw_norm(norm, run, clip)
        norm.set_xlabel("step")
        for axes in (loss, perplexity, rate, norm):
            for record in records:
                if isinstance(record, RateRecord):
                    axes.axvline(record.step, color=GREY, ls=":", lw=0.8, zorder=0)
        _cut_start(loss, [r.loss for r in run.steps], [r.valid_loss for r in run.evals], 1.1)
        _cut_start(perplexity, [r.perplexity for r in run.steps], [r.ppl_char for r in run.evals], 2.0)
        for axes in (perplexity, rate, norm):
            low, high = axes.get_ylim()
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
            axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        lasting = [value for value, times in Counter(r.lr for r in records).items() if times >= 3]
        if lasting:
            # No more labels than the panel has room for.
            rate.set_yticks(_apart(lasting, max(1.25, (max(lasting) / min(lasting)) ** (1 / 9))), minor=False)
        for axes in (loss, perplexity, norm):
            # Above the panel, where no curve can run behind it.
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.1)
        figure.suptitle(_caption(run.steps, run.evals), x=0.01, ha="left")
        return save(figure, out_folder / "run")


def _draw_loss(axes: Axes, run: _Run) -> None:
    _curve(axes, run.at, [r.loss for r in run.steps], BLUE, "training")
    evals = run.evals
    axes.plot([r.step for r in evals], [r.valid_loss for r in evals], "o-", color=VERMILION, ms=3.5, label="validation")
    axes.set_ylabel("loss (nats per token)")


def _draw_perplexity(axes: Axes, run: _Run) -> None:
    _curve(axes, run.at, [min(r.perplexity, _HOPELESS) for r in run.steps], BLUE, "training")
    evaluated = [r.step for r in run.evals]
    for values, mark, colour, label in (
        ([r.ppl_all for r in run.evals], "o-", VERMILION, "validation, all tokens"),
        ([r.ppl_char for r in run.evals], "s--", GREEN, "validation, Chinese characters"),
    ):
        drawn = [min(value, _HOPELESS) if math.isfinite(value) else math.nan for value in values]
        axes.plot(evaluated, drawn, mark, color=colour, ms=3.5, label=label)
    axes.set_yscale("log")
    axes.set_ylabel("perplexity")


def _draw_norm(axes: Axes, run: _Run, clip: float | None) -> None:
    peaks = [r.grad_norm_max for r in run.steps]
    axes.plot(run.at, peaks, color=ORANGE, lw=0.7, alpha=0.8, label="greatest of ten")
    _curve(axes, run.at, [r.grad_norm for r in run.steps], BLUE, "mean of ten steps")
    if clip:
        axes.axhline(clip, color=VERMILION, ls="--", lw=1.2, label=f"clipped above {clip:g}")
    axes.set_yscale("log")
    axes.set_ylabel("gradient norm")


def _apart(values: Iterable[float], ratio: float) -> list[float]:
    """Of some positive values those that a logarithmic axis has room for, from the greatest down.

    >>> _apart([0.003, 0.0027, 0.002, 0.001], 1.25)
    [0.003, 0.002, 0.001]
    """
    kept: list[float] = []
    for value in sorted(values, reverse=True):
        if not kept or value * ratio <= kept[-1]:
            kept.append(value)
    return kept


def _curve(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, label: str) -> None:
    """A noisy curve: faint as it is, and clear where it is going."""
    if len(y) < 100:
        axes.plot(x, y, color=colour, lw=1.4, label=label)
        return
    keep = 1 - 1 / max(10, len(y) // 50)
    mean, smooth = y[0], []
    for value in y:
        mean = keep * mean + (1 - keep) * value if math.isfinite(value) else mean
        smooth.append(mean)
    axes.plot(x, y, color=colour, lw=0.6, alpha=0.3)
    axes.plot(x, smooth, color=colour, lw=1.4, label=f"{label} (smoothed)")


def _cut_start(axes: Axes, y: Sequence[float], valid: Sequence[float], room: float) -> None:
    """Fit the axis to what is worth seeing: the first steps of a run lie far above the rest."""
    tops = [*y[len(y) // 20 :], *valid]
    tops = [value for value in tops if math.isfinite(value)]
    if len(y) >= 20 and tops and max(y) > room * max(tops):
        axes.set_ylim(min(tops) / (1 + (room - 1) / 4), room * max(tops))


def _caption(steps: Sequence[StepRecord], evals: Sequence[EvalRecord]) -> str:
    if not steps:
        return "no step yet"
    last = steps[-1]
    parts = [f"{last.step:,} steps", f"{last.tokens:,} tokens", duration(last.seconds)]
    if evals:
        best = min(evals, key=lambda record: record.valid_loss)
        parts.append(f"best validation ppl_char {brief(best.ppl_char)} at step {best.step:,}")
    return ", ".join(parts)
