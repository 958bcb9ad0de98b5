"""Lines of free text: what one line is, verse, heading, label, signature or none of them, judged by itself alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from poetgen.corpus.dynasties import dynasty
from poetgen.corpus.names import family_names
from poetgen.files import read_table
from poetgen.prosody.tune_names import tune_in_title
from poetgen.text import CLAUSE_ENDS, HAN_RANGES

Kind = Literal["verse", "bare", "heading", "label", "signature", "notes", "outside"]

_ENDS: Final = CLAUSE_ENDS + ",.?!;:|"
_BREAK: Final = re.compile(rf"[{re.escape(_ENDS)}\s…—]+")
_INNER_BREAK: Final = re.compile(r"[，。？！；,?!;|]")
#: What is not counted as a character of verse.
_UNCOUNTED: Final = re.compile(r"""[、「」『』“”‘’"'《》〈〉（）()\[\]〔〕【】·*_~`…—-]""")
#: The longest clause of verse, and how long its clauses are on an average at most.
_LONGEST_CLAUSE, _LONGEST_MEAN = 11, 8
_LONGEST_LINE, _LONGEST_HEADING, _LONGEST_TITLE = 5000, 80, 50

_NUMERALS: Final = "一二三四五六七八九十百〇零0-9０-９"
_ORDINAL: Final = re.compile(
    rf"(?:卷[0-9]+[_-][0-9]+\s|[(（\[【〔]\s*[{_NUMERALS}]{{1,4}}\s*[)）\]】〕]|第\s*[{_NUMERALS}]{{1,4}}\s*[首篇]|[①-⑳㈠-㈩⒈-⒛]"
    rf"|[{_NUMERALS}]{{1,4}}\s*[.．、)）:：]|[0-9]{{1,4}}(?=\s)|[{_NUMERALS}]{{1,4}}$)\s*[.．、:：]?\s*"
)
#: All of an ordinal but its number.
_DIGIT: Final = re.compile(rf"[^{_NUMERALS}]|^0+(?=.)")
_PART: Final = re.compile(
    rf"[(（\[【]?\s*其\s*([{_NUMERALS}]{{1,4}})\s*(?:[)）\]】]\s*[:：、.．·]?|[:：、.．·\s]|$)\s*"
)
_MARKDOWN: Final = re.compile(r"^(?:(#{1,6})\s*|(?:>\s*)+|[-*+•●◆■]\s+)")
_EMPHASIS: Final = re.compile(r"^(\*{1,3}|_{1,3}|`+)(\S.*?\S|\S)\1(?=$|\s)")
_RULE: Final = re.compile(r"^(?:[-=*_~#+—─·•.\s]{3,}|`{3,}\w*|~{3,}\w*)$")
_SET_APART: Final = re.compile(rf"^[{HAN_RANGES}{re.escape(_ENDS)}](?:[ \u3000]+[{HAN_RANGES}{re.escape(_ENDS)}])+$")

_DASHES: Final = r"[—―–─－﹣-]"
_SIGNED: Final = re.compile(rf"^{_DASHES}+\s*(?=\S)|^(?:出自|選自|选自)\s*[:：]?\s*")
_OPEN, _CLOSE = r"[\[［【〔〖(（{]", r"[\]］】〕〗)）}]"
_DATED_NAME: Final = re.compile(rf"^{_OPEN}\s*(\S{{1,6}}?)\s*{_CLOSE}\s*[·・•.]?\s*(\S.*)$")
_NAME_DATED: Final = re.compile(rf"^(\S[^()（）]*?)\s*{_OPEN}\s*(\S{{1,6}}?)\s*{_CLOSE}$")
_DATED: Final = re.compile(r"^(\S{1,6}?)\s*[·・•.．:：/／|｜\s-]\s*(\S.*)$")
_NAME_THEN_DATE: Final = re.compile(r"^(\S.*?)[\s·・,，/／]+(\S{1,6})$")
_RUN_ON: Final = re.compile(
    r"^(\S{1,3}[代朝]|[东東西南北][汉漢晋晉宋周]|[晚盛初中]唐|南唐|五代|近代|当代|當代)(\S{2,4})$"
)
_NAME: Final = re.compile(rf"[{HAN_RANGES}]{{2,5}}(?:[·・][{HAN_RANGES}]{{2,5}})?")
_NOT_NAMED: Final = re.compile(r"^[其之第]|[首篇章卷集選选韵韻曲歌行吟词詞诗詩]$")
_BY: Final = re.compile(r"^(?:作者\s*[:：]?|[文诗詩]\s*[/／:：]|by\s+)\s*|\s*[著撰作]$", re.IGNORECASE)

