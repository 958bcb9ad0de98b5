"""What may be asked of a poem, as people give it and as it is carried out; what follows is for planning.py."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Final, TypedDict, cast

from poetgen.errors import Option, UsageError
from poetgen.prosody.forms import FORMS, SHAPES
from poetgen.prosody.template import LONG

#: Old-style verse of one line length, as long as the model or `lines` makes it.
OLD: Final = {"五古": 5, "七古": 7}

#: Every name that a form is asked for by, besides those of tunes.
FORM_NAMES: Final = ("auto", "free", *SHAPES, *LONG, *OLD, *(form for form in FORMS if form not in SHAPES))

#: The most lines of old-style verse and 排律.
MOST_LINES: Final = 100


class Options(TypedDict, total=False):
    """What may be asked of a poem besides its title; what is left out, or None, has its default.

    `form`: a form or a tune by name, "auto" (the default: by length), or "free"; 水调歌头:2 is the tune's second shape.
    `dynasty`, `author`: as in this dynasty, in this poet's manner.
    `keywords`: words that must stand in the poem; a list of them or text with commas or spaces between them.
    `about`: words to write about, which need not stand in it; given alike.
    `length`: characters with punctuation, where the form has no length of its own; 64, or as many as most poems of the
    model's corpus have, where that holds no regulated verse.
    `top_k`, `top_p`, `temperature`: how each character is chosen, as SampleConfig says; 40, 1.0, 0.8.
    `seed`: the same one gives the same poem; drawn where there is none.
    `candidates`: drafts, of which the best is kept; 8.
    `rhyme`: "auto" (the default: the model chooses), "off", or a rhyme (东, 一东, 第一部) or a character of it.
    `tones`: "strict" (the default) or "off".
    `rhyme_like`: a poem on whose rhyme this one is to be.
    `feet`: the characters that the rhyming lines end on, in their order.
    `begin`: how the poem begins, whole lines or part of one.
    `pattern`: the poem with □ or _ for each character that is to be written; all else stays.
    `acrostic`: the characters that the lines begin with, from the first on.
    `place`: where in its line each of them stands: a number from 1 (the default), "last", or "diagonal".
    `book`: the rhyme book, 平水韵, 词林正韵, 中华新韵 or 中华通韵; "auto" (the default) is that of the form.
    `lines`: how many, in a form that leaves it open (五排, 七排, 五古, 七古).
    """

    form: str | None
    dynasty: str | None
    author: str | None
    keywords: Sequence[str] | str | None
    about: Sequence[str] | str | None
    length: int | None
    top_k: int | None
    top_p: float | None
    temperature: float | None
    seed: int | None
    candidates: int | None
    rhyme: str | None
    rhyme_like: str | None
    tones: str | None
    feet: str | None
    begin: str | None
    pattern: str | None
    acrostic: str | None
    place: str | int | None
    lines: int | None
    book: str | None


_TEXT, _WHOLE, _NUMBER, _WORDS = "text", "a whole number", "a number", "a list of words, or text"
_PLACE: Final = "a number, last or diagonal"
#: What each option has to be, in words for people.
KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("form", "dynasty", "author", "rhyme", "rhyme_like", "tones", "book"), _TEXT),
    **dict.fromkeys(("feet", "begin", "pattern", "acrostic"), _TEXT),
    **dict.fromkeys(("length", "top_k", "seed", "candidates", "lines"), _WHOLE),
    **dict.fromkeys(("top_p", "temperature"), _NUMBER),
    **dict.fromkeys(("keywords", "about"), _WORDS),
    "place": _PLACE,
}
#: The options that are words.
WORD_OPTIONS: Final = ("keywords", "about")


def is_of_kind(value: object, kind: str) -> bool:
    """Whether a value is what `kind` says; numbers of numpy are numbers, True and False are none.

    >>> is_of_kind(1.5, "a whole number"), is_of_kind(1, "a number"), is_of_kind(True, "a number")
    (False, True, False)
    """
    if kind == _TEXT or (kind == _PLACE and isinstance(value, str)):
        return isinstance(value, str)
    if kind == _WORDS:
        words = isinstance(value, Sequence) and all(isinstance(word, str) for word in value)
        return words and not isinstance(value, (bytes, bytearray))
    return isinstance(value, Integral if kind in (_WHOLE, _PLACE) else Real) and not isinstance(value, bool)


def check_options(options: Mapping[str, object]) -> Options:
    """Options of the right names and types, without those that are None; raises UsageError for others.

    >>> check_options({"top_k": 3, "form": None, "keywords": "明月、酒"})
    {'top_k': 3, 'keywords': ['明月', '酒']}
    """
    if unknown := options.keys() - KINDS.keys():
        raise UsageError(f"{', '.join(sorted(unknown))}: no such option; choose of {', '.join(KINDS)}")
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if value is None:
            continue
        if not is_of_kind(value, KINDS[name]):
            raise UsageError(Option(name, value), f": give {KINDS[name]}")
        if name == "place":
            checked[name] = str(value)
        elif isinstance(value, Integral) and (KINDS[name] == _WHOLE or abs(int(value)) < 2**53):
            checked[name] = int(value)
        elif isinstance(value, Real):
            try:
                checked[name] = float(value)
            except OverflowError:
                raise UsageError(Option(name, value), ": give a smaller number") from None
        elif name in WORD_OPTIONS:
            checked[name] = split_keywords(value) if isinstance(value, str) else list(cast(Sequence[str], value))
        else:
            checked[name] = value
    return cast(Options, checked)


def split_keywords(text: str) -> list[str]:
    """Words with commas, 、 or spaces between them.

    >>> split_keywords("明月, 故乡、酒")
    ['明月', '故乡', '酒']
    """
    return re.sub("[,，、;；]", " ", text).split()


@dataclass(frozen=True)
class Request:
    """What to write.

    `form` is one of FORM_NAMES, or a tune (词牌), with the number of its shape where that is not the commonest
    (水调歌头:2). `rhyme` is "auto" (the model chooses), "off", or a rhyme of the form's book (东, 第一部), `tones` is
    "strict" or "off". `lines` counts the lines of forms that have no number of their own (0: the form's usual).
    `keywords` must stand in the poem, `about` colours it. `begin` and `pattern` are its lines, with □ where it is free,
    `feet` the characters on which it rhymes; `acrostic` gives a character of each line, from the
    first on, at a `place`.
    """

    title: str = ""
    form: str = "auto"
    dynasty: str = ""
    author: str = ""
    keywords: tuple[str, ...] = ()
    rhyme: str = "auto"
    tones: str = "strict"
    acrostic: str = ""
    lines: int = 0
    book: str = "auto"
    about: tuple[str, ...] = ()
    begin: str = ""
    pattern: str = ""
    feet: str = ""
    place: str = "1"
