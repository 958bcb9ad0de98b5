"""Templates of tunes (词牌), learned from the poems that were written to them.

    the poems of a tune ──▶ the commonest line lengths ──▶ which line ends rhyme ──▶ the tone of every place

A 词谱 was made in just this way: by laying the poems of a tune side by side and noting where they agree. Nearly
every place of a tune has nine poems in ten on one side, or is free; nearly every two line ends rhyme in nine poems
of ten, or as often as chance has it, which is one in ten. docs/tunes.md compares the outcome with the tune books.

Shapes: P poems of one line pattern, C characters of each, L lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poetgen.prosody.feet import feet
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, tones
from poetgen.prosody.template import Template, TemplateLine
from poetgen.prosody.tune_names import listed
from poetgen.prosody.tunes import MAX_LINE_LENGTH, MAX_LINES, MAX_NAME, LearnedTune
from poetgen.text import CLAUSE_ENDS, PAUSE, SENTENCE_ENDS

#: A tune is learned from so many poems at least, of which so many have the commonest line lengths.
LEAST_POEMS, LEAST_ALIKE = 20, 12
#: A place has a tone that this share of the poems give it; characters read in both tones are left out of the count.
FIXED: Final = 0.9
#: The same among the poems of one alternative of a line, which are few enough to agree by chance.
FIRM: Final = 0.96
#: Two line ends rhyme with each other that do so in this share of the poems.
LINKED: Final = 0.6
#: A tune is sung to level and to oblique rhymes where this share of its poems, and LEAST_ALIKE, have the rarer kind;
#: a line has alternatives where this share of the poems, and LEAST_SIDE, have the rarer one.
RARER, LEAST_SIDE = 0.08, 25
#: Tunes of fewer characters have one stanza, and those of fewer than the second number if their halves differ.
TWO_STANZAS, SURELY_TWO = 36, 40

#: A line and the marks after it.
_LINE: Final = re.compile(f"([^{CLAUSE_ENDS}\n]+)([{CLAUSE_ENDS}\n]*)")
_FULL_STOPS: Final = frozenset(SENTENCE_ENDS + "\n")

#: Whole numbers that stand for sets, a bit for each member.
_BitSets = NDArray[np.int64]
_Variant = tuple[TemplateLine, ...]


def learn_tunes(poems: Iterable[tuple[str, str]]) -> dict[str, LearnedTune]:
    """The tunes that (tune, body) pairs teach, by their listed names, the ones with most poems first.

    Left out are tunes with too few poems, or too few alike (LEAST_POEMS, LEAST_ALIKE), and those whose last line
    does not rhyme by what the poems show. A character that no rhyme book knows fits every tone and counts for none.

    >>> spring = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。"
    >>> lines = learn_tunes([("春晓", spring)] * 20)["春晓"].template.variants[0]
    >>> [line.rhyme for line in lines], lines[2].tones, lines[2].mark
    ([0, 0, None, 0], ('仄平平仄平',), '，')
    >>> learn_tunes([("春晓", spring)] * 19)
    {}
    """
    bodies: dict[str, list[str]] = {}
    for name, body in poems:
        bodies.setdefault(listed(name), []).append(body)
    learned: dict[str, LearnedTune] = {}
    for name in sorted(bodies, key=lambda name: (-len(bodies[name]), name)):
        if len(bodies[name]) >= LEAST_POEMS and len(name) <= MAX_NAME:
            tune = _learn_tune(name, bodies[name])
            if tune is not None:
                learned[name] = tune
    return learned


@dataclass(frozen=True)
class _AlignedPoems:
    """P poems of one line pattern, character under character.

    `tones` and `feet` are bit sets: (P, C) 1 for level and 2 for oblique, and (P, L) of the rhymes of each line's end.
    """

    lengths: tuple[int, ...]
    tones: _BitSets
    feet: _BitSets

    def select(self, chosen: NDArray[np.bool_]) -> _AlignedPoems:
        return _AlignedPoems(self.lengths, self.tones[chosen], self.feet[chosen])

    @property
    def ends(self) -> NDArray[np.int64]:
        """(L,) the place of each line's last character."""
        return np.cumsum(self.lengths) - 1


def _learn_tune(name: str, bodies: Sequence[str]) -> LearnedTune | None:
    """The tune in the commonest of its shapes; None where that has too few poems, or is no shape of verse."""
    cuts = [_cut(body) for body in bodies]
    shapes = Counter(map(_lengths, cuts))
    lengths, count = min(shapes.items(), key=lambda item: (-item[1], item[0]))
    if count < LEAST_ALIKE or not 1 < len(lengths) <= MAX_LINES:
        return None
    if not 0 < min(lengths) <= max(lengths) <= MAX_LINE_LENGTH:
        return None
    variants = _learn_shape([lines for lines in cuts if _lengths(lines) == lengths], lengths)
    if not variants:
        return None
    return LearnedTune(Template(name, variants, CILIN, _stanzas(variants[0])), len(bodies), round(count / len(cuts), 3))