_BOOK_TITLE: Final = re.compile(r"^([^《》]*)《([^《》]{1,60})》([^《》]*)$")
_BRACKET_TITLE: Final = re.compile(
    r"^(?:【([^【】]{1,40})】|〖([^〖〗]{1,40})〗|『([^『』]{1,40})』|「([^「」]{1,40})」)(.*)$"
)
_SPLIT: Final = re.compile(rf"\s+|\s*[·・•/／|｜,，]\s*|\s*{_DASHES}+\s*|\s*(?=[\[［【〔(（])")
_PREFIX_END: Final = re.compile(r"\s(?=\S*$)")
_INLINE_SIGNATURE: Final = re.compile(rf"(?:{_DASHES}+|出自)\s*([^，。！？；]{{2,40}})$|[(（]([^()（）]{{2,40}})[)）]$")

_KIND_OF_LABEL: Final = {
    name: kind for kind, names in read_table("corpus", "text_labels.tsv", 2) for name in names.split(" ")
}
_LABEL_NAMES: Final = "|".join(sorted(_KIND_OF_LABEL, key=len, reverse=True))
_LABEL: Final = re.compile(
    rf"(?:^|(?<=[\s,，;；|]))[【\[]?({_LABEL_NAMES})\s*(?:[】\]]\s*[:：]?|[:：])\s*", re.IGNORECASE
)
_BARE_LABEL: Final = re.compile(rf"^[【\[]?({_LABEL_NAMES})[】\]]?$", re.IGNORECASE)
_CONTENTS: Final = re.compile(
    r"(?:[.．…·]{2,}|\s{2,}|\t)\s*[(（]?\d{1,4}[)）]?$|^(?:目\s*[录錄次]|contents)$", re.IGNORECASE
)
_OUTSIDE: Final = re.compile(
    r"https?://|www\.|^[-—\s]*第?\s*\d{1,4}\s*[页頁]|©|版权|版權|转载|轉載|公众号|微信|下一[篇页首]|上一[篇页首]|返回|"
    r"^\W*\d{1,4}\W*[/／]\W*\d{1,4}\W*$|(?:^|\s)(?:上午|下午|昨天|今天)?\s*\d{1,2}:\d{2}(?::\d{2})?$|"
    r"^\d{4}[-/年]\d{1,2}[-/月]\d{1,2}|^第\s*\d+\s*[筆笔條条]$|^\[頁\]|^\[页\]|^\[?图片\]?$|点赞|收藏|关注|班级|得分|满分|[_＿]{4,}"
)
#: The number of a page of print, or of a note, in a line or alone in one: the poem goes on behind it.
_PAGE_NUMBER: Final = re.compile(r"[\[［]\s*\d{1,5}\s*[\]］]")
_HAN: Final = re.compile(f"[{HAN_RANGES}]")
_LETTERS: Final = re.compile(r"[^\W\d_].*[^\W\d_]")
#: A division of a book, which is no title of a poem.
_DIVISION: Final = re.compile(
    rf"^(?:第\s*[{_NUMERALS}]+\s*[卷章编編部辑輯单單]|卷\s*[之第]?\s*[{_NUMERALS}上中下]+)"
    r"|^[五七][言]?(?:绝句|絕句|律诗|律詩|古诗|古詩|乐府|樂府|排律|绝|律)$"
)
#: Words of today, which tell what people say of poems from the poems.
_TODAY: Final = re.compile(
    r"的|[我你他她它咱]们|大家|这[个首些篇是里种]|這[個首些篇是裡種]|[吗呢啊嗎]|诗人|詩人|作者|分享|喜欢|喜歡|收藏|唐诗|宋词|"
    r"背诵|默写|以下|下面|请|請[問问]|一首|两首|幾首|几首|诗歌|表达|描写|写于|写的|群里|老师|同学|谢谢|https?"
)


