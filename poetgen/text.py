"""Characters and marks of verse: what all rooms mean by a Han character, by punctuation, and by a clause."""

from __future__ import annotations

import re

#: The one set of punctuation marks that a cleaned body may hold.
PUNCTUATION = "，。？！；：、"

#: Marks that end a clause (句); the pause 、 stands inside one.
_CLAUSE_END = re.compile("[，。？！；：\n]+")

#: What anthologies print for a character that is lost, and texts made of ids for one that the vocabulary lacks.
LOST = "□"

#: Ranges of the Unicode blocks that hold Han characters (Unicode 16, ideograph blocks and 〇).
_HAN = (
    (0x3007, 0x3007),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x323AF),
)


def is_han(char: str) -> bool:
    """Whether `char` is a Chinese character.

    >>> is_han("春"), is_han("，"), is_han("𠮷"), is_han("a")
    (True, False, True, False)
    """
    code = ord(char)
    return any(low <= code <= high for low, high in _HAN)


def clauses(body: str) -> list[str]:
    """Cut a body into its clauses (句), without punctuation.

    >>> clauses("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    ['白日依山尽', '黄河入海流', '欲穷千里目', '更上一层楼']
    """
    return [clause.replace("、", "") for clause in _CLAUSE_END.split(body) if clause]
