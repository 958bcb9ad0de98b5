"""Poems in columns become arrays of ids, many poems at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.data.dataset import FIELDS, POEM
from poetgen.data.reading import Poems
from poetgen.data.sequence import SEP, control
from poetgen.data.vocab import Vocab

#: Stands for [SEP] between keywords until they are encoded; cleaning leaves no private-use characters.
_SEP_CHAR = "\ue000"
_CODE_POINTS = 0x110000
#: Poems encoded at a time, which bounds the memory of their UTF-32 form.
_CHUNK = 20_000


def count_characters(poems: Poems, indices: NDArray[np.int64]) -> dict[str, int]:
    """How often each character stands in titles, authors, tunes and bodies of both splits."""
    counts = np.zeros(_CODE_POINTS, dtype=np.int64)
    for chunk in _chunks(indices):
        text = "".join(poems.title[i] + poems.author[i] + poems.tune[i] + poems.body[i] for i in chunk)
        counts += np.bincount(_code_points(text), minlength=_CODE_POINTS)
    return {chr(point): int(counts[point]) for point in np.flatnonzero(counts).tolist()}


def _id_table(vocab: Vocab) -> NDArray[np.uint32]:
    """The id of every code point; [UNK]'s where the vocabulary has none."""
    table = np.full(_CODE_POINTS, vocab.id("[UNK]"), dtype=np.uint32)
    for index, token in enumerate(vocab.tokens):
        if len(token) == 1:
            table[ord(token)] = index
    table[ord(_SEP_CHAR)] = vocab.id(SEP)
    return table


def encode_poems(
    poems: Poems,
    indices: NDArray[np.int64],
    words: Sequence[tuple[str, ...]],
    vocab: Vocab,
) -> tuple[NDArray[Any], NDArray[np.void]]:
    """The arrays of one split: tokens, uint16 where ids fit, and POEM records.

    `words` are the keywords of each of its poems.
    """
    table = _id_table(vocab)
    records = np.zeros(len(indices), dtype=POEM)
    pieces, at = [], 0
    for chunk in _chunks(indices):
        columns: dict[str, list[str]] = {
            name: [getattr(poems, name)[i] for i in chunk] for name in FIELDS if name != "keywords"
        }
        columns["keywords"] = [_SEP_CHAR.join(keys) for keys in words[at : at + len(chunk)]]
        rows = slice(at, at + len(chunk))
        for name in FIELDS:
            records[name][rows] = [len(text) for text in columns[name]]
        for name in ("form", "dynasty"):
            values = [getattr(poems, name)[i] for i in chunk]
            records[name][rows] = [vocab.id(control(value)) if value else 0 for value in values]
        records["rhyme"][rows] = [vocab.id(sign) if sign in vocab else 0 for sign in (poems.rhyme[i] for i in chunk)]
        text = "".join("".join(fields) for fields in zip(*(columns[name] for name in FIELDS), strict=True))
        pieces.append(table[_code_points(text)].astype(np.uint16 if len(vocab) <= 1 << 16 else np.uint32))
        at += len(chunk)
    sizes = sum((records[name].astype(np.int64) for name in FIELDS), start=np.zeros(len(indices), np.int64))
    records["start"] = np.cumsum(sizes) - sizes
    return np.concatenate(pieces) if pieces else np.zeros(0, np.uint16), records


def _chunks(indices: NDArray[np.int64]) -> Iterator[list[int]]:
    for first in range(0, len(indices), _CHUNK):
        yield indices[first : first + _CHUNK].tolist()


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
