"""Characters and marks of verse: what all rooms mean by a Han character, by punctuation, and by a clause."""

from __future__ import annotations

import re
from typing import Final

#: Marks that end a sentence.
SENTENCE_ENDS: Final = "。？！"
#: Marks after which verse goes on in a new line of print: what stands between two of them is a couplet, as a rule.
COUPLET_ENDS: Final = SENTENCE_ENDS + "；"
#: Marks that end a clause (句).
CLAUSE_ENDS: Final = "，。？！；："
#: The mark that stands inside a clause (顿号).
PAUSE: Final = "、"
#: The one set of punctuation marks that a cleaned body may hold.
PUNCTUATION: Final = CLAUSE_ENDS + PAUSE

_CLAUSE_END: Final = re.compile(f"[{CLAUSE_ENDS}\n]+")

#: What anthologies print for a character that is lost, and texts made of ids for one that the vocabulary lacks.
LOST: Final = "□"

#: Letters of Japanese and Korean, for use inside the [..] of a regular expression.
KANA_AND_HANGUL: Final = "\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"

# The blocks of ideographs, and the zero 〇. Planes 2 and 3 are Unicode's for ideographs alone, so that those which it
# has yet to name count too. The iteration mark 々 is none: it stands for another character.
_HAN_BLOCKS: Final = (
    (0x3007, 0x3007),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)

#: Han characters, for use inside the [..] of a regular expression: those for which `is_han` is true.
HAN_RANGES: Final = "".join(f"{chr(first)}-{chr(last)}" for first, last in _HAN_BLOCKS)


def is_han(char: str) -> bool:
    """Whether `char` is a Chinese character.

    >>> is_han("春"), is_han("，"), is_han("𠮷"), is_han("a"), is_han("々")
    (True, False, True, False, False)
    """
    code = ord(char)
    return any(first <= code <= last for first, last in _HAN_BLOCKS)


def clauses(body: str) -> list[str]:
    """Cut a body into its clauses (句), without punctuation.

    >>> clauses("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    ['白日依山尽', '黄河入海流', '欲穷千里目', '更上一层楼']
    """
    return [clause.replace(PAUSE, "") for clause in _CLAUSE_END.split(body) if clause]


def couplets(text: str) -> list[str]:
    """Lines of a poem as they are printed: those that the text has, else broken after 。！？ and ；.

    >>> couplets("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    ['白日依山尽，黄河入海流。', '欲穷千里目，更上一层楼。']
    """
    if "\n" in text:
        return [line for line in text.split("\n") if line]
    lines = [""]
    for char in text:
        lines[-1] += char
        if char in COUPLET_ENDS:
            lines.append("")
    return [line for line in lines if line]


def above(title: str, author: str = "") -> list[str]:
    """The lines above a poem: its title, and whom it is written after (拟, "in the manner of").

    >>> above("静夜思", "李白"), above("")
    (['静夜思', '拟李白'], [])
    """
    return [line for line in (title, f"拟{author}" if author else "") if line]


# All that a terminal or an editor may obey instead of showing: control characters but for line feed and tab, marks that
# turn the direction of writing, separators of lines, invisible signs (but for the joiners and the soft hyphen, which
# are spelling), and halves of surrogate pairs.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u0600-\u0605\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def escaped(text: str) -> str:
    r"""Text with each character that would be obeyed instead of shown written as JSON and Python write it.

    >>> print(escaped("春\x1b[2J夜\u202e"))
    春\u001b[2J夜\u202e
    """
    return _UNSEEN.sub(lambda match: code_point(match[0]), text)


def code_point(text: str) -> str:
    r"""Every character as its UTF-16 code units, \u0041, as JSON and Python write it.

    >>> print(code_point("é𠮷"))
    \u00e9\ud842\udfb7
    """
    units = text.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
