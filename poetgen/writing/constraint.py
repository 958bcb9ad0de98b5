"""Which characters may come next: a small state machine for each poem, made from its plan.

A step asks the machine for a mask over the vocabulary (masks.py) and tells it which character was chosen. Free has no
rules but a length; Verse (verse.py) holds a template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Final, Protocol

from poetgen.errors import Message, Option, UsageError
from poetgen.prosody.template import Template
from poetgen.text import CLAUSE_ENDS, LOST, PAUSE, PUNCTUATION, SENTENCE_ENDS, is_han
from poetgen.writing.demands import can_hold
from poetgen.writing.masks import Mask, Masks
from poetgen.writing.pattern import Layer
from poetgen.writing.planning import Plan, misfit, without_rules
from poetgen.writing.verse import Verse

#: Marks that promise another line.
_PROMISING: Final = "".join(mark for mark in CLAUSE_ENDS + PAUSE if mark not in SENTENCE_ENDS)


class Constraint(Protocol):
    """One poem's rules. A step asks which mask holds, what else is banned, and tells what was chosen."""

    fresh: bool
    """Whether the next character opens a line."""
    done: bool
    """Whether the poem is complete."""

    @property
    def signs(self) -> int:
        """The row of Masks.table that allows the signs of the rhymes that the poem may keep to the end.

        0 where it has none to keep, or the model was not taught signs.
        """

    def keep_to(self, sign: int) -> None:
        """Keep to the rhyme of a sign that was allowed."""

    def mask(self) -> int:
        """The row of Masks.table that allows what may come next."""

    @property
    def settled(self) -> bool:
        """Whether the line that has just ended could not be another: it was given, or repeats another by rule."""

    def banned(self) -> Iterable[int]:
        """Ids that the mask allows and this poem does not."""

    def avoided(self) -> Iterable[int]:
        """Ids that are taken where there is no other: they would break a word over a pause."""

    def push(self, token: int) -> None:
        """Go on by a token that was allowed."""

    def copy(self) -> Constraint:
        """The machine as it stands, to come back to."""


class Free:
    """No rules but a length, after which the poem ends; before it where `may_end`. It begins with `given`.

    Where it is to be `whole`, classical verse ends with a line: the last one that the length holds, if it is as long as
    the one before. Line ends are not counted. A poem does not begin with one, and has no more than one blank line
    between stanzas.
    """

    def __init__(
        self, masks: Masks, length: int, may_end: bool, given: Sequence[int] = (), whole: bool = False
    ) -> None:
        self._whole = whole and masks.vocab.chinese and not masks.vocab.has_lines
        self._line = 0  # characters of the line so far
        self.masks, self.left, self.may_end = masks, length, may_end
        self.fresh, self.done, self._begun = True, False, False
        self._given = tuple(given)  # what is still to be written of it
        self._line_ends = 2  # since the last character; no more may follow

    signs: int = 0
    settled = False

    def keep_to(self, sign: int) -> None:
        raise AssertionError("there is no rhyme to keep")

    def mask(self) -> int:
        if self._given:
            token = self._given[0]
            return self.masks.row(("given", token), lambda: self.masks.ids([token]))
        end = self.may_end and self._begun
        line_end = self._line_ends < 2
        barred = self._barred()
        return self.masks.row(("text", end, line_end, barred), lambda: self._text(end, line_end, barred))

    def _barred(self) -> str:
        """What may not come, so that the poem ends with a line: marks that promise another, or all but an end."""
        if not (self._whole and self._line):
            return ""
        if self.left == 1 and (self.masks.text & self.masks.chars(SENTENCE_ENDS)).any():
            return "all"
        return _PROMISING if self.left <= self._line + 1 else ""

    def _text(self, end: bool, line_end: bool, barred: str) -> Mask:
        mask = self.masks.text.copy()
        if barred == "all":
            return mask & self.masks.chars(SENTENCE_ENDS)
        mask &= ~self.masks.chars(barred)
        mask[self.masks.end] = end
        if self.masks.vocab.has_lines and not line_end:
            mask[self.masks.vocab.id("\n")] = False
        return mask

    def banned(self) -> Iterable[int]:
        return ()

    def avoided(self) -> Iterable[int]:
        return ()

    def push(self, token: int) -> None:
        line_end = self.masks.vocab.tokens[token] == "\n"
        self._line_ends = self._line_ends + 1 if line_end else 0
        self.left -= not line_end
        self.settled = len(self._given) > 0
        self._given = self._given[1:]
        self._begun = True
        self.fresh = self.masks.vocab.tokens[token] in "，。？！；：\n"
        another = self._line + 1  # as long as the line that ends here
        self._line = 0 if self.fresh else self._line + 1
        self.done = token == self.masks.end or not self.left or (self._whole and self.fresh and self.left < another)

    def copy(self) -> Free:
        return copy(self)


def constrain(plan: Plan, masks: Masks) -> tuple[Constraint, Message]:
    """The rules of a plan as a machine, and what there is to say where the vocabulary cannot hold them all.

    A vocabulary of few characters may lack rhymes or a tone: rules that nobody asked for are then left out. Raises
    UsageError where one was asked for, or where the form cannot hold what is given.
    """
    for layer in plan.layers:
        if unknown := _unknown(layer, plan.template is None, masks):
            raise UsageError(layer.named, f": {' '.join(unknown)} is no character that the model knows")
    if plan.template is None:
        return Free(masks, plan.length, plan.may_end, masks.vocab.encode(plan.start), whole=True), Message()
    verse = _fitting(plan, plan.template, plan.rhyme, masks)
    if verse.possible:
        return verse, Message()
    if plan.held and not any(can_hold(plan.template, plan.held, plan.rhyme, usual) for usual in (True, False)):
        raise misfit(plan)
    if plan.rhyme:
        rhymes = Option("rhyme", "、".join(sorted(plan.rhyme)))
        raise UsageError(rhymes, ": too few characters of it in the model's vocabulary")
    form = Option("form", plan.form)
    for keeps_tones in (True, False):
        less = without_rules(plan, keeps_tones, rhyme=False)
        assert less.template is not None
        verse = _fitting(plan, less.template, frozenset(), masks)
        if verse.possible:
            left_out = "rhyme" if keeps_tones else "rhyme and tones"
            return verse, Message(form, f": the model's vocabulary is too small for {left_out}")
    if plan.held:
        raise UsageError(form, ": the model's vocabulary is too small for it, and for what is given")
    return Free(masks, plan.length, plan.may_end), Message(form, ": the model's vocabulary is too small for it")


def _unknown(layer: Layer, free: bool, masks: Masks) -> list[str]:
    """What the model does not know of the characters of a layer, or what is none of verse where it is not free."""
    marks = PUNCTUATION if layer.option in ("begin", "pattern") else ""
    chars = dict.fromkeys("".join(layer.lines).replace(LOST, ""))
    return [char for char in chars if char not in masks.vocab or not (free or is_han(char) or char in marks)]


def _fitting(plan: Plan, template: Template, rhyme: frozenset[str], masks: Masks) -> Verse:
    """The machine that reads what is given as is usual, or else by any reading."""
    verse = Verse(masks, template, rhyme, plan.held)
    if verse.possible or not plan.held:
        return verse
    return Verse(masks, template, rhyme, plan.held, usual=False)
