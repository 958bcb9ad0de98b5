"""A poem, as the readers find it and as cleaning leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What a poem is written in; "" where that has not been told.
Language = Literal["", "classical", "modern", "other"]


@dataclass(frozen=True, slots=True)
class Record:
    """A poem as a source holds it, before any cleaning.

    `origin` says where it stood (file, and line or record number), for reports and errors. `tune` is the
    词牌 where the source names one, `form` what it calls the form. `verse` is False for a passage of plain text, whose
    line breaks are kept. `language` is that of its document as the reader leaves it, and its own once it is cleaned.
    """

    origin: str
    paragraphs: tuple[str, ...]
    title: str = ""
    author: str = ""
    dynasty: str = ""
    tune: str = ""
    verse: bool = True
    language: Language = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Poem:
    """A cleaned poem: `body` is one string with its punctuation; `form` is one of `prosody.FORMS`."""

    body: str
    title: str = ""
    author: str = ""
    dynasty: str = ""
    tune: str = ""
    form: str = ""
