"""Words of a poem, and the most telling of them by TF-IDF.

jieba cuts titles and bodies into words. Single characters that are words of the classical language (月, 客, 愁) count
as words; particles and other characters that carry no image do not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poetgen.text import is_han

KEYWORDS = 4

#: Words that tell nothing of a poem: 虚词, pronouns, numbers and counters, and the commonest verbs.
STOP_WORDS = frozenset(
    "之乎者也矣焉哉兮而以于於其则乃且若所与为因何不无有非未莫勿毋亦又更还复却犹尚已曾将欲可能应须当得教令使"
    "此彼是斯这那谁孰我吾予余君汝尔他自相一二三四五六七八九十百千万两几多少半双数第个上下中前后里外内间边头"
    "来去归到从向在见看闻听知如似同共皆都尽只但空独初始方正新旧长大小高深远近时今昔年日处人生事言道作成过"
) | frozenset("不见 不知 不是 不可 不得 何处 何人 何事 何时 如何 无人 无奈 不能 可以 一个 一片 一曲 有人 如此".split())


@dataclass(frozen=True)
class Words:
    """The words of N poems: `ids` into `table`, in the order of reading, and `counts` (N,), how many each poem has."""

    table: list[str]
    ids: NDArray[np.uint32]
    counts: NDArray[np.uint32]


def cut(texts: Sequence[str]) -> Words:
    """Cut the texts of N poems into telling words."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    table: dict[str, int] = {}
    ids: list[int] = []
    ends = [0]
    for text in texts:
        # Without the hidden Markov model, which knows names of today's newspapers rather than words of verse.
        for word in jieba.cut(text, HMM=False):
            if word not in STOP_WORDS and is_han(word[0]):
                ids.append(table.setdefault(word, len(table)))
        ends.append(len(ids))
    return Words(list(table), np.array(ids, dtype=np.uint32), np.diff(np.array(ends)).astype(np.uint32))


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

    def keywords(self, kept: NDArray[np.bool_], most: int = KEYWORDS) -> Iterator[tuple[str, ...]]:
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
