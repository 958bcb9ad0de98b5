"""`poetgen inspect ablate`: what windows and widths are worth."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poetgen.cli import lists
from poetgen.cli.inspect import inspect
from poetgen.cli.root import PREPARED, Device, claim, enough_memory, note
from poetgen.cli.terminal import table
from poetgen.config import SAMPLINGS, TrainConfig
from poetgen.files import to_json

if TYPE_CHECKING:
    from poetgen.inspect.ablation import Run


@inspect.command(epilog="Example: poetgen inspect ablate --seq-len 16,96 --hidden 128")
def ablate(
    data: Annotated[Path, typer.Option(metavar="PREPARED", help="Folder that poetgen preprocess wrote.")] = PREPARED,
    seq_len: Annotated[str, typer.Option(metavar="N,N,...", help="Windows to try, in time steps.")] = "16,32,64,96",
    hidden: Annotated[str, typer.Option(metavar="N,N,...", help="Widths of the layers to try.")] = "128,256,512",
    minutes: Annotated[float, typer.Option(help="Training minutes per run.")] = 1.0,
    sampling: Annotated[str, typer.Option(metavar="|".join(SAMPLINGS), help="As in training.")] = TrainConfig.sampling,
    batch_tokens: Annotated[
        int, typer.Option(help="Tokens per batch: the shorter the window, the more rows.")
    ] = TrainConfig.batch_size * TrainConfig.seq_len,
    out: Annotated[
        Path, typer.Option(help="Folder for ablate.jsonl, from which the same command resumes, and the picture.")
    ] = Path("inspect"),
    seed: Annotated[int, typer.Option(help="Seed of weights, batches and the order of the runs.")] = 1,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object per run.")] = False,
) -> None:
    """Train networks of some windows and widths for equal minutes, and compare their validation perplexity.

    Ctrl-C, or SIGTERM, ends it; the same command resumes where it was.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as in training
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.data.dataset import Dataset
    from poetgen.inspect import ablation
    from poetgen.plots import ensure_drawable
    from poetgen.plots.ablation import draw_ablation
    from poetgen.signals import Interruption, Stopped

    windows, widths = lists.sizes("--seq-len", seq_len), lists.sizes("--hidden", hidden)
    grid = ablation.Grid(tuple(windows), tuple(widths), minutes, sampling, batch_tokens, device, seed)
    total = len(windows) * len(widths)
    runs: list[ablation.Run] = []
    stopped = False
    log = out / "ablate.jsonl"
    dataset = Dataset.load(data)
    figure = "ppl_char" if dataset.vocab.chinese else "ppl_all"
    interruption = Interruption()

    def show(stage: str, done: float, total: float) -> None:
        if interruption.number:  # a signal that came in the middle of something that cannot be broken off
            raise Stopped(interruption.number)
        progress.update("training", done, total, stage)

    memory = enough_memory("give smaller --hidden or --batch-tokens")
    with claim(out), ProgressBar() as progress, memory, interruption:
        ensure_drawable(out / "ablate")
        try:
            for run in ablation.run_grid(dataset, grid, log, show):
                runs.append(run)
                if as_json:
                    progress.clear()
                    print(to_json(asdict(run)), flush=True)
        except KeyboardInterrupt:
            stopped = True
    if runs:
        if not as_json:
            print(table(_ablation_rows(runs, figure)), end="", flush=True)
        each = f"{minutes:g} minute{'s' * (minutes != 1)} each, {batch_tokens:,} tokens per batch, {sampling}"
        paths = draw_ablation(runs, f"validation {figure}\n{each}", out / "ablate", figure)
        note(f"{len(runs)} of {total} runs in {log}; drawn in {' and '.join(map(str, paths))}")
    if stopped:
        note("stopped; the same command resumes")
        raise typer.Exit(128 + (interruption.number or signal.SIGINT))


def _ablation_rows(runs: Sequence[Run], figure: str) -> Iterator[Sequence[str]]:
    heads = ("window", "hidden", "ppl_char", "ppl_all", "steps", "tokens", "tokens/s", "")
    yield [f"{head:>8}" for head in heads]
    best = min(getattr(run, figure) for run in runs)
    for run in sorted(runs, key=lambda run: (run.seq_len, run.hidden)):
        diverged = math.isinf(run.ppl_all)
        cells = (
            str(run.seq_len),
            str(run.hidden),
            "diverged" if diverged else f"{run.ppl_char:,.1f}" if math.isfinite(run.ppl_char) else "-",
            "" if diverged else f"{run.ppl_all:,.1f}",
            f"{run.steps:,}",
            f"{run.tokens:,}",
            f"{run.tokens_per_second:,.0f}",
        )
        yield [f"{cell:>8}" for cell in cells] + ["best" * (not diverged and getattr(run, figure) == best)]
