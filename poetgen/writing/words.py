"""Which characters make a word together, so that none is broken over a pause."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

#: Words that stand more rarely than so in the corpus of jieba's dictionary are names and accidents.
_LEAST: Final = 3


@cache
def second_characters() -> Mapping[str, str]:
    """Of the words of two characters in jieba's dictionary: each first character -> those that may follow it.

    >>> "月" in second_characters()["明"], "酒" in second_characters()["明"]
    (True, False)
    """
    seconds: dict[str, str] = {}
    with resources.files("jieba").joinpath("dict.txt").open(encoding="utf-8") as file:
        for line in file:
            word, _, rest = line.partition(" ")
            if len(word) == 2 and int(rest.partition(" ")[0]) >= _LEAST:
                seconds[word[0]] = seconds.get(word[0], "") + word[1]
    return seconds
