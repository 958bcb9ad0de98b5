"""Which lines stand in a corpus, in a bit or two a character: a Bloom filter of their hashes.

    line ──▶ 64-bit hash ──▶ HASHES places among the bits; known if all of them are set

A line of the corpus is always known. One that is not is taken for known by chance in 13 of 1,000 cases, by the
arithmetic of Bloom (1970) as by measurement. Lines are hashed as in corpus/duplicates.py, alike on every machine,
in the script that the corpus was prepared in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from poetgen.corpus.duplicates import LEAST_SHARED, hash_clauses
from poetgen.errors import CheckpointError
from poetgen.files import write_atomic

LINE_INDEX_FORMAT = "poetgen lines 1"
#: Bits a line, and how many of them each line sets.
BITS, HASHES = 9, 6

#: A file of this size would hold forty million lines.
_MAX_BYTES = 64 << 20
#: Characters hashed at a time, which bounds the memory.
_CHUNK = 1 << 20


class LineIndex:
    """The lines of a corpus that have at least LEAST_SHARED (5) characters; shorter ones are stock phrases.

    >>> index = LineIndex.build(["白日依山尽，黄河入海流。", "欲穷千里目，更上一层楼。"])
    >>> "黄河入海流" in index, "黄河向海流" in index, index.lines
    (True, False, 4)
    """

    def __init__(self, bits: NDArray[np.uint8], lines: int) -> None:
        self._bits = bits
        self.lines = lines

    @classmethod
    def build(cls, texts: Iterable[str]) -> LineIndex:
        """The index of all lines in some texts: lines, bodies of poems, or many bodies parted by line feeds."""
        found = [_hashes(part) for part in _parts(texts)]
        hashes = np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)
        bits = np.zeros(8 * _bytes(len(hashes)), dtype=np.bool_)
        for place in _places(hashes, len(bits)):
            bits[place] = True
        return cls(np.packbits(bits, bitorder="little"), len(hashes))

    def __contains__(self, line: object) -> bool:
        return isinstance(line, str) and bool(self.known([line])[0])

    def known(self, lines: Sequence[str]) -> NDArray[np.bool_]:
        """(N,) whether each of N lines stands in the corpus; False for those too short to be indexed.

        Faster by far for many lines at once than one by one. A text of several lines is known if one of them is.

        >>> LineIndex.build(["春眠不觉晓"]).known(["春眠不觉晓", "处处闻啼鸟", "春眠"]).tolist()
        [True, False, False]
        """
        clauses = hash_clauses(lines)
        found = clauses.length >= LEAST_SHARED
        for place in _places(clauses.hash, 8 * len(self._bits)):
            found &= self._bits[place >> np.uint64(3)] >> (place & np.uint64(7)).astype(np.uint8) & 1 == 1
        known = np.zeros(len(lines), dtype=np.bool_)
        known[clauses.poem[found]] = True
        return known

    def save(self, path: Path) -> None:
        """Write the index; raises SaveError."""
        tensors: dict[str, NDArray[Any]] = {"bits": self._bits, "lines": np.array([self.lines], dtype=np.int64)}
        write_atomic(path, save(tensors, {"format": LINE_INDEX_FORMAT}))

    @classmethod
    def load(cls, path: Path) -> LineIndex | None:
        """Read an index; None where there is no such file. Raises CheckpointError where it is cut, foreign or huge."""
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ValueError(f"more than {_MAX_BYTES >> 20} MB")
            if not path.is_file():
                raise ValueError("not a file")
            with safe_open(path, framework="np") as file:
                found = (file.metadata() or {}).get("format", "unknown")
                if found != LINE_INDEX_FORMAT:
                    raise CheckpointError(f"{path}: format {found}; this poetgen reads format {LINE_INDEX_FORMAT}")
                bits, lines = file.get_tensor("bits"), file.get_tensor("lines")
            if bits.dtype != np.uint8 or bits.ndim != 1 or lines.dtype != np.int64 or lines.shape != (1,):
                raise ValueError("no list of bits")
            if lines[0] < 0 or len(bits) != _bytes(int(lines[0])):
                raise ValueError(f"{len(bits):,} bytes for {int(lines[0]):,} lines")
            return cls(bits, int(lines[0]))
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise CheckpointError(
                f"{path}: not an index of lines ({error}); copy the folder again, or delete the file to do without"
            ) from error


def _bytes(lines: int) -> int:
    """The size of an index."""
    return max(8, -(-lines * BITS // 8))


def _parts(texts: Iterable[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for text in texts:
        part.append(text)
        size += len(text)
        if size >= _CHUNK:
            yield part
            part, size = [], 0
    if part:
        yield part


def _hashes(texts: Sequence[str]) -> NDArray[np.uint64]:
    clauses = hash_clauses(texts)
    return np.unique(clauses.hash[clauses.length >= LEAST_SHARED])


def _places(hashes: NDArray[np.uint64], size: int) -> Iterator[NDArray[np.uint64]]:
    """The bits of each hash among `size`, one after the other, by double hashing (Kirsch & Mitzenmacher 2006)."""
    step = hashes >> np.uint64(32) | np.uint64(1)
    for number in range(HASHES):
        yield (hashes + step * np.uint64(number)) % np.uint64(size)
