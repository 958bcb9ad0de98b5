"""What poems say of the rhyme book: characters that stand where the book's tone or rhyme would be wrong.

    python scripts/rhyme_evidence.py corpora/prepared
    python scripts/rhyme_evidence.py corpora/prepared --least 50 --share 0.2 --top 100

A character testifies to its tone in a regulated poem (绝句, 律诗) at a place whose tone counts, where every other
such place of the poem fits one of the form's patterns; and to its rhyme as a foot, where the other feet, two at the
least, have one rhyme of the book in common. Three tables: tones against the book, feet that rhyme with a rhyme not
theirs, and characters that the book lacks, with the tones that poems give them.

The last place of a first line does not count, nor the place of the licence 平平仄平仄: either tone may stand there;
and a first line, which may borrow a neighbouring rhyme, bears witness for the others but not for itself.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poetgen.data.dataset import Dataset
from poetgen.data.sequence import control
from poetgen.prosody import CHECKED, LEVEL, OBLIQUE, SHAPES, level_rhymes, patterns, rescued, rhymes, tones
from poetgen.text import is_han

BITS = {LEVEL: 1, OBLIQUE: 2}
Ids = NDArray[np.int64]


def bodies(dataset: Dataset, form: str) -> Ids:
    """(N, lines, length) the characters of every poem of a form whose body is just its lines and a mark after each."""
    count, length = SHAPES[form]
    split = dataset.train
    size = count * (length + 1)
    chosen = split.poems[(split.poems["form"] == dataset.vocab.id(control(form))) & (split.poems["body"] == size)]
    first = chosen["start"] + sum(chosen[name].astype(np.int64) for name in ("tune", "author", "keywords", "title"))
    ids = split.tokens[first[:, None] + np.arange(size)].astype(np.int64).reshape(-1, count, length + 1)
    han = np.array([len(token) == 1 and is_han(token) for token in dataset.vocab.tokens])
    whole = han[ids[:, :, :-1]].all(axis=(1, 2)) & ~han[ids[:, :, -1]].any(axis=1)
    kept: Ids = ids[whole, :, :-1]
    return kept


def tone_uses(poems: Ids, form: str, known: NDArray[np.uint8], uses: NDArray[np.int64]) -> int:
    """Add to `uses` (V, 2) how often each character stands at a 平 and at a 仄 place; the poems that testified.

    `known` (V,) has a bit for each tone of a character, both for one that the book lacks.
    """
    count, length = SHAPES[form]
    places = np.array(CHECKED[length]) - 1
    breaks, asked, counts = [], [], []
    for pattern in patterns(form):
        lines, wanted, counted = [], [], []
        for number, line in enumerate(pattern):
            tone = np.array([BITS[line[place]] for place in places], dtype=np.uint8)
            wrong = known[poems[:, number][:, places]] & tone == 0
            licence = rescued(line)
            free = np.zeros(len(places), dtype=bool)
            free[-1] = number == 0
            if licence:
                other = np.array([BITS[licence[place]] for place in places], dtype=np.uint8)
                wrong[(known[poems[:, number][:, places]] & other != 0).all(axis=1)] = False
                free |= other != tone
            lines.append(wrong)
            wanted.append(tone)
            counted.append(~free)
        breaks.append(np.stack(lines, axis=1))
        asked.append(np.stack(wanted))
        counts.append(np.stack(counted))
    total = np.stack([each.sum(axis=(1, 2)) for each in breaks])
    best = total.argmin(axis=0)
    fitting = np.flatnonzero(total.min(axis=0) <= 1)
    for choice in range(len(asked)):
        rows = fitting[best[fitting] == choice]
        wrong = breaks[choice][rows]
        alone = wrong.sum(axis=(1, 2), keepdims=True) - wrong == 0  # whether all other places fit
        chars = poems[rows][:, :, places]
        for bit in (1, 2):
            here = alone & ((asked[choice] == bit) & counts[choice])
            np.add.at(uses[:, bit - 1], chars[here], 1)
    return len(fitting)


def foot_uses(feet: Iterator[tuple[str, ...]]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """How often each character is a foot among others that rhyme, and how often with a rhyme that it has not."""
    uses: Counter[str] = Counter()
    strange: Counter[tuple[str, str]] = Counter()
    for poem in feet:
        for at, char in enumerate(poem):
            if at == 0:
                continue
            others = [level_rhymes(other) for other in poem[:at] + poem[at + 1 :] if other]
            common = frozenset.intersection(*others)
            if not common:
                continue
            uses[char] += 1
            if not common & rhymes(char):
                strange.update((char, name) for name in common)
    return uses, strange


def poems_feet(poems: Ids, tokens: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The foot of a first line that ends level, or "", and those of the even lines; of poems that have three feet."""
    for last in poems[:, :, -1].tolist():
        first, *even = (tokens[index] for index in (last[0], *last[1::2]))
        feet = (first if level_rhymes(first) else "", *even)
        if len(set(feet) - {""}) == len(feet) - (not feet[0]) >= 3:
            yield feet


