"""Words of a poem, and the most telling of them by TF-IDF.

jieba cuts titles and bodies into words. Single characters that are words of the classical language (月, 客, 愁) count
as words; particles and other characters that carry no image do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus.script import Script, to_simplified
from poetgen.files import read_table
from poetgen.text import is_han

#: How many keywords a poem has at most.
KEYWORDS_PER_POEM: Final = 4

#: Words that tell nothing of a poem (stop_words.tsv).
STOP_WORDS: Final = frozenset(word for (row,) in read_table("corpus", "stop_words.tsv", 1) for word in row.split(" "))


@dataclass(frozen=True)
class Words:
    """The words of N poems: `ids` into `table`, in the order of reading, and `counts` (N,), how many each poem has."""

    table: list[str]
    ids: NDArray[np.uint32]
    counts: NDArray[np.uint32]


def cut(texts: Sequence[str], script: Script = "simplified") -> Words:
    """Cut the texts of N poems into telling words.

    jieba knows words in simplified script: texts that may be in another are shown to it in that one, and the words are
    those that the text itself has in these places.
    """
    simplify = str if script == "simplified" else to_simplified
    tokenizer = _tokenizer()
    table: dict[str, int] = {}
    ids: list[int] = []
    ends = [0]
    for text in texts:
        # Without the hidden Markov model, which knows names of today's newspapers rather than words of verse.
        at = 0
        for word in tokenizer.cut(simplify(text), HMM=False):
            if word not in STOP_WORDS and is_han(word[0]):
                ids.append(table.setdefault(text[at : at + len(word)], len(table)))
            at += len(word)
        ends.append(len(ids))
    return Words(list(table), np.array(ids, dtype=np.uint32), np.diff(np.array(ends)).astype(np.uint32))


@cache
def _tokenizer() -> Any:
    """jieba's tokenizer with jieba's dictionary, read from the package itself.

    Left to itself, jieba keeps the dictionary with marshal in the temporary folder, where anyone on the machine may put
    another one in its place. Reading the package's takes no longer (0.6 s).
    """
    import jieba

    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


class Lexicon:
    """The words of a whole corpus, gathered part by part."""

    def __init__(self) -> None:
        self._table: dict[str, int] = {}
        self._ids: list[NDArray[np.uint32]] = []
        self._counts: list[NDArray[np.uint32]] = []

    def add(self, part: Words) -> None:
        """Append the poems of a part."""
        remap = np.array([self._table.setdefault(word, len(self._table)) for word in part.table], dtype=np.uint32)
        self._ids.append(remap[part.ids] if len(part.ids) else part.ids)
        self._counts.append(part.counts)

    def keywords(self, kept: NDArray[np.bool_], most: int = KEYWORDS_PER_POEM) -> Iterator[tuple[str, ...]]:
        """For each poem that `kept` (N,) marks, its `most` most telling words, ties in the order of reading.

        By falling TF-IDF, tf · ln((N + 1) / max(df, min(5, N))): tf is how often the poem has the word, df how many of
        the N kept poems have it. With df taken to be at least 5, a word that hardly another poem has is no better a key
        than a rare one; N + 1 keeps the logarithm above 0.
        """
        words = list(self._table)
        documents = int(kept.sum())
        df = np.zeros(len(words), dtype=np.int64)
        for _, word, _, _ in self._blocks(kept):
            df += np.bincount(word, minlength=len(words))
        idf = np.log((documents + 1) / np.maximum(df, min(5, documents)))
        for poems, word, poem, (first, tf) in self._blocks(kept):
            ranked = word[np.lexsort((first, -tf * idf[word], poem))]
            starts = np.searchsorted(poem, np.arange(poems + 1)).tolist()
            for start, end in zip(starts[:-1], starts[1:], strict=True):
                yield tuple(words[index] for index in ranked[start : min(end, start + most)].tolist())

    def _blocks(
        self, kept: NDArray[np.bool_]
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64], tuple[NDArray[np.int64], NDArray[np.int64]]]]:
        """For each part: its kept poems, and (word, poem, (place of the first, times)) of each word of each."""
        at = 0
        for ids, counts in zip(self._ids, self._counts, strict=True):
            here = kept[at : at + len(counts)]
            at += len(counts)
            poem = np.repeat((np.cumsum(here) - 1), counts)
            chosen = np.repeat(here, counts)
            pair = poem[chosen] << 32 | ids[chosen]
            pairs, first, tf = np.unique(pair, return_index=True, return_counts=True)
            yield int(here.sum()), pairs & 0xFFFFFFFF, pairs >> 32, (first, tf)
