"""Cleaning: from a record as a source holds it to a poem whose every character is verse.

Each rule is a small function from text to text (or a test that says why a poem cannot be kept), and each is counted:
how many poems it touched, how many characters it took away, and a few examples.

What stands behind the rules is what the chinese-poetry archive holds. Notes in brackets run over several paragraphs
(its files were cut at every 。), so that a body is cleaned as one text, with line feeds where paragraphs end. A poem
with a hole in it (□, a character that could only be described, a letter of another script left by a broken encoding)
is dropped: a model would learn the hole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from poetgen.corpus.poem import Poem, Record
from poetgen.text import PUNCTUATION

Script = Literal["simplified", "traditional", "keep"]

#: Han characters, for use inside [..]: the unified ideographs of all planes (twelve of which stand among the
#: compatibility forms), the zero 〇 and the repetition mark 々.
_HAN: Final = (
    "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
    "\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27-\ufa29"
)

_MAX_TITLE: Final = 40
_LONGEST_RAW_TITLE: Final = 400
_EXAMPLES: Final = 3
_EXAMPLE_LENGTH: Final = 120


# ---- the report


@dataclass(frozen=True, slots=True)
class Example:
    """One thing that a rule did: where, the text before, and the text after (empty for a poem that was dropped)."""

    origin: str
    before: str
    after: str = ""


@dataclass(slots=True)
class Tally:
    """What one rule did: poems touched or dropped, characters taken away, the first few examples."""

    poems: int = 0
    characters: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, origin: str, before: str, after: str = "") -> None:
        """Count one poem."""
        self.poems += 1
        self.characters += len(before) - len(after)
        if len(self.examples) < _EXAMPLES:
            self.examples.append(Example(origin, _around(before, after), _around(after, before) if after else ""))


def _around(text: str, other: str) -> str:
    """The part of a text where it first differs from another, short enough for a report."""
    text, other = text.replace("\n", ""), other.replace("\n", "")
    at = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    start = max(0, at - 20)
    # Half a surrogate pair, from a broken escape in JSON, could not be written into the report.
    return text[start : start + _EXAMPLE_LENGTH].encode("utf-8", "replace").decode()


@dataclass(slots=True)
class Counts:
    """What cleaning did to a corpus. Counts of parts add up to the counts of the whole, in any grouping."""

    read: int = 0
    kept: int = 0
    rules: dict[str, Tally] = field(default_factory=dict)
    dropped: dict[str, Tally] = field(default_factory=dict)

    def __iadd__(self, other: Counts) -> Counts:
        self.read += other.read
        self.kept += other.kept
        for mine, theirs in ((self.rules, other.rules), (self.dropped, other.dropped)):
            for name, tally in theirs.items():
                total = mine.setdefault(name, Tally())
                total.poems += tally.poems
                total.characters += tally.characters
                total.examples.extend(tally.examples[: _EXAMPLES - len(total.examples)])
        return self

    def drop(self, reason: str, origin: str, text: str) -> None:
        """Count a poem that is not kept."""
        self.dropped.setdefault(reason, Tally()).add(origin, text)

    def as_dict(self) -> dict[str, object]:
        """The counts as JSON values, the rules in their order of working, the reasons by falling count."""

        def table(tallies: dict[str, Tally]) -> dict[str, object]:
            return {
                name: {
                    "poems": tally.poems,
                    "characters": tally.characters,
                    "examples": [
                        {"origin": e.origin, "before": e.before} | ({"after": e.after} if e.after else {})
                        for e in tally.examples
                    ],
                }
                for name, tally in tallies.items()
            }

        order = {name: place for place, name in enumerate(RULES)}
        return {
            "read": self.read,
            "kept": self.kept,
            "rules": table(dict(sorted(self.rules.items(), key=lambda item: order.get(item[0], len(order))))),
            "dropped": table(dict(sorted(self.dropped.items(), key=lambda item: (-item[1].poems, item[0])))),
        }


class Dropped(Exception):
    """Raised by a rule that finds that a text cannot be kept; carries the reason in a few words."""


# ---- characters

# Forms that Unicode keeps only for the sake of older standards. Blanket NFKC would also break up characters that
# stand in verse, so only these blocks are folded: full-width and vertical forms, radicals that stand for characters.
_FOLD: Final = {
    point: unicodedata.normalize("NFKC", chr(point))
    for block in ((0x2E80, 0x2FDF), (0xFE30, 0xFE6F), (0xFF01, 0xFF9F), (0xFFE0, 0xFFE6))
    for point in range(block[0], block[1] + 1)
    if unicodedata.normalize("NFKC", chr(point)) != chr(point) and chr(point) not in PUNCTUATION
} | {ord(space): " " for space in "\u00a0\u2002\u2003\u2009\u3000\t\v\f"}

# In scanned texts a full-width full stop stands where a comma stood; the archive has 27, none at the end of a sentence.
_FOLD[ord("．")] = "，"

_INVISIBLE: Final = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
    "\U000e0100-\U000e01ef]"
)


def fold(text: str) -> str:
    """Bring compatibility forms to the characters they stand for, and take out what cannot be seen.

    >>> fold("ＡＢＣ，（\ufa1b）")
    'ABC，(福)'
    """
    return _INVISIBLE.sub("", unicodedata.normalize("NFC", text).translate(_FOLD))


# ---- notes and editorial marks

_OPENING: Final = "(〔【〖"
_CLOSING: Final = ")〕】〗"
_BRACKET: Final = re.compile(r"[()〔〕【】〖〗]")
_NOTE: Final = re.compile("|".join(rf"\{a}[^()〔〕【】〖〗]*\{b}" for a, b in zip(_OPENING, _CLOSING, strict=True)))
_SUPPLIED: Final = re.compile(f"〔([{_HAN}])〕")


def remove_notes(text: str) -> str:
    """Take out notes in round, tortoise-shell and black brackets, nested ones with the note they stand in.

    A single character in 〔〕 was supplied by the editor and stays. A bracket that is never closed opens a note that
    runs to the end. One that closes nothing leaves the note's beginning in doubt: the text is dropped.

    >>> remove_notes("空(一作「虛」)度可憐宵。\\n(《藝林伐山》十七。\\n又《玉屑》(卷三)。\\n)。")
    '空度可憐宵。\\n。'
    >>> remove_notes("冰姿玉骨，自是清凉〔态〕。\\n(以下缺")
    '冰姿玉骨，自是清凉态。\\n'
    """
    text = _SUPPLIED.sub(r"\1", text)
    text = _NOTE.sub("", text)
    if not _BRACKET.search(text):
        return text
    kept: list[str] = []
    depth, place = 0, 0
    for match in _BRACKET.finditer(text):
        if depth == 0:
            kept.append(text[place : match.start()])
        if match[0] in _OPENING:
            depth += 1
        elif depth:
            depth -= 1
        else:
            raise Dropped("a bracket that closes nothing")
        place = match.end()
    if depth == 0:
        kept.append(text[place:])
    return "".join(kept)


_SPEECH: Final = re.compile(r"[(\[][^()\[\]]{0,12}[云白科介念]了?[)\]]")
_ROLES: Final = re.compile(r"[(\[][生旦净丑末外众合贴老小副占太卜儿杂内上下唱前同正、]{1,6}[)\]]")


def remove_roles(text: str) -> str:
    """Take the singers' names out of the songs of a play; drop a scene where speech stands among the songs.

    Only for plays (元曲): elsewhere 「(白)」 is a note, and cannot be told from one.

    >>> remove_roles("[生上]乐守清贫，恭承严训，十年灯火相亲。")
    '乐守清贫，恭承严训，十年灯火相亲。'
    """
    if _SPEECH.search(text):
        raise Dropped("a scene of a play, with speech")
    return _ROLES.sub("", text)


_VERSE_MARK: Final = re.compile("[，。？！,.?!]")


def check_torn(title: str) -> None:
    """Drop a song whose first lines were torn off into its title: 「普天乐・意绯徊，心忧虑。知他在科场应举，」.

    Only for 元曲, where the archive has some 1,900 of them; elsewhere titles may well hold a comma.
    """
    if _VERSE_MARK.search(title):
        raise Dropped("verse torn off into the title")


_EDITED: Final = re.compile(r"\[([^\[\]\n]*)\]")
_NUMBER: Final = re.compile(r"[一二三四五六七八九十○〇0-9]+")
_TEXTUAL: Final = re.compile(f"[{_HAN}{PUNCTUATION} ,.?!;:]*")


def resolve_editorial(text: str) -> str:
    """Keep what editors restored in [..], take out their note numbers, drop what they could only describe.

    >>> resolve_editorial("徒知觀衞玉，詎肯挂秦[金]。首旬發定鼎[一]，")
    '徒知觀衞玉，詎肯挂秦金。首旬發定鼎，'
    """
    if "{" in text or "}" in text or "<" in text or ">" in text:
        raise Dropped("a character that is only described")

    def resolved(match: re.Match[str]) -> str:
        if _NUMBER.fullmatch(match[1]):
            return ""
        if _TEXTUAL.fullmatch(match[1]) or "□" in match[1]:
            return match[1]
        raise Dropped("a character that is only described")

    text = _EDITED.sub(resolved, text)
    # Left over from a pair that was not one: the characters around it are verse all the same.
    return text.replace("[", "").replace("]", "") if "[" in text or "]" in text else text


# The lines that follow end a poem, for they say where it was found: 「附注：…」, 「元陳世隆《宋詩拾遺》卷七。」
_SOURCE_LINE: Final = re.compile(
    r"^(?:附注|附註|按語|按|案|出處|出处|校記|校记)[:：]"
    r"|《[^《》\n]+》(?:[前後后續续別别外]集)?卷[一二三四五六七八九十百○〇上中下]"
    r"|^ff?[.。]$"
)
# Editors at work: index entries, collations, biographies.
_APPARATUS: Final = re.compile(
    r"首句[:：]|[詩诗][題题][:：]|出[處处][:：]"
    r"|[」》][^，。\n]{0,6}作「|[原本卷校集錄当當應应]作「|〈|《[^《》\n]*》[^，。\n]{0,4}(?:引|云|所[載引錄])|[見见]《"
    r"|名不[詳详]|[。\n][詩诗][一二三四五六七八九十]+[首句]。?$"
)
_MAY_BE_SOURCE: Final = re.compile(r"[《「〈:：]|不[詳详]|ff?[.。]|[首句]。?$")


def cut_sources(text: str) -> str:
    """Cut a text at the first line that only says where the poem was found; drop it when an editor goes on talking.

    >>> cut_sources("信脚到太古。\\n《誠齋集》卷一一四《詩話》ff。")
    '信脚到太古。'
    """
    if not _MAY_BE_SOURCE.search(text):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _SOURCE_LINE.search(line):
            text = "\n".join(lines[:number])
            break
    if not text.strip() or _APPARATUS.search(text):
        raise Dropped("an editor's words, not verse")
    return text


# ---- holes

_HOLE: Final = re.compile("[□○◯■●◎◇△▢〓囗⿰-⿻\u2160-\u2188]")
_UNREADABLE: Final = re.compile("[\ufffd\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]")
_LETTER: Final = re.compile(f"[^\\W\\d_{_HAN}]")
_LATIN: Final = re.compile(r"[0-9A-Za-z\u00c0-\u024f\u2460-\u24ff]+(?:[ .'/%-]*[0-9A-Za-z\u00c0-\u024f]+)*")


def check_holes(text: str) -> None:
    """Drop a text with a mark for a lost character, one that no font shows, or a foreign letter in its place."""
    if _UNREADABLE.search(text):
        raise Dropped("characters that cannot be read")
    if _HOLE.search(text):
        raise Dropped("lost characters")


def check_letters(text: str) -> None:
    """Drop Chinese verse with letters that are neither Han nor Latin: 「开遍荼コ」 once held a rare character."""
    if _LETTER.search(text):
        raise Dropped("foreign letters for lost characters")


def remove_latin(text: str) -> str:
    """Take stray digits and Latin letters out of Chinese verse.

    >>> remove_latin("千尺絲輪0直下垂，")
    '千尺絲輪直下垂，'
    """
    return _LATIN.sub("", text)


# ---- punctuation

# A scanner misread 一 as a hyphen: 「满饮-杯」, 「-家冤障」. Two hyphens are a dash.
_HYPHEN: Final = re.compile(f"(?<![-\\w—])-(?=[{_HAN}])|(?<=[{_HAN}])-(?![-—])")
_MARKS: Final = str.maketrans(
    {
        ",": "，", ".": "。", "?": "？", "!": "！", ";": "；", ":": "：", "|": "\n", "/": "\n",
        **dict.fromkeys("「」『』“”‘’\"'`《》〈〉﹁﹂﹃﹄*#_=+^@$%&", ""),
        **dict.fromkeys("—–―─…⋯‥-", "…"),
    }
)  # fmt: skip
_ELLIPSIS: Final = re.compile("…+")
_NOT_VERSE: Final = re.compile(f"[^{_HAN}{PUNCTUATION}\\s]")
_SPACE: Final = re.compile(r"[^\S\n]+")
_SPACES: Final = re.compile(f"(?<=[{_HAN}]{{3}})[^\\S\\n]+(?=[{_HAN}]{{3}})")
_RUN: Final = re.compile(f"[{PUNCTUATION}\\s]{{2,}}")
_STRENGTH: Final = {mark: rank for rank, mark in enumerate("？！。；：，、\n")}
_ENDS: Final = "，。？！；："


def unify_punctuation(text: str) -> str:
    """Bring punctuation to the seven marks of PUNCTUATION, with line feeds left where they were.

    Quotation marks and the marks of book titles go, since one half of a pair often stands in another poem. Dashes and
    ellipses become commas. A space between clauses breaks the line.

    >>> unify_punctuation("曰:「白日依山尽,黄河入海流」.")
    '曰：白日依山尽，黄河入海流。'
    >>> unify_punctuation("满饮-杯 。")
    '满饮一杯。'
    """
    if "-" in text:
        text = _HYPHEN.sub("一", text)
    text = text.translate(_MARKS)
    if "…" in text:
        text = _ELLIPSIS.sub("，", text)
    text = _NOT_VERSE.sub("", text)
    if " " in text:
        text = "\n".join(map(_part, text.split("\n")))
    return text


def _part(line: str) -> str:
    """Break a line at the spaces that part clauses of three characters or more; others only set it wide."""
    return _SPACE.sub("", _SPACES.sub("\n", line))


def join_lines(text: str) -> str:
    """Make one body of lines: every line ends in a mark, no two marks meet, none comes first.

    When no line but perhaps the last ends in a mark, lines take ， and 。 in turn, or 。 each where they are
    couplets with a comma inside.

    >>> join_lines("林高日气薄\\n竹色净如水\\n寂历断人声\\n时有鸣禽起")
    '林高日气薄，竹色净如水。寂历断人声，时有鸣禽起。'
    >>> join_lines("住在绿池边，朝朝学采莲\\n水深偏责就，莲尽更移舡")
    '住在绿池边，朝朝学采莲。水深偏责就，莲尽更移舡。'
    """
    lines = [stripped for line in text.split("\n") if (stripped := line.strip())]
    if len(lines) > 1 and not any(line[-1] in PUNCTUATION for line in lines[:-1]):
        couplets = any("，" in line[:-1] for line in lines)
        text = "".join(
            line if line[-1] in PUNCTUATION else line + ("。" if couplets or number % 2 else "，")
            for number, line in enumerate(lines)
        )
    else:
        text = "\n".join(lines)
    text = _RUN.sub(_strongest, text).replace("\n", "，").lstrip(PUNCTUATION + " ")
    if text and text[-1] in "，、：；":
        return text[:-1] + "。"
    return text + "。" if text and text[-1] not in _ENDS else text


def _strongest(run: re.Match[str]) -> str:
    """The one mark that a run of marks comes down to: a question outlasts a full stop, a full stop a comma."""
    return min(run[0], key=lambda mark: _STRENGTH.get(mark, len(_STRENGTH)))


# ---- titles and names

_TITLE_NOTE: Final = re.compile(r"\([^()]*\)|〔[^〔〕]*〕|【[^【】]*】|〖[^〖〗]*〗|\{[^{}]*\}|<[^<>]*>")
_ZERO: Final = re.compile(r"(?<=[一二三四五六七八九十百])○+")
_TITLE_MARKS: Final = str.maketrans(
    {
        **dict.fromkeys("・•‧/／|○", "·"),
        **dict.fromkeys('「」『』“”‘’"《》〈〉[]()〔〕【】〖〗{}<>`□■●◯…—', ""),
    }
)
_TITLE_HALF_WIDTH: Final = str.maketrans(",.?!;:", "，。？！；：")
_ASCII_WORD: Final = re.compile("[0-9A-Za-z]")
_POINTS: Final = re.compile(r"\s*·[\s·]*")
_TITLE_PLAIN: Final = re.compile(f"[{_HAN}]*(?: [{_HAN}]+)*")
_UNTITLED: Final = frozenset("失题 失題 佚题 佚題 缺题 缺題 失调名 失調名 untitled".split())
_NAMELESS: Final = frozenset(
    "佚名 无名氏 無名氏 不详 不詳 未知 无 無 闕名 阙名 失名 失名氏 anonymous anon unknown none null".split()
)
_AUTHOR_PLAIN: Final = re.compile(f"[{_HAN}]{{0,12}}")
_NOTE_NUMBER: Final = re.compile(r"\[[一二三四五六七八九十0-9]+\]")
_HAN_FIRST: Final = re.compile(f"[{_HAN}]")
_DIGITS: Final = re.compile("[0-9]+")


def clean_title(title: str) -> str:
    """A title without notes, quotation marks and doubled spaces, at most 40 characters long.

    ○ between numerals is their zero. Titles that say that there is none become "".

    >>> clean_title("句  其一○"), clean_title("火記歌（幷序） 六"), clean_title("诈妮子调风月・仙吕/点绛唇")
    ('句 其一〇', '火記歌 六', '诈妮子调风月·仙吕·点绛唇')
    """
    title = " ".join(title.split())
    if len(title) <= _MAX_TITLE and title not in _UNTITLED and _TITLE_PLAIN.fullmatch(title):
        return title
    title = fold(title[:_LONGEST_RAW_TITLE])
    while (shorter := _TITLE_NOTE.sub("", title)) != title:
        title = shorter
    title = _ZERO.sub(lambda zeros: "〇" * len(zeros[0]), title)
    title = _UNREADABLE.sub("", title.translate(_TITLE_MARKS))
    if _mostly_han(title):
        title = _LETTER.sub(lambda letter: letter[0] if letter[0].isascii() else "", title)
        if not _ASCII_WORD.search(title):
            title = title.translate(_TITLE_HALF_WIDTH)
    title = _POINTS.sub("·", " ".join(title.split())).strip("·，。；：、 ")
    if title.lower() in _UNTITLED:
        return ""
    if len(title) > _MAX_TITLE:
        cut = max(title.rfind(mark, 0, _MAX_TITLE) for mark in "，。；：、 ·")
        title = title[: cut if cut > 0 else _MAX_TITLE]
    return title


def clean_author(author: str) -> str:
    """A name without the numbers and notes that sources add to it, or "" for a nameless author.

    >>> clean_author("王炎2"), clean_author("高明《蔡伯喈琵琶记》"), clean_author("无名氏")
    ('王炎', '高明', '')
    """
    if author not in _NAMELESS and _AUTHOR_PLAIN.fullmatch(author):
        return author
    author = _TITLE_NOTE.sub("", _NOTE_NUMBER.sub("", fold(author[:_LONGEST_RAW_TITLE])))
    if _HOLE.search(author) or _UNREADABLE.search(author):
        return ""
    words = author.split("《")[0].replace("[", "").replace("]", "").split()
    if words and _HAN_FIRST.match(words[0]):
        words = [_DIGITS.sub("", words[0])]
    author = " ".join(words)[:_MAX_TITLE].rstrip()
    return "" if author.lower() in _NAMELESS or author.startswith(("无名氏", "無名氏")) else author


# ---- the cleaner

_CLEAN_LINES: Final = re.compile(f"[{_HAN}][{_HAN}，、]*[。？！](?:\n[{_HAN}][{_HAN}，、]*[。？！])*")

# What lines that look clean may yet hold: two marks in a row, 囗 for a lost character, the end of a biography.
_SUSPECT: Final = re.compile("[，、]{2}|[，、][。？！]|囗|名不[詳详]|[。\n][詩诗][一二三四五六七八九十]+[首句]。$")
_WORD: Final = re.compile(r"[^\W\d_]")

#: The names under which the report counts the rules that change text, in their order of working.
RULES: Final = (
    "compatibility forms",
    "roles in plays",
    "notes in brackets",
    "editorial brackets",
    "lines that name the source",
    "stray digits and Latin",
    "punctuation",
    "ends of lines",
    "titles",
    "authors",
    "script",
)


#: Body, title, author and tune.
_Fields = tuple[str, str, str, str]
#: Poems whose script is converted in one call.
_TOGETHER: Final = 256


class Cleaner:
    """Cleans records, and counts what it does.

    One cleaner serves one process; the counts of several add up with `+=`. It is made anew in each worker from the
    same arguments, for OpenCC's converters do not travel between processes.
    """

    def __init__(self, script: Script = "simplified", min_chars: int = 10, max_chars: int = 1000) -> None:
        self.script = script
        self.min_chars = min_chars
        self.max_chars = max_chars
        self.counts = Counts()
        self._convert: Callable[[str], str] | None = None
        if script != "keep":
            import opencc

            self._convert = opencc.OpenCC("t2s" if script == "simplified" else "s2t").convert

    def clean(self, record: Record) -> Poem | None:
        """The poem that a record holds, or None when it was dropped; `counts` says what was done, and why."""
        return next((poem for _, poem in self.clean_all([record])), None)

    def clean_all(self, records: Iterable[Record]) -> Iterator[tuple[Record, Poem]]:
        """The records that are kept, each with its poem, in their order."""
        kept: list[tuple[Record, _Fields]] = []
        for record in records:
            fields = self._fields(record)
            if fields is not None:
                kept.append((record, fields))
            if len(kept) == _TOGETHER:
                yield from self._converted(kept)
                kept = []
        yield from self._converted(kept)

    def _fields(self, record: Record) -> _Fields | None:
        """Body, title, author and tune by all rules but that of script."""
        self.counts.read += 1
        raw = "\n".join(record.paragraphs)
        try:
            body = self._verse(raw, record) if record.verse else self._passage(raw, record)
        except Dropped as reason:
            self.counts.drop(str(reason), record.origin, raw)
            return None
        title = self._counted("titles", clean_title, record.title, record.origin)
        author = self._counted("authors", clean_author, record.author, record.origin)
        tune = _UNREADABLE.sub("", record.tune.replace("\0", ""))[:_MAX_TITLE] if record.tune not in _UNTITLED else ""
        self.counts.kept += 1
        return body, title, author, tune

    def _converted(self, kept: list[tuple[Record, _Fields]]) -> Iterator[tuple[Record, Poem]]:
        """Bring many poems to the script in one call: a call costs more than the characters of a poem."""
        converted = [fields for _, fields in kept]
        if self._convert is not None and kept:
            text = self._convert("\0".join("\0".join(fields) for fields in converted)).split("\0")
            converted = list(zip(*(text[place::4] for place in range(4)), strict=True))
        for (record, (before, *_)), (body, title, author, tune) in zip(kept, converted, strict=True):
            if body != before:
                self.counts.rules.setdefault("script", Tally()).add(record.origin, before, body)
            yield record, Poem(body, title=title, author=author, dynasty=record.dynasty, tune=tune)

    def _counted(self, rule: str, apply: Callable[[str], str], text: str, origin: str) -> str:
        after = apply(text)
        if after != text:
            self.counts.rules.setdefault(rule, Tally()).add(origin, text, after)
        return after

    def _verse(self, text: str, record: Record) -> str:
        if record.dynasty != "元" and _CLEAN_LINES.fullmatch(text) and not _SUSPECT.search(text):
            body = text.replace("\n", "")
        else:
            body = self._by_rules(text, record)
        size = len(_WORD.findall(body)) if len(body) < 2 * self.min_chars or len(body) > self.max_chars else None
        if not body or size == 0:
            raise Dropped("empty")
        if size is not None and size < self.min_chars:
            raise Dropped("too short")
        if len(body) > self.max_chars:
            raise Dropped("too long")
        return body

    def _by_rules(self, text: str, record: Record) -> str:
        origin = record.origin
        if not text.strip():
            raise Dropped("empty")
        text = self._counted("compatibility forms", fold, text, origin)
        if record.dynasty == "元":
            check_torn(record.title)
            text = self._counted("roles in plays", remove_roles, text, origin)
        if _mostly_han(text):
            text = self._counted("notes in brackets", remove_notes, text, origin)
            text = self._counted("editorial brackets", resolve_editorial, text, origin)
            text = self._counted("lines that name the source", cut_sources, text, origin)
            check_holes(text)
            text = self._counted("stray digits and Latin", remove_latin, text, origin)
            check_letters(text)
            text = self._counted("punctuation", unify_punctuation, text, origin)
            body = join_lines(text)
            if body != (run_on := text.replace("\n", "")):
                self.counts.rules.setdefault("ends of lines", Tally()).add(origin, run_on, body)
            return body
        # Verse of another language keeps its letters, marks and lines.
        if _UNREADABLE.search(text):
            raise Dropped("characters that cannot be read")
        return "\n".join(stripped for line in text.split("\n") if (stripped := " ".join(line.split())))

    def _passage(self, text: str, record: Record) -> str:
        text = self._counted("compatibility forms", _visible, text, record.origin)
        if not text.strip():
            raise Dropped("empty")
        return text


def _visible(text: str) -> str:
    """A passage keeps its characters, but for those that nobody can see or read."""
    return _UNREADABLE.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFC", text)))


def _mostly_han(text: str) -> bool:
    letters = len(_LETTER.findall(text))
    return letters == 0 or letters < sum(1 for _ in re.finditer(f"[{_HAN}]", text))
