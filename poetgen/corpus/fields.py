"""Fields: under which names sources keep the body, title and author of a poem, and the records made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from poetgen.corpus.dynasties import dynasty, dynasty_of_place
from poetgen.corpus.poem import Record
from poetgen.prosody.tune_names import fits_tune, tune_in_title, tune_names
from poetgen.text import CLAUSE_ENDS, HAN_RANGES

# Names of fields, in order of preference; the first that is there counts.
BODY_NAMES: Final = tuple("paragraphs para content contents body text poem lines 内容 正文 诗文 詩文".split())
_TITLE_NAMES: Final = tuple("title name 题目 题 标题 诗题 诗名 題目 題 標題 詩題 詩名 chapter".split())
_AUTHOR_NAMES: Final = tuple("author poet writer 作者 诗人 詩人".split())
_DYNASTY_NAMES: Final = tuple("dynasty era 朝代 时代 時代".split())
_TUNE_NAMES: Final = tuple("rhythmic tune cipai 词牌 詞牌".split())


_NOTE: Final = re.compile(r"[(（〔\[][^()（）〔〕\[\]]*[)）〕\]]")
#: （唐）孟浩然, 先秦：左丘明
_DATED_AUTHOR: Final = re.compile(r"(?:[(（\[［【〔]([^()（）\]］】〕]{1,6})[)）\]］】〕]|([^:：]{1,6})[:：])\s*(\S.*)")
_CLAUSE_END: Final = re.compile(f"[{CLAUSE_ENDS},.?!;:|/\\s]+")
_HAN: Final = re.compile(f"[{HAN_RANGES}]")


class FieldNames(NamedTuple):
    """The names, in order of preference, under which records of one shape hold what a poem has."""

    body: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    dynasty: tuple[str, ...] = ()
    tune: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def field_names(keys: tuple[str, ...]) -> FieldNames:
    """Which of the keys of a record, or the columns of a table, stand for what.

    >>> field_names(("id", "content", "title")).body
    ('content',)
    """
    known = (BODY_NAMES, _TITLE_NAMES, _AUTHOR_NAMES, _DYNASTY_NAMES, _TUNE_NAMES)
    return FieldNames(*(tuple(name for name in names if name in keys) for names in known))


def first_text(value: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of some fields that holds text, without spaces around it, or ""."""
    for name in names:
        text = value[name]
        if isinstance(text, str) and (text := text.strip()):
            return text
    return ""


def lines_of_field(body: str) -> tuple[str, ...]:
    """The lines of a poem in one field, parted by line ends or by |.

    >>> lines_of_field("床前明月光|疑是地上霜")
    ('床前明月光', '疑是地上霜')
    """
    return tuple(body.replace("|", "\n").split("\n"))


class RecordBuilder:
    """Makes the records of a document: it counts them, and knows what the name of the document tells of its poems."""

    def __init__(self, name: str, unit: str = "record") -> None:
        self.name = name
        self.unit = unit
        self.number = 0
        self.dynasty = dynasty_of_place(name)
        self.author = "曹操" if "曹操" in name else ""
        # Titles of Tang 乐府 and of 元曲 may begin like a tune of 词 without being one.
        self.may_name_tunes = not re.search("全唐诗|全唐詩|元曲", name)

    def record(
        self,
        value: Mapping[str, object],
        names: FieldNames,
        lines: tuple[str, ...],
        collection: Mapping[str, object] | None = None,
    ) -> Record:
        """The next record: what its own fields say of the poem, else those of its collection, else the place."""
        self.number += 1
        title, author = first_text(value, names.title), first_text(value, names.author)
        era, tune = first_text(value, names.dynasty), first_text(value, names.tune)
        if collection:
            outer = field_names(tuple(collection))
            title = title or first_text(collection, outer.title)
            author = author or first_text(collection, outer.author)
            era, tune = era or first_text(collection, outer.dynasty), tune or first_text(collection, outer.tune)
        if author and (found := _DATED_AUTHOR.match(author)) and dynasty(found[1] or found[2]):
            author, era = found[3], era or found[1] or found[2]
        if tune:
            # 「十二时・忆少年」: the name at the head of the poem, then the name that the tune is listed under.
            alias, _, listed = tune.partition("・")
            title = title or alias
            tune = listed or alias
        elif self.may_name_tunes:
            tune = _tune_of_title(title, lines)
        return Record(
            f"{self.name}, {self.unit} {self.number}",
            lines,
            title=title,
            author=author or self.author,
            dynasty=dynasty(era) or self.dynasty,
            tune=tune,
        )


def _tune_of_title(title: str, lines: tuple[str, ...]) -> str:
    """The tune that a title names before a point: 「长相思·山一程」 is sung to 长相思.

    A bare 「长相思」, or one with words behind it, may as well be a poem of that name: there the lines must fit.
    """
    name, point, _ = title.replace("・", "·").replace("•", "·").partition("·")
    name = name.strip()
    if point and name in tune_names():
        return name
    tune = tune_in_title(title)
    return tune if tune and fits_tune(tune, _lengths_of(lines)) else ""


def _lengths_of(lines: tuple[str, ...]) -> list[int]:
    """The lengths of the clauses of lines as they are written, notes in brackets left out."""
    text = _NOTE.sub("", "\n".join(lines))
    return [length for clause in _CLAUSE_END.split(text) if (length := len(_HAN.findall(clause)))]
