"""Where the words stand that a poem must have: each draft tries places of its own that its form leaves them.

明月  ──▶  □□明月□，     五绝, one of the places where two characters may be 平仄
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from poetgen.errors import Option, UsageError
from poetgen.prosody.readings import PAUSES
from poetgen.prosody.template import Template
from poetgen.text import LOST
from poetgen.writing.demands import can_hold
from poetgen.writing.pattern import Layer, characters_of, overlaid
from poetgen.writing.planning import Plan

#: How often all words are placed anew where one of them found no place.
_TRIES: Final = 8


def with_words(plan: Plan, random: np.random.Generator) -> Plan:
    """The plan with its words at places drawn among those that its form leaves them; raises UsageError for none."""
    if not plan.words or plan.template is None:
        return plan
    layer = Layer("keywords", " ".join(plan.words), ())
    longest = max(plan.template.lengths)
    if long := [word for word in plan.words if len(word) > longest]:
        longest_of = f": {long[0]} is longer than a line of {plan.form}, which has {longest} characters"
        raise UsageError(layer.named, longest_of, "; give a shorter word, or ", Option("about"))
    for _ in range(_TRIES):
        lines = _placed(plan, plan.template, random)
        if lines is not None:
            layers = (*plan.layers, layer._replace(lines=lines))
            return replace(plan, held=overlaid(layers), layers=layers, words=())
    ways_out = "; give fewer or others, a longer form, ", Option("tones", "off"), ", or ", Option("about")
    raise UsageError(layer.named, f": {plan.form} has no places for them together by its tones", *ways_out)


def _placed(plan: Plan, template: Template, random: np.random.Generator) -> tuple[str, ...] | None:
    """A line for each of the form with the words in it; None where the places drawn first leave one without."""
    held: Sequence[str] = plan.held
    lines = [""] * min(len(template.lengths), _lines_told(plan, template))
    for word in sorted(plan.words, key=len, reverse=True):
        places = list(_places(word, held, template.lengths[: len(lines)]))
        for number in random.permutation(len(places)).tolist():
            line, start = places[number]
            tried = list(lines)
            tried[line] = _with_word(lines[line], start, word)
            found = overlaid([Layer("", "", tuple(held)), Layer("", "", tuple(tried))])
            if can_hold(template, found, plan.rhyme):
                held, lines = found, tried
                break
        else:
            return None
    return tuple(lines)


def _lines_told(plan: Plan, template: Template) -> int:
    """The lines among which words may stand: those of an open form that the poem will have in any case."""
    return max(4, len(plan.held)) if template.open else len(template.lengths)


def _places(word: str, held: Sequence[str], lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The lines and places at which a word finds nothing but free characters, and breaks over no pause."""
    for line, length in enumerate(lengths):
        chars = characters_of(held[line] if line < len(held) else "").ljust(length, LOST)
        pauses = PAUSES.get(length, ())
        for start in range(length - len(word) + 1):
            inside = range(start + 1, start + len(word))
            broken = len(word) <= 3 and any(pause in inside for pause in pauses)
            if not broken and set(chars[start : start + len(word)]) == {LOST}:
                yield line, start


def _with_word(line: str, start: int, word: str) -> str:
    padded = line.ljust(start + len(word), LOST)
    return padded[:start] + word + padded[start + len(word) :]
