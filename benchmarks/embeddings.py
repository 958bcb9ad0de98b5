"""What skip-gram vectors are worth to start from: the default network with and without them, in equal minutes.

    python benchmarks/embeddings.py --data corpora/prepared --minutes 2.5 --rounds 2

The two take turns, each round with a seed of its own and the other one first; with --together they run at once, each on
half of the processors, so that whatever else the machine does slows both. The seconds that the vectors take are of the
minutes. At each mark the validation split is scored, off the clock, on the same tokens as in training; so is the
last evaluation, and the learning rate steps down by the budget alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `poetgen train` does

from poetgen.config import TrainConfig
from poetgen.data.dataset import Dataset
from poetgen.network.records import EvalRecord
from poetgen.network.trainer import Trainer

#: Shares of the minutes at which there is a figure, before the end.
MARKS = (1 / 8, 1 / 4, 1 / 2, 3 / 4)


def follow(trainer: Trainer, minutes: float) -> Iterator[tuple[float, float]]:
    """Train to the end; yields ppl_char and ppl_all at each of MARKS and at the end."""

    trainer.position.closing = 1e-9  # no time is kept for the evaluation that ends the run
    marks = [mark * 60 * minutes for mark in MARKS]
    for record in trainer.run():
        if isinstance(record, EvalRecord):
            yield record.ppl_char, record.ppl_all
            return
        while marks and record.seconds >= marks[0]:
            marks.pop(0)
            began = time.monotonic()
            tally = trainer.validate()
            trainer.budget.leave_out(time.monotonic() - began)  # scoring is off the clock
            yield tally.ppl_char, tally.ppl_all


def measure(data: Path, minutes: float, seed: int, vectors: bool, device: str) -> dict[str, Any]:
    """One run, and the row of the table that it makes."""
    config = TrainConfig(max_minutes=minutes, eval_every=10**9, seed=seed, init_embeddings=vectors, device=device)
    with tempfile.TemporaryDirectory() as out:
        trainer = Trainer(Dataset.load(data), config, Path(out))
        points = []
        for ppl_char, ppl_all in follow(trainer, minutes):
            points.append(f"{ppl_char:,.0f} / {ppl_all:,.1f}")
            print(f"seed {seed}, vectors {vectors}, step {trainer.position.step}: {points[-1]}", file=sys.stderr)
    return {
        "seed": seed,
        "starts from": "skip-gram vectors" if vectors else "random numbers",
        "vectors, s": f"{trainer.position.vectors:.1f}",
        **{f"{mark * minutes:.2f} min": point for mark, point in zip((*MARKS, 1), points, strict=True)},
        "tokens": f"{trainer.position.tokens:,}",
    }


def share(half: int) -> None:
    """Keep this process to one half, 0 or 1, of the processors (on Linux)."""
    import torch

    processors = sorted(os.sched_getaffinity(0))
    own = processors[half::2]
    os.sched_setaffinity(0, own)
    torch.set_num_threads(len(own))


def together(data: Path, minutes: float, seed: int, device: str) -> list[dict[str, Any]]:
    """Both runs of a round at once."""
    runs = []
    context = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(1, context, initializer=share, initargs=(half,)) for half in range(2)]
    for pool, vectors in zip(pools, (False, True), strict=True):
        runs.append(pool.submit(measure, data, minutes, seed, vectors, device))
    return [run.result() for run in runs]


def main() -> None:
    """Measure in turn and print the table: ppl_char / ppl_all at each mark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("corpora/prepared"))
    parser.add_argument("--minutes", type=float, default=2.5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--together", action="store_true")
    options = parser.parse_args()
    rows = []
    for turn in range(options.rounds):
        run = options.data, options.minutes, turn + 1
        if options.together:
            rows += together(*run, options.device)
        else:
            order = (False, True) if turn % 2 == 0 else (True, False)
            rows += [measure(*run, vectors, options.device) for vectors in order]
    print("| " + " | ".join(rows[0]) + " |")
    print("| " + " | ".join("---" for _ in rows[0]) + " |")
    for row in sorted(rows, key=lambda row: (row["seed"], row["starts from"])):
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