@dataclass(frozen=True, slots=True)
class Heading:
    """What a heading or a signature says of a poem, empty where it does not say it."""

    title: str = ""
    author: str = ""
    dynasty: str = ""

    def over(self, other: Heading) -> Heading:
        """What this says, and what `other` says of the rest."""
        return Heading(self.title or other.title, self.author or other.author, self.dynasty or other.dynasty)


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of a text: its number from 1, and what it is.

    `level` counts the # of a Markdown heading; `part` is the number of a part (其一 gives 一), `ordinal` is any
    other number before it; `labels` are (kind, text) of 题目： and the like; `gap` that a blank line stands above.
    """

    number: int
    kind: Kind
    text: str
    gap: bool = False
    level: int = 0
    part: str = ""
    ordinal: str = ""
    heading: Heading = Heading()
    labels: tuple[tuple[str, str], ...] = ()
    clauses: tuple[str, ...] = ()

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(map(len, self.clauses))


def text_line(raw: str, number: int, gap: bool) -> TextLine | None:
    """What a line is, or None for a blank one and for a rule between poems."""
    text = raw.strip().strip("\ufeff\u200b\u3000").strip()
    if not text or _RULE.match(text):
        return None
    if len(text) > _LONGEST_LINE:
        return TextLine(number, "outside", text, gap)
    text, level = _unmarked(_PAGE_NUMBER.sub("", text) if "[" in text or "［" in text else text)
    if _SET_APART.match(text):
        text = re.sub(r"[ \u3000]+", "", text)
    line = _plain_line(TextLine(number, "bare", text, gap))
    return replace(line, level=level, kind="heading") if level and line.kind == "bare" else replace(line, level=level)


def is_page_number(line: str) -> bool:
    """Whether a line is nothing but the number of a page, such as [16]."""
    return _PAGE_NUMBER.fullmatch(line.strip()) is not None


def is_of_today(text: str) -> bool:
    """Whether words stand in a text that are of today's Chinese."""
    return _TODAY.search(text) is not None


def is_division(text: str) -> bool:
    """Whether a heading names a division of a book, such as 卷一 or 五言绝句."""
    return _DIVISION.match(text) is not None


def clauses_of_line(text: str) -> tuple[str, ...]:
    """The clauses of a line as it was written, without marks.

    >>> clauses_of_line("白日依山尽,黄河入海流.")
    ('白日依山尽', '黄河入海流')
    """
    return tuple(clause for part in _BREAK.split(text) if (clause := _UNCOUNTED.sub("", part)))


def is_shaped(clauses: Sequence[str]) -> bool:
    """Whether clauses are all of one length, as in regular verse.

    >>> is_shaped(["白日依山尽", "黄河入海流"]), is_shaped(["如梦令", "李清照", "宋"])
    (True, False)
    """
    return len(clauses) > 1 and len({*map(len, clauses)}) == 1 and 3 <= len(clauses[0]) <= 7


def sounds_like_verse(clauses: Sequence[str]) -> bool:
    """Whether clauses are short enough for verse, of one length or mixed (大风歌 has eight on an average).

    >>> sounds_like_verse(["大风起兮云飞扬", "威加海内兮归故乡", "安得猛士兮守四方"])
    True
    >>> sounds_like_verse(["先帝创业未半而中道崩殂"] * 2)
    False
    """
    lengths = [len(clause) for clause in clauses]
    return bool(lengths) and max(lengths) <= _LONGEST_CLAUSE and sum(lengths) <= _LONGEST_MEAN * len(lengths)


def byline_of(text: str, *, sure: bool = True) -> Heading | None:
    """The author that a text names, with a dynasty, or else by a family name unless that is not `sure` enough.

    >>> byline_of("[唐]李白"), byline_of("唐·李白"), byline_of("李白（唐）"), byline_of("静夜思")
    (Heading(title='', author='李白', dynasty='唐'), Heading(title='', author='李白', dynasty='唐'), \
Heading(title='', author='李白', dynasty='唐'), None)
    """
    text = _BY.sub("", text.strip()).strip()
    if len(text) > 20:
        return None
    for pattern, era, name in (
        (_DATED_NAME, 1, 2),
        (_NAME_DATED, 2, 1),
        (_DATED, 1, 2),
        (_RUN_ON, 1, 2),
        (_NAME_THEN_DATE, 2, 1),
    ):
        found = pattern.match(text)
        if found and dynasty(found[era]) and (author := _name(found[name])):
            return Heading(author=author, dynasty=found[era])
    author = _name(text)
    return Heading(author=author) if author and (not sure or _is_family_name(author)) else None


