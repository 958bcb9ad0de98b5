"""How well tunes (词牌) are judged and written, and how fast they are judged.

    python benchmarks/tunes.py --known ci.tsv --forms cipu.jsonl --checkpoint checkpoints/tang-song

--known has famous 词, one a line: title, author, what is known of them, text, parted by tabs; those that are OK should
have no fault. --forms has the forms of a book of tunes (scripts/tune_book.py says which keys), each with its model
poem, which is held against that form alone. The checkpoint writes --poems to every shape of the --tunes commonest
tunes that at least --least poems of the archive have, one draft each, and `check` by usual readings should find no
fault in them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

from poetgen.config import SampleConfig
from poetgen.corpus import Poem
from poetgen.files import parse_json
from poetgen.judging.checking import explain_poem
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.registry import find
from poetgen.prosody.explain import explain
from poetgen.prosody.explanation import Explanation
from poetgen.prosody.tune_book import known_tunes, tune_shapes
from poetgen.text import clauses
from poetgen.writing.request import Request
from poetgen.writing.sample import Job
from poetgen.writing.sampler import Sampler

TITLES = ("江上", "秋思", "送别", "春夜", "雪", "登楼", "中秋", "梅花", "山居", "渔父")


def faults(explanation: Explanation) -> str:
    """The faults of a poem in one line."""
    return "; ".join(f"{note.name} {note.line}: {note.text}" for note in explanation.faults)


def known(path: Path) -> None:
    """Famous poems against what is known of them."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
    right, start = 0, time.perf_counter()
    for tune, author, verdict, text in rows:
        found = explain_poem(Poem(text, title=tune, author=author, tune=tune, form="词"))
        as_known = (not found.faults and found.form_holds) == verdict.startswith("OK")
        right += bool(as_known)
        if not as_known:
            print(f"  {tune} {author} ({verdict}): {faults(found) or 'no fault'}")
    print(f"{right} of {len(rows)} famous poems as is known ({right / len(rows):.1%})")
    for _ in range(10):
        start = time.perf_counter()
        for tune, author, _, text in rows:
            explain_poem(Poem(text, title=tune, author=author, tune=tune, form="词"))
    print(f"{60 * len(rows) / (time.perf_counter() - start):,.0f} poems a minute, once the tunes are read")


def examples(path: Path) -> None:
    """The model poems of a book against their own forms."""
    rows = [parse_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    right = 0
    for row in rows:
        own = [s for s in tune_shapes(row["tune"]) if (s.tune, s.number) == (row["tune"], row["form"])]
        found = explain(clauses(row["example"]), "词", shapes=own)
        right += not found.faults
        if found.faults:
            print(f"  {row['tune']} {row['form']}: {faults(found)}")
    print(f"{right:,} of {len(rows):,} model poems hold their own form ({right / len(rows):.1%})")


def written(loaded: Checkpoint, tunes: int, least: int, poems: int) -> None:
    """Poems that a checkpoint writes, held against their tunes."""
    jobs = [
        Job(Request(title, f"{name}:{number}"), SampleConfig(seed=1, candidates=1))
        for name, shapes in islice(known_tunes(loaded.forms).items(), tunes)
        for number, shape in enumerate(shapes, start=1)
        if shape.poems >= least
        for title in islice(cycle(TITLES), poems)
    ]
    sampler = Sampler(loaded.model, loaded.vocab, loaded.forms, loaded.lines)
    broken = 0
    names: Counter[str] = Counter()
    for sample in sampler.samples(jobs):
        found = explain_poem(Poem(sample.text, tune=sample.form, form="词"))
        names.update({note.name for note in found.faults})
        broken += bool(found.faults)
        if found.faults:
            print(f"  {sample.request.form} {sample.request.title}: {faults(found)}")
    shapes = len({job.request.form for job in jobs})
    print(f"{len(jobs):,} poems to {shapes} shapes of {tunes} tunes: {broken} with a fault {dict(names) or ''}")


def main() -> None:
    """Measure what there are files for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--known", type=Path)
    parser.add_argument("--forms", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--tunes", type=int, default=30)
    parser.add_argument("--least", type=int, default=20)
    parser.add_argument("--poems", type=int, default=5)
    options = parser.parse_args()
    if options.known:
        known(options.known)
    if options.forms:
        examples(options.forms)
    written(Checkpoint.load(find(options.checkpoint)), options.tunes, options.least, options.poems)


if __name__ == "__main__":
    main()
