"""A poem laid over the shapes of its tune: character by character and foot by foot, whatever its commas say.

    凭栏处，潇潇雨歇。 and 凭栏处、潇潇雨歇。        one line of seven, which pauses after the third
    细看来，不是杨花，点点是离人泪。                three lines of five, four and four

Every shape with as many characters as the poem is tried, and what speaks against it is summed up: tones, feet without
a rhyme, what should be repeated and is not, and marks that stand elsewhere. The shape that costs least is taken, of
equals the commoner. Where no shape has as many characters, those with a few more or less are stretched line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Final

from poetgen.prosody.explainer import commonest_rhyme
from poetgen.prosody.near_rhymes import near_rhyme
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import CILIN, LEVEL, OBLIQUE
from poetgen.prosody.template import TemplateLine
from poetgen.prosody.tune_book import TuneShape

#: What speaks against a shape: a wrong tone or a line that does not repeat what it should, a foot without a rhyme and
#: one of a neighbouring rhyme, a foot and another line end without a mark, a mark within a line, and a character too
#: many or too few.
_TONE, _RHYME, _NEAR_RHYME, _FOOT_MARK, _END_MARK, _INNER_MARK, _LENGTH = 10, 12, 4, 6, 2, 1, 60
_BY_CILIN: Final = Reader(CILIN)
#: The most characters that a poem may have more or less than a shape, and a line than that of the shape.
MOST_OFF: Final = 4
_LINE_OFF: Final = 2


@dataclass(frozen=True, slots=True)
class Fit:
    """A poem laid over a variant of a shape: `lines` are its characters, cut as the shape's lines are.

    `unmarked` counts the lines of the shape at whose end the poem has no mark.
    """

    shape: TuneShape
    variant: int
    lines: tuple[str, ...]
    cost: int
    unmarked: int

    @property
    def whole(self) -> bool:
        """Whether every line has its length, and at most a third of them end where the poem has no mark."""
        return self.right_lengths and 3 * self.unmarked <= len(self.lines)

    @property
    def right_lengths(self) -> bool:
        return tuple(map(len, self.lines)) == self.shape.template.lengths


def best_fit(
    lines: Sequence[str], shapes: Sequence[TuneShape], reader: Reader = _BY_CILIN, weight_of_marks: int = 1
) -> Fit | None:
    """The shape that a poem, given as lines without punctuation, fits best; None where none is nearly as long.

    A high `weight_of_marks` finds the shape that is cut as the poem is, whatever its tones.
    """
    poem = _Poem(lines, reader, weight_of_marks)
    best: Fit | None = None
    for shape in shapes:
        if sum(shape.template.lengths) == poem.size:
            best = _better(best, _straight_fits(poem, shape, best))
    if best is not None and best.whole:
        return best
    for shape in shapes:
        if abs(sum(shape.template.lengths) - poem.size) <= MOST_OFF:
            best = _better(best, _stretched_fits(poem, shape))
    return best


def _better(best: Fit | None, others: Iterable[Fit]) -> Fit | None:
    for fit in others:
        if best is None or fit.cost < best.cost:
            best = fit
    return best


class _Poem:
    """The characters of a poem, where its marks are, and a bit for each character of one tone alone."""

    def __init__(self, lines: Sequence[str], reader: Reader, weight_of_marks: int) -> None:
        self.reader, self.weight = reader, weight_of_marks
        self.text = "".join(lines)
        self.size = len(self.text)
        self.marks = set(accumulate(map(len, lines)))
        self.level = self.oblique = 0
        for place, known in enumerate(tones for line in lines for tones in reader.tones(line)):
            if len(known) == 1:
                if LEVEL in known:
                    self.level |= 1 << place
                else:
                    self.oblique |= 1 << place

    def wrong_tones(self, line: TemplateLine, start: int) -> int:
        """The wrong tones of a line that begins at `start`, by its kindest alternative."""
        return min(_count_wrong(self.level >> start, self.oblique >> start, tones) for tones in line.tones)


def _count_wrong(level: int, oblique: int, pattern: str) -> int:
    level_asked, oblique_asked = _asked(pattern)
    return ((level & oblique_asked) | (oblique & level_asked)).bit_count()


@cache
def _asked(pattern: str) -> tuple[int, int]:
    """The places of a line that ask for 平, and those for 仄, a bit each."""
    level, oblique = (
        sum(1 << place for place, tone in enumerate(pattern) if tone == asked) for asked in (LEVEL, OBLIQUE)
    )
    return level, oblique


def _straight_fits(poem: _Poem, shape: TuneShape, best: Fit | None) -> Iterator[Fit]:
    """The poem over each variant of a shape that has as many characters; those that cannot be best are left out."""
    bounds = [0, *accumulate(shape.template.lengths)]
    for number, variant in enumerate(shape.template.variants):
        cost, unmarked, inner = 0, 0, len(poem.marks)
        for line, start, end in zip(variant, bounds, bounds[1:], strict=False):
            cost += _TONE * _wrong_in_line(poem, line, start)
            if end in poem.marks:
                inner -= 1
            else:
                unmarked += 1
                cost += poem.weight * (_END_MARK if line.rhyme is None else _FOOT_MARK)
            if line.pause and start + line.pause in poem.marks:
                inner -= 1
        cost += poem.weight * _INNER_MARK * inner
        if best is not None and cost >= best.cost:
            continue
        cut = tuple(poem.text[start:end] for start, end in zip(bounds, bounds[1:], strict=False))
        cost += _cost_of_feet(variant, cut, poem.reader)
        yield Fit(shape, number, cut, cost, unmarked)


def _wrong_in_line(poem: _Poem, line: TemplateLine, start: int) -> int:
    """What is wrong in a line, in tones; characters that are repeated were heard where they first stood."""
    if not line.repeats:
        return poem.wrong_tones(line, start)
    text = poem.text
    if all(not back or text[start + place] == text[start + place - back] for place, back in enumerate(line.repeats)):
        return 0 if all(line.repeats) else poem.wrong_tones(line, start)
    return 1 + poem.wrong_tones(line, start)


def _cost_of_feet(variant: Sequence[TemplateLine], cut: Sequence[str], reader: Reader) -> int:
    """What the feet cost that do not have the rhyme which most of their number have."""
    groups: dict[int, list[frozenset[str]]] = {}
    for line, text in zip(variant, cut, strict=True):
        if line.rhyme is not None:
            groups.setdefault(line.rhyme, []).append(reader.feet(text, line.tones[0][-1]))
    cost = 0
    for members in groups.values():
        category = commonest_rhyme(members) if len(members) > 1 else None
        for names in members:
            if category and category not in names:
                cost += _NEAR_RHYME if near_rhyme(names, category) else _RHYME
            elif not names:
                cost += _RHYME
    return cost


def _stretched_fits(poem: _Poem, shape: TuneShape) -> Iterator[Fit]:
    """The poem over each variant of a shape, where lines may have a few characters too many or too few."""
    lengths = shape.template.lengths
    for number, variant in enumerate(shape.template.variants):
        # By how far the poem is ahead of the shape: the least cost, and the ends of the lines so far.
        ways: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
        at = 0
        for line, length in zip(variant, lengths, strict=True):
            longer: dict[int, tuple[int, tuple[int, ...]]] = {}
            for ahead, (cost, ends) in ways.items():
                start = at + ahead
                for off in range(-_LINE_OFF, _LINE_OFF + 1):
                    end = start + length + off
                    if abs(ahead + off) > MOST_OFF or not start < end <= poem.size:
                        continue
                    here = cost + _LENGTH * abs(off) + (0 if off else _TONE * _wrong_in_line(poem, line, start))
                    if end not in poem.marks:
                        here += _END_MARK if line.rhyme is None else _FOOT_MARK
                    if ahead + off not in longer or here < longer[ahead + off][0]:
                        longer[ahead + off] = here, (*ends, end)
            ways, at = longer, at + length
        found = ways.get(poem.size - at)
        if found is not None:
            cost, ends = found
            cut = tuple(poem.text[start:end] for start, end in zip([0, *ends], ends, strict=False))
            unmarked = sum(end not in poem.marks for end in ends)
            yield Fit(shape, number, cut, cost + _cost_of_feet(variant, cut, poem.reader), unmarked)
