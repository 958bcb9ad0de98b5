"""A poem as a sequence of ids: a header of known fields, a separator, the body, an end token.

    [七绝] [唐] [TUNE]… [AUTHOR]李白 [KEYWORDS]明月[SEP]故乡 [TITLE]静夜思 [HELD]… [RHYME]阳 [BODY]床前明月光，…。[END]

Every field of the header is optional, and the order is fixed: what governs the verse most stands next to it. What is
held of the verse, characters that stand somewhere in it before it is written, comes late (data/held.py); the rhyme, by
its sign (prosody/rhyme_sign.py), comes last, so that the network can choose it for a title before it writes.
Training and sampling both build headers here and nowhere else.

Shapes: B poems, L the longest sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus.dynasties import DYNASTIES
from poetgen.data.vocab import PAD, Vocab
from poetgen.prosody.forms import FORMS

TUNE, AUTHOR, KEYWORDS, SEP, TITLE, RHYME, BODY, END, HELD, GAP = (
    "[TUNE]",
    "[AUTHOR]",
    "[KEYWORDS]",
    "[SEP]",
    "[TITLE]",
    "[RHYME]",
    "[BODY]",
    "[END]",
    "[HELD]",
    "[GAP]",
)

#: Token ids, in any width of integer.
Ids = NDArray[np.integer[Any]]
#: The fields of a header in their order, and the token that stands before each; forms and dynasties are tokens.
FIELD_MARKS: Final = {
    "form": "",
    "dynasty": "",
    "tune": TUNE,
    "author": AUTHOR,
    "keywords": KEYWORDS,
    "title": TITLE,
    "held": HELD,
    "rhyme": RHYME,
}


def control(name: str) -> str:
    """The control token of a form or a dynasty.

    >>> control("七绝")
    '[七绝]'
    """
    return f"[{name}]"


#: Every control token, in the order in which a vocabulary holds them.
CONTROL = (
    TUNE,
    AUTHOR,
    KEYWORDS,
    SEP,
    TITLE,
    RHYME,
    BODY,
    END,
    HELD,
    GAP,
    *map(control, FORMS),
    *map(control, DYNASTIES),
)


#: Control tokens that every vocabulary has. Those for the rest came later; what lacks one is not mentioned.
NEEDED: Final = (TUNE, AUTHOR, KEYWORDS, SEP, TITLE, BODY, END)


@dataclass(frozen=True)
class Header:
    """What is known of a poem before its first character; an empty field is not mentioned.

    `held` are the ids of what stands in it already (data/held.py).
    """

    form: str = ""
    dynasty: str = ""
    tune: str = ""
    author: str = ""
    keywords: tuple[str, ...] = ()
    title: str = ""
    held: tuple[int, ...] = ()
    rhyme: str = ""


class Column(NamedTuple):
    """A field of B poems: the ids of each stand in `tokens` from `starts` (B,) on, `sizes` (B,) of them, perhaps 0."""

    tokens: Ids
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Column:
        """A column of these ids."""
        sizes = np.array([len(row) for row in rows], dtype=np.int64)
        return cls(np.array([id for row in rows for id in row], dtype=np.int64), np.cumsum(sizes) - sizes, sizes)

    def take(self, rows: NDArray[np.int64] | slice) -> Column:
        """The same field of some of the poems."""
        return Column(self.tokens, self.starts[rows], self.sizes[rows])

    def where(self, shown: NDArray[np.bool_]) -> Column:
        """The same, empty in the poems that `shown` (B,) leaves out."""
        return Column(self.tokens, self.starts, self.sizes * shown)


class Layout:
    """Builds sequences with the ids of one vocabulary."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab
        self.tune, self.author, self.keywords, self.sep, self.title, self.rhyme, self.body, self.end = map(
            vocab.id, (TUNE, AUTHOR, KEYWORDS, SEP, TITLE, RHYME, BODY, END)
        )
        self._marks = {name: vocab.id(mark) if mark else PAD for name, mark in FIELD_MARKS.items()}

    def lengths(self, header: Mapping[str, Column]) -> NDArray[np.int64]:
        """(B,) ids of each header, up to and including [BODY]."""
        total = np.ones(len(next(iter(header.values())).sizes), dtype=np.int64)
        for name, part in header.items():
            total += np.where(part.sizes > 0, part.sizes + (self._marks[name] != PAD), 0)
        return total

    def rows(self, header: Mapping[str, Column], bodies: Column | None = None) -> tuple[NDArray[np.int64], Ids, Ids]:
        """The sequences of B poems: ids (B, L), ended by [PAD]; the place of [BODY] in each (B,); their lengths (B,).

        Without `bodies` they end with [BODY], else with [END].
        """
        starts = self.lengths(header) - 1
        ends = starts + 1 + (0 if bodies is None else bodies.sizes + 1)
        ids = np.full((len(starts), int(ends.max(initial=1))), PAD, dtype=np.int64)
        rows, at = np.arange(len(starts)), np.zeros(len(starts), dtype=np.int64)
        for name in FIELD_MARKS:
            if name not in header:
                continue
            part, mark = header[name], self._marks[name]
            if mark != PAD:
                known = part.sizes > 0
                ids[rows[known], at[known]] = mark
                at = at + known
            at = _write(ids, at, part)
        ids[rows, at] = self.body
        if bodies is not None:
            at = _write(ids, at + 1, bodies)
            ids[rows, at] = self.end
        return ids, starts, ends

    def join_keywords(self, words: Iterable[str]) -> list[int]:
        """The ids of keywords with [SEP] between them."""
        ids: list[int] = []
        for word in words:
            if ids:
                ids.append(self.sep)
            ids.extend(self.vocab.encode(word))
        return ids

    def encode(self, header: Header) -> list[int]:
        """The ids of a header, up to and including [BODY]."""
        vocab = self.vocab
        fields: dict[str, Sequence[int]] = {
            "form": [vocab.id(control(header.form))] if header.form else [],
            "dynasty": [vocab.id(control(header.dynasty))] if header.dynasty else [],
            "tune": vocab.encode(header.tune),
            "author": vocab.encode(header.author),
            "keywords": self.join_keywords(header.keywords),
            "title": vocab.encode(header.title),
            "held": header.held,
            "rhyme": vocab.encode(header.rhyme),
        }
        ids, _, _ = self.rows({name: Column.of([value]) for name, value in fields.items()})
        encoded: list[int] = ids[0].tolist()
        return encoded


def _write(ids: NDArray[np.int64], at: NDArray[np.int64], part: Column) -> NDArray[np.int64]:
    """Write a column into `ids` (B, L), each row from its place `at` (B,) on; returns the places after it."""
    rows = np.repeat(np.arange(len(at)), part.sizes)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(part.sizes) - part.sizes, part.sizes)
    ids[rows, at[rows] + within] = part.tokens[part.starts[rows] + within]
    return at + part.sizes
