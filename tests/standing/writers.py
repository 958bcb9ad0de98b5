"""Two that write the same place at once: the second is refused, or both are right, and the first loses nothing.

    python tests/standing/writers.py --seed 1 --tries 20

Each trial starts a command, and at a random moment of it a second one, each in a fork of this process (kills.py).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import kills

LONG = [*kills.TRAIN, *"--data new --out run --epochs 4".split()]


def at_once(
    place: Path, first: Sequence[str], second: Sequence[str], after: float
) -> tuple[tuple[int, str], tuple[int, str]]:
    """The exit codes of two commands, of which the second starts later, and what they said."""
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(kills.poetgen, place, first, said=".first")
        time.sleep(after)
        two = pool.submit(kills.poetgen, place, second, said=".second")
        return (one.result()[0], one.result()[2]), (two.result()[0], two.result()[2])


def trains(material: Path, place: Path, draw: random.Random, more: list[str]) -> str:
    """Two runs into one folder: one of them alone trains, and all that is there is its own."""
    kills.copied({"new": material / "new"}, place)
    (one, said), (two, refused) = at_once(place, LONG, [*LONG, *more], draw.uniform(0, 2))
    assert one == 0, said
    found = kills.end_of_run(place / "run")
    whole = material.parent / "whole run"
    if not whole.exists():
        whole.mkdir()
        kills.copied({"new": material / "new"}, whole)
        assert kills.poetgen(whole, LONG)[0] == 0
    assert found == kills.end_of_run(whole / "run"), "not that of one run alone"
    if two == 1:
        assert "another process is writing it" in refused, refused
        return "refused"
    assert two == 2 and "holds a run already" in refused or more and two == 0, refused
    return "came after the end"


def preprocess_under(material: Path, place: Path, draw: random.Random) -> str:
    """A dataset that is replaced under a run: the run keeps what it was started with."""
    kills.copied({"old": material / "old", "new.jsonl": material / "new.jsonl"}, place)
    shutil.move(place / "old", place / "new")
    words = "preprocess new.jsonl --out new --min-count 1 --jobs 1 --overwrite".split()
    (one, said), (two, refused) = at_once(place, LONG, words, draw.uniform(0, 2))
    assert (one, two) == (0, 0), said + refused
    found = kills.run_of(place / "run")
    old, new = (kills.run_of(material / name) for name in ("run", "new run"))
    assert found and old and new
    assert found[1:3] in (old[1:3], new[1:3]), "the tunes and lines are not those of the dataset"
    assert kills.dataset_of(place / "new") is not None
    return "run on the old" if found[1:3] == old[1:3] else "run on the new"


def preprocess_twice(material: Path, place: Path, draw: random.Random) -> str:
    """Two datasets into one folder."""
    kills.copied({name: material / name for name in ("old.jsonl", "new.jsonl")}, place)
    words = [
        f"preprocess {name}.jsonl --out data --min-count 1 --jobs 1 --overwrite".split() for name in ("old", "new")
    ]
    (one, said), (two, refused) = at_once(place, *words, draw.uniform(0, 0.3))
    assert 0 in (one, two) and {one, two} <= {0, 1}, said + refused
    found = kills.dataset_of(place / "data")
    assert found in (kills.dataset_of(material / "old"), kills.dataset_of(material / "new"))
    return "refused" if 1 in (one, two) else "one after the other"


def samples(material: Path, place: Path, draw: random.Random, name: str, more: list[str]) -> str:
    """Two that write poems to one file."""
    kills.copied({"run": material / "run", "titles.jsonl": material / "titles.jsonl"}, place)
    words = [*kills.SAMPLE, *f"--input titles.jsonl --num 2 --output {name}".split()]
    (one, said), (two, refused) = at_once(place, words, [*words, *more], draw.uniform(0, 0.4))
    codes = one, two
    assert 1 in codes and (place / name).read_bytes() == (material / name).read_bytes(), said + refused
    if any("another run is writing it" in text for text in (said, refused)):
        return "refused"
    return "one after the other" if codes == (1, 1) else "refused, as there were poems"


def ablates(material: Path, place: Path, draw: random.Random) -> str:
    """Two grids into one log: every run of the one that works is in it once."""
    kills.copied({"many": material / "many"}, place)
    words = ["inspect", "ablate", *kills.DRAWN["inspect ablate"].split(), "--out", "out"]
    (one, said), (two, refused) = at_once(place, words, words, draw.uniform(0, 0.5))
    assert 0 in (one, two) and {one, two} <= {0, 1}, said + refused
    runs = [json.loads(line)["run"] for line in (place / "out" / "ablate.jsonl").read_text().splitlines()]
    assert sorted(run["seq_len"] for run in runs) == [16, 32], "a run is lost, or there twice"
    return "refused" if 1 in (one, two) else "one after the other"


def downloads(material: Path, place: Path, draw: random.Random) -> str:
    """Two that download one address."""
    with kills.served(material) as address:
        words = f"preprocess {address}/new.jsonl --min-count 1 --jobs 1 --out".split()
        (one, said), (two, refused) = at_once(place, [*words, "one"], [*words, "two"], draw.uniform(0, 0.1))
    assert 0 in (one, two) and {one, two} <= {0, 1}, said + refused
    found = {path.name: path.read_bytes() for path in (place / "corpora").iterdir()}
    assert found.keys() == {".downloads.json", "new.jsonl"}, f"{list(found)} is left"
    assert found["new.jsonl"] == (material / "new.jsonl").read_bytes()
    if 1 in (one, two):
        assert "another process is downloading it" in said + refused, said + refused
        return "refused"
    return "one after the other"


def cut_short(material: Path, place: Path, draw: random.Random) -> str:
    """Arrays that are cut short in place under a run."""
    kills.copied({"new": material / "new"}, place)

    def cut(after: float) -> None:
        time.sleep(after)
        for path in (place / "new").iterdir():
            os.truncate(path, path.stat().st_size // 2)

    with ThreadPoolExecutor(1) as pool:
        cutting = pool.submit(cut, draw.uniform(0.2, 2))
        code, _, said = kills.poetgen(place, LONG)
        cutting.result()
    assert code == 0 or (code == 1 and said.count("\n") == 1), said
    return "trained to the end" if code == 0 else "told"


#: Two commands, given the material and a place to work in: what came of them. Raises AssertionError.
Pair = Callable[[Path, Path, random.Random], str]

TRIALS: dict[str, Pair] = {
    "train, train": lambda m, p, d: trains(m, p, d, []),
    "train, train --overwrite": lambda m, p, d: trains(m, p, d, ["--overwrite"]),
    "train, preprocess": preprocess_under,
    "train, arrays cut short": cut_short,
    "preprocess, preprocess": preprocess_twice,
    "ablate, ablate": ablates,
    "download, download": downloads,
    "sample, sample, into .txt": lambda m, p, d: samples(m, p, d, "poems.txt", []),
    "sample, sample --overwrite, into .txt": lambda m, p, d: samples(m, p, d, "poems.txt", ["--overwrite"]),
    "sample, sample, into .jsonl": lambda m, p, d: samples(m, p, d, "poems.jsonl", []),
    "sample, sample --resume": lambda m, p, d: samples(m, p, d, "poems.jsonl", ["--resume"]),
    "sample, sample --overwrite": lambda m, p, d: samples(m, p, d, "poems.jsonl", ["--overwrite"]),
}


def main(args: Sequence[str] | None = None) -> int:
    """Run trials; the number of kinds that failed."""

    def many(trial: Pair, times: int, draw: random.Random, root: Path) -> Counter[str]:
        found = Counter[str]()
        for _ in range(times):
            place = root / "place"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            found[trial(root / "material", place, draw)] += 1
        return found

    parser = kills.trial_parser(__doc__)
    parser.add_argument("--tries", type=int, default=3, dest="times", help="of each kind")
    return kills.try_all(
        parser.parse_args(args), lambda root: ((name, partial(many, trial)) for name, trial in TRIALS.items())
    )


if __name__ == "__main__":
    sys.exit(main())