def main() -> None:
    """Read a prepared dataset and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder that poetgen preprocess wrote")
    parser.add_argument("--least", type=int, default=30, help="uses that a character must have (default 30)")
    parser.add_argument("--share", type=float, default=0.5, help="share of them against the book (default 0.5)")
    parser.add_argument("--top", type=int, default=40, help="rows of a table (default 40)")
    options = parser.parse_args()

    dataset = Dataset.load(options.data)
    vocab = dataset.vocab.tokens
    known = np.array([sum(BITS[tone] for tone in tones(token)) or 3 for token in vocab], dtype=np.uint8)
    uses = np.zeros((len(vocab), 2), dtype=np.int64)
    feet: Counter[str] = Counter()
    strange: Counter[tuple[str, str]] = Counter()
    for form in SHAPES:
        poems = bodies(dataset, form)
        fitting = tone_uses(poems, form, known, uses)
        some, others = foot_uses(poems_feet(poems, vocab))
        feet += some
        strange += others
        print(f"{form}: {len(poems):,} poems, {fitting:,} with at most one break")

    against = []
    lacking = []
    for token, (level, oblique) in zip(vocab, uses.tolist(), strict=True):
        total = level + oblique
        if not tones(token):
            if total and len(token) == 1 and is_han(token):
                lacking.append((total, token, level, oblique))
        elif len(tones(token)) == 1:
            wrong = oblique if tones(token) == {LEVEL} else level
            if total >= options.least and wrong >= options.share * total:
                against.append((wrong, total, token))
    print(f"\nTones against the book, by count ({len(against)}): character, rhymes, uses against it, all, share")
    for wrong, total, token in sorted(against, reverse=True)[: options.top]:
        print(f"{token}  {' '.join(sorted(rhymes(token)))}  {wrong:,}  {total:,}  {wrong / total:.0%}")

    wrong_feet = [
        (count, char, name)
        for (char, name), count in strange.items()
        if feet[char] >= options.least and count >= options.share * feet[char]
    ]
    print(
        f"\nFeet with a rhyme not theirs, by count ({len(wrong_feet)}): character, its rhymes, rhyme, count, all, share"
    )
    for count, char, name in sorted(wrong_feet, reverse=True)[: options.top]:
        readings = " ".join(sorted(rhymes(char))) or "none"
        print(f"{char}  {readings}  {name}  {count:,}  {feet[char]:,}  {count / feet[char]:.0%}")

    print(f"\nNot in the book ({len(lacking)}): character, uses at 平, at 仄")
    for _, token, level, oblique in sorted(lacking, reverse=True)[: options.top]:
        print(f"{token}  {level:,}  {oblique:,}")


if __name__ == "__main__":
    main()
