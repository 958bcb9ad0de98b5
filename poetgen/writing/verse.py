"""The rules of a template as a machine: tones, rhymes, marks and what is given, without dead ends.

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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from poetgen.prosody.oblique_tones import entering_groups
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhyme_sign import rhymes_of_sign, tone_of_sign
from poetgen.prosody.rhymes import ANY, MODERN_BOOKS
from poetgen.prosody.template import Template, TemplateLine
from poetgen.text import PAUSE
from poetgen.writing.demands import (
    Demand,
    Foot,
    Given,
    Repeat,
    demands_of,
    hold,
    is_mark,
    marks_for,
    needs_of,
    rhyme_count,
    tone_asked,
    unwritten_pause,
    word_place,
)
from poetgen.writing.masks import Mask, Masks, reads


@dataclass(frozen=True, slots=True)
class _Way:
    """A variant of the template that still fits, with the rhymes that its feet may have, by the number of the rhyme."""

    variant: int
    rhymes: tuple[frozenset[str], ...]


#: A way and what it asks at each place of the line.
_Alternative = tuple[_Way, tuple[Demand, ...]]


def _rhymes_of_way(
    variant: Sequence[TemplateLine],
    count: int,
    known: frozenset[str],
    first: frozenset[str],
    given: Mapping[int, frozenset[str]],
) -> tuple[frozenset[str], ...]:
    """What each of `count` rhymes may be: of those known, what was asked of the first, and what given feet leave."""
    entering = {line.rhyme for line in variant if line.entering}
    rhymes = []
    for number in range(count):
        chosen = number == 0 and bool(first)
        names = (first if chosen else known) & given.get(number, known)
        if number in entering and not chosen and (names & entering_groups() or number not in given):
            names &= entering_groups()
        rhymes.append(names)
    return tuple(rhymes)


class Verse:
    """The rules of a template. Built by `constrain`, which proves that there is a way on."""

    def __init__(
        self, masks: Masks, template: Template, rhyme: frozenset[str], held: Sequence[str] = (), usual: bool = True
    ) -> None:
        self.masks, self.template, self._held = masks, template, tuple(held)
        reader = Reader(template.book, usual)
        asked = [demands_of(variant) for variant in template.variants]
        holdings = [hold(lines, self._held, reader) for lines in asked]
        self._lines = [holding.lines for holding in holdings]
        counts = list(map(rhyme_count, asked))
        # The tones that the first rhyme has at any place, and by line what is still to come.
        self._tones = [
            needs_of(lines, count)[0][0][0] if count else frozenset[str]()
            for lines, count in zip(asked, counts, strict=True)
        ]
        self._needs = [needs_of(lines, count) for lines, count in zip(self._lines, counts, strict=True)]
        self._pauses = [unwritten_pause(line) for line in template.variants[0]]
        self._at, self._place = 0, 0  # line, and place in it
        # The feet so far, and those that are given.
        self._feet = frozenset(
            masks.vocab.id(char) for holding in holdings for char in holding.feet if char in masks.vocab
        )
        self._written: tuple[int, ...] = ()  # the characters so far, without marks
        # What _viable gave for these feet; copies share it until they go on to another foot.
        self._viable_rhymes: dict[tuple[_Way, int, int], frozenset[str]] = {}
        self.fresh, self.done = True, False
        self._unfinished = False  # whether the last line ended on a mark that promises more
        known = frozenset(name for tone in ("平", "仄", ANY) for name in masks.members(tone, template.book))
        ways = [
            _Way(number, _rhymes_of_way(variant, counts[number], known, rhyme, holding.rhymes))
            for number, (variant, holding) in enumerate(zip(template.variants, holdings, strict=True))
        ]
        self._ways = tuple(way for way in ways if not holdings[way.variant].broken and self._possible(way))
        self._alive = self._opened()

    # Before the first character --------------------------------------------------------------------------------------

    def _possible(self, way: _Way) -> bool:
        """Whether the vocabulary leaves a way through the variant."""
        lines, book = self._lines[way.variant], self.template.book
        asked = {(d, self._last(n)) for n, line in enumerate(lines) for places in line for d in places}
        for demand, last in asked:
            if isinstance(demand, str):
                mask = self.masks.chars(marks_for(demand, last)) if is_mark(demand) else self.masks.tone(demand, book)
                if not mask.any():
                    return False
        return self._passable(way, 0)

    @property
    def possible(self) -> bool:
        """Whether there is any way through."""
        return bool(self._ways)

    # The rhyme as a whole --------------------------------------------------------------------------------------------

    @cached_property
    def signs(self) -> int:
        if (
            not self.masks.signs
            or self.template.book in MODERN_BOOKS
            or any(len(way.rhymes) != 1 for way in self._ways)
        ):
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
            if tone in (asked := self._tones[way.variant]) or ANY in asked
            if self._viable(way, 0, 0)
        )

    # Step by step ----------------------------------------------------------------------------------------------------

    def _opened(self) -> tuple[_Alternative, ...]:
        """The alternatives of the line that begins, in every way that is left."""
        return tuple((way, demands) for way in self._ways for demands in self._lines[way.variant][self._at])

    def _viable(self, way: _Way, rhyme: int, line: int) -> frozenset[str]:
        """The rhymes that hold enough unused characters for all feet from `line` on, those of other rhymes too."""
        key = way, rhyme, line
        if key not in self._viable_rhymes:
            self._viable_rhymes[key] = self._count(way, rhyme, line)
        return self._viable_rhymes[key]

    def _count(self, way: _Way, rhyme: int, line: int) -> frozenset[str]:
        asked, count = self._needs[way.variant][line]
        if line == self._at:
            count -= sum(isinstance(demand, Foot) for demand in self._lines[way.variant][line][0][: self._place])
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

    def _demand(self, way: _Way, demand: Demand) -> object:
        """A demand with all that its mask follows from."""
        if isinstance(demand, Foot):
            return demand.tone, self._viable(way, demand.rhyme, self._at)
        if isinstance(demand, Repeat):
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
            elif isinstance(demand, int):  # what is repeated
                mask[demand] = True
            elif isinstance(demand, Given):
                mask[masks.vocab.id(demand.char)] = True
            else:
                text, last, book = str(demand), self._last(self._at), self.template.book
                mask |= masks.chars(marks_for(text, last)) if is_mark(text) else masks.tone(text, book)
        mask[masks.end] = end
        return mask

    def _last(self, line: int) -> bool:
        return line + 1 == len(self._lines[0])

    def _may_end(self) -> bool:
        whole = self._at >= max(4, len(self._held)) and self._at % 2 == 0
        return self.template.open and whole and not self._unfinished

    def avoided(self) -> Iterable[int]:
        if self._place and self._place == self._pauses[self._at]:
            return self.masks.seconds(self._written[-1])
        before = word_place(self._alive[0][1], self._place)
        if before is None:
            return ()
        return self.masks.misread(self._written[-1], self.template.book, frozenset(self._asked(before)))

    def _asked(self, before: int) -> Iterator[tuple[str, object]]:
        """What each way asks of a word: the tone of its first character, and the demand for its second."""
        return ((tone_asked(demands[before]), self._demand(way, demands[self._place])) for way, demands in self._alive)

    def _heeding(self, token: int) -> tuple[_Alternative, ...]:
        """The ways that ask for what a word means its characters to be; all where none does, or there is no word."""
        before = word_place(self._alive[0][1], self._place)
        word = self.masks.words(self._written[-1], self.template.book).get(token) if before is not None else None
        if before is None or word is None:
            return self._alive
        asked, reader = zip(self._alive, self._asked(before), strict=True), Reader(self.template.book)
        return tuple(way for way, (first, second) in asked if reads(reader, word, first, second)) or self._alive

    @property
    def settled(self) -> bool:
        if not self._at or self._place or not self._ways:
            return False
        variant = self._ways[0].variant
        line, demands = self.template.variants[variant][self._at - 1], self._lines[variant][self._at - 1][0]
        fixed = [isinstance(demand, (Given, Repeat)) for demand in demands[:-1] if demand != PAUSE]
        return all(fixed) or (bool(line.repeats) and all(line.repeats))

    def banned(self) -> Iterable[int]:
        return self._feet if any(isinstance(demands[self._place], Foot) for _, demands in self._alive) else ()

    def push(self, token: int) -> None:
        if token == self.masks.end:
            self.done = True
            return
        every, self._alive = self._alive, self._heeding(token)
        if self._agreed() is not None:  # every way goes on, for the mask let nothing else pass
            self._advance(token)
            return
        # A word may mean its second character to be a foot that by itself it is not: then it stands as it is.
        self._alive = self._followed(self._alive, token) or self._followed(every, token)
        if any(isinstance(demands[self._place], Foot) for _, demands in self._alive):
            self._feet, self._viable_rhymes = self._feet | {token}, {}
        self._advance(token)

    def _followed(self, alive: Iterable[_Alternative], token: int) -> tuple[_Alternative, ...]:
        """What is left of some alternatives after a token."""
        ways = [(self._follow(way, demands[self._place], token), demands) for way, demands in alive]
        left = [(way, demands) for way, demands in ways if way is not None]
        if any(isinstance(demands[self._place], Foot) for _, demands in left):
            # A way in which this is no foot may have lost a character that it needs.
            after = self.copy()
            after._feet, after._viable_rhymes = self._feet | {token}, {}
            left = [(way, demands) for way, demands in left if after._passable(way, self._at + 1)]
        return tuple(left)

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

    def _follow(self, way: _Way, demand: Demand, token: int) -> _Way | None:
        """The way that is left after a token, None if it does not fit."""
        if isinstance(demand, Foot):
            of_token = self.masks.rhymes_of(demand.tone, self.template.book).get(token, frozenset())
            shared = of_token & self._viable(way, demand.rhyme, self._at)
            rhymes = (*way.rhymes[: demand.rhyme], shared, *way.rhymes[demand.rhyme + 1 :])
            return replace(way, rhymes=rhymes) if shared else None
        if isinstance(demand, Repeat):
            return way if token == self._written[-demand.back] else None
        if isinstance(demand, Given):
            return way if token == self.masks.vocab.id(demand.char) else None
        if is_mark(demand):
            return way if self.masks.vocab.tokens[token] in marks_for(demand, self._last(self._at)) else None
        return way if self.masks.tone(demand, self.template.book)[token] else None

    def copy(self) -> Verse:
        return copy(self)  # what it holds is never changed, only replaced
