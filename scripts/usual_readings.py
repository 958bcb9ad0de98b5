"""Build poetgen/prosody/usual.tsv and words.tsv: which readings of the 平水韵 poets hardly use, and which words decide.

    pip install tshet-uinh pypinyin
    python scripts/usual_readings.py corpora/prepared couyun

Poems of a prepared dataset testify.

1. Tones, by regulated poems (绝句, 律诗). Characters of one tone alone decide whether a poem opens 仄 or 平: one
   opening must fit them all, and the other must break at CLEAR places or more. Then every character of two tones at a
   checked place (2, 4, 6 and the last) tells which tone was asked of it there.
2. Words, by the same places: two characters side by side in which one is always read in one tone (word_uses.py).
3. Level rhymes: that of a regulated poem is the one that the other feet of a foot, two at the least, have alone in
   common; a foot of several 平 rhymes tells which it was.
4. Oblique rhymes, by 词 and 古体: characters before 。 ？ ！ are feet; where the others, three at the least, have one
   oblique group of the 词林正韵 alone in common, a foot of several groups tells which it was.

A reading is rare if its tone has at most TONE_SHARE of LEAST testimonies or more, or its level rhyme or its group at
most RHYME_SHARE (of OBLIQUE_LEAST for groups); words that are read otherwise are taken out first, so that 万乘 does not
make 乘 oblique.
A reading that neither the 廣韻 nor the table of couyun (other_books.py) has is rare unless poems testify to it.

Some places ask nothing. The first line may rhyme, so its last is free. Two licences (拗救) leave a place to either
tone: 平平仄平仄 for 平平平仄仄, and 仄仄平仄仄 for 仄仄平平仄. Source of the licences: Wang Li (王力), 诗词格律.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from other_books import couyun, guangyun
from pingshui import ADDITIONS as CORRECTIONS
from pingshui import NAMES, converter
from rhyme_evidence import BITS, Ids, bodies
from word_uses import PairUses, rare_in_pairs

from poetgen.data.dataset import Dataset
from poetgen.data.sequence import control
from poetgen.errors import PoetgenError
from poetgen.files import write_atomic
from poetgen.prosody import (
    CHECKED,
    CILIN,
    LEVEL,
    OBLIQUE,
    SHAPES,
    categories,
    characters,
    feet,
    is_level,
    level_rhymes,
    patterns,
    rhymes,
    tones,
)
from poetgen.prosody.cilin import groups_of
from poetgen.text import is_han

ROOM = Path(__file__).parents[1] / "poetgen" / "prosody"
ADDITIONS = Path(__file__).with_name("words_additions.tsv")

HEADER = """\
# Readings of the 平水韵 that poets hardly use: a character and its other shapes, the rare rhymes, how often a place
# asked for either tone (but for words that are read otherwise), of characters of several 平 rhymes how often each was
# the rhyme of the poem, and of several oblique groups of the 词林正韵 how often each was that of the feet.
# Made by scripts/usual_readings.py, do not edit. Source: {poems:,} of {all:,} regulated poems in the training split of
# the chinese-poetry archive, those whose characters of one tone fit one pattern alone, and its 词 and 古体. A reading
# is rare whose tone has at most {tone:.0%} of {least} testimonies or more, or whose rhyme at most {rhyme:.0%}
# ({oblique} testimonies or more for groups). Readings that neither the 廣韻 (package tshet-uinh, MIT) nor the table of
# hulbji/couyun (MIT) has are rare unless poems testify to them.
"""
WORDS_HEADER = """\
# Words of two characters that say how one of them is read where it has two tones: the character and its other shapes,
# the words in which it is 平, those in which it is 仄; words that leave it at its usual reading are left out.
# Made by scripts/usual_readings.py, do not edit. Source: the poems of usual.tsv. In a word the other tone has at most
# {share:.0%} of the places that could have asked for it, or {strict:.0%} where both are usual elsewhere; by chance that
# would happen less than once in {odds:,} words.
# Words of today after scripts/words_additions.tsv; traditional characters after OpenCC.
"""

#: How many characters of one tone must speak against the other opening of a poem.
CLEAR = 4
#: Testimonies that a character must have, and the share of them up to which a tone or a rhyme of it is rare.
LEAST, TONE_SHARE, RHYME_SHARE = 30, 0.04, 0.07
#: Testimonies that are enough to bear a reading out that no other book has, where its tone has no other.
FEW = 10
#: The share of a word's testimonies up to which a tone is rare in it: for words that give a character a reading that
#: is rare elsewhere, and for those that take from one of two usual readings the other.
WORD_SHARE, STRICT_SHARE = 0.07, 0.05
#: Testimonies of feet that a character of several oblique groups must have.
OBLIQUE_LEAST = 15
#: How unlikely it must be that a word has so few of a tone.
CHANCE = 0.001
LEVEL_RHYMES = tuple(filter(is_level, categories()))


def asked(form: str) -> list[tuple[tuple[str, ...], NDArray[np.uint8]]]:
    """Both openings of a form: its pattern, and (lines, length) the bit of the tone asked for, 0 where nothing is."""
    length = SHAPES[form][1]
    openings = []
    for pattern in patterns(form)[::2]:  # that the first line rhymes changes its last tone only
        bits = np.zeros((len(pattern), length), dtype=np.uint8)
        for number, line in enumerate(pattern):
            for place in CHECKED[length]:
                bits[number, place - 1] = BITS[line[place - 1]]
            if line.endswith(("平平平仄仄", "仄仄平平仄")):
                bits[number, length - 2] = 0
        bits[0, -1] = 0
        openings.append((pattern, bits))
    return openings


def tone_uses(poems: Ids, form: str, known: NDArray[np.uint8], uses: NDArray[np.int64], pairs: PairUses) -> int:
    """Add to `uses` (V, 2) how often a 平 and a 仄 was asked of each character; the number of poems that testified.

    `poems` (N, lines, length); `known` (V,) has a bit for each tone of a character, none where the book lacks it.
    """
    tone = known[poems]
    single = (tone == BITS["平"]) | (tone == BITS["仄"])
    openings = asked(form)
    breaks = [(single & (bits > 0) & (tone & bits == 0)).sum(axis=(1, 2)) for _, bits in openings]
    heard = 0
    for (pattern, bits), here, other in zip(openings, breaks, breaks[::-1], strict=True):
        fitting = poems[(here == 0) & (other >= CLEAR)]
        heard += len(fitting)
        for column, bit in enumerate(BITS.values()):
            uses[:, column] += np.bincount(fitting[:, bits == bit].ravel(), minlength=len(uses))
        pairs.add(fitting, pattern, bits)
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


def group_uses(feet: Iterable[str], uses: Counter[tuple[str, str]]) -> None:
    """Add to `uses` how often each character was a foot of each oblique group of the 词林正韵.

    `feet` are the feet of each poem.
    """
    for chars in feet:
        sets = [oblique_groups(char) for char in chars]
        if len(sets) < 4 or not all(sets):
            continue
        for at, char in enumerate(chars):
            common = frozenset.intersection(*sets[:at], *sets[at + 1 :])
            if len(common) == 1 and common <= sets[at]:
                uses[char, next(iter(common))] += 1


@cache
def oblique_groups(char: str) -> frozenset[str]:
    return feet(char, OBLIQUE, CILIN)


def old_feet(dataset: Dataset) -> Iterator[str]:
    """The characters that close the sentences of each 词 and 古体."""
    split = dataset.train
    for form in ("词", "古体"):
        chosen = np.flatnonzero(split.poems["form"] == dataset.vocab.id(control(form)))
        for start in range(0, len(chosen), 4096):
            text = dataset.vocab.decode(split.body_tokens(chosen[start : start + 4096]).tolist())
            yield from split_feet(text, split.poems["body"][chosen[start : start + 4096]].tolist())


def split_feet(text: str, sizes: Sequence[int]) -> Iterator[str]:
    """The feet of each of some poems that stand end to end."""
    at = 0
    for size in sizes:
        yield "".join(re.findall("(.)[。？！]", text[at : at + size]))
        at += size


def rarely(uses: Mapping[str, int], totals: Mapping[str, int], least: int, share: float = RHYME_SHARE) -> set[str]:
    """The rhymes of a character that are rare: by their share of its uses, and by that where all were as common.

    `uses` is how often it was a foot of each rhyme, `totals` how many feet each rhyme has. So 涯 in the small rhyme
    九佳 is not rare, though most poems have it with 六麻.

    >>> sorted(rarely({"六麻": 94, "九佳": 3, "四支": 3}, {"六麻": 9000, "九佳": 500, "四支": 9000}, 30))
    ['四支']
    """
    total = sum(uses.values())
    if total < least:
        return set()
    weights = {name: uses.get(name, 0) / max(totals.get(name, 0), 1) for name in {*uses, *totals}}
    allowed = share * sum(weights.values())
    return {name for name, weight in weights.items() if weight <= allowed and uses.get(name, 0) <= share * total}


@dataclass
class Uses:
    """What poems say of one character: the tones asked of it, and how often it was a foot of which rhyme and group."""

    asked_of: Sequence[int] = (0, 0)
    rhymed: Mapping[str, int] = field(default_factory=dict)
    grouped: Mapping[str, int] = field(default_factory=dict)


def rare_readings(
    char: str,
    uses: Uses,
    totals: Mapping[str, int],
    confirmed: frozenset[str],
) -> list[str]:
    """The rhymes of a character that its testimony shows to be rare, in the order of the book.

    Of what no other book has confirmed that is usual to which poems testify. `totals` are the feet of each level rhyme
    and oblique group.
    """
    names = rhymes(char)
    rare: set[str] = set()
    borne_out = set(confirmed & names)
    level = {name for name in names if is_level(name)}
    if len(tones(char)) == 2:
        for readings, count in zip((level, names - level), uses.asked_of, strict=True):
            if sum(uses.asked_of) >= LEAST and count <= TONE_SHARE * sum(uses.asked_of):
                rare |= readings
            elif sum(uses.asked_of) >= FEW and count > TONE_SHARE * sum(uses.asked_of) and not readings & confirmed:
                borne_out |= readings
    if sum(uses.rhymed.values()) >= LEAST:
        few = level & rarely(uses.rhymed, {name: totals[name] for name in level if name in totals}, LEAST)
        rare |= few
        borne_out |= {name for name in level if uses.rhymed.get(name, 0) > RHYME_SHARE * sum(uses.rhymed.values())}
    if sum(uses.grouped.values()) >= OBLIQUE_LEAST:
        groups = {name: groups_of(char, name) for name in names - level}
        known = {group: totals.get(group, 0) for found in groups.values() for group in found}
        few = rarely(uses.grouped, known, OBLIQUE_LEAST)
        for name, found in groups.items():
            if found <= few:
                rare.add(name)
            elif not any(found & groups[other] for other in groups.keys() & confirmed):
                most = max(uses.grouped.get(group, 0) for group in found)
                borne_out |= {name} if most > RHYME_SHARE * sum(uses.grouped.values()) else set()
    rare -= kept().get(char, set())
    borne_out |= kept().get(char, set())
    if borne_out - rare:
        rare |= names - borne_out
    elif not names - rare:  # nothing would be left
        return []
    return [name for name in categories() if name in rare]


@cache
def kept() -> dict[str, set[str]]:
    """Readings that count whatever poems say: those of pingshui_additions.tsv with "usual" for a reason."""
    found: dict[str, set[str]] = {}
    for line in CORRECTIONS.read_text(encoding="utf-8").splitlines():
        mark, char, rhyme, why, *_ = [*line.split("\t"), "", "", ""]
        if mark == "+" and why.startswith("usual"):
            found.setdefault(char, set()).add(rhyme)
    return found


def confirmation(book: Mapping[str, frozenset[str]]) -> Callable[[str], frozenset[str]]:
    """What other books say of a character: `book`, and the 廣韻 of it or of the traditional ones that it stands for."""
    simplify = converter("t2s")
    merged: dict[str, list[str]] = {}
    for char in {*book, *"".join(map(characters, categories()))}:
        merged.setdefault(simplify(char), []).append(char)

    def confirmed(char: str) -> frozenset[str]:
        others = {char, *merged.get(char, ())}
        return frozenset().union(*(book.get(other, frozenset()) | guangyun(other) for other in others))

    return confirmed


def shapes_of() -> dict[str, str]:
    """Simplified character -> the traditional ones that have just its readings, which go by its testimony."""
    simplify = converter("t2s")
    shapes: dict[str, str] = {}
    for shape in dict.fromkeys("".join(map(characters, categories()))):
        char = simplify(shape)
        if char != shape and rhymes(char) == rhymes(shape):
            shapes[char] = shapes.get(char, "") + shape
    return shapes


def decided(pairs: PairUses, asked_of: NDArray[np.int64]) -> dict[tuple[int, int, int], tuple[int, bool]]:
    """Pairs that decide: (first, second, side) -> the bit of the tone that is left, and whether by STRICT_SHARE too.

    Takes from `asked_of` the uses in pairs that are read otherwise than their character mostly is. What is left tells
    better which pairs are out of the common, so that it is done twice.
    """
    count = len(asked_of)
    sides = [pairs.counts(side) for side in (0, 1)]
    whole, mostly = asked_of.copy(), asked_of.argmax(axis=1) + 1
    found: dict[tuple[int, int, int], tuple[int, bool]] = {}
    for _ in range(2):
        usual = asked_of / np.maximum(asked_of.sum(axis=1, keepdims=True), 1)
        asked_of[:] = whole
        for side, (keys, counts) in enumerate(sides):
            first, second = keys // count, keys % count
            chars = (second, first)[side]
            strict = set(rare_in_pairs(counts, usual[chars], STRICT_SHARE, CHANCE))
            for row, rare in rare_in_pairs(counts, usual[chars], WORD_SHARE, CHANCE):
                found[int(first[row]), int(second[row]), side] = 3 - rare, (row, rare) in strict
                if rare == mostly[char := chars[row]]:
                    asked_of[char, 2 - rare] = max(asked_of[char, 2 - rare] - counts[row, 2 - rare], 0)
    return found


class Testimony:
    """What the poems of a dataset say, by the characters of its vocabulary."""

    def __init__(self, dataset: Dataset) -> None:
        self.vocab = dataset.vocab.tokens
        count = len(self.vocab)
        known = np.array([sum(BITS[tone] for tone in tones(token)) for token in self.vocab], dtype=np.uint8)
        bits = {name: 1 << bit for bit, name in enumerate(LEVEL_RHYMES)}
        readings = np.array([sum(bits[name] for name in level_rhymes(token)) for token in self.vocab], dtype=np.uint32)
        self.asked_of = np.zeros((count, 2), dtype=np.int64)
        rhymed = np.zeros((count, len(LEVEL_RHYMES)), dtype=np.int64)
        pairs = PairUses(known)
        self.poems = self.heard = 0
        for form in SHAPES:
            poems = bodies(dataset, form)
            fitting = tone_uses(poems, form, known, self.asked_of, pairs)
            rhyme_uses(poems, readings, rhymed)
            self.poems, self.heard = self.poems + len(poems), self.heard + fitting
            print(f"{form}: {len(poems):,} poems, {fitting:,} of one pattern")
        if not self.heard:
            raise PoetgenError("no regulated poem of a plain pattern; prepare a larger corpus")
        self.words = decided(pairs, self.asked_of)
        self.seen = {
            (self.vocab[pair // count] + self.vocab[pair % count], side): (int(row[0]), int(row[1]))
            for side in (0, 1)
            for pair, row in zip(*map(np.ndarray.tolist, pairs.counts(side)), strict=True)
        }
        self.rhymed = [{name: row[at] for at, name in enumerate(LEVEL_RHYMES) if row[at]} for row in rhymed.tolist()]
        groups: Counter[tuple[str, str]] = Counter()
        group_uses(old_feet(dataset), groups)
        self.grouped: dict[str, dict[str, int]] = {}
        self.totals: Counter[str] = Counter(dict(zip(LEVEL_RHYMES, rhymed.sum(axis=0).tolist(), strict=True)))
        for (char, group), count in groups.items():
            self.grouped.setdefault(char, {})[group] = count
            self.totals[group] += count

    def speak_against(self, word: str, char: str, tone: int) -> bool:
        """Whether poems have a word in another tone (0 平, 1 仄) than one that dictionaries of today give it."""
        seen = self.seen.get((word, int(word[0] == char)), (0, 0))
        return seen[1 - tone] > max(2, WORD_SHARE * sum(seen))

    def of(self, char: str, at: int | None) -> Uses:
        """What is known of a character, the token `at`; of feet only where it has several rhymes or groups."""
        if at is None:
            return Uses()
        rhymed = self.rhymed[at] if len(level_rhymes(char)) > 1 else {}
        grouped = self.grouped.get(char, {}) if len(oblique_groups(char)) > 1 else {}
        return Uses(self.asked_of[at].tolist(), rhymed, grouped)


def usual_rows(heard: Testimony, confirmed: Callable[[str], frozenset[str]]) -> dict[str, str]:
    """Character -> its row of usual.tsv, where it has rare readings; the most used first."""
    rows: dict[str, str] = {}
    shapes = shapes_of()
    places = {token: index for index, token in enumerate(heard.vocab)}
    used = sorted(places, key=lambda char: -heard.asked_of[places[char]].sum())
    others = set("".join(shapes.values()))
    for char in dict.fromkeys((*used, *"".join(map(characters, categories())))):
        if not rhymes(char) or char in others:
            continue
        uses = heard.of(char, places.get(char))
        rare = rare_readings(char, uses, heard.totals, confirmed(char))
        if not rare:
            continue
        told = ["平 {} 仄 {}".format(*uses.asked_of) if len(tones(char)) == 2 else ""]
        told += [" ".join(f"{name} {count}" for name, count in found.items()) for found in (uses.rhymed, uses.grouped)]
        rows[char] = "\t".join((char + shapes.get(char, ""), " ".join(rare), *told)).rstrip()
    return rows


def word_rows(heard: Testimony, rare: Mapping[str, str]) -> list[str]:
    """The rows of words.tsv; `rare` has the rare rhymes of characters."""
    left: dict[str, tuple[list[str], list[str]]] = {}
    for (first, second, side), (bit, strictly) in heard.words.items():
        char = heard.vocab[(second, first)[side]]
        usual = {BITS[LEVEL if is_level(name) else OBLIQUE] for name in rhymes(char) - set(rare.get(char, "").split())}
        word = heard.vocab[first] + heard.vocab[second]
        if word in free():
            continue
        if usual != {bit} and (strictly or bit not in usual) and len(word) == 2 and is_han(word[0]) and is_han(word[1]):
            words = left.setdefault(char, ([], []))[bit - 1]
            words += [word] * (word not in words)
    for char, *more in additions():
        words = left.setdefault(char, ([], []))
        for at, text in enumerate(more):
            words[at].extend(
                word
                for word in text.split()
                if word not in words[0] + words[1] and not heard.speak_against(word, char, at)
            )
    traditional = converter("s2t")
    rows = []
    for char, words in left.items():
        shapes = char + "".join({traditional(word)[word.index(char)] for word in (*words[0], *words[1])} - {char})
        told = [" ".join(dict.fromkeys(form for word in part for form in (word, traditional(word)))) for part in words]
        rows.append("\t".join(("".join(dict.fromkeys(shapes)), *told)).rstrip())
    return rows


def additions() -> Iterator[list[str]]:
    """The rows of words_additions.tsv: a character, words in which it is 平, words in which it is 仄."""
    for line in ADDITIONS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield [*line.split("\t"), ""][:3]


@cache
def free() -> frozenset[str]:
    """Words that decide nothing, whatever poems say: the fourth field of words_additions.tsv."""
    lines = ADDITIONS.read_text(encoding="utf-8").splitlines()
    return frozenset(
        word for line in lines if not line.startswith("#") for word in "".join(line.split("\t")[3:]).split()
    )


def main() -> None:
    """Read a prepared dataset and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder that poetgen preprocess wrote")
    parser.add_argument("couyun", type=Path, help="the folder of the public project hulbji/couyun")
    parser.add_argument("--out", type=Path, default=ROOM, help="the folder of the tables (default: into the package)")
    options = parser.parse_args()
    try:
        heard = Testimony(Dataset.load(options.data))
        confirmed = confirmation(couyun(options.couyun, NAMES))
        rows = usual_rows(heard, confirmed)
        words = word_rows(heard, {char: row.split("\t")[1] for char, row in rows.items()})
        header = HEADER.format(
            poems=heard.heard, all=heard.poems, tone=TONE_SHARE, rhyme=RHYME_SHARE, least=LEAST, oblique=OBLIQUE_LEAST
        )
        write_atomic(options.out / "usual.tsv", header + "".join(row + "\n" for row in rows.values()))
        header = WORDS_HEADER.format(share=WORD_SHARE, strict=STRICT_SHARE, odds=round(1 / CHANCE))
        write_atomic(options.out / "words.tsv", header + "".join(row + "\n" for row in words))
    except PoetgenError as error:
        raise SystemExit(f"usual_readings: {error}") from None
    count = sum(len(part.split()) for row in words for part in row.split("\t")[1:])
    print(
        f"{options.out}: {len(rows):,} characters have rare readings; {count:,} words decide {len(words):,} characters"
    )


if __name__ == "__main__":
    main()