def _cut(body: str) -> list[tuple[str, str]]:
    """The lines of a body, 、 among their characters, each with the marks after it."""
    return _LINE.findall(body)


def _lengths(lines: Sequence[tuple[str, str]]) -> tuple[int, ...]:
    return tuple(len(text) - text.count(PAUSE) for text, _ in lines)


def _learn_shape(cuts: Sequence[Sequence[tuple[str, str]]], lengths: tuple[int, ...]) -> tuple[_Variant, ...]:
    """The variants that poems of one shape teach, each once; none where their last line does not rhyme."""
    layout = list(map(_layout, zip(*cuts, strict=True)))
    starts = [0, *accumulate(lengths)]
    variants: list[_Variant] = []
    for poems in _kinds(_align(cuts, lengths)):
        rhymes = _rhyme_numbers(poems.feet)
        if rhymes[-1] is not None:
            variants.append(
                tuple(
                    TemplateLine(_alternatives(poems.tones[:, start:end]), rhyme, mark, pause)
                    for (start, end), rhyme, (mark, pause) in zip(pairwise(starts), rhymes, layout, strict=True)
                )
            )
    return tuple(dict.fromkeys(variants))


def _align(cuts: Sequence[Sequence[tuple[str, str]]], lengths: tuple[int, ...]) -> _AlignedPoems:
    """Look up every character's tones and every line end's rhymes, each character once."""
    texts = "".join(text.replace(PAUSE, "") for lines in cuts for text, _ in lines)
    points = np.frombuffer(texts.encode("utf-32-le"), dtype="<u4").reshape(len(cuts), sum(lengths))
    known, inverse = np.unique(points, return_inverse=True)
    characters = [chr(point) for point in known.tolist()]
    bits: dict[str, int] = {}
    rhymes = [sum(1 << bits.setdefault(name, len(bits)) for name in feet(char, ANY, CILIN)) for char in characters]
    sides = [(LEVEL in readings) + 2 * (OBLIQUE in readings) for readings in map(tones, characters)]
    places = inverse.reshape(points.shape)
    ends = places[:, np.cumsum(lengths) - 1]
    return _AlignedPoems(lengths, np.array(sides, dtype=np.int64)[places], np.array(rhymes)[ends])


def _layout(lines: Sequence[tuple[str, str]]) -> tuple[str, int]:
    """The mark after a line and the place of the pause in it, as most poems have them."""
    stops = sum(bool(_FULL_STOPS & set(marks)) for _, marks in lines)
    pauses = Counter(text.find(PAUSE) for text, _ in lines)
    pause, count = max(pauses.items(), key=lambda item: (item[1], -item[0]))
    return "。" if 2 * stops > len(lines) else "，", max(0, pause) if 2 * count > len(lines) else 0


def _rhyme_numbers(feet: _BitSets) -> list[int | None]:
    """(L,) the number of each line's rhyme, None where it has none, from the feet (P, L) of the poems.

    Lines are linked whose ends rhyme in most poems; the connected components of more than one line are the rhymes.
    """
    count = feet.shape[1]
    known = (feet != 0).astype(np.int64)
    both = known.T @ known
    rhyming = np.stack([((feet[:, [end]] & feet) != 0).sum(axis=0) for end in range(count)])
    linked = rhyming >= LINKED * np.maximum(both, 1)
    joined = linked | np.eye(count, dtype=np.bool_)
    for _ in range(count.bit_length()):  # each round doubles the length of the ways that are followed
        joined = joined @ joined
    numbers: dict[int, int] = {}
    firsts, sizes = joined.argmax(axis=1).tolist(), joined.sum(axis=1).tolist()
    return [
        numbers.setdefault(first, len(numbers)) if size > 1 else None for first, size in zip(firsts, sizes, strict=True)
    ]


def _agreed_tones(sides: _BitSets, share: float = FIXED) -> str:
    """The tone of each of C places that so large a share of the poems gives it, from their tones (P, C)."""
    level, oblique = (sides == 1).sum(axis=0), (sides == 2).sum(axis=0)
    least = share * np.maximum(level + oblique, 1)
    return "".join(np.where(level >= least, LEVEL, np.where(oblique >= least, OBLIQUE, ANY)).tolist())


