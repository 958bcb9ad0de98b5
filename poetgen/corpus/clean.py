"""Cleaning: from a record as a source holds it to a poem whose every character is verse.

Each rule is a small function from text to text (or a test that says why a poem cannot be kept), and each is counted:
how many poems it touched, how many characters it took away, and a few examples.

What stands behind the rules is what the chinese-poetry archive holds. Notes in brackets run over several paragraphs
(its files were cut at every 。), so that a body is cleaned as one text, with line feeds where paragraphs end. A poem
with a hole in it (□, a character that could only be described, a letter of another script left by a broken encoding)
is dropped: a model would learn the hole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from poetgen.corpus.apparatus import (
    check_holes,
    check_letters,
    check_lost,
    check_placeholders,
    check_torn,
    cut_sources,
    remove_footnotes,
    remove_latin,
    remove_notes,
    remove_roles,
    resolve_editorial,
)
from poetgen.corpus.characters import (
    UNREADABLE,
    cut_unreadable,
    expand_iterations,
    fold,
    fold_letters,
    is_folded,
    visible,
)
from poetgen.corpus.counts import Counts, Dropped
from poetgen.corpus.language import OF_TODAY, has_kana_or_hangul, language_of
from poetgen.corpus.markup import remove_markup
from poetgen.corpus.poem import Language, Poem, Record
from poetgen.corpus.punctuation import even_spaces, join_lines, unify_punctuation, widen_punctuation
from poetgen.corpus.script import NAME, Script, fold_variants, tell, to_simplified, to_traditional
from poetgen.corpus.titles import clean_author, clean_title, clean_tune, plain_author, plain_title
from poetgen.text import HAN_RANGES, SENTENCE_ENDS

_CLEAN_LINES: Final = re.compile(
    "{line}(?:\n{line})*".format(line=f"[{HAN_RANGES}][{HAN_RANGES}，、]*[{SENTENCE_ENDS}]")
)

# What lines that look clean may yet hold: two marks in a row, 囗 for a lost character, the end of a biography.
_SUSPECT: Final = re.compile(
    f"[，、]{{2}}|[，、][{SENTENCE_ENDS}]|囗|名不[詳详]|[。\n][詩诗][一二三四五六七八九十]+[首句]。$"
)
_WORD: Final = re.compile(r"[^\W\d_]")

#: The most characters of a poem, by its language: 增广贤文 and the longest ballads are whole, and no novel is a poem.
MOST_CHARS: Final[Mapping[Language, int]] = {"classical": 5_000, "modern": 5_000, "other": 20_000}

#: A haiku may be written in so few characters, if most are kanji.
_SHORTEST_HAIKU: Final = 6

#: Poems whose script is converted in one call.
_TOGETHER: Final = 256


def most_chars(given: int = 0) -> dict[Language, int]:
    """The most characters of a poem in each language, where `given` says how many; 0 takes those of MOST_CHARS."""
    return {language: given or most for language, most in MOST_CHARS.items()}


class _Texts(NamedTuple):
    """What of a poem is brought to a script."""

    body: str
    title: str
    author: str
    tune: str


def _by_column(rows: list[_Texts], convert: Callable[[str, int], str]) -> list[_Texts]:
    """Rows of texts, each column of them converted in one call, which is told its number and gives as many texts."""
    columns = [convert("\0".join(column), place).split("\0") for place, column in enumerate(zip(*rows, strict=True))]
    return [_Texts(*row) for row in zip(*columns, strict=True)]


def _simplified(rows: list[_Texts]) -> list[_Texts]:
    return _by_column(rows, lambda text, place: to_simplified(text, verse=place == 0))


def _traditional(rows: list[_Texts]) -> list[_Texts]:
    """Texts in traditional script: those that are in simplified one converted, the others left alone.

    A title or an author of which not two characters tell its script has that of its poem, and a poem that does not
    tell has that of the poems around it.
    """
    around = sum(tell("".join(texts)) for texts in rows)
    simplified = []
    for texts in rows:
        of_poem = tell("".join(texts)) or around
        simplified.append([(own if abs(own := tell(text)) > 1 else of_poem) < 0 for text in texts])
    marked = [texts._replace(author=NAME + texts.author) for texts in rows]
    converted = _by_column(marked, lambda text, _: to_traditional(text))
    return [
        _Texts(*(new if convert else old for new, old, convert in zip(after, before, which, strict=True)))._replace(
            author=after.author[1:] if which[2] else before.author
        )
        for before, after, which in zip(rows, converted, simplified, strict=True)
    ]


class Cleaner:
    """Cleans records, and counts what it does.

    One cleaner serves one process; the counts of several add up with `+=`. A poem has at most `max_chars` characters;
    0 takes those of MOST_CHARS.
    """

    def __init__(self, script: Script = "simplified", min_chars: int = 10, max_chars: int = 0) -> None:
        self.script = script
        self.min_chars = min_chars
        self.most_chars = most_chars(max_chars)
        self.counts = Counts()

    def clean(self, record: Record) -> Poem | None:
        """The poem that a record holds, or None when it was dropped; `counts` says what was done, and why."""
        return next((poem for _, poem in self.clean_all([record])), None)

    def clean_all(self, records: Iterable[Record]) -> Iterator[tuple[Record, Poem]]:
        """The records that are kept, each with its language and its poem, in their order."""
        kept: list[tuple[Record, _Texts]] = []
        for record in records:
            cleaned = self._cleaned(record)
            if cleaned is not None:
                kept.append(cleaned)
            if len(kept) == _TOGETHER:
                yield from self._converted(kept)
                kept = []
        yield from self._converted(kept)

    def _cleaned(self, record: Record) -> tuple[Record, _Texts] | None:
        """A record with its language told, and its texts by all rules but that of script."""
        self.counts.read += 1
        raw = "\n".join(record.paragraphs)
        try:
            body, language = self._verse(raw, record) if record.verse else self._passage(raw, record)
        except Dropped as reason:
            self.counts.drop(str(reason), record.origin, raw)
            return None
        chinese = language != "other"
        title = self._counted("titles", clean_title if chinese else plain_title, record.title, record.origin)
        author = self._counted("authors", clean_author if chinese else plain_author, record.author, record.origin)
        self.counts.kept += 1
        if language != (record.language or "classical"):
            record = replace(record, language=language)
        return record, _Texts(body, title, author, clean_tune(record.tune))

    def _converted(self, kept: list[tuple[Record, _Texts]]) -> Iterator[tuple[Record, Poem]]:
        """Bring many poems to the script at once: a call costs more than the characters of a poem.

        Characters of other languages are those of their own script: 鐘 is no 钟 in Japanese.
        """
        texts = [text for _, text in kept]
        chinese = [place for place, (record, _) in enumerate(kept) if record.language != "other"]
        if self.script != "keep" and chinese:
            rows = [texts[place] for place in chinese]
            standard = _by_column(rows, lambda text, _: fold_variants(text, self.script))
            converted = _simplified(standard) if self.script == "simplified" else _traditional(standard)
            for place, before, folded, after in zip(chinese, rows, standard, converted, strict=True):
                texts[place] = after
                if folded.body != before.body:
                    self.counts.change("variant shapes", kept[place][0].origin, before.body, folded.body)
                if after.body != folded.body:
                    self.counts.change("script", kept[place][0].origin, folded.body, after.body)
        for (record, _), (body, title, author, tune) in zip(kept, texts, strict=True):
            yield record, Poem(body, title=title, author=author, dynasty=record.dynasty, tune=tune)

    def _counted(self, rule: str, apply: Callable[[str], str], text: str, origin: str) -> str:
        after = apply(text)
        if after != text:
            self.counts.change(rule, origin, text, after)
        return after

    def _verse(self, text: str, record: Record) -> tuple[str, Language]:
        language: Language = "classical"
        if _is_clean(text, record):
            body = text.replace("\n", "")
        else:
            body, language = self._by_rules(text, record)
        most = self.most_chars[language]
        size = len(_WORD.findall(body)) if len(body) < 2 * self.min_chars or len(body) > most else None
        if not body or size == 0:
            raise Dropped("empty")
        if size is not None and size < self.min_chars and not (size >= _SHORTEST_HAIKU and has_kana_or_hangul(body)):
            raise Dropped("too short")
        if len(body) > most:
            raise Dropped("too long")
        return body, language

    def _by_rules(self, text: str, record: Record) -> tuple[str, Language]:
        origin = record.origin
        if not text.strip():
            raise Dropped("empty")
        text = self._counted("tags and entities", remove_markup, text, origin)
        language = language_of(text, record.dynasty, record.language)
        if language == "other":
            return self._other(text, origin), language
        if language == "modern":
            return self._modern(text, origin), language
        return self._classical(text, record), language

    def _classical(self, text: str, record: Record) -> str:
        """Classical verse: Han characters and the seven marks, in one line."""
        origin, of_plays = record.origin, record.dynasty == "元"
        text = self._counted("compatibility forms", fold, text, origin)
        if of_plays:
            check_torn(record.title, origin)
            text = self._counted("roles in plays", remove_roles, text, origin)
        text = self._counted("notes in brackets", partial(remove_notes, of_plays=of_plays), text, origin)
        text = self._counted("editorial brackets", resolve_editorial, text, origin)
        text = self._counted("iteration marks", expand_iterations, text, origin)
        text = self._counted("lines that name the source", cut_sources, text, origin)
        check_holes(text)
        check_placeholders(text)
        text = self._counted("stray digits and Latin", remove_latin, text, origin)
        check_letters(text)
        text = self._counted("punctuation", unify_punctuation, text, origin)
        body = join_lines(text)
        if body != (run_on := text.replace("\n", "")):
            self.counts.change("ends of lines", origin, run_on, body)
        return body

    def _modern(self, text: str, origin: str) -> str:
        """Modern Chinese verse: its lines, stanzas, marks, digits and brackets stay, notes go."""
        text = self._counted("compatibility forms", fold_letters, text, origin)
        check_lost(text)
        text = self._counted("notes in brackets", remove_footnotes, text, origin)
        text = self._counted("punctuation", widen_punctuation, text, origin)
        return self._counted("spaces", even_spaces, text, origin)

    def _other(self, text: str, origin: str) -> str:
        """Verse of another language: its letters, marks, lines and stanzas stay."""
        text = self._counted("compatibility forms", fold_letters, text, origin)
        if UNREADABLE.search(text):
            raise Dropped("characters that cannot be read")
        return self._counted("spaces", even_spaces, text, origin)

    def _passage(self, text: str, record: Record) -> tuple[str, Language]:
        text = self._counted("compatibility forms", visible, text, record.origin)
        readable = self._counted("sentences with lost characters", cut_unreadable, text, record.origin)
        if not readable.strip():
            raise Dropped("characters that cannot be read" if text.strip() else "empty")
        return readable, record.language


def _is_clean(text: str, record: Record) -> bool:
    """Whether a text is classical verse without anything to clean, as nearly all of the archive is."""
    return (
        not record.language
        and record.dynasty != "元"
        and _CLEAN_LINES.fullmatch(text) is not None
        and not _SUSPECT.search(text)
        and is_folded(text)
        and (record.dynasty not in OF_TODAY or language_of(text) == "classical")
    )
