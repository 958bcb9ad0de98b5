"""Columns of a table: which holds verse, titles, authors, by what they are called or else by what they hold.

label,verse                                       a header: "verse" is a name of verse, "label" of no part of a poem
3,白日依山尽，黄河入海流。欲穷千里目，…

静夜思,李白,唐,床前明月光，疑是地上霜。…            none: short cells that differ are titles, names of people authors,
春晓,孟浩然,唐,春眠不觉晓，处处闻啼鸟。…            names of dynasties dynasties, and verse is verse
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from poetgen.corpus.dynasties import dynasty
from poetgen.corpus.fields import (
    ColumnChoice,
    FieldNames,
    field_names,
    is_plain,
    names_of_role,
    normal_name,
    role_of,
    taken,
)
from poetgen.corpus.names import family_names
from poetgen.language import Phrase
from poetgen.prosody.forms import recognise
from poetgen.text import CLAUSE_ENDS, HAN_RANGES, is_han

_BREAKS: Final = re.compile(rf"[{CLAUSE_ENDS},.?!;|\s]+")
_EASTERN: Final = re.compile(f"[{HAN_RANGES}\u3041-\u3096\u30a1-\u30fa]")
_ADDRESS: Final = re.compile(r"https?://|www\.|@")
#: A name in letters: two to four words that begin with a capital.
_WESTERN_NAME: Final = re.compile(r"(?:[^\W\d_a-z][\w.'’-]*\s+){1,3}[^\W\d_a-z][\w.'’-]*")

#: Letters that a cell of verse has at least, and a title at most.
_LEAST_VERSE, _LONGEST_TITLE = 8, 60
#: Letters of a name in Chinese characters.
_LONGEST_NAME = 4
#: The share of cells by which a column is told.
_MOST: Final = 0.6


class TableLayout(NamedTuple):
    """How the rows of a table are to be read: the numbers of the columns, from 0, as text.

    `header` is True where the first row names the columns. `couplet` has the columns of the upper and the lower lines
    where the table is one of couplets. `told` says what was taken for what, empty where it needs no saying.
    """

    header: bool
    names: FieldNames
    couplet: tuple[str, ...] = ()
    told: str = ""

    @property
    def width(self) -> int:
        """How many cells a row must have at least."""
        return 1 + max(int(key) for keys in (self.couplet, *self.names) for key in keys)


class ColumnsUnclear(Exception):
    """The columns of a table cannot be told apart; carries what there is to say about it."""


@dataclass(frozen=True)
class _Column:
    """What a sample of the cells of a column is like; shares are of the cells that are not empty."""

    letters: float = 0.0  # a cell, on the mean
    longest: int = 0
    verse: float = 0.0  # share in lines of verse, or several of them
    form: float = 0.0  # share of which the lines have a form
    names: float = 0.0  # share that look like names of people
    dynasties: float = 0.0
    distinct: float = 0.0
    words: float = 0.0  # share that are neither numbers, codes nor addresses
    eastern: float = 0.0  # share that have a character of Chinese or Japanese
    filled: float = 0.0  # share of all cells that are not empty

    @classmethod
    def of(cls, cells: Sequence[str]) -> _Column:
        every = len(cells)
        cells = [cell for cell in map(str.strip, cells) if cell]
        if not cells:
            return cls()
        lines = [[line for line in _BREAKS.split(cell) if line] for cell in cells]
        sizes = [sum(map(str.isalpha, cell)) for cell in cells]

        def share(holds: Sequence[bool]) -> float:
            return sum(holds) / len(cells)

        is_verse = [
            size >= _LEAST_VERSE and (len(parts) > 1 or not is_han(cell[0]))
            for cell, parts, size in zip(cells, lines, sizes, strict=True)
        ]
        return cls(
            letters=sum(sizes) / len(cells),
            longest=max(sizes),
            verse=share(is_verse),
            form=share(
                [
                    ok and is_han(parts[0][0]) and recognise(parts) != "散文"
                    for ok, parts in zip(is_verse, lines, strict=True)
                ]
            ),
            names=share([is_name(cell) for cell in cells]),
            dynasties=share([bool(dynasty(cell)) for cell in cells]),
            distinct=len(set(cells)) / len(cells),
            eastern=share([_EASTERN.search(cell) is not None for cell in cells]),
            filled=len(cells) / every,
            words=share(
                [2 * size > len(cell) and not _ADDRESS.search(cell) for cell, size in zip(cells, sizes, strict=True)]
            ),
        )

    @property
    def may_be_verse(self) -> bool:
        return self.verse >= _MOST and self.words >= _MOST

    @property
    def is_eastern(self) -> bool:
        return self.eastern >= 0.5

    @property
    def may_be_title(self) -> bool:
        short = 0 < self.longest <= _LONGEST_TITLE
        return short and self.words >= _MOST and self.dynasties < _MOST and self.form < _MOST


def is_name(text: str) -> bool:
    """Whether a text looks like the name of a person.

    >>> is_name("李白"), is_name("Emily Dickinson"), is_name("静夜思"), is_name("佚名")
    (True, True, False, True)
    """
    if is_han(text[:1] or " "):
        known = text[0] in family_names() or text[:2] in family_names() or text in ("佚名", "无名氏", "無名氏")
        return 2 <= len(text) <= _LONGEST_NAME and known and all(map(is_han, text))
    return _WESTERN_NAME.fullmatch(text) is not None


def layout_of(
    rows: Sequence[Sequence[str]], choice: ColumnChoice, couplets: bool = False, header: bool | None = None
) -> TableLayout:
    """The layout of a table, by its first rows, with what the user has chosen in place of what is found.

    `header` says whether the first row names the columns; None where that is to be told. With `couplets` two columns of
    lines of equal lengths are taken for the lines of couplets, whatever they are called.

    Raises ColumnsUnclear where no column of verse can be told.
    """
    width = Counter(map(len, rows)).most_common(1)[0][0]
    first, keys = rows[0], tuple(map(str, range(max(width, len(rows[0])))))
    if header is None:
        # Who names a column says that the first row has names.
        typed = {normal_name(name) for name in choice.names.values() if name and not name.isdecimal()}
        header = _is_header(rows) or not typed.isdisjoint(map(normal_name, first))
    called = [cell.strip().strip("\ufeff") for cell in first] if header else []
    columns = [_Column.of([row[place] for row in rows[header:] if place < len(row)]) for place in range(len(keys))]
    chosen = _chosen(choice, keys, called, columns)
    if not chosen.get("body"):
        halves = _halves(called, rows[header:], couplets)
        if halves:
            return TableLayout(header, FieldNames(), halves, f"couplets from {_shown(halves, called)}")
    names = _named(keys, called, columns) if header else {}
    names = {
        role: [key for key in found if not any(key in keys for keys in chosen.values())]
        for role, found in names.items()
    }
    names |= chosen
    if not names.get("body"):
        names["body"] = _body(keys, called, columns, names)
    if not names["body"]:
        raise ColumnsUnclear(_unclear(keys, called, columns, rows[header:]))
    eastern = columns[int(names["body"][0])].is_eastern
    for role in ("title", "author"):  # of a title in two languages that of the verse
        if role not in choice.names:
            names[role] = sorted(names.get(role, []), key=lambda key: columns[int(key)].is_eastern != eastern)
    for role, found in _guessed(keys, called, columns, names).items():
        names.setdefault(role, found)
        names[role] = names[role] or ([] if role in choice.names else found)
    result = FieldNames(*(tuple(names.get(role, ())) for role in FieldNames._fields))
    shown = FieldNames(*(tuple(called[int(key)] for key in found if int(key) < len(called)) for found in result))
    if header and is_plain(shown):
        return TableLayout(header, result)
    if header:
        return TableLayout(header, result, told=taken(shown))
    return TableLayout(header, result, told=Phrase("no header; {taken}", taken=taken(_from_one(result), numbers=True)))


def _from_one(names: FieldNames) -> FieldNames:
    return FieldNames(*(tuple(str(int(key) + 1) for key in found) for found in names))


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: by a name that is known, or as it is unlike all that lies below it."""
    first = [cell.strip() for cell in rows[0]]
    if any(map(_reads_as_verse, first)):
        return False
    roles = [role_of(cell) for cell in first]
    below = rows[1:]
    if any(role and role != "dynasty" for role in roles):
        # 「诗」 or 「歌」 may be the title of a poem, too: then the other cells of its row are names of nothing.
        return sum(map(bool, roles)) * 2 >= sum(map(bool, first)) or not below or _unlike(first, below)
    return bool(below) and len(first) > 1 and all(first) and _unlike(first, below)


