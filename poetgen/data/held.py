"""What is held of a poem before it is written, as a field of its header: [HELD] 人[GAP][SEP][GAP]明月[GAP][SEP]…

Line by line, the characters that are given, with one [GAP] for whatever is free between them; [SEP] stands between
lines, and lines after the last one that holds anything are left out. So a network that reads from left to right knows
what is coming: the rhyme words of another poem, the heads of an acrostic, words that were asked for. It is trained on
people's poems with parts of them drawn at random (the span masking of Donahue et al. 2020, "Enabling Language Models
to Fill in the Blanks", with the answers where they belong).

Shapes: B poems, C characters of their bodies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poetgen.data.sequence import GAP, SEP, Column
from poetgen.data.vocab import Vocab
from poetgen.text import CLAUSE_ENDS, SENTENCE_ENDS

#: What is drawn to be held, and how often: the feet of sentences; the characters at one place of every line; words; a
#: whole line; and any characters.
_KINDS = {"feet": 0.25, "place": 0.15, "words": 0.3, "line": 0.15, "any": 0.15}
#: Words that are held come at this many places of a body, on average.
_WORDS = 2.5
#: At most this share of the characters is held where any may be.
_MOST = 0.6


class Marks(NamedTuple):
    """The ids that end a line, those that end a sentence, [GAP] and [SEP], of one vocabulary."""

    lines: list[int]
    sentences: list[int]
    gap: int
    sep: int

    @classmethod
    def of(cls, vocab: Vocab) -> Marks:
        """Those of `vocab`."""
        lines, sentences = (
            vocab.encode(filter(vocab.__contains__, chars)) for chars in (CLAUSE_ENDS + "\n", SENTENCE_ENDS)
        )
        return cls(lines, sentences, vocab.id(GAP), vocab.id(SEP))


class _Lines(NamedTuple):
    """Where each character (C,) of some bodies stands."""

    poem: NDArray[np.int64]
    line: NDArray[np.int64]  # counted over all poems, from 0
    place: NDArray[np.int64]  # in its line, from 0
    is_end: NDArray[np.bool_]  # a mark that ends its line
    is_last: NDArray[np.bool_]  # the character before that, or before the end of the poem

    @classmethod
    def of(cls, tokens: NDArray[np.int64], sizes: NDArray[np.int64], marks: Marks) -> _Lines:
        poem = np.repeat(np.arange(len(sizes)), sizes)
        is_end = np.isin(tokens, marks.lines)
        begins = np.ones(len(tokens), dtype=np.bool_)
        begins[1:] = is_end[:-1] | (poem[1:] != poem[:-1])
        line = np.cumsum(begins) - 1
        firsts = np.flatnonzero(begins)
        is_last = np.append(begins[1:] | is_end[1:], True) & ~is_end
        return cls(poem, line, np.arange(len(tokens)) - firsts[line], is_end, is_last)


def encode_held(bodies: Column, held: NDArray[np.bool_], marks: Marks) -> Column:
    """The field of B poems; `held` (C,) says which characters of their bodies, end to end, stand already."""
    tokens = _gathered(bodies)
    at = _Lines.of(tokens, bodies.sizes, marks)
    held = held & ~at.is_end
    count = int(at.line[-1]) + 1 if len(tokens) else 0
    line_holds = np.bincount(at.line[held], minlength=count) > 0
    # The last line of its poem that holds anything, by the last character that is held.
    last = np.full(len(bodies.sizes), -1, dtype=np.int64)
    last[at.poem[held]] = at.line[held]
    free = ~held & ~at.is_end
    runs = free & (np.append(True, ~free[:-1]) | (at.place == 0)) & line_holds[at.line]
    breaks = at.is_end & (at.line < last[at.poem])
    written = np.where(held, tokens, np.where(runs, marks.gap, marks.sep))
    kept = held | runs | breaks
    sizes = np.bincount(at.poem[kept], minlength=len(bodies.sizes))
    return Column(written[kept], np.cumsum(sizes) - sizes, sizes)


def draw_held(bodies: Column, marks: Marks, rng: np.random.Generator) -> Column:
    """The field of B poems of which parts are held, drawn at random; empty where nothing is."""
    tokens = _gathered(bodies)
    at = _Lines.of(tokens, bodies.sizes, marks)
    poems, characters = len(bodies.sizes), len(tokens)
    kind = rng.choice(len(_KINDS), poems, p=list(_KINDS.values()))
    ends_sentence = np.append(np.isin(tokens[1:], marks.sentences), False)
    feet = at.is_last & ends_sentence
    place = at.place == np.where(rng.random(poems) < 0.6, 0, rng.integers(0, 5, poems))[at.poem]
    begins = rng.random(characters) < _WORDS / bodies.sizes[at.poem]
    goes_on = rng.random(characters) < 0.5  # words have two characters, and half of them no more
    words = begins | (np.append(False, begins[:-1]) & (at.place > 0))
    words |= np.append(False, words[:-1]) & (at.place > 1) & goes_on
    # A line of each poem: that of a character drawn from it.
    drawn = np.cumsum(bodies.sizes) - 1 - (rng.random(poems) * bodies.sizes).astype(np.int64)
    line = at.line == at.line[drawn][at.poem] if characters else at.is_end
    any_ = rng.random(characters) < (rng.random(poems) * _MOST)[at.poem]
    held = np.stack([feet, place, words, line, any_])[kind[at.poem], np.arange(characters)]
    return encode_held(bodies, held, marks)


def _gathered(bodies: Column) -> NDArray[np.int64]:
    """(C,) the ids of some bodies, end to end."""
    within = np.arange(bodies.sizes.sum()) - np.repeat(np.cumsum(bodies.sizes) - bodies.sizes, bodies.sizes)
    tokens: NDArray[np.int64] = bodies.tokens[np.repeat(bodies.starts, bodies.sizes) + within].astype(np.int64)
    return tokens
