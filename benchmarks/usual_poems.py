"""Whether poems that are written keep their form by `poetgen check`, with usual readings and words.

    python benchmarks/usual_poems.py --poems 30                          # so many of each regulated form
    python benchmarks/usual_poems.py --poems 30 --book 中华新韵
    python benchmarks/usual_poems.py --forms 如梦令,菩萨蛮 --poems 5

Counts the poems that break form, rhyme or meter, and shows why.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import product
from pathlib import Path

import poetgen
from poetgen.corpus import Poem
from poetgen.judging.checking import explain_poem
from poetgen.prosody import SHAPES
from poetgen.prosody.explanation import OF_FORM, OF_METER, OF_RHYME
from poetgen.prosody.readings import Reader
from poetgen.writing.request import Options

TITLES = "春夜喜雨 秋思 登楼 送友人 江村 塞下 山居 咏梅 中秋 旅怀 闻笛 夜坐 采莲 怀古 晓行".split()


def main() -> None:
    """Write, check, and print what breaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--poems", type=int, default=30)
    parser.add_argument("--forms", default=",".join(SHAPES))
    parser.add_argument("--book", default="auto")
    options = parser.parse_args()
    poet = poetgen.load(options.checkpoint)
    counts: Counter[str] = Counter()
    forms = options.forms.split(",")
    asked: Options = {"candidates": 1, "book": options.book}
    jobs = [
        poet.job(TITLES[number % len(TITLES)], form=form, seed=number, **asked)[0]
        for form, number in product(forms, range(options.poems))
    ]
    reader = Reader("" if options.book == "auto" else options.book)
    for sample in poet.samples(jobs):
        poem = Poem(sample.text, title=sample.request.title)
        explanation = explain_poem(poem, sample.request.form, reader=reader)
        broken = [note for note in explanation.faults if note.name in OF_FORM | OF_RHYME | OF_METER | {"叠句"}]
        counts.update(poems=1, broken=bool(broken))
        for note in broken:
            print(f"{sample.request.form} {sample.text}\n  {note.name} {note.line}: {note.text}")
    print(f"{counts['poems']:,} poems, {counts['broken']:,} of them break their form")


if __name__ == "__main__":
    main()