def _reads_as_verse(cell: str) -> bool:
    lines = [line for line in _BREAKS.split(cell) if line]
    return len(lines) > 1 and (sum(map(is_han, cell)) >= _LEAST_VERSE or "\n" in cell or len(cell) > _LONGEST_TITLE)


def _unlike(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a first row is far shorter where the others hold verse."""
    for place, cell in enumerate(first):
        column = _Column.of([row[place] for row in below if place < len(row)])
        if column.may_be_verse and sum(map(str.isalpha, cell)) * 2 < column.letters and len(cell) <= 30:
            return True
    return False


def _chosen(
    choice: ColumnChoice, keys: tuple[str, ...], called: Sequence[str], columns: Sequence[_Column]
) -> dict[str, list[str]]:
    """The columns that the user has chosen; raises ColumnsUnclear for one that is not there."""
    chosen: dict[str, list[str]] = {}
    for role, wanted in choice.names.items():
        named = FieldNames(body=tuple(called))
        by_name = ColumnChoice({"title": wanted}).applied(named, tuple(called)).title if wanted else ()
        if by_name:
            chosen[role] = [str(called.index(by_name[0]))]
        elif wanted.isdecimal() and 1 <= int(wanted) <= len(keys):
            chosen[role] = [str(int(wanted) - 1)]
        elif wanted:
            raise ColumnsUnclear(
                Phrase(
                    "no column is {wanted}; there are {columns}",
                    wanted=wanted,
                    columns=_listed(keys, called, columns, ()),
                )
            )
        else:
            chosen[role] = []
    return chosen


def _named(keys: Sequence[str], called: Sequence[str], columns: Sequence[_Column]) -> dict[str, list[str]]:
    """The columns by their names, the likeliest first. Of several of verse one that holds none may name the poem."""
    places: dict[str, list[str]] = {}
    for key, name in zip(keys, called, strict=False):
        places.setdefault(name, []).append(key)
    found = {
        role: [key for name in names for key in places[name]]
        for role, names in field_names(tuple(places))._asdict().items()
    }
    body = found["body"]
    verse = [key for key in body if columns[int(key)].may_be_verse]
    if verse and len(verse) < len(body):
        found["body"] = verse
        if not found["title"]:
            found["title"] = [key for key in body if columns[int(key)].may_be_title and key not in verse][:1]
    elif not verse and body:
        # A number of lines is called "lines", and a poem's name "poem": verse may stand under another name.
        others = _body(keys, called, columns, {"taken": [*body, *found["author"], *found["dynasty"], *found["tune"]]})
        if others:
            found["body"] = others
            titles = [*found["title"], *(key for key in body if columns[int(key)].may_be_title)]
            found["title"] = [key for key in titles if key not in others]
    elif not body:
        found["title"] = [key for key in found["title"] if not columns[int(key)].may_be_verse] or found["title"]
    return found


def _body(
    keys: Sequence[str], called: Sequence[str], columns: Sequence[_Column], names: dict[str, list[str]]
) -> list[str]:
    """The one column that holds verse, empty where none does or several might."""
    used = {key for role, found in names.items() if role != "title" for key in found}
    free = [
        key for key in keys if key not in used and (int(key) >= len(called) or role_of(called[int(key)]) != "other")
    ]
    free = [key for key in free if columns[int(key)].may_be_verse]
    if not free:
        return []
    free.sort(key=lambda key: (columns[int(key)].form >= _MOST, columns[int(key)].letters), reverse=True)
    best, *others = (columns[int(key)] for key in free)
    if others and (others[0].form >= _MOST or best.form < _MOST and best.letters < 2 * others[0].letters):
        return []
    return free[:1]


def _guessed(
    keys: Sequence[str], called: Sequence[str], columns: Sequence[_Column], names: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Titles, authors and dynasties by what the columns hold that have no known name."""
    used = {key for found in names.values() for key in found}
    free = [key for key in keys if key not in used and (int(key) >= len(called) or not role_of(called[int(key)]))]
    dynasties = [key for key in free if columns[int(key)].dynasties >= _MOST]
    eastern = columns[int(names["body"][0])].is_eastern
    short = [key for key in free if columns[int(key)].may_be_title and columns[int(key)].is_eastern == eastern]
    authors = sorted(
        (key for key in short if columns[int(key)].names >= _MOST),
        key=lambda key: columns[int(key)].names,
        reverse=True,
    )
    titles = [
        key
        for key in short
        if key not in authors[:1] and columns[int(key)].distinct >= _MOST and columns[int(key)].filled >= _MOST
    ]
    if not authors and not called and not names.get("title"):  # 子規, 芭蕉: after the title, and as short as a name
        after = [key for key in short if titles and int(key) > int(titles[0])]
        authors = [key for key in after if columns[int(key)].longest <= _LONGEST_NAME]
    return {"title": titles[:1], "author": authors[:1], "dynasty": dynasties[:1]}


def _halves(called: Sequence[str], rows: Sequence[Sequence[str]], by_content: bool) -> tuple[str, ...]:
    """The columns of the upper and the lower lines of couplets; empty where the table is none of these."""
    upper, lower = (names_of_role(tuple(called), role) for role in ("upper", "lower"))
    if upper and lower:
        places = tuple(str(called.index(names[0])) for names in (upper, lower))
    elif by_content and not called and all(len(row) == 2 for row in rows if any(row)):
        places = ("0", "1")
    else:
        return ()
    pairs = [(row[int(places[0])], row[int(places[1])]) for row in rows if len(row) > max(map(int, places))]
    equal = sum(_han(first) == _han(second) > 0 for first, second in pairs)
    return places if pairs and equal * 10 >= len(pairs) * 8 else ()


def _han(text: str) -> int:
    return sum(map(is_han, text))


def _unclear(
    keys: Sequence[str], called: Sequence[str], columns: Sequence[_Column], rows: Sequence[Sequence[str]]
) -> str:
    listed = _listed(keys, called, columns, rows)
    return Phrase("which column holds the verse cannot be told: {columns}", columns=listed)


def _listed(
    keys: Sequence[str], called: Sequence[str], columns: Sequence[_Column], rows: Sequence[Sequence[str]]
) -> str:
    """The columns by their numbers and names, or an example of what they hold."""
    shown = []
    for place in range(min(len(keys), 12)):
        example = next((row[place].strip() for row in rows if place < len(row) and row[place].strip()), "")
        text = called[place] if place < len(called) and called[place] else example
        shown.append(f'{place + 1} "{" ".join(text.split())[:20]}"')
    return ", ".join(shown) + (", …" if len(keys) > len(shown) else "")


def _shown(places: Sequence[str], called: Sequence[str]) -> str:
    return " and ".join(f'"{called[int(place)]}"' if called else f"column {int(place) + 1}" for place in places)
