"""Text: poems as people write them down, one poem a line, and plain text in passages.

The one reader of text for all commands: what preprocess takes for poems, check, score and evaluate take for the same.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from poetgen.corpus.dynasties import dynasty_of_place
from poetgen.corpus.fields import RecordBuilder, field_names, lines_of_field
from poetgen.corpus.poem import Record
from poetgen.corpus.text_drafts import PoemDraft
from poetgen.corpus.text_lines import heading_of, is_of_today
from poetgen.corpus.text_poems import drafts_of
from poetgen.text import HAN_RANGES

#: Passages of plain text: long enough to learn from, short enough to shuffle.
_PASSAGE: Final = 1000
_LONGEST_PASSAGE: Final = 2000

#: What tells the language of a text.
_SAMPLE: Final = 100_000
_HAN: Final = re.compile(f"[{HAN_RANGES}]")
_KANA: Final = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_FOREIGN_WORD: Final = re.compile(f"[^\\W\\d_{HAN_RANGES}]+")
_PINYIN: Final = re.compile("[āǎēěīǐōǒūǔǖǘǚǜ]|[áàéèíìóòúù]")
#: A text of this many characters is poems if a fifth of it is: the rest may be what somebody says of them.
_SHORT_TEXT: Final = 3000
#: Characters of the first line that are shown of a text.
_SHOWN: Final = 30
#: A couplet or two, which are verse without any sign of it.
_FEW_WORDS: Final = 40

_LABEL_LINE: Final = re.compile(
    r"[【\[]?(?:题目|題目|标题|標題|作者|正文|原文|朝代|诗题|詩題|诗名|詩名|词牌|詞牌|内容|內容)[】\]]?[:：]"
)
_TITLED_LINE: Final = re.compile(r"[^:：\n]{1,60}(?:::|：：|[:：])\s*[^\s:：]")
_FIELD_MARK: Final = re.compile("::|：：")
_COLON: Final = re.compile("[:：]")
_SENTENCE_END: Final = re.compile(r"[。！？!?；;.…」』”\"]")


def is_titled(line: str) -> bool:
    """Whether a line reads like a title, a colon and a poem.

    >>> is_titled("静夜思：床前明月光"), is_titled("床前明月光")
    (True, False)
    """
    return _TITLED_LINE.match(line) is not None and not _LABEL_LINE.match(line)


def line_records(text: str, name: str) -> Iterator[Record]:
    """One poem a line: `title::author::body`, or `title:body`, or a body alone."""
    builder = RecordBuilder(name, "line")
    for number, line in enumerate(io.StringIO(text), 1):
        line = line.strip().lstrip("\ufeff")
        if not line:
            continue
        builder.number = number - 1
        fields = _FIELD_MARK.split(line, maxsplit=2)
        if len(fields) == 1:
            fields = _COLON.split(line, maxsplit=1)
        title = fields[0] if len(fields) > 1 else ""
        said = heading_of(title) if "《" in title or title.endswith(("）", ")", "】")) else None
        author = fields[1] if len(fields) > 2 else said.author if said else ""
        poem = {"title": said.title if said else title, "author": author, "dynasty": said.dynasty if said else ""}
        yield builder.record(poem, field_names(("title", "author", "dynasty")), lines_of_field(fields[-1]))


def text_records(
    text: str, name: str, passed_over: Counter[str], say: Callable[[str], None] = lambda text: None
) -> Iterator[Record]:
    """The poems of a text, or its passages where it is not Chinese or no verse; what is neither is counted.

    Chinese that is taken for plain text is told to `say`, for it may have been meant for verse.

    >>> text = "登鹳雀楼\\n王之涣\\n\\n白日依山尽，黄河入海流。\\n欲穷千里目，更上一层楼。\\n"
    >>> [poem] = text_records(text, "", Counter())
    >>> poem.title, poem.author, poem.paragraphs
    ('登鹳雀楼', '王之涣', ('白日依山尽，黄河入海流。', '欲穷千里目，更上一层楼。'))
    >>> len(list(text_records("白日依山尽\\n黄河入海流\\n\\n床前明月光\\n疑是地上霜\\n", "", Counter())))
    2
    """
    left_out: Counter[str] = Counter()
    chinese = is_chinese(text)
    drafts = drafts_of(text, left_out) if chinese or _stands_beside_another_language(text) else []
    if not _are_poems(drafts, text):
        if chinese and (first := next(filter(None, map(str.strip, text.split("\n"))), "")):
            begins = first if len(first) <= _SHOWN else f"{first[:_SHOWN]}…"
            say(f"{name}: taken for plain text, not for poems; it begins: {begins}")
        yield from passage_records(text, name)
        return
    passed_over += left_out
    builder = RecordBuilder(name, "line")
    for draft in drafts:
        builder.number = draft.number - 1
        heading = draft.heading
        fields = {"title": heading.title, "author": heading.author, "dynasty": heading.dynasty}
        yield builder.record(fields, field_names(tuple(fields)), tuple(draft.lines))


def is_chinese(text: str) -> bool:
    """Whether a text is in Chinese: most of its words are Han characters, and there is no kana among them.

    >>> is_chinese("白日依山尽"), is_chinese("The sun beyond the mountains"), is_chinese("古池や蛙飛びこむ水の音")
    (True, False, False)
    """
    sample = text[:_SAMPLE]
    han = len(_HAN.findall(sample))
    foreign = _FOREIGN_WORD.findall(sample)
    if 2 * sum(map(bool, map(_PINYIN.search, foreign))) > len(foreign):  # the sounds of the characters
        foreign = []
    return han > len(foreign) and len(_KANA.findall(sample)) * 20 < han


def _stands_beside_another_language(text: str) -> bool:
    """Whether a text is Chinese with a translation: a fifth of its lines, or more, have Han characters alone.

    >>> _stands_beside_another_language("白日依山尽，黄河入海流。\\nThe sun beyond the mountains\\nsinks at last.\\n")
    True
    """
    lines = [line for line in text[:_SAMPLE].split("\n") if any(map(str.isalpha, line))]
    chinese = sum(_HAN.search(line) is not None and not _FOREIGN_WORD.search(line) for line in lines)
    return 5 * chinese >= len(lines) > 0 and not _KANA.search(text[:_SAMPLE])


def _are_poems(drafts: list[PoemDraft], text: str) -> bool:
    """Whether a text is the poems found in it, with something between them, and not prose that quotes some."""
    verse = sum(draft.characters for draft in drafts)
    likely = sum(draft.characters for draft in drafts if draft.is_likely)
    han = sum(1 for _ in _HAN.finditer(text))
    if han <= _FEW_WORDS and not is_of_today(text):
        return bool(drafts)
    return 2 * likely >= verse > 0 and verse * (5 if han <= _SHORT_TEXT else 2) >= han


def passage_records(text: str, name: str) -> Iterator[Record]:
    """Plain text, cut at blank lines, else line ends, else sentence ends, into passages of one to two thousand."""
    dynasty_name = dynasty_of_place(name)
    text = text.strip("\ufeff\n")
    start, number = 0, 0
    while start < len(text):
        end = _passage_end(text, start)
        passage = text[start:end]  # its line ends with it: passages in a row give the text back
        if passage.strip():
            number += 1
            yield Record(f"{name}, passage {number}", tuple(passage.split("\n")), dynasty=dynasty_name, verse=False)
        start = end


def _passage_end(text: str, start: int) -> int:
    """Where the passage that begins at `start` ends."""
    latest = start + _LONGEST_PASSAGE
    if len(text) <= latest:
        return len(text)
    earliest = start + _PASSAGE
    for mark in ("\n\n", "\n"):
        at = text.rfind(mark, earliest, latest)
        if at >= 0:
            return at + len(mark)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, earliest, latest)]
    return ends[-1] if ends else latest
