"""The picture of a training run: loss, perplexity, learning rate and gradient norm over the steps."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetgen.humanize import brief, duration
from poetgen.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Record = Mapping[str, Any]

#: Where the perplexity of a run that goes astray is cut off: it soon has hundreds of digits.
_HOPELESS = 1e9


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of a log.jsonl in the order of the steps.

    A run that was killed and resumed repeats some steps; what came later stands. A line cut short is left out.
    """
    records: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
            step, _ = record["step"], record["kind"]
        except (ValueError, KeyError, TypeError):
            continue
        record = {key: math.inf if value is None else value for key, value in record.items()}
        if records and records[-1]["step"] > step:
            while records and records[-1]["step"] >= step:
                records.pop()
        elif records and (records[-1]["step"], records[-1]["kind"]) == (step, record["kind"]):
            records.pop()
        records.append(record)
    return records


def draw(log_path: Path, out_folder: Path, clip: float | None = None) -> list[Path]:
    """Draw a run from its log.jsonl: loss, perplexity, learning rate, gradient norm; returns the PNG and the SVG.

    `clip` draws the line at which gradients are cut. Raises SaveError.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    records = read_log(log_path)
    steps = [record for record in records if record["kind"] == "step"]
    evals = [record for record in records if record["kind"] == "eval"]
    rungs = [record["step"] for record in records if record["kind"] == "rung"]
    at, seen = [r["step"] for r in steps], [r["step"] for r in evals]
    with style():
        figure = Figure(figsize=(9, 10), layout="constrained")
        loss, perplexity, rate, norm = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 1.6, 2))
        _curve(loss, at, [r["loss"] for r in steps], BLUE, "training")
        loss.plot(seen, [r["valid_loss"] for r in evals], "o-", color=VERMILION, ms=3.5, label="validation")
        loss.set_ylabel("loss (nats per token)")
        _curve(perplexity, at, [min(r["perplexity"], _HOPELESS) for r in steps], BLUE, "training")
        for key, mark, colour, label in (
            ("ppl_all", "o-", VERMILION, "validation, all tokens"),
            ("ppl_char", "s--", GREEN, "validation, Chinese characters"),
        ):
            values = [min(r[key], _HOPELESS) if math.isfinite(r[key]) else math.nan for r in evals]
            perplexity.plot(seen, values, mark, color=colour, ms=3.5, label=label)
        perplexity.set_yscale("log")
        perplexity.set_ylabel("perplexity")
        rate.plot([r["step"] for r in records], [r["lr"] for r in records], color=BLUE, drawstyle="steps-post")
        rate.set_yscale("log")
        lasting = [value for value, times in Counter(r["lr"] for r in records).items() if times >= 3]
        rate.set_ylabel("learning rate")
        peaks = [r.get("grad_norm_max", math.nan) for r in steps]
        norm.plot(at, peaks, color=ORANGE, lw=0.7, alpha=0.8, label="greatest of ten")
        _curve(norm, at, [r["grad_norm"] for r in steps], BLUE, "mean of ten steps")
        if clip:
            norm.axhline(clip, color=VERMILION, ls="--", lw=1.2, label=f"clipped above {clip:g}")
        norm.set_yscale("log")
        norm.set_ylabel("gradient norm")
        norm.set_xlabel("step")
        for axes in (loss, perplexity, rate, norm):
            for step in rungs:
                axes.axvline(step, color=GREY, ls=":", lw=0.8, zorder=0)
        _cut_start(loss, [r["loss"] for r in steps], [r["valid_loss"] for r in evals], 1.1)
        _cut_start(perplexity, [r["perplexity"] for r in steps], [r["ppl_char"] for r in evals], 2.0)
        for axes in (perplexity, rate, norm):
            low, high = axes.get_ylim()
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
            axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        if lasting:
            # No more labels than the panel has room for.
            rate.set_yticks(_apart(lasting, max(1.25, (max(lasting) / min(lasting)) ** (1 / 9))), minor=False)
        for axes in (loss, perplexity, norm):
            # Above the panel, where no curve can run behind it.
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.1)
        figure.suptitle(_caption(steps, evals), x=0.01, ha="left")
        return save(figure, out_folder / "run")


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


def _caption(steps: Sequence[Record], evals: Sequence[Record]) -> str:
    if not steps:
        return "no step yet"
    last = steps[-1]
    parts = [f"{last['step']:,} steps", f"{last['tokens']:,} tokens", duration(last["seconds"])]
    if evals:
        best = min(evals, key=lambda record: record["valid_loss"])
        parts.append(f"best validation ppl_char {brief(best['ppl_char'])} at step {best['step']:,}")
    return ", ".join(parts)
