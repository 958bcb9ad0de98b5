"""The rules of a template as a machine: tones, rhymes, marks and heads of lines, without dead ends.

A poem under a template is in one of a few *ways* (variants that still fit, each with the rhymes that its feet may
still have), and its line reads along the alternatives that still fit. What all of them together allow is the mask:

    春 眠 不 觉 晓 ，      alive   中平中仄仄   平平仄平仄     demands at the fourth place: 仄, 平
                                                            allowed: any character with a tone

There is no dead end. A tone can always be met while the vocabulary has a character of it, and a rhyme is only entered
if it holds as many unused characters of each tone as feet of any rhyme are still to come, since rhymes may share
characters; both are looked up before the first character is written, and a way is left when it closes. The masks are
made once for each demand and shared by all poems, so that a step costs a lookup.

Shapes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np

from poetgen.prosody.oblique_tones import DEPARTING, entering_groups
from poetgen.prosody.rhyme_sign import rhymes_of_sign, tone_of_sign
from poetgen.prosody.rhymes import ANY, LEVEL, OBLIQUE, tones
from poetgen.prosody.template import Template, TemplateLine
from poetgen.text import PUNCTUATION
from poetgen.writing.masks import Mask, Masks

#: What may stand for a mark of a template.
_MARKS: Final = {"。": "。？！；", "；": "；。", "？": "？。", "！": "！。"}


@dataclass(frozen=True, slots=True)
class _Foot:
    """The demand for a rhyming character."""

    rhyme: int
    tone: str


@dataclass(frozen=True, slots=True)
class _Repeat:
    """The demand for the character that stands so many before (叠句); `opens` is the line that it opens, if it does."""

    back: int
    opens: int | None


#: What a place of a line asks for: a tone, a foot, a mark ("，"), what it repeats, or the id of one character (an
#: acrostic's).
_Demand: TypeAlias = "str | _Foot | _Repeat | int"
#: By line the alternatives, each with a demand for every place.
_Lines: TypeAlias = "list[list[tuple[_Demand, ...]]]"


@dataclass(frozen=True, slots=True)
class _Way:
    """A variant of the template that still fits, with the rhymes that its feet may have, by the number of the rhyme."""

    variant: int
    rhymes: tuple[frozenset[str], ...]


class Verse:
    """The rules of a template. Built by `constrain`, which proves that there is a way on."""

    def __init__(self, masks: Masks, template: Template, rhyme: frozenset[str], heads: Sequence[int]) -> None:
        self.masks, self.template = masks, template
        self._heads = tuple(heads)
        self._lines = [_demands_of(variant) for variant in template.variants]
        self._needs = [_needs(lines) for lines in self._lines]
        self._pauses = [_unwritten_pause(line) for line in template.variants[0]]
        self._at, self._place = 0, 0  # line, and place in it
        self._feet: frozenset[int] = frozenset()  # the feet so far
        self._written: tuple[int, ...] = ()  # the characters so far, without marks
        # What _viable gave for these feet; copies share it until they go on to another foot.
        self._viable_rhymes: dict[tuple[_Way, int, int], frozenset[str]] = {}
        self.fresh, self.done = True, False
        self._unfinished = False  # whether the last line ended on a mark that promises more
        ways = [_Way(number, self._all_rhymes(variant, rhyme)) for number, variant in enumerate(template.variants)]
        self._ways = tuple(way for way in ways if self._possible(way))
        self._alive = self._opened()

    # Before the first character --------------------------------------------------------------------------------------

    def _all_rhymes(self, variant: Sequence[TemplateLine], first: frozenset[str]) -> tuple[frozenset[str], ...]:
        count = max((line.rhyme for line in variant if line.rhyme is not None), default=-1) + 1
        known = frozenset(name for tone in ("平", "仄", ANY) for name in self.masks.members(tone, self.template.book))
        entering = {line.rhyme for line in variant if line.entering}
        return tuple(
            first if first and number == 0 else known & entering_groups() if number in entering else known
            for number in range(count)
        )

    def _possible(self, way: _Way) -> bool:
        """Whether the vocabulary and the acrostic leave a way through the variant."""
        asked = {d for line in self._lines[way.variant] for alternative in line for d in alternative}
        if not all(self.masks.tone(d).any() for d in asked if isinstance(d, str) and not _is_mark(d)):
            return False
        marks = {(d, self._last(n)) for n, line in enumerate(self._lines[way.variant]) for d in line[0]}
        if not all(self.masks.chars(_marks(d, last)).any() for d, last in marks if isinstance(d, str) and _is_mark(d)):
            return False
        return self._passable(way, 0) and not self._stumbles(way.variant)

    def _fits_head(self, head: int, demand: _Demand) -> bool:
        if isinstance(demand, _Repeat):
            return demand.opens is not None and self._heads[demand.opens] == head
        if not isinstance(demand, str):  # a line of one character, which rhymes
            return False
        known = tones(self.masks.vocab.tokens[head])  # any reading: the user chose the character
        return demand == ANY or (OBLIQUE if demand == DEPARTING else demand) in known or not known

    @property
    def possible(self) -> bool:
        """Whether there is any way through."""
        return bool(self._ways)

    def stumbles_at(self) -> int:
        """The line, from one, that the acrostic reaches in no variant; 0 if one takes all of it."""
        stumbles = [self._stumbles(variant) for variant in range(len(self._lines))]
        return max(stumbles) if all(stumbles) else 0

    def _stumbles(self, variant: int) -> int:
        for number, (head, line) in enumerate(zip(self._heads, self._lines[variant], strict=False), start=1):
            if not any(self._fits_head(head, demands[0]) for demands in line):
                return number
        return 0

    # The rhyme as a whole --------------------------------------------------------------------------------------------

    @cached_property
    def signs(self) -> int:
        if not self.masks.signs or any(len(way.rhymes) != 1 for way in self._ways):
            return 0
        allowed = frozenset(id for id in self.masks.signs if self._keeping_to(id))
        return self.masks.row(("signs", allowed), lambda: self.masks.ids(allowed)) if allowed else 0

    def keep_to(self, sign: int) -> None:
        self._ways, self._viable_rhymes = self._keeping_to(sign), {}
        self._alive = self._opened()

    def _keeping_to(self, id: int) -> tuple[_Way, ...]:
        """The ways that can keep to the rhyme of a sign, and to no other."""
        sign = self.masks.signs[id]
        names, tone = rhymes_of_sign(sign, self.template.book), tone_of_sign(sign)
        ways = [replace(way, rhymes=(way.rhymes[0] & names,)) for way in self._ways]
        return tuple(
            way
            for way in ways
            if tone in (asked := self._needs[way.variant][0][0][0]) or ANY in asked
            if self._viable(way, 0, 0)
        )

    # Step by step ----------------------------------------------------------------------------------------------------

    def _opened(self) -> tuple[tuple[_Way, tuple[_Demand, ...]], ...]:
        """The alternatives of the line that begins, in every way that is left."""
        head = self._heads[self._at] if self._at < len(self._heads) else None
        openings = [(way, demands) for way in self._ways for demands in self._lines[way.variant][self._at]]
        if head is None:
            return tuple(openings)
        return tuple((way, (head, *demands[1:])) for way, demands in openings if self._fits_head(head, demands[0]))

    def _viable(self, way: _Way, rhyme: int, line: int) -> frozenset[str]:
        """The rhymes that hold enough unused characters for all feet from `line` on, those of other rhymes too."""
        key = way, rhyme, line
        if key not in self._viable_rhymes:
            self._viable_rhymes[key] = self._count(way, rhyme, line)
        return self._viable_rhymes[key]

    def _count(self, way: _Way, rhyme: int, line: int) -> frozenset[str]:
        asked, count = self._needs[way.variant][line]
        if line == self._at:
            count -= sum(isinstance(demand, _Foot) for demand in self._lines[way.variant][line][0][: self._place])
        members = [self.masks.members(tone, self.template.book) for tone in asked[rhyme]]
        return frozenset(
            name
            for name in way.rhymes[rhyme]
            if all(
                len(ids := of_tone.get(name, frozenset())) >= count
                and len(ids) - sum(foot in ids for foot in self._feet) >= count
                for of_tone in members
            )
        )

    def _passable(self, way: _Way, line: int) -> bool:
        """Whether every rhyme of a way can go on from `line`."""
        return line == len(self._needs[0]) or all(self._viable(way, number, line) for number in range(len(way.rhymes)))

    def _demand(self, way: _Way, demand: _Demand) -> object:
        """A demand with all that its mask follows from."""
        if isinstance(demand, _Foot):
            return demand.tone, self._viable(way, demand.rhyme, self._at)
        if isinstance(demand, _Repeat):
            return self._written[-demand.back]
        return demand

    def _agreed(self) -> str | None:
        """The demand of all ways together, where it is a tone or a mark and they agree."""
        demand = self._alive[0][1][self._place]
        if isinstance(demand, str) and all(demands[self._place] == demand for _, demands in self._alive):
            return demand
        return None

    def mask(self) -> int:
        demands = frozenset(self._demand(way, demands[self._place]) for way, demands in self._alive)
        end = self.fresh and self._may_end()
        return self.masks.row(
            (self.template.book, demands, end, self._last(self._at)), lambda: self._mask(demands, end)
        )

    def _mask(self, demands: Iterable[object], end: bool) -> Mask:
        masks = self.masks
        mask = np.zeros(len(masks.vocab), dtype=bool)
        for demand in demands:
            if isinstance(demand, tuple):
                mask |= masks.of_rhymes(demand[1], demand[0], self.template.book)
            elif isinstance(demand, int):
                mask[demand] = True
            else:
                text = str(demand)
                mask |= masks.chars(_marks(text, self._last(self._at))) if _is_mark(text) else masks.tone(text)
        mask[masks.end] = end
        return mask

    def _last(self, line: int) -> bool:
        return line + 1 == len(self._lines[0])

    def _may_end(self) -> bool:
        whole = self._at >= max(4, len(self._heads)) and self._at % 2 == 0
        return self.template.open and whole and not self._unfinished

    def avoided(self) -> Iterable[int]:
        if self._place and self._place == self._pauses[self._at]:
            return self.masks.seconds(self._written[-1])
        return ()

    @property
    def repeats(self) -> bool:
        if not self._at or self._place:
            return False
        line = self.template.variants[self._ways[0].variant][self._at - 1] if self._ways else None
        return line is not None and bool(line.repeats) and all(line.repeats)

    def banned(self) -> Iterable[int]:
        return self._feet if any(isinstance(demands[self._place], _Foot) for _, demands in self._alive) else ()

    def push(self, token: int) -> None:
        if token == self.masks.end:
            self.done = True
            return
        if self._agreed() is not None:  # every way goes on, for the mask let nothing else pass
            self._advance(token)
            return
        followed = [(self._follow(way, demands[self._place], token), demands) for way, demands in self._alive]
        alive = [(way, demands) for way, demands in followed if way is not None]
        if any(isinstance(demands[self._place], _Foot) for _, demands in alive):
            self._feet, self._viable_rhymes = self._feet | {token}, {}
            # A way in which this is no foot may have lost a character that it needs.
            alive = [(way, demands) for way, demands in alive if self._passable(way, self._at + 1)]
        self._alive = tuple(alive)
        self._advance(token)

    def _advance(self, token: int) -> None:
        if self.masks.han[token]:
            self._written = (*self._written, token)
        self._place += 1
        self.fresh = self._place == len(self._alive[0][1])
        if self.fresh:
            self._at, self._place = self._at + 1, 0
            self._unfinished = self.masks.vocab.tokens[token] == "；"
            self._ways = tuple(dict.fromkeys(way for way, _ in self._alive))
            self.done = self._at == len(self._lines[0])
            self._alive = () if self.done else self._opened()

    def _follow(self, way: _Way, demand: _Demand, token: int) -> _Way | None:
        """The way that is left after a token, None if it does not fit."""
        if isinstance(demand, _Foot):
            of_token = self.masks.rhymes_of(demand.tone, self.template.book).get(token, frozenset())
            shared = of_token & self._viable(way, demand.rhyme, self._at)
            rhymes = (*way.rhymes[: demand.rhyme], shared, *way.rhymes[demand.rhyme + 1 :])
            return replace(way, rhymes=rhymes) if shared else None
        if isinstance(demand, _Repeat):
            return way if token == self._written[-demand.back] else None
        if isinstance(demand, int):
            return way if token == demand else None
        if _is_mark(demand):
            return way if self.masks.vocab.tokens[token] in _marks(demand, self._last(self._at)) else None
        return way if self.masks.tone(demand)[token] else None

    def copy(self) -> Verse:
        return copy(self)  # what it holds is never changed, only replaced


def _demands_of(variant: Sequence[TemplateLine]) -> _Lines:
    """By line and alternative what each place asks for, marks too.

    A character that is repeated as a foot of another rhyme later on must be able to be one: 路迷，迷路 in 调笑令.
    """
    lines = [[_demands(line, pattern) for pattern in line.tones] for line in variant]
    places = [(number, place) for number, line in enumerate(variant) for place in range(len(line))]
    for at, (number, place) in enumerate(places):
        line = variant[number]
        back = line.repeats[place] if line.repeats else 0
        if not back:
            continue
        source, source_place = places[at - back]
        opens = source if not source_place else None
        lines[number] = [_with(demands, line, place, _Repeat(back, opens)) for demands in lines[number]]
        is_foot = line.rhyme is not None and place + 1 == len(line)
        ends_source = source_place + 1 == len(variant[source]) and variant[source].rhyme == line.rhyme
        if is_foot and not ends_source and not variant[source].repeats and line.rhyme is not None:
            foot = _Foot(line.rhyme, line.tones[0][-1])
            lines[source] = [_with(demands, variant[source], source_place, foot) for demands in lines[source]]
    return lines


def _demands(line: TemplateLine, pattern: str) -> tuple[_Demand, ...]:
    """What the places of a line ask for, one after the other, its marks too."""
    places: list[_Demand] = [
        DEPARTING if place in line.departing and tone != LEVEL else tone for place, tone in enumerate(pattern)
    ]
    if line.rhyme is not None:
        places[-1] = _Foot(line.rhyme, pattern[-1])
    if line.pause:
        places.insert(line.pause, "、")
    return (*places, line.mark)


def _with(demands: tuple[_Demand, ...], line: TemplateLine, place: int, demand: _Demand) -> tuple[_Demand, ...]:
    """The demands of a line with another one for a character of it."""
    at = place + bool(line.pause and place >= line.pause)
    return (*demands[:at], demand, *demands[at + 1 :])


def _unwritten_pause(line: TemplateLine) -> int:
    """How many demands stand before a pause that no mark shows, and no word may cross; 0 for none.

    It comes after the characters that lead on, and after the fourth of seven.
    """
    return line.lead or (4 if len(line) == 7 and not line.pause else 0)


def _needs(lines: _Lines) -> list[tuple[list[frozenset[str]], int]]:
    """By line: the tones in which each rhyme is still to come, and how many feet of any rhyme are."""
    feet = [[[demand for demand in demands if isinstance(demand, _Foot)] for demands in line] for line in lines]
    count = max((foot.rhyme for line in feet for alternative in line for foot in alternative), default=-1) + 1
    needs = []
    for start in range(len(lines)):
        left = [foot for line in feet[start:] for alternative in line for foot in alternative]
        asked = [frozenset(foot.tone for foot in left if foot.rhyme == rhyme) for rhyme in range(count)]
        needs.append((asked, sum(len(line[0]) for line in feet[start:])))
    return needs


def _is_mark(demand: str) -> bool:
    return demand in PUNCTUATION


def _marks(mark: str, last: bool) -> str:
    """What may stand for a mark; a poem does not end on one that promises more."""
    marks = _MARKS.get(mark, mark)
    return marks.replace("；", "") if last and len(marks) > 1 else marks
