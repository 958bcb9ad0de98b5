"""What is said to people, in English or in Chinese.

A Phrase is an English sentence with gaps, and what fills them. As with gettext the English sentence is the key: in
chinese.tsv the Chinese one stands beside it, with the same gaps. So the code reads in English, a phrase is a str
wherever one is asked for, and what the table lacks comes out in English.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from typing import Any, Final

from poetgen.files import read_table

#: The languages, English first.
ENGLISH, CHINESE = "en", "zh"
LANGUAGES: Final = (ENGLISH, CHINESE)


class Phrase(str):
    """A sentence with gaps and their values; as a str it is English.

    A value may be a phrase itself, or a list, which is parted by commas.

    >>> phrase = Phrase("the rhyme turns to {rhyme} here", rhyme="一东")
    >>> phrase, phrase.translated("zh")
    ('the rhyme turns to 一东 here', '由此句起转押一东')
    """

    sentence: str
    values: Mapping[str, Any]

    def __new__(cls, sentence: str, **values: Any) -> Phrase:
        phrase = super().__new__(cls, _filled(sentence, values, ENGLISH))
        phrase.sentence, phrase.values = sentence, values
        return phrase

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:  # errors go from process to process
        return (self.sentence,), dict(self.values)

    @classmethod
    def known(cls, text: str) -> Phrase:
        """A sentence without gaps that stands as a plain string elsewhere, in a table of the code."""
        return cls(text)

    @classmethod
    def listed(cls, parts: Sequence[Phrase]) -> Phrase:
        """Some phrases, parted by commas.

        >>> Phrase.listed([Phrase("form"), Phrase("rhyme")]).translated("zh")
        '格式，押韵'
        """
        return reduce(lambda one, other: cls("{one}, {other}", one=one, other=other), parts)

    def translated(self, language: str) -> str:
        """The phrase in one of LANGUAGES."""
        if language == ENGLISH:
            return str(self)
        return _filled(_chinese().get(self.sentence, self.sentence), self.values, language)


def translated(text: str, language: str) -> str:
    """A text in one of LANGUAGES, where it is a phrase; other text is the same in all."""
    return text.translated(language) if isinstance(text, Phrase) else text


def language_of_locale(environment: Mapping[str, str] = os.environ) -> str:
    """The language that the environment asks for, as POSIX programs find it.

    >>> language_of_locale({"LANG": "zh_CN.UTF-8"}), language_of_locale({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"})
    ('zh', 'en')
    """
    locale = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return CHINESE if locale.lower().startswith("zh") else ENGLISH


def _filled(sentence: str, values: Mapping[str, Any], language: str) -> str:
    return sentence.format_map({name: _value(value, language) for name, value in values.items()})


def _value(value: Any, language: str) -> Any:
    if isinstance(value, (list, tuple)):
        phrases = any(isinstance(part, Phrase) for part in value)
        mark = ", " if language == ENGLISH else "，" if phrases else "、"
        return mark.join(str(_value(part, language)) for part in value)
    return translated(value, language) if isinstance(value, str) else value


@cache
def _chinese() -> dict[str, str]:
    return {row[0]: row[1] for row in read_table(".", "chinese.tsv", 2)}
