"""Poems of a free text, as people write them down: titles, authors and verse told apart, block by block.

What one line is says text_lines; here lines become poems. Above a poem stand its heading (a title, an author, 其一), in
lines, labels (题目：) or Markdown; below it, perhaps, who wrote it (——李白《静夜思》); between poems prose, notes and
contents, which are left out and counted. Nothing of a heading is ever verse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from poetgen.corpus.text_drafts import PoemDraft, in_han, is_collection, parts_of_series, poem_a_line
from poetgen.corpus.text_lines import (
    Heading,
    TextLine,
    byline_of,
    clauses_of_line,
    is_division,
    is_of_today,
    is_page_number,
    is_shaped,
    names_tune,
    sounds_like_verse,
    text_line,
)
from poetgen.corpus.text_unmarked import verse_without_marks, wrapped_prose
from poetgen.text import SENTENCE_ENDS

_ENDS: Final = tuple(SENTENCE_ENDS + ".?!")
_LONGEST_CLAUSE: Final = 16
#: A text of a line or so, which is a poem without any sign of it.
_A_FEW_WORDS: Final = 40
#: Reasons why lines are left out, as they are counted.
HEADINGS, PROSE, NOTES = "headings without a poem", "prose between poems", "notes on poems"


def drafts_of(text: str, left_out: Counter[str]) -> list[PoemDraft]:
    """The poems of a text, in their order; lines that are none are counted in `left_out`, by reason."""
    lines = verse_without_marks(_lines(text))
    if lines and all(line.kind == "bare" for line in lines) and sum(len(line.text) for line in lines) <= _A_FEW_WORDS:
        lines = [replace(line, kind="verse", clauses=clauses_of_line(line.text)) for line in lines]
    verse = [line for line in lines if line.kind == "verse"]
    classical = sum(is_shaped(line.clauses) for line in verse) * 2 >= len(verse)
    one_a_line = sum(bool(line.heading.title) for line in verse) * 2 > len(verse)
    reader = _PoemReader(left_out, classical, one_a_line)
    for line, below in pairwise([*lines, None]):
        assert line is not None
        reader.take(line, below)
    return [poem for draft in reader.finish() for poem in parts_of_series(draft) or poem_a_line(draft)]


def _lines(text: str) -> list[TextLine]:
    """The lines of a text that hold anything; a rule between them is as good as a blank line."""
    found: list[TextLine] = []
    gap = True
    lines = text.splitlines()
    wrapped = wrapped_prose(lines)
    for number, raw in enumerate(lines, 1):
        if is_page_number(raw):
            continue
        if number in wrapped:
            found.append(TextLine(number, "outside", raw.strip(), gap))
            gap = False
            continue
        line = text_line(raw, number, gap)
        if line is not None:
            found.append(line)
        gap = line is None
    return found


# From lines to poems ---------------------------------------------------------------------------------------------


class _PoemReader:
    """Takes the lines of a text one by one and puts poems together."""

    def __init__(self, left_out: Counter[str], classical: bool, one_a_line: bool) -> None:
        self._left_out = left_out
        self._classical = classical
        self._one_a_line = one_a_line
        self._drafts: list[PoemDraft] = []
        self._open: PoemDraft | None = None
        self._pending: list[TextLine] = []
        self._labelled = Heading()
        self._base = Heading()
        self._section = Heading()
        self._notes = False
        self._apart = False
        self._authors_first = 0  # poems whose author stands above their title, less those where it stands below

    def take(self, line: TextLine, below: TextLine | None) -> None:
        """The next line, and the one that stands below it."""
        if self._apart and line.kind != "outside":  # what stood between poems parts them
            line, self._apart = replace(line, gap=True), False
        match line.kind:
            case "label":
                self._label(line)
            case "notes":
                self._notes, self._open = True, None
                self._left_out[NOTES] += 1
            case "outside":
                self._left_out[PROSE] += 1
                self._apart = self._apart or line.gap
            case "signature":
                self._sign(line)
            case "verse":
                self._verse(line)
            case _:
                if self._is_below(line, below):
                    self._sign(line)
                elif not self._notes or self._begins(line, below):
                    self._notes, self._open = False, None
                    self._pending.append(line)
                else:
                    self._left_out[NOTES] += 1

    def finish(self) -> list[PoemDraft]:
        """All poems; headings that no verse followed are counted."""
        self._left_out[HEADINGS] += len(self._pending)
        if not self._left_out[HEADINGS]:
            del self._left_out[HEADINGS]
        return self._drafts

    def _label(self, line: TextLine) -> None:
        self._notes = False
        for kind, text in line.labels:
            if kind == "body":
                self._begin(line.number)
                if text:
                    self._add(replace(line, text=text, kind="verse", clauses=clauses_of_line(text)))
            elif kind == "notes":
                self._notes = True
            elif kind != "aside":
                self._open = None
                key = "title" if kind == "tune" else kind
                said = byline_of(text, sure=False) if kind == "author" else None
                if said is None:
                    said = Heading(**{key: _joined(kind, text, self._labelled.title)})
                self._labelled = said.over(self._labelled)

    def _verse(self, line: TextLine) -> None:
        if self._notes:
            if not (line.gap and is_shaped(line.clauses) and len(line.clauses) >= 4) and not line.heading.title:
                self._left_out[NOTES] += 1
                return
            self._notes, self._open = False, None
        if self._is_prose(line):
            self._left_out[PROSE] += 1
            self._open = None
            return
        goes_on = (
            self._open is not None
            and not self._one_a_line
            and not self._pending
            and self._labelled == Heading()
            and not (line.part or line.ordinal or line.heading.title)
            and (not line.gap or self._drafts[0].headed and self._open.headed)
        )
        if not goes_on:
            self._begin(line.number, line)
        self._add(line)
        if line.heading.author and not line.heading.title and self._open:
            self._open.heading = self._open.heading.over(line.heading)
            self._open = None

    def _is_prose(self, line: TextLine) -> bool:
        if is_shaped(line.clauses):
            return False
        longest = max(line.lengths, default=0)
        if self._open is not None and not line.gap and not is_of_today(line.text):
            return longest > _LONGEST_CLAUSE
        if (line.gap or not self._open) and sum(line.lengths) < 4:
            return True
        if not self._classical and len(line.clauses) <= 2:  # modern verse has longer lines
            return longest > _LONGEST_CLAUSE
        return not sounds_like_verse(line.clauses) or self._classical and is_of_today(line.text)

    def _add(self, line: TextLine) -> None:
        assert self._open is not None
        self._open.add(line)

    def _begin(self, number: int, line: TextLine | None = None) -> None:
        """Begin a poem below the headings that wait."""
        heading = self._heading()
        headed = bool(self._pending) or self._labelled != Heading()
        heading = self._labelled.over(heading)
        if line is not None and (line.part or line.ordinal) and not self._pending:
            heading = self._part_of(self._base, line.part or line.ordinal)
        elif line is not None and line.part:
            self._base, heading = heading, self._part_of(heading, line.part)
        if line is not None and line.heading.title:
            heading, headed = line.heading.over(replace(heading, title="")), True
        self._pending, self._labelled = [], Heading()
        if headed and not heading.author:
            heading = heading.over(self._section)
        self._open = PoemDraft(number, heading, headed)
        self._drafts.append(self._open)

    def _sign(self, line: TextLine) -> None:
        """Who wrote the poem above, or the one below where its title waits."""
        if self._pending and not self._notes:
            self._pending.append(replace(line, kind="heading"))
        elif self._drafts and not self._notes:
            heading = line.heading if line.heading != Heading() else byline_of(line.text) or Heading()
            self._drafts[-1].heading = self._drafts[-1].heading.over(heading)
            self._open = None

    def _is_below(self, line: TextLine, below: TextLine | None) -> bool:
        """Whether a line without dash signs the poem above it: nothing stands between, and nothing follows."""
        if self._open is None or line.gap or self._open.heading.author or not (below is None or below.gap):
            return False
        if line.heading.title:
            return not self._open.headed
        return not line.level and (line.heading.author or byline_of(line.text)) is not None

    def _begins(self, line: TextLine, below: TextLine | None) -> bool:
        """Whether a heading among notes is that of another poem."""
        if line.level or line.heading.title or line.part:
            return True
        return line.gap and below is not None and (below.kind in ("verse", "bare", "heading") and len(line.text) < 20)

    # What headings say

    def _heading(self) -> Heading:
        """What the headings above a poem say of it; those that say nothing are counted."""
        lines = self._without_sections(self._pending)
        if not lines:
            return Heading()
        part, lines = _part_apart(lines)
        if part is None:
            heading, used = self._title_and_author(lines)
            self._left_out_of(len(lines) - used)
            self._base = heading
            return heading
        if lines:
            self._base, used = self._title_and_author(lines)
            self._left_out_of(len(lines) - used)
        return self._part_of(self._base, part.part or part.ordinal, part)

    def _title_and_author(self, lines: Sequence[TextLine]) -> tuple[Heading, int]:
        """Title and author from the lines above a poem, and how many of them were used.

        Of two lines that may both be names (古意 below 李颀), the author is the one that stood where authors of other
        poems did.
        """
        last = lines[-1]
        above = lines[-2] if len(lines) > 1 else None
        if last.heading.title:
            named = byline_of(above.text) if above and not last.heading.author and not above.heading.title else None
            return (last.heading.over(named), 2) if named else (last.heading, 1)
        author = last.heading if last.heading.author else byline_of(last.text)
        if above is None:
            return (author, 1) if author and author.dynasty else (Heading(title=last.text), 1)
        title = above.heading if above.heading.title else Heading(title=above.text)
        first = above.heading if above.heading.author and not above.heading.title else byline_of(above.text)
        if bool(first) != bool(author):
            self._authors_first += 1 if first else -1
        both = first and author and not author.dynasty and not first.dynasty and self._authors_first > 0
        if first and (both or not (author and (author.dynasty or not first.dynasty))):
            return replace(first, title=last.text), 2
        if not (author or last.gap or last.level or last.ordinal or is_collection(above.text)):
            author = byline_of(last.text, sure=False)
        if not author:
            return Heading(title=last.text), 1
        return author.over(title), 2

    def _left_out_of(self, count: int) -> None:
        if count:
            self._left_out[HEADINGS] += count

    def _part_of(self, base: Heading, part: str, line: TextLine | None = None) -> Heading:
        """The heading of a part of a series, which inherits title and author."""
        own = line.heading if line else Heading()
        title = base.title if not is_of_today(base.title) else ""
        text = own.title or (line.text if line and line.part and not own.author else "")
        part = in_han(int(part)) if part.isdigit() else part
        title = " ".join(filter(None, (title, f"其{part}" if title and part else "", text)))
        return Heading(title, own.author or base.author, own.dynasty or base.dynasty)

    def _without_sections(self, lines: list[TextLine]) -> list[TextLine]:
        """Headings without those of Markdown that stand a level above, of which an author holds for all below."""
        levels = [line.level for line in lines if line.level]
        if len(levels) < 2 or min(levels) == max(levels):
            return [line for line in lines if not is_division(line.text)]
        deepest = max(levels)
        kept = []
        for line in lines:
            if line.level and line.level < deepest and not lines[-1].part:
                self._section = byline_of(line.text) or Heading()
                self._left_out_of(not self._section.author)
            else:
                kept.append(line)
        return kept


def _joined(kind: str, text: str, title: str) -> str:
    """The text of a label; a tune stands before the title."""
    if kind == "tune" and title and not title.startswith(text):
        return f"{text}·{title}"
    return f"{title}·{text}" if kind == "title" and names_tune(title) and not text.startswith(title) else text


def _part_apart(lines: list[TextLine]) -> tuple[TextLine | None, list[TextLine]]:
    """The number of a part among headings (其一, 二、), and the other headings."""
    for place in (-1, -2):
        if len(lines) >= -place and (lines[place].part or lines[place].ordinal and not lines[place].text):
            return lines[place], [line for line in lines if line is not lines[place]]
    return None, lines
