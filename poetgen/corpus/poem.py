"""A poem, as the readers find it and as cleaning leaves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """A poem as a source holds it, before any cleaning.

    `origin` says where it stood (file, and line or record number), for reports and errors. `tune` is the
    词牌 where the source names one. `verse` is False for a passage of plain text, whose line breaks are kept.
    """

    origin: str
    paragraphs: tuple[str, ...]
    title: str = ""
    author: str = ""
    dynasty: str = ""
    tune: str = ""
    verse: bool = True


@dataclass(frozen=True, slots=True)
class Poem:
    """A cleaned poem: `body` is one string with its punctuation; `form` is one of `prosody.FORMS`."""

    body: str
    title: str = ""
    author: str = ""
    dynasty: str = ""
    tune: str = ""
    form: str = ""
