"""Poems that were asked for: records of instruction, input and output, and conversations, as models are trained on.

{"instruction": "写一首诗", "input": "静夜思", "output": "床前明月光，…"}
[{"role": "user", "content": "以《静夜思》为题写一首诗"}, {"role": "assistant", "content": "床前明月光，…"}]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from poetgen.corpus.columns import is_name
from poetgen.corpus.fields import couplet, lines_of_field
from poetgen.text import PUNCTUATION, is_han

_IN_TITLE_MARKS: Final = re.compile(r"《([^《》\n]{1,40})》")
_NAMED_TITLE: Final = re.compile(
    r"(?:题目|標題|题|標题|标题|題目|title)\s*(?:是|为|為)?\s*[:：]\s*([^\n，。,]{1,40})", re.IGNORECASE
)
_TITLE_LINE: Final = re.compile(r"\s*(?:#+\s*)?《([^《》\n]{1,40})》\s*(.{0,12})")
#: What says that a request is an order, and no title.
_ORDER: Final = re.compile(
    rf"[{PUNCTUATION},.?!]|写|寫|请|請|作一|诗|詩|词|詞|续|對|对联|\b(?:write|poem|verse|compose)\b", re.IGNORECASE
)
_LONGEST_TITLE: Final = 20


class Answer(NamedTuple):
    """A poem that was asked for, and what the request says of it."""

    lines: tuple[str, ...]
    title: str = ""
    author: str = ""


def answer_of(asked: Sequence[str], text: str) -> Answer:
    """The poem in an answer to what was asked for, the last of it the closest to the poem.

    >>> answer_of(["写一首诗", "静夜思"], "床前明月光，疑是地上霜。").title
    '静夜思'
    >>> answer_of(["对下联", "晚风摇树树还挺"], "晨露润花花更红").lines
    ('晚风摇树树还挺，', '晨露润花花更红。')
    """
    asked = [part for part in map(str.strip, asked) if part]
    last = asked[-1] if asked else ""
    if _is_line(last) and _is_line(text.strip()) and len(last.strip("，。")) == len(text.strip().strip("，。")):
        return Answer(couplet(last, text.strip()))
    lines, title, author = lines_of_field(text.strip()), "", ""
    if len(lines) > 1 and (heading := _TITLE_LINE.fullmatch(lines[0])):
        title, author, lines = heading[1], heading[2].strip(), lines[1:]
        if not is_name(author):
            author = ""
    for part in reversed(asked):
        found = _IN_TITLE_MARKS.search(part) or _NAMED_TITLE.search(part)
        title = title or (found[1].strip() if found else "")
    if not title and len(last) <= _LONGEST_TITLE and not _ORDER.search(last):
        title = last
    return Answer(lines, title, author)


def _is_line(text: str) -> bool:
    """Whether a text is one line of a couplet."""
    return len(text) >= 4 and all(map(is_han, text.strip("，。")))


def turns_of(value: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Of a conversation each request and its answer.

    >>> list(turns_of([{"from": "human", "value": "写诗"}, {"from": "gpt", "value": "床前明月光"}]))
    [('写诗', '床前明月光')]
    """
    asked = ""
    for turn in value:
        who, text = _turn(turn)
        if who in ("assistant", "gpt", "bot", "model", "chatgpt"):
            yield asked, text
        elif who in ("user", "human"):
            asked = text


def is_conversation(value: Sequence[Any]) -> bool:
    """Whether a list holds what people and models said in turn."""
    return bool(value) and isinstance(value[0], dict) and bool(_turn(value[0])[0])


def _turn(turn: Mapping[str, Any]) -> tuple[str, str]:
    """Who says what in one turn of a conversation; two empty texts for what is none."""
    if isinstance(turn, dict):
        for who, what in (("role", "content"), ("from", "value")):
            if isinstance(turn.get(who), str) and isinstance(turn.get(what), str) and len(turn) <= 4:
                return turn[who].lower(), turn[what]
    return "", ""
