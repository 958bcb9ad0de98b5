"""Many bad inputs, one after the other, and a table of what went wrong."""

from __future__ import annotations

import argparse
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import sandbox
from tests.fuzz.sandbox import FAULTS

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers import load_commands


@dataclass(frozen=True)
class Case:
    """An input: its kind, the command that reads it, and which file was changed or which option is odd."""

    kind: str
    args: Sequence[str]
    what: str


def campaign(
    case: Callable[[random.Random, Path, Path], Case],
    place: Callable[[Path, Path], None],
    good: Path,
    numbers: range,
    seed: int,
    keep: Path | None = None,
) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Run the cases of these numbers: how often each fault came in each kind, and how many inputs each kind had."""
    faults, kinds = Counter[tuple[str, str]](), Counter[str]()
    heaviest, slowest = 0, 0.0
    with tempfile.TemporaryDirectory() as work:
        for number in numbers:
            folder = Path(work) / "case"
            folder.mkdir()
            place(good, folder)
            # Each input by itself, so that it can be made again alone.
            tried = case(random.Random(f"{seed} {number}"), good, folder)
            kinds[tried.kind] += 1
            outcome = sandbox.run(tried.args, folder)
            heaviest, slowest = max(heaviest, outcome.memory), max(slowest, outcome.seconds)
            for fault in outcome.faults:
                faults[tried.kind, fault] += 1
                shown = outcome.err.strip().splitlines()[-1:] or [""]
                told = f"{fault} ({outcome.code})" if outcome.code not in (0, 70) else fault
                print(
                    f"{number} {told}: {tried.what}: poetgen {shlex.join(tried.args)[:200]}: {shown[0][:200]!a}",
                    flush=True,
                )
            if outcome.faults and keep:
                kept = keep / f"{seed}-{number}"
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept)
                text = f"poetgen {shlex.join(tried.args)}\n{outcome.faults}\n{outcome.err}\n"
                (kept / "command.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
            shutil.rmtree(folder)
            if number % 250 == 249:
                print(f"{number + 1} inputs", file=sys.stderr, flush=True)
    print(f"most memory of a process {heaviest >> 20} MB, longest {slowest:.1f} s")
    return faults, kinds


def main(
    doc: str | None, case: Callable[[random.Random, Path, Path], Case], place: Callable[[Path, Path], None]
) -> None:
    """The command line of a script."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first input, to run a campaign in parts")
    parser.add_argument("--keep", type=Path, help="folder for what failed")
    parser.add_argument("--good", type=Path, help="folder of good files, made where it is not there")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        good = (options.good or Path(work) / "good").absolute()
        if not good.exists():
            prepare(good)
        load(good)
        numbers = range(options.first, options.first + options.inputs)
        faults, kinds = campaign(case, place, good, numbers, options.seed, options.keep)
    for kind, count in sorted(kinds.items()):
        found = ", ".join(f"{times} {fault}" for (of, fault), times in sorted(faults.items()) if of == kind)
        print(f"{count:6} {kind}: {found or 'nothing'}")
    print(f"{time.monotonic() - began:.0f} s")
    each = Counter(fault for _, fault in faults.elements())
    print(f"{options.inputs} inputs, {faults.total()} faults: {', '.join(f'{each[name]} {name}' for name in FAULTS)}")
    sys.exit(bool(faults))


def prepare(good: Path) -> None:
    """Make good files, in a process of its own: this one is to be forked, and may have no threads."""
    script = (
        "import sys; sys.path[:0] = sys.argv[2:]; from pathlib import Path; from tests.fuzz.material import make; "
        "import torch; torch.set_num_threads(1); make(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", script, str(good), *sys.path[:2]], check=True)
    lines = (good / "poems.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (good / "few.jsonl").write_text("".join(lines[:4]), encoding="utf-8")


def load(good: Path) -> None:
    """Load what all commands need into this process, so that its forks begin at once."""
    load_commands()
    if (good / "out.jsonl").exists():
        return
    outcome = sandbox.run("sample --input titles/titles.txt --seed 1 --output out.jsonl --checkpoint run".split(), good)
    assert outcome.code == 0, outcome.err
