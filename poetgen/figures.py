"""Figures of poems as text, whoever wrote them: form, rhyme, meter, distinct, repeats.

Each is a share from 0 to 1. Form, rhyme and meter are those of prosody.check, by which any reading of a character
counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from poetgen.corpus.poem import clauses
from poetgen.prosody import check
from poetgen.vocab import Vocab, is_han

#: CJK Unified Ideographs, the block U+4E00–U+9FFF.
_BLOCK = 20992


def unknown_nats(vocab: Vocab) -> float:
    """What a character outside the vocabulary costs besides its [UNK], in nats.

    It is the price of choosing it among the characters of the Unicode block that the vocabulary leaves out, so that a
    small vocabulary gains nothing.
    """
    return math.log(max(1, _BLOCK - vocab.han))


def regularity(poems: Sequence[str], form: str) -> dict[str, float]:
    """The shares of poems that hold the form, the rhyme and the meter of a regulated form.

    >>> regularity(["白日依山尽，黄河入海流。欲穷千里目，更上一层楼。", "春眠不觉晓。"], "五绝")
    {'form': 0.5, 'rhyme': 0.5, 'meter': 0.5}
    """
    verdicts = [check(clauses(poem), form) for poem in poems]
    return {name: fmean(getattr(verdict, name) for verdict in verdicts) for name in ("form", "rhyme", "meter")}


def distinct(poems: Iterable[str], length: int) -> float:
    """Distinct runs of `length` Han characters within lines, divided by all of them; 1 where there are none.

    >>> distinct(["春江春水，", "江水。"], 1), distinct(["春江春水，", "江水。"], 2)
    (0.5, 1.0)
    """
    grams = [gram for poem in poems for gram in _grams(poem, length)]
    return len(set(grams)) / len(grams) if grams else 1.0


def repeats(poem: str) -> bool:
    """Whether a line, or a word of two characters outside reduplication, comes twice.

    >>> repeats("春江潮水，春江月明。"), repeats("萧萧落木，萧萧雨。")
    (True, False)
    """
    lines = clauses(poem)
    words = [word for word in _grams(poem, 2) if word[0] != word[1]]
    return len(set(lines)) < len(lines) or len(set(words)) < len(words)


def _grams(poem: str, length: int) -> list[str]:
    lines = ("".join(filter(is_han, line)) for line in clauses(poem))
    return [line[at : at + length] for line in lines for at in range(len(line) - length + 1)]
