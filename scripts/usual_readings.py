"""Build poetgen/prosody/usual.tsv: which readings of the 平水韵 poets hardly use.

    python scripts/usual_readings.py corpora/prepared

The regulated poems (绝句, 律诗) of a prepared dataset testify. Characters of one tone alone decide whether a poem opens
仄 or 平: one opening must fit them all, and the other must break at CLEAR places or more. Then every character of two
tones at a checked place (2, 4, 6 and the last) tells which tone was asked of it there. The rhyme of a poem is the one
that the other feet of a foot, two at the least, have alone in common; a foot of several 平 rhymes tells which it was.

Where a character has `--least` testimonies and a tone, or a 平 rhyme, has at most `--share` of them, it is rare.

Some places ask nothing. The first line may rhyme, so its last is free. Two licences (拗救) leave a place to either
tone: 平平仄平仄 for 平平平仄仄, and 仄仄平仄仄 for 仄仄平平仄. `check` does not take the second, but 不 would
seem to be level if that place counted. Source of the licences: Wang Li (王力), 诗词格律.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pingshui import converter
from rhyme_evidence import BITS, Ids, bodies

from poetgen.data.dataset import Dataset
from poetgen.errors import PoetgenError
from poetgen.files import write_atomic
from poetgen.prosody import CHECKED, SHAPES, categories, characters, is_level, level_rhymes, patterns, rhymes, tones

TABLE = Path(__file__).parents[1] / "poetgen" / "prosody" / "usual.tsv"

HEADER = """\
# Readings of the 平水韵 that poets hardly use: a character and its other shapes, the rare rhymes, how often a place
# asked for either tone, and for characters of several 平 rhymes how often each was the rhyme of the poem.
# Made by scripts/usual_readings.py, do not edit. Source: {poems:,} of {all:,} regulated poems in the training split of
# the chinese-poetry archive, those whose characters of one tone fit one pattern alone. A reading is rare that has at
# most {share:.0%} of {least} testimonies or more.
"""

#: How many characters of one tone must speak against the other opening of a poem.
CLEAR = 4
LEVEL_RHYMES = tuple(filter(is_level, categories()))


def asked(form: str) -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Both openings of a form: (lines, places) the bit of the tone asked for, and whether the place asks at all."""
    length = SHAPES[form][1]
    places = np.array(CHECKED[length]) - 1
    openings = []
    for pattern in patterns(form)[::2]:  # that the first line rhymes changes its last tone only
        bits = np.array([[BITS[line[place]] for place in places] for line in pattern], dtype=np.uint8)
        counts = np.ones(bits.shape, dtype=np.bool_)
        counts[0, -1] = False
        for number, line in enumerate(pattern):
            if line.endswith(("平平平仄仄", "仄仄平平仄")):
                counts[number, places == length - 2] = False
        openings.append((bits, counts))
    return openings


def tone_uses(poems: Ids, form: str, known: NDArray[np.uint8], uses: NDArray[np.int64]) -> int:
    """Add to `uses` (V, 2) how often a 平 and a 仄 was asked of each character; the number of poems that testified.

    `poems` (N, lines, length); `known` (V,) has a bit for each tone of a character, none where the book lacks it.
    """
    chars = poems[:, :, np.array(CHECKED[SHAPES[form][1]]) - 1]
    tone = known[chars]
    single = (tone == BITS["平"]) | (tone == BITS["仄"])
    openings = asked(form)
    breaks = [(single & counts & (tone & bits == 0)).sum(axis=(1, 2)) for bits, counts in openings]
    heard = 0
    for (bits, counts), here, other in zip(openings, breaks, breaks[::-1], strict=True):
        fitting = chars[(here == 0) & (other >= CLEAR)]
        heard += len(fitting)
        for column, bit in enumerate(BITS.values()):
            asking = fitting[:, counts & (bits == bit)]
            uses[:, column] += np.bincount(asking.ravel(), minlength=len(uses))
    return heard


def rhyme_uses(poems: Ids, readings: NDArray[np.uint32], uses: NDArray[np.int64]) -> None:
    """Add to `uses` (V, 30) how often each character was a foot of each 平 rhyme.

    `poems` (N, lines, length); `readings` (V,) has a bit for each 平 rhyme of a character.
    """
    feet = np.concatenate((poems[:, :1, -1], poems[:, 1::2, -1]), axis=1)
    sets = readings[feet]
    rhyming = sets[:, 0] > 0  # whether the first line may rhyme
    sets[~rhyming, 0] = np.iinfo(np.uint32).max
    for at in range(1, feet.shape[1]):
        common = np.bitwise_and.reduce(np.delete(sets, at, axis=1), axis=1)
        alone = (common > 0) & (common & (common - 1) == 0)  # of the bits just one
        heard = (feet.shape[1] - 2 + rhyming >= 2) & alone & (common & sets[:, at] > 0)
        np.add.at(uses, (feet[heard, at], np.log2(common[heard]).astype(np.int64)), 1)


