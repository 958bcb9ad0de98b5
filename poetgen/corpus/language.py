"""The language of verse: classical Chinese, modern Chinese, or another, by what a poem and its document hold.

A document speaks for its poems where one of them alone does not tell: a haiku may be written in kanji alone, and a line
of a modern poem in nothing but words that are old.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Final

from poetgen.corpus.characters import LETTER, mostly_han
from poetgen.corpus.poem import Language, Record
from poetgen.prosody.forms import SHAPES, recognise
from poetgen.text import HAN_RANGES, KANA_AND_HANGUL, clauses

#: Records by which the language of a document is told.
_SAMPLE: Final = 200

_HAN: Final = re.compile(f"[{HAN_RANGES}]")
_KANA_OR_HANGUL: Final = re.compile(f"[{KANA_AND_HANGUL}]")
#: Katakana stands in Chinese texts for a character that a broken encoding lost, now and then.
_HIRAGANA_OR_HANGUL: Final = re.compile("[\u3041-\u3096\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")

#: Words that modern Chinese cannot do without, and classical verse hardly has; songs of 元 have some of them.
_WORD_OF_TODAY: Final = re.compile("[的们們她它您吗嗎呢吧啊哦]")
#: What is counted or dated in digits.
_FIGURE: Final = re.compile(r"[0-9０-９]+[ \t]*[年月日号號点點时時分秒岁歲楼樓层層路块塊度世个個次米]")
_BRACKETED: Final = re.compile(r"[(（〔【][^()（）〔〕【】]*[)）〕】]")

#: Dynasties whose verse is modern or classical, as its words say.
OF_TODAY: Final = ("", "近现代")


def has_kana_or_hangul(text: str) -> bool:
    """Whether a text is Japanese or Korean: a twentieth as many kana or hangul as Han characters stand in it.

    >>> has_kana_or_hangul("柿食へば鐘が鳴るなり法隆寺"), has_kana_or_hangul("漫山遍野，开遍荼コ。" + "春" * 20)
    (True, False)
    """
    letters = len(_KANA_OR_HANGUL.findall(text))
    return letters > 0 and letters * 20 >= len(_HAN.findall(text))


def language_of(text: str, dynasty: str = "", document: Language = "") -> Language:
    """The language of a poem; `document` is what its document was taken for, where that was told.

    >>> language_of("床前明月光，疑是地上霜。"), language_of("我轻轻的招手，作别西天的云彩。"), language_of("The gull")
    ('classical', 'modern', 'other')
    >>> language_of("奈良七重七堂伽藍八重桜", document="other"), language_of("朝顔に釣瓶とられて貰ひ水")
    ('other', 'other')
    """
    if document == "other" or not mostly_han(text):
        return "other"
    if LETTER.search(text):
        letters = len(_HIRAGANA_OR_HANGUL.findall(text))
        if letters > 2 and letters * 10 >= len(_HAN.findall(text)):
            return "other"
    return "modern" if dynasty in OF_TODAY and _is_modern(text, document == "modern") else "classical"


def _is_modern(text: str, among_modern: bool) -> bool:
    """Whether Chinese verse is modern; among modern poems it is unless its shape is an old one."""
    words = len(_WORD_OF_TODAY.findall(text))
    if not words and not among_modern and not _FIGURE.search(text):
        return False
    if recognise(clauses("".join(_HAN_OR_END.findall(text)))) in SHAPES:
        return False
    count = len(_HAN.findall(text))
    if words >= 2 and words * 16 >= count or among_modern and (words > 0 or "，" not in text):
        return True
    return _FIGURE.search(_BRACKETED.sub("", text)) is not None


_HAN_OR_END: Final = re.compile(f"[{HAN_RANGES}，。？！；：\n]")


#: Characters of a record that tell its language.
_ENOUGH: Final = 10_000


def in_their_language(records: Iterable[Record]) -> Iterator[Record]:
    """The records of a document, each with the language of the document, where its poems tell one."""
    records = iter(records)
    first = list(islice(records, _SAMPLE))
    language = _language_of_all(first)
    for record in chain(first, records):
        yield replace(record, language=language) if language else record


def _language_of_all(records: list[Record]) -> Language:
    texts = ["\n".join(record.paragraphs)[:_ENOUGH] for record in records]
    if has_kana_or_hangul("\n".join(texts)):
        return "other"
    verse = [text for record, text in zip(records, texts, strict=True) if record.verse and record.dynasty in OF_TODAY]
    modern = sum(1 for text in verse if 33 * len(_WORD_OF_TODAY.findall(text)) >= len(_HAN.findall(text)) > 0)
    return "modern" if 2 * modern > len(verse) else ""
