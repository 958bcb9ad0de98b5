"""Titles and authors: without the notes, numbers and marks that sources add to them."""

from __future__ import annotations

import re
from typing import Final

from poetgen.corpus.apparatus import HOLE
from poetgen.corpus.characters import LETTER, UNREADABLE, expand_iterations, fold, fold_letters, is_folded, mostly_han
from poetgen.corpus.markup import remove_markup
from poetgen.text import CLAUSE_ENDS, HAN_RANGES

_MAX_TITLE: Final = 40
#: Characters of a title in letters, of which it takes more.
_MAX_OF_LETTERS: Final = 100
_LONGEST_RAW_TITLE: Final = 400

_TITLE_NOTE: Final = re.compile(r"\([^()]*\)|〔[^〔〕]*〕|【[^【】]*】|〖[^〖〗]*〗|\{[^{}]*\}|<[^<>]*>")
_ZERO: Final = re.compile(r"(?<=[一二三四五六七八九十百])○+")
_TITLE_MARKS: Final = str.maketrans(
    {
        **dict.fromkeys("・•‧/／|○", "·"),
        **dict.fromkeys('「」『』“”‘’"《》〈〉[]()〔〕【】〖〗{}<>`□■●◯…—', ""),
    }
)
_TITLE_HALF_WIDTH: Final = str.maketrans(",.?!;:", CLAUSE_ENDS)
_ASCII_WORD: Final = re.compile("[0-9A-Za-z]")
_POINTS: Final = re.compile(r"\s*·[\s·]*")
_TITLE_PLAIN: Final = re.compile(f"[{HAN_RANGES}]*(?: [{HAN_RANGES}]+)*")
_UNTITLED: Final = frozenset("失题 失題 佚题 佚題 缺题 缺題 失调名 失調名 untitled".split())
_NAMELESS: Final = frozenset(
    "佚名 无名氏 無名氏 不详 不詳 未知 无 無 闕名 阙名 失名 失名氏 anonymous anon unknown none null".split()
)
_AUTHOR_PLAIN: Final = re.compile(f"[{HAN_RANGES}]{{0,12}}")
_NOTE_NUMBER: Final = re.compile(r"\[[一二三四五六七八九十0-9]+\]")
_HAN_FIRST: Final = re.compile(f"[{HAN_RANGES}]")
_DIGITS: Final = re.compile("[0-9]+")


def clean_title(title: str) -> str:
    """A title without notes, quotation marks and doubled spaces, at most 40 characters long.

    ○ between numerals is their zero. Titles that say that there is none become "".

    >>> clean_title("句  其一○"), clean_title("火記歌（幷序） 六"), clean_title("诈妮子调风月・仙吕/点绛唇")
    ('句 其一〇', '火記歌 六', '诈妮子调风月·仙吕·点绛唇')
    """
    title = " ".join(title.split())
    if len(title) <= _MAX_TITLE and title not in _UNTITLED and _TITLE_PLAIN.fullmatch(title) and is_folded(title):
        return title
    title = " ".join(remove_markup(fold(title[:_LONGEST_RAW_TITLE])).split())
    while (shorter := _TITLE_NOTE.sub("", title)) != title:
        title = shorter
    title = _ZERO.sub(lambda zeros: "〇" * len(zeros[0]), title)
    title = UNREADABLE.sub("", title.translate(_TITLE_MARKS))
    if mostly_han(title):
        title = expand_iterations(title)
        title = LETTER.sub(lambda letter: letter[0] if letter[0].isascii() else "", title)
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
    if author not in _NAMELESS and _AUTHOR_PLAIN.fullmatch(author) and is_folded(author):
        return author
    author = _TITLE_NOTE.sub("", _NOTE_NUMBER.sub("", remove_markup(fold(author[:_LONGEST_RAW_TITLE]))))
    if mostly_han(author):
        author = expand_iterations(author)
    if HOLE.search(author) or UNREADABLE.search(author):
        return ""
    words = author.split("《")[0].replace("[", "").replace("]", "").split()
    if words and _HAN_FIRST.match(words[0]):
        words = [_DIGITS.sub("", words[0])]
    author = " ".join(words)[:_MAX_TITLE].rstrip()
    return "" if author.lower() in _NAMELESS or author.startswith(("无名氏", "無名氏")) else author


def plain_title(title: str) -> str:
    """A title of another language: its letters and marks stay, at most 100 of them.

    >>> plain_title("Love’s  Labour (a song)"), plain_title("春の夜"), plain_title("Untitled")
    ('Love’s Labour (a song)', '春の夜', '')
    """
    title = UNREADABLE.sub("", _plain(title))
    return "" if title.lower() in _UNTITLED else title[:_MAX_OF_LETTERS].rstrip()


def plain_author(author: str) -> str:
    """A name in another language, or "" for a nameless author.

    >>> plain_author("松尾  芭蕉"), plain_author("佐々木"), plain_author("Anonymous")
    ('松尾 芭蕉', '佐々木', '')
    """
    author = _plain(author)
    return "" if UNREADABLE.search(author) or author.lower() in _NAMELESS else author[:_MAX_TITLE].rstrip()


def _plain(text: str) -> str:
    return " ".join(remove_markup(fold_letters(text[:_LONGEST_RAW_TITLE])).split())


def clean_tune(tune: str) -> str:
    """The name of a tune, at most 40 characters long, or "" where it is lost.

    >>> clean_tune("忆江南"), clean_tune("失调名")
    ('忆江南', '')
    """
    return "" if tune in _UNTITLED else UNREADABLE.sub("", tune.replace("\0", ""))[:_MAX_TITLE]
