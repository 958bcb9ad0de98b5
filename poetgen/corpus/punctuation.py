"""Punctuation and line ends: to the seven marks of verse, one body of lines."""

from __future__ import annotations

import re
from typing import Final

from poetgen.text import HAN_RANGES, PUNCTUATION, SENTENCE_ENDS

# A scanner misread 一 as a hyphen: 「满饮-杯」, 「-家冤障」. Two hyphens are a dash.
_HYPHEN: Final = re.compile(f"(?<![-\\w—])-(?=[{HAN_RANGES}])|(?<=[{HAN_RANGES}])-(?![-—])")
_TO_MARKS: Final = str.maketrans(
    {
        ",": "，", ".": "。", "?": "？", "!": "！", ";": "；", ":": "：", "|": "\n", "/": "\n",
        **dict.fromkeys("「」『』“”‘’\"'`《》〈〉﹁﹂﹃﹄*#_=+^@$%&", ""),
        **dict.fromkeys("—–―─…⋯‥-", "…"),
    }
)  # fmt: skip
_ELLIPSIS: Final = re.compile("…+")
_NOT_VERSE: Final = re.compile(f"[^{HAN_RANGES}{PUNCTUATION}\\s]")
_SPACE: Final = re.compile(r"[^\S\n]+")
_SPACES: Final = re.compile(f"(?<=[{HAN_RANGES}]{{3}})[^\\S\\n]+(?=[{HAN_RANGES}]{{3}})")
_RUN: Final = re.compile(f"[{PUNCTUATION}\\s]{{2,}}")
_STRENGTH: Final = {mark: rank for rank, mark in enumerate("？！。；：，、\n")}


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
    text = text.translate(_TO_MARKS)
    if "…" in text:
        text = _ELLIPSIS.sub("，", text)
    text = _NOT_VERSE.sub("", text)
    if " " in text:
        text = "\n".join(map(_break_at_spaces, text.split("\n")))
    return text


def _break_at_spaces(line: str) -> str:
    """Break a line at the spaces that part clauses of three characters or more; others only set it wide."""
    return _SPACE.sub("", _SPACES.sub("\n", line))


_WIDE: Final = str.maketrans(",.?!;:()", "，。？！；：（）")
_NARROW_MARK: Final = re.compile(f"(?<=[{HAN_RANGES}”』」）)])[,.?!;:](?![A-Za-z0-9.])|[()]")


def widen_punctuation(text: str) -> str:
    """Bring the marks of modern Chinese verse to their full width; all of them stay.

    >>> widen_punctuation("在3.5号楼(她说不要走),雨落下.")
    '在3.5号楼（她说不要走），雨落下。'
    """
    return _NARROW_MARK.sub(lambda mark: mark[0].translate(_WIDE), text)


def even_spaces(text: str) -> str:
    r"""A text of lines without spaces around them, one space between words, one blank line between stanzas.

    >>> even_spaces("The gull  goes out,\n\n \n  the gull comes home. \n")
    'The gull goes out,\n\nthe gull comes home.'
    """
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


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
    if not text or text[-1] in SENTENCE_ENDS:
        return text
    return text.rstrip(PUNCTUATION) + "。"


def _strongest(run: re.Match[str]) -> str:
    """The one mark that a run of marks comes down to: a question outlasts a full stop, a full stop a comma."""
    return min(run[0], key=lambda mark: _STRENGTH.get(mark, len(_STRENGTH)))