def _alternatives(sides: _BitSets, whole: str = "", splits: int = 2) -> tuple[str, ...]:
    """What may stand in a line, of tones (P, C): alternatives where places go together, as in 平平中仄平 仄平平仄平.

    The poems are parted by the tone of the place that leaves the fewest tone patterns open, if it is a quarter fewer;
    each part at most once more. `whole` is what is known already.
    """
    whole = whole or _agreed_tones(sides)
    fewest, chosen = 0.76 * 2 ** whole.count(ANY), []
    for place in [place for place, tone in enumerate(whole) if tone == ANY] if splits else []:
        parts = [sides[sides[:, place] == side] for side in (1, 2)]
        if min(map(len, parts)) >= max(LEAST_SIDE, RARER * len(sides)):
            patterns = [_tones_of_part(part, whole) for part in parts]
            left_open = sum(2 ** pattern.count(ANY) for pattern in patterns)
            if left_open < fewest:
                fewest, chosen = left_open, list(zip(parts, patterns, strict=True))
    below = (line for part, pattern in chosen for line in _alternatives(part, pattern, splits - 1))
    return tuple(dict.fromkeys(below)) or (whole,)


def _tones_of_part(part: _BitSets, whole: str) -> str:
    """The tones (C) of some poems of a line; places that are free in all of them together must agree more closely."""
    usual, firm = _agreed_tones(part), _agreed_tones(part, FIRM)
    return "".join(firm[place] if tone == ANY else usual[place] for place, tone in enumerate(whole))


def _kinds(poems: _AlignedPoems) -> Iterator[_AlignedPoems]:
    """The poems of each kind of rhyme, level and oblique, the commoner first; and within them, of each kind of tones.

    A tune whose feet have a tone each, one level and another oblique (西江月), is of one kind.
    """
    rhymed = np.array([number is not None for number in _rhyme_numbers(poems.feet)])
    sides = poems.tones[:, poems.ends[rhymed]]
    level, oblique = (sides == 1).sum(axis=0), (sides == 2).sum(axis=0)
    rarer = np.minimum(level, oblique) / np.maximum(level + oblique, 1)
    mixed = sides[:, rarer > 0.02]
    lean = (mixed == 1).sum(axis=1) - (mixed == 2).sum(axis=1)
    parts = sorted((lean > 0, lean < 0), key=lambda part: -int(part.sum()))
    enough = [poems.select(part) for part in parts if part.sum() >= max(LEAST_ALIKE, RARER * len(lean))]
    # Feet that lean to neither side within most poems tell no two kinds apart.
    if sum(len(part.tones) for part in enough) < 0.8 * len(lean):
        enough = [poems]
    for part in enough:
        yield from _openings(part)


def _openings(poems: _AlignedPoems) -> Iterator[_AlignedPoems]:
    """The poems of each way to begin, where the whole poem turns on it: 瑞鹧鸪 is regulated verse and has two.

    A way that few poems take is left out.
    """
    whole = _agreed_tones(poems.tones)
    best, chosen = len(whole) - whole.count(ANY) + 0.25 * len(whole), [poems]
    for place in [place for place, tone in enumerate(whole[: poems.lengths[0]]) if tone == ANY]:
        pair = [poems.select(poems.tones[:, place] == side) for side in (1, 2)]
        parts = sorted(pair, key=lambda part: -len(part.tones))
        parts = [part for part in parts if len(part.tones) >= LEAST_ALIKE]
        fixed = min((len(whole) - _agreed_tones(part.tones).count(ANY) for part in parts), default=0)
        if fixed > best and sum(len(part.tones) for part in parts) >= 0.6 * len(poems.tones):
            best, chosen = fixed, parts
    yield from chosen


def _stanzas(lines: Sequence[TemplateLine]) -> tuple[int, ...]:
    """Lines of each stanza: the second repeats the first (重头), or all but its opening lines (换头).

    They part after a rhyme, where the ends of both halves are alike for long and the halves of nearly one size.
    """
    sizes = [0, *accumulate(map(len, lines))]

    def alike(cut: int) -> int:
        """Characters of the lines, from the end of both halves, that have one length, one kind of foot and tone."""
        total = 0
        for first, second in zip(reversed(lines[:cut]), reversed(lines[cut:]), strict=False):
            if (len(first), first.rhyme is None) != (len(second), second.rhyme is None):
                break
            if {first.tones[0][-1], second.tones[0][-1]} == {LEVEL, OBLIQUE}:
                break
            total += len(first)
        return total

    cuts = [cut for cut in range(1, len(lines)) if lines[cut - 1].rhyme is not None and lines[cut - 1].mark == "。"]
    if not cuts:
        return (len(lines),)
    score, cut = max((alike(cut) - abs(2 * sizes[cut] - sizes[-1]), -cut) for cut in cuts)
    if sizes[-1] < (TWO_STANZAS if 4 * score > sizes[-1] else SURELY_TWO):
        return (len(lines),)
    return -cut, len(lines) + cut
