"""What counting n-grams costs beside its floor: sorting the keys of every order once, which np.sort does best.

    python benchmarks/ngram.py --data corpora/prepared

An order of T tokens is T keys of 64 bits, so that sorting moves at least 16 T bytes, and compares T log2 T times. The
floor is np.sort of the very keys that were counted, in a run of its own. An order's seconds take in the discounts of
the order below. Seconds are those of the processor, of which one core is used; each run is a process of its own, in
turn; medians.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.data.dataset import Dataset
from poetgen.judging import ngram
from poetgen.judging.ngram import NGram

ORDER = 5


def floor(data: Path) -> None:
    """Seconds to sort the keys of each order, and how many they are."""
    seconds: list[float] = []
    tokens: list[int] = []
    sort = ngram._sort

    def timed(keys: NDArray[np.int64], at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        same = keys.copy()
        began = time.process_time()
        same.sort()
        seconds.append(time.process_time() - began)
        tokens.append(len(keys))
        return sort(keys, at)

    ngram._sort = timed
    NGram.train(Dataset.load(data).train, ORDER)
    print(json.dumps({"sort": seconds, "tokens": tokens}))


def work(data: Path) -> None:
    """Seconds to count each order, and to score a million tokens; n-grams, megabytes."""
    dataset = Dataset.load(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = [time.process_time()]
    model = NGram.train(dataset.train, ORDER, lambda done, total: times.append(time.process_time()))
    times[-1] = time.process_time()  # the discounts of the highest order too
    began = time.process_time()
    scored = sum(len(ids) for _, ids, _ in model.poems(dataset.valid))
    took = time.process_time() - began
    arrays = [array for level in model.levels for array in vars(level).values()]
    figures = {
        "count": np.diff(times).tolist(),
        "grams": [len(level.keys) for level in model.levels],
        "score": [took / scored * 1e6],
        "model": [sum(array.nbytes for array in arrays) / 1e6],
        "before": [before / 1024],
        "peak": [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024],
    }
    print(json.dumps(figures))


def run(only: str, data: Path) -> dict[str, list[float]]:
    """The figures of one process of this script."""
    command = [sys.executable, __file__, "--data", str(data), "--only", only]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def median(runs: list[dict[str, list[float]]]) -> dict[str, Any]:
    """The medians of each figure, order by order."""
    return {
        name: [statistics.median(row) for row in zip(*(one[name] for one in runs), strict=True)] for name in runs[0]
    }


def main() -> None:
    """Measure in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("corpora/prepared"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("floor", "work"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        return {"floor": floor, "work": work}[options.only](options.data)
    floors, works = [], []
    for _ in range(options.runs):
        floors.append(run("floor", options.data))
        works.append(run("work", options.data))
    least, own = median(floors), median(works)
    print("| order | tokens | n-grams | GB moved | 10⁹ comparisons | np.sort s | counting s | ÷ |")
    print("| --- " * 8 + "|")
    rows = list(zip(least["tokens"], own["grams"], least["sort"], own["count"], strict=True))
    for order, row in enumerate([*rows, [sum(column) for column in zip(*rows, strict=True)]], start=1):
        tokens, grams, sort, count = row
        compared = sum(one * math.log2(one) for one, *_ in (rows if order > len(rows) else [row])) / 1e9
        name = "all" if order > len(rows) else order
        print(
            f"| {name} | {tokens:,.0f} | {grams:,.0f} | {16 * tokens / 1e9:.2f} | {compared:.2f} | {sort:.2f} | "
            f"{count:.1f} | {count / sort:.0f} |"
        )
    print(
        f"\nscoring: {own['score'][0]:.2f} s a million tokens; model {own['model'][0]:,.0f} MB; peak "
        f"{own['peak'][0]:,.0f} MB, of which {own['before'][0]:,.0f} MB before counting; medians of {options.runs}"
    )


if __name__ == "__main__":
    main()
