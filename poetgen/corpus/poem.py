"""A poem, as the readers find it and as cleaning leaves it."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The one set of punctuation marks that a cleaned body may hold.
PUNCTUATION = "，。？！；：、"

#: Marks that end a clause (句); the pause 、 stands inside one.
_CLAUSE_END = re.compile("[，。？！；：\n]+")


@dataclass(frozen=True, slots=True)
class Record:
    """A poem as a source holds it, before any cleaning.

    `origin` says where it stood (file, and line or record number), for reports and errors. `tune` is the
    词牌 where the source names one. `verse` is False for a passage of plain text, whose line breaks are kept.
    """

    origin: str
    paragraphs: tuple[str, ...]
    title: str = ""
    author: str = ""
    dynasty: str = ""
    tune: str = ""
    verse: bool = True


@dataclass(frozen=True, slots=True)
class Poem:
    """A cleaned poem: `body` is one string with its punctuation; `form` is one of `prosody.FORMS`."""

    body: str
    title: str = ""
    author: str = ""
    dynasty: str = ""
    tune: str = ""
    form: str = ""


def clauses(body: str) -> list[str]:
    """Cut a body into its clauses (句), without punctuation.

    >>> clauses("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    ['白日依山尽', '黄河入海流', '欲穷千里目', '更上一层楼']
    """
    return [clause.replace("、", "") for clause in _CLAUSE_END.split(body) if clause]