def heading_of(text: str) -> Heading | None:
    """What a heading says that is one by its form: 《题》, dynasty and author, or a title and a name; else None.

    >>> heading_of("《登鹳雀楼》 唐·王之涣")
    Heading(title='登鹳雀楼', author='王之涣', dynasty='唐')
    >>> heading_of("静夜思 李白"), heading_of("静夜思")
    (Heading(title='静夜思', author='李白', dynasty=''), None)
    """
    text = text.strip()
    if len(text) > _LONGEST_HEADING:
        return None
    if found := _BOOK_TITLE.match(text):
        return _of_titled(found[2], found[1].strip(" \t·:："), found[3].strip(" \t:："))
    if (named := byline_of(text)) and named.dynasty:
        return named
    if (found := _BRACKET_TITLE.match(text)) and not found[5].startswith(tuple(CLAUSE_ENDS)):
        title = next(filter(None, found.groups()[:4]))
        if not dynasty(title) and not _INNER_BREAK.search(title):
            return _of_titled(title, "", found[5].strip())
    return _title_and_name(text)


def names_tune(title: str) -> bool:
    """Whether a title is the name of a tune, or begins with one and a point or a space.

    >>> names_tune("满江红·写怀"), names_tune("满江红 其一"), names_tune("静夜思")
    (True, True, False)
    """
    return tune_in_title(title) != ""


def _of_titled(title: str, before: str, after: str) -> Heading | None:
    """The heading of a title between marks, with an author before it or after it."""
    named = Heading()
    for text in (before, after):
        if not text:
            continue
        text = _SIGNED.sub("", text)
        inner = text[1:-1] if len(text) > 2 and re.fullmatch(f"{_OPEN}[^()（）]*{_CLOSE}", text) else text
        author = byline_of(text, sure=False) or byline_of(inner, sure=False)
        if part := _PART.fullmatch(text):
            title = f"{title} 其{part[1]}"
        elif author:
            named = named.over(author)
        elif dynasty(inner):
            named = named.over(Heading(dynasty=inner))
        elif text is before and text == inner or _INNER_BREAK.search(text) and text == inner:
            return None
        elif text == inner:
            title = f"{title} {text.lstrip('·・ ')}"
    return replace(named, title=title)


def _title_and_name(text: str) -> Heading | None:
    """The heading of a title and an author with something between them: 静夜思 李白, 静夜思（李白）, 静夜思——李白."""
    for split in _SPLIT.finditer(text):
        title, rest = text[: split.start()].strip(), text[split.end() :].strip()
        if not title or not rest or len(title) > _LONGEST_TITLE or _INNER_BREAK.search(title):
            continue
        bracketed = re.fullmatch(f"{_OPEN}([^()（）]*){_CLOSE}", rest)
        named = byline_of(bracketed[1] if bracketed else rest)
        if named and not dynasty(title) and not (names_tune(title) and not named.dynasty and len(rest) > 3):
            if byline_of(title) and not named.dynasty and not _is_family_name(rest):
                continue
            return replace(named, title=title)
    return None


def _name(text: str) -> str:
    """A name without the spaces inside it, or "" for what is none."""
    text = re.sub(r"\s+", "", text)
    return text if _NAME.fullmatch(text) and not _NOT_NAMED.search(text) and not dynasty(text) else ""


def _is_family_name(name: str) -> bool:
    families = family_names()
    if name in ("佚名", "无名氏", "無名氏", "汉乐府", "乐府") or name.endswith(("皇帝", "皇后", "公主")):
        return True
    return name[:2] in families and 3 <= len(name) <= 4 or name[:1] in families and 2 <= len(name) <= 3


def _unmarked(text: str) -> tuple[str, int]:
    """A line without the marks of Markdown, and the level of the heading that it was (0 for none)."""
    level = 0
    while found := _MARKDOWN.match(text):
        level = level or len(found[1] or "")
        text = text[found.end() :].strip()
    text = text.strip("#").strip() if level else text
    text = text.replace("**", "")
    while (shorter := _EMPHASIS.sub(r"\2", text)) != text:
        text = shorter
    return text, level


def _plain_line(line: TextLine) -> TextLine:
    """The kind of a line without Markdown."""
    text = line.text
    if (labels := _labels(text)) is not None:
        return replace(line, kind="notes" if labels[0][0] == "notes" else "label", labels=labels)
    if _OUTSIDE.search(text) or _CONTENTS.search(text) or _LETTERS.search(text) and not _HAN.search(text):
        return replace(line, kind="outside")
    if found := _PART.match(text):
        rest = replace(_numbered(line, text[found.end() :]), part=found[1])
        return rest
    if (found := _ORDINAL.match(text)) and (text[0].isascii() or not is_shaped(clauses_of_line(text))):
        return replace(_numbered(line, text[found.end() :]), ordinal=_DIGIT.sub("", found[0]))
    if (found := _SIGNED.match(text)) or re.fullmatch(r"[(（][^()（）]*《[^()（）]*》[^()（）]*[)）]", text):
        said = text[found.end() :] if found else text[1:-1]
        if heading := heading_of(said) or byline_of(said, sure=False):
            return replace(line, kind="signature", heading=heading)
    return _verse_or_heading(line)


