"""What poems have from a corpus: whole lines, and the longest common substring; both exactly.

    poems     白日依山尽，黄河入海流。      for a length of 1, 2, 3 …: the places in either text where a run begins
    corpus    …白日依山远，黄河入海流。…    that stands in the other too, among those of the length before

A run has a number of its own: the place, among the sorted keys of the poems' runs of one length, of its key, which is
the number of the run that it prolongs by a character, and that character. Few places are left after four characters.

Shapes: N poems or lines, T characters of a text, P places in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.text import LOST, clauses, is_han

#: What a character becomes: nothing, the end of a run, or a number from 1 up; most are looked up when they first come.
_OUT, _BREAK, _NEW = -1, 0, -2
_CODE_POINTS = 0x110000


def known_lines(lines: Sequence[str], corpus: Iterable[str]) -> NDArray[np.bool_]:
    """(N,) which lines, cut as by `clauses`, stand in a corpus: texts of one poem each or many (see Split.bodies).

    >>> known_lines(["黄河入海流", "黄河向海流"], ["白日依山尽，黄河入海流。"]).tolist()
    [True, False]
    """
    wanted = {line for line in lines if LOST not in line}
    known: set[str] = set()
    for text in corpus:
        known |= wanted.intersection(clauses(text))
    return np.array([line in known for line in lines], dtype=np.bool_)


def longest_common_substrings(bodies: Sequence[str], corpus: Iterable[str]) -> NDArray[np.int64]:
    """(N,) the length of the longest run of Han characters that each body has in common with one poem of a corpus.

    Characters that are not Han do not count, so that a run may go on over punctuation and line ends; LOST ends it.
    The corpus comes in texts of many poems, a line feed after each (see Split.bodies): no run goes on over that. It
    takes 12 bytes of memory a character.

    >>> corpus = ["白日依山尽，黄河入海流。欲穷千里目，更上一层楼。\\n"]
    >>> longest_common_substrings(["海流，欲穷。", "春眠"], corpus).tolist()
    [4, 0]
    """
    han = sorted({char for body in bodies for char in body if is_han(char)})
    size = len(han) + 1
    table = np.full(_CODE_POINTS, _NEW, dtype=np.int32)
    table[[ord("\n"), ord(LOST)]] = _BREAK
    table[[ord(char) for char in han]] = range(1, size)
    texts = [_numbers(body.replace("\n", ""), table) for body in bodies]
    owners = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    longest = np.zeros(len(bodies), dtype=np.int64)
    poems = _Places(np.concatenate([_numbers("", table), *texts])[1:])
    parts = [_Places(_numbers(text, table)) for text in corpus]
    for length in count(1):
        runs, numbers = np.unique(poems.keys(length, size), return_inverse=True)
        if not len(runs):
            break
        common = np.zeros(len(runs), dtype=np.bool_)
        for part in parts:
            keys = part.keys(length, size)
            places = np.searchsorted(runs, keys)
            places[places == len(runs)] = 0
            part.keep(runs[places] == keys, places)
            common[part.numbers] = True
        poems.keep(common[numbers], numbers)
        longest[owners[poems.at]] = length
    return longest


def _numbers(text: str, table: NDArray[np.int32]) -> NDArray[np.int32]:
    """(T,) what the characters of a text become by the table, which learns those that are new to it; then a break."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype="<u4")
    for code in np.unique(codes[table[codes] == _NEW]).tolist():
        table[code] = _BREAK if is_han(chr(code)) else _OUT
    numbers = table[codes]
    return np.append(numbers[numbers != _OUT], np.int32(_BREAK))


class _Places:
    """Where in a text (T,) runs of one length begin: `at` (P,), and their `numbers` (P,)."""

    def __init__(self, text: NDArray[np.int32]) -> None:
        self.text = text
        self.at = np.flatnonzero(text != _BREAK).astype(np.int32)
        self.numbers = np.zeros(len(self.at), dtype=np.int32)

    def keys(self, length: int, size: int) -> NDArray[np.int64]:
        """(P,) the keys of the runs prolonged to `length`; those that end before are dropped."""
        last = self.text[self.at + np.int32(length - 1)]
        self.keep(last != _BREAK, self.numbers)
        keys: NDArray[np.int64] = self.numbers * np.int64(size) + last[last != _BREAK]
        return keys

    def keep(self, which: NDArray[np.bool_], numbers: NDArray[np.integer[Any]]) -> None:
        """Go on with some of the places, and the numbers that their runs have now."""
        self.at, self.numbers = self.at[which], numbers[which].astype(np.int32)
