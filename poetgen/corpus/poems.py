"""Files of poems for `check`, `score` and `evaluate --poems`: all that preprocess reads, and in the same way."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from poetgen.corpus.clean import Cleaner
from poetgen.corpus.counts import Counts
from poetgen.corpus.couplets import paired
from poetgen.corpus.fields import ColumnChoice
from poetgen.corpus.poem import Poem, Record
from poetgen.corpus.readers import read
from poetgen.corpus.script import Script
from poetgen.corpus.sources import Document, documents
from poetgen.corpus.text_reader import text_records
from poetgen.errors import SourceError
from poetgen.files import STDIN
from poetgen.humanize import shortened
from poetgen.language import Phrase
from poetgen.prosody.forms import FORMS, form_of
from poetgen.prosody.rhymes import tones
from poetgen.prosody.tune_names import asked_form, book_tunes
from poetgen.text import PUNCTUATION, is_han


class _StandardInput(Document):
    """What comes in at standard input, as a document."""

    def read(self) -> bytes:
        return sys.stdin.buffer.read()


def looks_like_verse(text: str) -> bool:
    """Whether a text is a poem rather than the name of a file: it holds marks of Chinese verse, or is Han throughout.

    >>> looks_like_verse("床前明月光，疑是地上霜。"), looks_like_verse("床前明月光 疑是")
    (True, True)
    >>> looks_like_verse("唐诗.txt"), looks_like_verse("诗/李白")
    (False, False)
    """
    if re.search(r"\.\w{1,5}$", text, re.ASCII) or not any(map(is_han, text)):
        return False
    return any(mark in text for mark in PUNCTUATION) or all(is_han(char) or char in _MARKS_TYPED for char in text)


#: What stands between the characters of a poem that is typed with a Western keyboard.
_MARKS_TYPED: Final = " \n\t,.!?;:"


def read_poems(
    path: Path,
    script: Script = "keep",
    passages: bool = False,
    columns: ColumnChoice | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[list[Poem], Counts]:
    """The poems of a file in any format that preprocess reads, forms recognised, and what cleaning did to them.

    "-" is standard input, and a name that is no file but verse is the poem itself, as `say` is told. Plain text comes
    in passages without form, and only where there may be `passages`. What `columns` and `say` are, `read` says. Raises
    SourceError where there is no poem that `cleaned` keeps.
    """
    name = "standard input" if path == STDIN else str(path)
    notes: list[str] = []
    passed_over: Counter[str] = Counter()
    given = path != STDIN and not os.path.lexists(path) and looks_like_verse(name)
    records: Iterable[Record]
    if given:
        name = shortened(" ".join(name.split()), 20)
        say(Phrase("{name}: there is no file of this name; it is read as the poem itself", name=name))
        records = text_records(str(path), name, passed_over)
    else:
        sources = (
            [_StandardInput(name, path, 0, asked=True)]
            if path == STDIN
            else paired(documents([path], passed_over=passed_over))
        )
        records = chain.from_iterable(
            read(document, passed_over=passed_over, columns=columns, say=notes.append) for document in sources
        )
    poems, counts = cleaned(records, script, passages)
    counts.passed_over = passed_over
    if not poems:
        reasons = counts.reasons() + counts.kinds_passed_over()
        if given:
            raise SourceError(
                Phrase(
                    "{name}: there is no file of this name, and no poem in these words ({reasons}); "
                    "give a file, or the whole text of a poem with its marks",
                    name=name,
                    reasons=reasons,
                )
            )
        raise SourceError(
            Phrase(
                "{name}: no poem in it could be read{left_out}; "
                "give text, JSON, JSON Lines, CSV or a .zip of them{note}",
                name=name,
                left_out=Phrase(" (left out: {reasons})", reasons=reasons) if reasons else "",
                note="".join(f" ({text})" for text in notes[:1]),
            )
        )
    for text in notes:
        say(text)
    return poems, counts


def cleaned(records: Iterable[Record], script: Script = "keep", passages: bool = False) -> tuple[list[Poem], Counts]:
    """The poems of some records, forms recognised, and what cleaning did to them.

    None is dropped for being short, long or a duplicate, but one with holes is, and one without a character that the
    rhyme book knows, unless there may be `passages`: it has no tones.
    """
    cleaner = Cleaner(script, min_chars=1, max_chars=10**9)
    poems = []
    for record, poem in cleaner.clean_all(records):
        chinese = record.language != "other" and any(map(tones, poem.body))
        if not passages and not (record.verse and chinese):
            cleaner.counts.kept -= 1
            prose = chinese
            cleaner.counts.drop("plain text, no verse" if prose else "without Chinese verse", record.origin, poem.body)
            continue
        poems.append(_of_form(poem, record.form) if record.verse and chinese else replace(poem, form=""))
    return poems, cleaner.counts


def _of_form(poem: Poem, named: str) -> Poem:
    """A poem with its form: the one that its source names, be it a tune, else the one that its lines have."""
    form = asked_form(named).partition(":")[0]
    if book_tunes(form):
        tune = poem.tune or form
        return replace(poem, tune=tune, form=form_of(poem.body, tune))
    if form in FORMS:
        return replace(poem, form=form)
    if form in ("五古", "七古"):
        return replace(poem, form="古体")
    return replace(poem, form=form_of(poem.body, poem.tune))