def _numbered(line: TextLine, rest: str) -> TextLine:
    """A line behind its number: a heading of a part, if nothing follows."""
    line = replace(line, text=rest)
    return _verse_or_heading(line) if rest else replace(line, kind="heading")


def _labels(text: str) -> tuple[tuple[str, str], ...] | None:
    """The labels of a line (题目：静夜思 作者：李白) and what they say, or None."""
    if bare := _BARE_LABEL.match(text):
        kind = _KIND_OF_LABEL[bare[1].lower()]
        return ((kind, ""),) if len(bare[1]) > 1 and (kind == "notes" or kind == "body" or text[0] in "【[") else None
    found = list(_LABEL.finditer(text))
    if not found or found[0].start() > 0:
        return None
    ends = [match.start() for match in found[1:]] + [len(text)]
    return tuple(
        (_KIND_OF_LABEL[match[1].lower()], text[match.end() : end].strip(" \t,，;；|"))
        for match, end in zip(found, ends, strict=True)
    )


def _verse_or_heading(line: TextLine) -> TextLine:
    """A line of verse, perhaps with its heading before it or its signature behind it, or what may be a heading."""
    text = line.text
    if not _INNER_BREAK.search(text) or (heading := heading_of(text)) and heading.title:
        spaced = clauses_of_line(text)
        if is_shaped(spaced) and (len(spaced) > 3 or len(spaced) == 2 and len(spaced[0]) > 4):
            return replace(line, kind="verse", clauses=spaced)
        if (heading := heading_of(text)) is not None:
            return replace(line, kind="heading", heading=heading)
        if len(text) > _LONGEST_TITLE or text.endswith((":", "：", "…")) and is_of_today(text):
            return replace(line, kind="outside")
        titled = _with_heading(line) if re.search(r"::|：：", text) else None
        return titled or replace(line, clauses=spaced)
    said = Heading()
    if (found := _INLINE_SIGNATURE.search(text)) and (signature := _signature(found[1] or found[2])):
        text, said = text[: found.start()].rstrip(), signature
    line = replace(line, kind="verse", text=text, heading=said, clauses=clauses_of_line(text))
    return _with_heading(line) or line


def _signature(text: str) -> Heading | None:
    heading = heading_of(text.strip()) or byline_of(text)
    return heading if heading and (heading.author or "《" in text) else None


def _with_heading(line: TextLine) -> TextLine | None:
    """The verse of a line that begins with its own heading: 静夜思：床前…, 题::人::诗, 《题》 人 床前…; else None."""
    text = line.text
    fields = re.split("::|：：", text, maxsplit=2)
    if len(fields) > 1:
        heading = Heading(title=fields[0].strip(), author=fields[1].strip() if len(fields) > 2 else "")
        return replace(line, kind="verse", text=fields[-1], heading=heading, clauses=clauses_of_line(fields[-1]))
    mark = _INNER_BREAK.search(text)
    first = text[: mark.start()] if mark else text
    if (colon := re.search("[:：]", first)) and not re.search("[曰云道言]$", first[: colon.start()]):
        head, body = text[: colon.start()].strip(), text[colon.end() :].strip()
    elif space := _PREFIX_END.search(first):
        head, body = text[: space.start()].strip(), text[space.end() :].strip()
    elif closing := re.search("[》】〕）)](?=.)", first):
        head, body = text[: closing.end()], text[closing.end() :].strip()
        if "《" not in head and "【" not in head[:1]:
            return None
    else:
        return None
    clauses = clauses_of_line(body)
    if not head or not body or len(clauses) < 2 or not sounds_like_verse(clauses) and len(clauses) < 8:
        return None
    if is_shaped([*clauses_of_line(head), *clauses[:1]]) and len(clauses[0]) > 3 and not heading_of(head):
        return None
    heading = heading_of(head) or Heading(title=head)
    return replace(line, kind="verse", text=body, heading=heading.over(line.heading), clauses=clauses)
