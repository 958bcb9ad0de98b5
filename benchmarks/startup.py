"""How long a person waits at the shell: for help, and for a poem from a cold start.

    python benchmarks/startup.py

`poetgen sample` should cost at most 1.5 times `python -c "import torch"` plus the arithmetic of the poem, which is
measured inside one warm process. The commands are run in turn; medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

TITLE = "春夜喜雨"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import torch'": ["-c", "import torch"],
    "poetgen --help": ["-m", "poetgen", "--help"],
    f"poetgen sample {TITLE}": ["-m", "poetgen", "sample", TITLE, "--seed", "1"],
}


def arithmetic(times: int) -> float:
    """Seconds that one poem takes in a process that has loaded its checkpoint, the median of `times`."""
    import poetgen

    poet = poetgen.load()
    took = []
    for _ in range(times + 1):
        began = time.perf_counter()
        poet.write(TITLE, seed=1)
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])


def main() -> None:
    """Measure in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(options.runs + 1):
        for name, arguments in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            if turn:  # the first turn warms the disk's cache
                took[name].append(time.perf_counter() - began)
    poem = arithmetic(options.runs)
    for name, values in took.items():
        print(f"{name:28s} {statistics.median(values):6.2f} s  ({min(values):.2f} to {max(values):.2f})")
    print(f"{'the arithmetic of a poem':28s} {poem:6.2f} s")
    base, sample = (statistics.median(took[name]) for name in list(COMMANDS)[1::2])
    print(f"\nsample less arithmetic, over import torch: {(sample - poem) / base:.2f}")


if __name__ == "__main__":
    main()
