"""Fields: under which names sources keep the body, title and author of a poem, and the records made of them.

The names are in field_names.tsv. A user who knows better says so with `--columns body=…,title=…` (ColumnChoice).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from poetgen.corpus.dynasties import dynasty, dynasty_of_place
from poetgen.corpus.poem import Record
from poetgen.errors import Option, UsageError
from poetgen.files import read_table
from poetgen.language import Phrase
from poetgen.prosody.tune_book import fits_book
from poetgen.prosody.tune_names import fits_tune, tune_in_title, tune_names
from poetgen.text import CLAUSE_ENDS, HAN_RANGES, PUNCTUATION

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


#: Each known name in its normal form: what a field of that name holds, and its rank among the names for that.
_KNOWN: Final = {
    name: (role, rank)
    for role, *both in read_table("corpus", "field_names.tsv", 3)
    for rank, name in enumerate(" ".join(both).split())
}
#: For each role the names of which nothing need be said, in order of preference.
PLAIN_NAMES: Final = {role: tuple(plain.split()) for role, plain, _ in read_table("corpus", "field_names.tsv", 3)}
_PLAIN: Final = frozenset().union(*PLAIN_NAMES.values())
#: The language in which a field is, behind its name or before it.
_OF_LANGUAGE: Final = re.compile(
    "(?:zh|ch|cn|chs|cht|hans|hant|chinese|en|eng|english|ja|jp|jpn|japanese|ko|kr|korean|vi|ru|original|中文|英文|日文)$"
    "|^(?:zh|cn|chinese|en|english|ja|jp|japanese|ko|korean|original|中文|英文|日文)"
)
_WORDS_OF_NAME: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LEFT_OUT_OF_NAMES: Final = re.compile(r"[\s_\-\"'“”.:\ufeff]+")

#: Where an object says what it is called.
_NAMED_BY: Final = ("name", "title", "text", "value", "名", "名称", "姓名", "zh", "cn", "ja", "en")
#: A list of lines as Python and JSON write it, as happens to cells of a table.
_STRING: Final = r"""(?:'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+")"""
_LIST: Final = re.compile(rf"\[\s*({_STRING}(?:\s*,\s*{_STRING})*+)\s*,?\s*\]")
#: A slash between two lines of Chinese verse.
_SLASH: Final = re.compile(rf"(?<=[{HAN_RANGES}{PUNCTUATION}])\s*//?\s*(?=[{HAN_RANGES}]{{3}})")
_ITEM: Final = re.compile(_STRING)
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")
_ESCAPED: Final = {"n": "\n", "r": "", "t": " "}

#: What fields are called that name a form: that of `poetgen sample --json` first.
_FORM_NAMES: Final = ("form", "体裁", "體裁", "诗体", "詩體")

#: Dynasties whose poems bear the names of tunes without being 词.
_BEFORE_TUNES: Final = frozenset(("先秦", "汉", "魏晋", "南北朝", "隋", "唐"))
#: What is said of the fields that were taken: how the role is called.
_SPOKEN: Final = {"body": "verse", "title": "titles", "author": "authors", "dynasty": "dynasties", "tune": "tunes"}


@lru_cache(maxsize=4096)
def normal_name(name: str) -> str:
    """A name of a field without blanks, hyphens, quotes and capitals.

    >>> normal_name(' "Poem Name"'), normal_name("\ufeffTitle")
    ('poemname', 'title')
    """
    return _LEFT_OUT_OF_NAMES.sub("", unicodedata.normalize("NFKC", name)).lower()


@lru_cache(maxsize=4096)
def _known(name: str) -> tuple[str, int]:
    """What a field of this name holds and its rank: the name itself, without its language, or its last word.

    >>> _known("titleCh")[0], _known("poet_en")[0], _known("My translation")[0], _known("First Name")[0]
    ('title', 'author', 'other', '')
    """
    normal = normal_name(name)
    known = _KNOWN.get(normal)
    if known is None and (of_language := _OF_LANGUAGE.sub("", normal)):
        role, rank = _KNOWN.get(of_language, ("", 0))
        known = (role, rank + len(_KNOWN)) if role else None
    if known is None:
        *before, last = _WORDS_OF_NAME.findall(name) or [""]
        role, rank = _KNOWN.get(last.lower(), ("", 0)) if before and last.lower() != "name" else ("", 0)
        known = (role, rank + 2 * len(_KNOWN)) if role else ("", 0)
    return known


def role_of(name: str) -> str:
    """What a field of this name holds: body, title, author, dynasty, tune, upper or lower (the lines of a couplet),
    prompt, "other" for what is never verse, or "" for a name that is not known.

    >>> role_of("漢詩本文"), role_of("和訳"), role_of("静夜思")
    ('body', 'other', '')
    """
    return _known(name)[0]


@lru_cache(maxsize=1024)
def names_of_role(keys: tuple[str, ...], role: str) -> tuple[str, ...]:
    """Which of some keys hold what a role says, the likeliest first.

    >>> names_of_role(("id", "text", "content"), "body")
    ('content', 'text')
    """
    known = [(_known(key), key) for key in keys]
    return tuple(key for (found, _), key in sorted(known, key=lambda pair: pair[0][1]) if found == role)


@lru_cache(maxsize=1024)
def field_names(keys: tuple[str, ...]) -> FieldNames:
    """Which of the keys of a record, or the columns of a table, stand for what.

    >>> field_names(("id", "content", "title")).body
    ('content',)
    """
    return FieldNames(*(names_of_role(keys, role) for role in FieldNames._fields))


def is_plain(names: FieldNames) -> bool:
    """Whether what was taken bears names of which nothing need be said."""
    return all(normal_name(name) in _PLAIN for role in names for name in role[:1])


def taken(names: FieldNames, numbers: bool = False) -> Phrase:
    """What was taken for what, for people; names may be `numbers` of columns.

    >>> taken(FieldNames(body=("verse",), author=("poet",)))
    'verse from "verse", authors from "poet"'
    """
    pairs = zip(_SPOKEN.values(), names, strict=True)
    return Phrase.listed(
        [
            Phrase("{role} from column {column}", role=Phrase.known(spoken), column=name[0])
            if numbers
            else Phrase('{role} from "{column}"', role=Phrase.known(spoken), column=name[0])
            for spoken, name in pairs
            if name
        ]
    )


@dataclass(frozen=True)
class ColumnChoice:
    """Which columns, by name or by number from 1, hold what; `""` as a name says that none does.

    What is not chosen is found as without it.
    """

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> ColumnChoice:
        """Of what was typed behind --columns; raises UsageError.

        >>> ColumnChoice.parse("title=1,body=漢詩本文").names
        {'title': '1', 'body': '漢詩本文'}
        """
        names: dict[str, str] = {}
        for part in filter(str.strip, re.split(r",(?=\s*\w+\s*=)", text)):
            role, equals, name = (piece.strip() for piece in part.partition("="))
            if not equals or role not in FieldNames._fields:
                choices = ", ".join(f"{role}=…" for role in FieldNames._fields)
                raise UsageError(
                    Option("columns", text),
                    Phrase(": give {choices} with the name or the number of a column", choices=choices),
                )
            names[role] = name
        return cls(names)

    def applied(self, found: FieldNames, keys: tuple[str, ...]) -> FieldNames:
        """What was found by name among `keys`, with what was chosen in its place."""
        if not self.names:
            return found
        chosen = {
            role: tuple(key for key in keys if name and normal_name(key) == normal_name(name))
            for role, name in self.names.items()
        }
        used = {key for names in chosen.values() for key in names}
        rest = {role: tuple(key for key in names if key not in used) for role, names in found._asdict().items()}
        return FieldNames(**{**rest, **chosen})


def first_text(value: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of some fields that holds text, without spaces around it, or "".

    A field may have a name of its own, as {"author": {"name": "天智天皇", "ruby": …}}, or several.

    >>> first_text({"author": {"name": "李白"}}, ("author",)), first_text({"author": ["A", "B"]}, ("author",))
    ('李白', 'A, B')
    """
    for name in names:
        text = value[name]
        if isinstance(text, Mapping):
            text = next((text[key] for key in _NAMED_BY if isinstance(text.get(key), str)), "")
        elif isinstance(text, list) and text and all(isinstance(part, str) for part in text):
            text = ", ".join(text)
        if isinstance(text, str) and (text := text.strip()):
            return text
    return ""


def lines_of_field(body: str) -> tuple[str, ...]:
    """The lines of a poem in one field, parted by line ends (as \\n too), | or /, or written as a list.

    >>> lines_of_field("床前明月光|疑是地上霜"), lines_of_field("['床前明月光，', '疑是地上霜。']")
    (('床前明月光', '疑是地上霜'), ('床前明月光，', '疑是地上霜。'))
    """
    if body.startswith("[") and (items := _LIST.fullmatch(body)):
        return tuple("\n".join(map(_unescaped, _ITEM.findall(items[1]))).strip("\n").split("\n"))
    if "\\" in body:
        body = body.replace("\\r", "").replace("\\n", "\n")
    if "/" in body:
        body = _SLASH.sub("\n", body)
    return tuple(body.replace("|", "\n").split("\n"))


def _unescaped(item: str) -> str:
    """What a string of a list says, as Python and JSON write it.

    >>> _unescaped(r"'I\\'m here\\xa0\\n'")
    "I'm here\\xa0\\n"
    """

    def said(match: re.Match[str]) -> str:
        *codes, letter = match.groups()
        code = next(filter(None, codes), "")
        return chr(min(int(code, 16), 0x10FFFF)) if code else _ESCAPED.get(letter, letter)

    return _ESCAPE.sub(said, item[1:-1]) if "\\" in item else item[1:-1]


def couplet(upper: str, lower: str) -> tuple[str, ...]:
    """The two lines of a couplet, with the marks that stand behind them in print.

    >>> couplet("晚风摇树树还挺", "晨露润花花更红")
    ('晚风摇树树还挺，', '晨露润花花更红。')
    """
    upper, lower = ("".join(line.split()) for line in (upper, lower))
    return (upper if upper[-1:] in PUNCTUATION else upper + "，", lower if lower[-1:] in PUNCTUATION else lower + "。")


class RecordBuilder:
    """Makes the records of a document: it counts them, and knows what the name of the document tells of its poems."""

    def __init__(
        self,
        name: str,
        unit: str = "record",
        columns: ColumnChoice | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.name = name
        self.columns = columns or ColumnChoice()
        self._say: Callable[[str], None] | None = say
        self._names: dict[tuple[str, ...], FieldNames] = {}
        self.unit = unit
        self.number = 0
        self.dynasty = dynasty_of_place(name)
        self.author = "曹操" if "曹操" in name else ""
        # Titles of Tang 乐府 and of 元曲 may begin like a tune of 词 without being one.
        self.may_name_tunes = not re.search("全唐诗|全唐詩|元曲", name)

    def names(self, keys: tuple[str, ...]) -> FieldNames:
        """Which of the keys of a record stand for what: as was chosen or learned, else by what they are called."""
        names = self._names.get(keys)
        return names if names is not None else self.learn(keys, self.columns.applied(field_names(keys), keys))

    def learn(self, keys: tuple[str, ...], names: FieldNames) -> FieldNames:
        """From now on the keys of records stand for this; said where it is not plain."""
        if names.body and not is_plain(names):
            self.say(taken(names))
        self._names[keys] = names
        return names

    def say(self, text: str) -> None:
        """Say what the document was taken for; of what is said of one document the first is enough."""
        if self._say:
            self._say(Phrase("{file}: {told}", file=self.name, told=text))
            self._say = None

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
            tune = _tune_of_title(title, lines, may_be_rare=dynasty(era) not in _BEFORE_TUNES)
        return Record(
            f"{self.name}, {self.unit} {self.number}",
            lines,
            title=title,
            author=author or self.author,
            dynasty=dynasty(era) or self.dynasty,
            tune=tune,
            form=first_text(value, tuple(name for name in _FORM_NAMES if name in value)),
        )


def _tune_of_title(title: str, lines: tuple[str, ...], may_be_rare: bool) -> str:
    """The tune that a title names before a point: 「长相思·山一程」 is sung to 长相思.

    A bare 「长相思」, or one with words behind it, may as well be a poem of that name: there the lines must fit. Tunes
    that the corpus has seldom come into question where the poem `may_be_rare`.
    """
    name, point, _ = title.replace("・", "·").replace("•", "·").partition("·")
    name = name.strip()
    if point and name in tune_names():
        return name
    tune = tune_in_title(title)
    if not tune:
        return ""
    lengths = _lengths_of(lines)
    return tune if fits_tune(tune, lengths) or may_be_rare and fits_book(tune, lengths) else ""


def _lengths_of(lines: tuple[str, ...]) -> list[int]:
    """The lengths of the clauses of lines as they are written, notes in brackets left out."""
    text = _NOTE.sub("", "\n".join(lines))
    return [length for clause in _CLAUSE_END.split(text) if (length := len(_HAN.findall(clause)))]
