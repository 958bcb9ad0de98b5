"""What the usual readings change: poems by people, held to their form by any reading and by the usual ones.

    python benchmarks/readings.py corpora/prepared                   # its validation split
    python benchmarks/readings.py corpora/prepared --show 30         # and thirty poems whose verdict changes, and why

The tables say how many regulated poems keep rhyme and meter as `poetgen check` sees them, how fast that is on one
core, and which characters stand behind the faults that only a rare reading would mend.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from pathlib import Path

from poetgen.data.dataset import Dataset
from poetgen.prosody import SHAPES
from poetgen.prosody.explain import explain
from poetgen.prosody.explanation import FAULT, OF_METER, OF_RHYME, Explanation
from poetgen.prosody.forms import form_of
from poetgen.prosody.readings import Reader
from poetgen.text import clauses

RARE = "only a rare reading of "


def holds(explanation: Explanation) -> bool:
    return bool(explanation.rhyme_holds and explanation.meter_holds)


def main() -> None:
    """Explain the poems twice and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder that poetgen preprocess wrote")
    parser.add_argument("--split", choices=("train", "valid"), default="valid")
    parser.add_argument("--poems", type=int, default=20_000, help="at most so many (default 20,000)")
    parser.add_argument("--show", type=int, default=0, help="poems whose verdict changes, drawn by chance")
    options = parser.parse_args()
    split = getattr(Dataset.load(options.data), options.split)
    poems: list[tuple[str, list[str]]] = []
    for text in split.bodies():
        for body in text.splitlines():
            if (form := form_of(body, "")) in SHAPES and "□" not in body:
                poems.append((form, clauses(body)))
    random.Random(1).shuffle(poems)
    del poems[options.poems :]
    kept: Counter[tuple[str, str]] = Counter()
    blamed: Counter[str] = Counter()
    changed: list[tuple[list[str], Explanation]] = []
    seconds = 0.0
    for form, lines in poems:
        began = time.perf_counter()
        usual = explain(lines, form)
        seconds += time.perf_counter() - began
        loose = explain(lines, form, reader=Reader(usual=False))
        kept.update({(form, "poems"): 1, (form, "any"): holds(loose), (form, "usual"): holds(usual)})
        if holds(loose) and not holds(usual):
            changed.append((lines, usual))
            for note in usual.faults:
                if note.name in OF_METER | OF_RHYME and RARE in note.text:
                    blamed.update(note.text.partition(RARE)[2].partition(" would")[0].split(", "))
    print(f"{len(poems):,} poems, {60 * len(poems) / seconds:,.0f} a minute\n")
    print("| form | poems | any reading | usual readings |\n| --- | --- | --- | --- |")
    for form in SHAPES:
        if count := kept[form, "poems"]:
            print(f"| {form} | {count:,} | {kept[form, 'any'] / count:.1%} | {kept[form, 'usual'] / count:.1%} |")
    print("\n" + " ".join(f"{char} {count}" for char, count in blamed.most_common(60)))
    for lines, explanation in changed[: options.show]:
        print("\n" + " ".join(lines))
        for note in explanation.notes:
            if note.kind == FAULT and note.name in OF_METER | OF_RHYME:
                print(f"  {note.name} {note.line}: {note.text}")


if __name__ == "__main__":
    main()
