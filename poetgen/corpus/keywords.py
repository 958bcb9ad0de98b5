"""Words of a poem, and the most telling of them by TF-IDF.

jieba cuts titles and bodies into words. Single characters that are words of the classical language (月, 客, 愁) count
as words; particles and other characters that carry no image do not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from poetgen.vocab import is_han

KEYWORDS = 4

#: Words that tell nothing of a poem: 虚词, pronouns, numbers and counters of the classical language, and the commonest verbs.
STOP_WORDS = frozenset(
    "之乎者也矣焉哉兮而以于於其则乃且若所与为因何不无有非未莫勿毋亦又更还复却犹尚已曾将欲可能应须当得教令使"
    "此彼是斯这那谁孰我吾予余君汝尔他自相一二三四五六七八九十百千万两几多少半双数第个上下中前后里外内间边头"
    "来去归到从向在见看闻听知如似同共皆都尽只但空独初始方正新旧长大小高深远近时今昔年日处人生事言道作成过"
) | frozenset("不见 不知 不是 不可 不得 何处 何人 何事 何时 如何 无人 无奈 不能 可以 一个 一片 一曲 有人 如此".split())


@dataclass
class WordLists:
    """The words of N poems: `ids` into `words`, and `poem`, whose each is; in the order of reading."""

    words: list[str] = field(default_factory=list)
    ids: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    poem: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))

    def select(self, kept: NDArray[np.bool_]) -> WordLists:
        """The words of the poems that `kept` marks, which are numbered anew."""
        chosen = kept[self.poem]
        renumber = (np.cumsum(kept) - 1).astype(np.uint32)
        return WordLists(self.words, self.ids[chosen], renumber[self.poem[chosen]])


def cut(texts: Sequence[str]) -> WordLists:
    """Cut the texts of N poems into telling words."""
    cutter = _cutter()
    table: dict[str, int] = {}
    ids: list[int] = []
    ends: list[int] = []
    for text in texts:
        for word in cutter(text):
            if word not in STOP_WORDS and is_han(word[0]):
                ids.append(table.setdefault(word, len(table)))
        ends.append(len(ids))
    counts = np.diff(np.array([0, *ends]))
    return WordLists(
        list(table), np.array(ids, dtype=np.uint32), np.repeat(np.arange(len(texts), dtype=np.uint32), counts)
    )


def _cutter():  # type: ignore[no-untyped-def]
    import jieba

    jieba.setLogLevel(logging.WARNING)
    # Without the hidden Markov model, which knows names of today's newspapers rather than words of verse.
    return lambda text: jieba.cut(text, HMM=False)


def concatenate(parts: Sequence[WordLists], firsts: Sequence[int]) -> WordLists:
    """The words of several parts, the poems of each numbered from its `firsts`."""
    table: dict[str, int] = {}
    ids, poems = [], []
    for part, first in zip(parts, firsts, strict=True):
        remap = np.array([table.setdefault(word, len(table)) for word in part.words], dtype=np.uint32)
        ids.append(remap[part.ids] if len(part.ids) else part.ids)
        poems.append(part.poem + np.uint32(first))
    if not ids:
        return WordLists()
    return WordLists(list(table), np.concatenate(ids), np.concatenate(poems))


def keywords(lists: WordLists, count: int, most: int = KEYWORDS) -> Iterator[tuple[str, ...]]:
    """For each of `count` poems its `most` most telling words, by falling TF-IDF, ties in the order of reading.

    tf · ln(N / df), where df is at least 5: a word that hardly another poem has is no better a key than a rare one.
    """
    pair = lists.poem.astype(np.uint64) << np.uint64(32) | lists.ids
    pairs, first, tf = np.unique(pair, return_index=True, return_counts=True)
    poem, word = (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    df = np.bincount(word, minlength=len(lists.words))
    weight = tf * np.log((count + 1) / np.maximum(df, min(5, count)))[word]
    order = np.lexsort((first, -weight, poem))
    words = lists.words
    starts = np.searchsorted(poem, np.arange(count + 1))
    ranked = word[order]
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        yield tuple(words[index] for index in ranked[start : min(end, start + most)].tolist())