def rare_readings(char: str, asked_of: list[int], rhymed: list[int], least: int, share: float) -> list[str]:
    """The rhymes of a character that its testimony shows to be rare, in the order of the book."""
    names = rhymes(char)
    rare: set[str] = set()
    if len(tones(char)) == 2 and sum(asked_of) >= least:
        for level, count in zip((True, False), asked_of, strict=True):
            if count <= share * sum(asked_of):
                rare.update(name for name in names if is_level(name) == level)
    if sum(rhymed) >= least:
        few = {name for name, count in zip(LEVEL_RHYMES, rhymed, strict=True) if count <= share * sum(rhymed)}
        rare |= names & few
    return [name for name in categories() if name in rare]


def shapes_of() -> dict[str, str]:
    """Simplified character -> the traditional ones that have just its readings, which go by its testimony."""
    simplify = converter("t2s")
    shapes: dict[str, str] = {}
    for shape in dict.fromkeys("".join(map(characters, categories()))):
        char = simplify(shape)
        if char != shape and rhymes(char) == rhymes(shape):
            shapes[char] = shapes.get(char, "") + shape
    return shapes


def main() -> None:
    """Read a prepared dataset and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder that poetgen preprocess wrote")
    parser.add_argument("--out", type=Path, default=TABLE, help="where the table goes (default: into the package)")
    parser.add_argument("--least", type=int, default=30, help="testimonies that a character must have (default 30)")
    parser.add_argument("--share", type=float, default=0.07, help="the most that is rare (default 0.07)")
    options = parser.parse_args()
    if options.least < 1 or not 0 <= options.share < 0.5:
        parser.error("--least must be 1 or more, --share at least 0 and below 0.5")
    try:
        dataset = Dataset.load(options.data)
        vocab = dataset.vocab.tokens
        known = np.array([sum(BITS[tone] for tone in tones(token)) for token in vocab], dtype=np.uint8)
        bits = {name: 1 << bit for bit, name in enumerate(LEVEL_RHYMES)}
        readings = np.array([sum(bits[name] for name in level_rhymes(token)) for token in vocab], dtype=np.uint32)
        asked_of = np.zeros((len(vocab), 2), dtype=np.int64)
        rhymed = np.zeros((len(vocab), len(LEVEL_RHYMES)), dtype=np.int64)
        read = heard = 0
        for form in SHAPES:
            poems = bodies(dataset, form)
            fitting = tone_uses(poems, form, known, asked_of)
            rhyme_uses(poems, readings, rhymed)
            read, heard = read + len(poems), heard + fitting
            print(f"{form}: {len(poems):,} poems, {fitting:,} of one pattern")
        if not heard:
            raise PoetgenError(f"{options.data}: no regulated poem of a plain pattern; prepare a larger corpus")
        shapes = shapes_of()
        rows, lost = [], [0, 0]
        for index in np.argsort(-asked_of.sum(axis=1), kind="stable").tolist():
            char, tone, rhyme = vocab[index], asked_of[index].tolist(), rhymed[index].tolist()
            rare = rare_readings(char, tone, rhyme, options.least, options.share)
            if not rare:
                continue
            lost[tones(char) == {"平" if is_level(name) else "仄" for name in rhymes(char) - set(rare)}] += 1
            several = len(level_rhymes(char)) > 1 and sum(rhyme) >= options.least
            counts = [f"{name} {rhyme[LEVEL_RHYMES.index(name)]}" for name in LEVEL_RHYMES if name in rhymes(char)]
            testimony = f"平 {tone[0]} 仄 {tone[1]}"
            rows.append("\t".join((char + shapes.get(char, ""), " ".join(rare), testimony, " ".join(counts * several))))
        header = HEADER.format(poems=heard, all=read, share=options.share, least=options.least)
        write_atomic(options.out, header + "".join(row.rstrip() + "\n" for row in rows))
    except PoetgenError as error:
        raise SystemExit(f"usual_readings: {error}") from None
    print(f"{options.out}: {lost[0]:,} characters lose a tone, {lost[1]:,} a rhyme only")


if __name__ == "__main__":
    main()
