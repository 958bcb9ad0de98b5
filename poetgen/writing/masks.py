"""What a vocabulary offers to each demand of a poem's rules, as masks that all poems share.

Shapes: V vocabulary, M masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus.script import Script, fold_variants, to_simplified
from poetgen.data.sequence import RHYME, Layout
from poetgen.data.vocab import Vocab
from poetgen.prosody.feet import feet
from poetgen.prosody.oblique_tones import DEPARTING, oblique_tones
from poetgen.prosody.readings import Reader, deciding_words
from poetgen.prosody.rhyme_sign import rhyme_signs
from poetgen.prosody.rhymes import ANY, OBLIQUE
from poetgen.text import PUNCTUATION, is_han
from poetgen.writing.words import second_characters

#: How many answers to which words would be misread are kept.
_MOST_MISREAD: Final = 1 << 16

Mask: TypeAlias = NDArray[np.bool_]


class Masks:
    """What a vocabulary offers to each demand, as rows of a table (M, V), made when first asked for."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab
        self.end = Layout(vocab).end
        self._rows: dict[object, int] = {"nothing": 0}
        self._table: Mask = np.zeros((64, len(vocab)), dtype=bool)

    @property
    def table(self) -> Mask:
        """Every mask so far, (M, V)."""
        return self._table[: len(self._rows)]

    def row(self, key: object, make: Callable[[], Mask]) -> int:
        """The number of the mask that `key` stands for."""
        row = self._rows.get(key)
        if row is None:
            row = len(self._rows)
            if row == len(self._table):
                self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            self._table[row] = make()
            self._rows[key] = row
        return row

    @cached_property
    def text(self) -> Mask:
        """Everything that may stand in a poem, (V,): no control tokens, and in classical verse nothing but that.

        Digits, brackets and Latin letters are of modern verse and prose, which have lines of their own; a vocabulary of
        classical verse has them from titles alone.
        """
        classical = self.vocab.chinese and not self.vocab.has_lines
        text = np.array([len(t) == 1 and (not classical or is_verse(t)) for t in self.vocab.tokens])
        return text & ~self._variants

    @cached_property
    def han(self) -> Mask:
        """Chinese characters, (V,)."""
        return np.array([len(token) == 1 and is_han(token) for token in self.vocab.tokens]) & ~self._variants

    @cached_property
    def _variants(self) -> Mask:
        """Shapes of characters of which a vocabulary of Chinese has the standard one too, (V,): 疎 beside 疏.

        A corpus that was prepared before they were folded has taught them; they are read, and not written.
        """
        script: Script = "traditional" if self.vocab.script == "traditional" else "simplified"
        mask = np.zeros(len(self.vocab), dtype=bool)
        for id, token in enumerate(self.vocab.tokens):
            standard = fold_variants(token, script) if len(token) == 1 else token
            mask[id] = standard != token and (standard in self.vocab or to_simplified(standard) in self.vocab)
        return mask & self.vocab.chinese

    def tone(self, tone: str, book: str) -> Mask:
        """Characters that can be read in a tone by a book: 平, 仄, 去, or 中 for any character at all, (V,)."""
        if tone == ANY:
            return self.han
        if (tone, book) not in self._tones:
            self._tones[tone, book] = self._of_tone(tone, book) & self.han
        return self._tones[tone, book]

    @cached_property
    def _tones(self) -> dict[tuple[str, str], Mask]:
        return {}

    def _of_tone(self, tone: str, book: str) -> Mask:
        reader = Reader(book)
        if tone == DEPARTING:
            chars = [len(t) == 1 and DEPARTING in oblique_tones(t, usual=True) for t in self.vocab.tokens]
            return np.array(chars) & self.tone(OBLIQUE, book)
        return np.array([len(t) == 1 and tone in reader.tones(t)[0] for t in self.vocab.tokens])

    def words(self, first: int, book: str) -> Mapping[int, str]:
        """The characters that make a word with one before them which says how one of the two is read: id -> word."""
        if book not in self._words:
            words: dict[int, dict[int, str]] = {}
            for word in deciding_words(book):
                if word[0] in self.vocab and word[1] in self.vocab:
                    words.setdefault(self.vocab.id(word[0]), {})[self.vocab.id(word[1])] = word
            self._words[book] = words
        return self._words[book].get(first, {})

    def misread(self, first: int, book: str, asked: frozenset[tuple[str, object]]) -> tuple[int, ...]:
        """The characters behind which a word with `first` would be read otherwise than `asked` in every case.

        A case is the tone asked of the first, and the tone or, as (tone, rhymes), the foot asked of the second.
        """
        key = first, book, asked
        if key not in self._misread:
            if len(self._misread) > _MOST_MISREAD:
                self._misread.clear()
            reader = Reader(book)
            self._misread[key] = tuple(
                id
                for id, word in self.words(first, book).items()
                if not any(reads(reader, word, before, demand) for before, demand in asked)
            )
        return self._misread[key]

    @cached_property
    def _misread(self) -> dict[object, tuple[int, ...]]:
        return {}

    @cached_property
    def _words(self) -> dict[str, dict[int, dict[int, str]]]:
        return {}

    def seconds(self, first: int) -> tuple[int, ...]:
        """The characters that make a word with one before them."""
        if first not in self._seconds:
            chars = second_characters().get(self.vocab.tokens[first], "")
            self._seconds[first] = tuple(self.vocab.id(char) for char in chars if char in self.vocab)
        return self._seconds[first]

    @cached_property
    def _seconds(self) -> dict[int, tuple[int, ...]]:
        return {}

    def chars(self, text: str) -> Mask:
        """The characters of a text, (V,)."""
        return self.ids(self.vocab.id(char) for char in text if char in self.vocab)

    def ids(self, ids: Iterable[int]) -> Mask:
        """Some characters by their ids, (V,)."""
        mask = np.zeros(len(self.vocab), dtype=bool)
        mask[list(ids)] = True
        return mask

    @cached_property
    def _feet(self) -> dict[tuple[str, str], tuple[dict[int, frozenset[str]], dict[str, frozenset[int]]]]:
        return {}

    def rhymes_of(self, tone: str, book: str) -> dict[int, frozenset[str]]:
        """The rhymes of every character that has one as a foot of `tone`."""
        return self._book(tone, book)[0]

    def members(self, tone: str, book: str) -> dict[str, frozenset[int]]:
        """The characters of every rhyme as feet of `tone`."""
        return self._book(tone, book)[1]

    def _book(self, tone: str, book: str) -> tuple[dict[int, frozenset[str]], dict[str, frozenset[int]]]:
        if (tone, book) not in self._feet:
            by_id = {int(id): feet(self.vocab.tokens[id], tone, book, usual=True) for id in np.flatnonzero(self.han)}
            rhymes = {id: names for id, names in by_id.items() if names}
            members: dict[str, set[int]] = {}
            for id, names in rhymes.items():
                for name in names:
                    members.setdefault(name, set()).add(id)
            self._feet[tone, book] = rhymes, {name: frozenset(ids) for name, ids in members.items()}
        return self._feet[tone, book]

    @cached_property
    def signs(self) -> dict[int, str]:
        """The signs of rhymes that a model knows, by id; none where it was not taught them."""
        known = RHYME in self.vocab
        return {self.vocab.id(sign): sign for sign in rhyme_signs() if known and sign in self.vocab}

    def of_rhymes(self, names: Iterable[str], tone: str, book: str) -> Mask:
        """The characters of some rhymes together, (V,)."""
        mask = np.zeros(len(self.vocab), dtype=bool)
        members = self.members(tone, book)
        for name in names:
            mask[list(members[name])] = True
        return mask


def reads(reader: Reader, word: str, first: str, second: object) -> bool:
    """Whether a word of two characters is read as is asked: the first in a tone, the second in one, or as a foot.

    >>> reads(Reader(), "相思", "中", "平"), reads(Reader(), "相思", "中", "仄")
    (True, False)
    >>> reads(Reader(), "相思", "中", ("平", frozenset({"四支"})))
    True
    """
    known = reader.tones(word)
    if first != ANY and _side(first) not in known[0]:
        return False
    if isinstance(second, tuple):
        return bool(reader.feet(word, second[0]) & second[1])
    return not isinstance(second, str) or second == ANY or _side(second) in known[1]


def _side(tone: str) -> str:
    return OBLIQUE if tone == DEPARTING else tone


def is_verse(char: str) -> bool:
    """Whether a character may stand in Chinese verse; names and titles may hold others."""
    return len(char) == 1 and (is_han(char) or char in PUNCTUATION)
