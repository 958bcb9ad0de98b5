"""Verse without marks: told from titles and names by the lengths of the lines around it, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from poetgen.corpus.text_lines import TextLine, byline_of, clauses_of_line, is_shaped, names_tune, sounds_like_verse
from poetgen.prosody.forms import SHAPES, recognise
from poetgen.text import SENTENCE_ENDS

_ENDS: Final = tuple(SENTENCE_ENDS + ".?!")
#: Marks that begin no line.
_NEVER_FIRST: Final = frozenset("，。、；：！？）》」』")


def verse_without_marks(lines: list[TextLine]) -> list[TextLine]:
    """The lines, where those without marks that are verse are told from headings by their lengths, block by block."""
    marked = any(line.kind == "verse" and len(line.clauses) < 2 or line.text.endswith(_ENDS) for line in lines)
    marked = marked or any("，" in line.text and line.kind == "verse" for line in lines)
    found: list[TextLine] = []
    start = 0
    for end in range(1, len(lines) + 1):
        if end == len(lines) or lines[end].gap:
            block = lines[start:end]
            if any(line.kind == "bare" for line in block):
                has_head = bool(found) and found[-1].kind in ("bare", "heading", "label")
                block = _verse_in_block(block, marked, has_head)
            found += block
            start = end
    return found


def _verse_in_block(block: list[TextLine], marked: bool, below_heading: bool) -> list[TextLine]:
    if any(line.kind == "verse" for line in block):
        return _verse_beside_marks(block)
    bare = [number for number, line in enumerate(block) if line.kind == "bare"]
    first = bare[0]
    if bare != list(range(first, len(block))):
        return _runs_of_verse(block)
    texts = [_only_clause(line) for line in block[first:]]
    for head in range(min(3, len(texts))):
        if recognise(texts[head:]) in SHAPES and not (head == 2 and len(texts[1]) > 5):
            return _as_verse(block, first + head)
    if len(texts) > 2 and is_shaped(texts[1:]) and not is_shaped(texts) and (not marked or len(texts) > 4):
        return _as_verse(block, first + 1)
    if is_shaped(texts) and (len(texts) >= 4 or len(texts[0]) > 4) and (not marked or len(texts) >= 4 < len(texts[0])):
        return _as_verse(block, first)
    runs = _runs_of_verse(block)
    if any(line.kind == "verse" for line in runs) or marked or not sounds_like_verse(texts) or len(texts) < 3:
        return runs
    # Mixed lines, as of a 词: the name of a tune and of an author may stand above them.
    head = 0
    if not below_heading and (names_tune(texts[0]) or byline_of(texts[1])):
        head = 2 if byline_of(texts[1]) else 1
    return _as_verse(block, first + head)


def _verse_beside_marks(block: list[TextLine]) -> list[TextLine]:
    """Lines without a mark that make a couplet with the marked one beside them."""
    found = list(block)
    for number in range(len(found) - 1):
        upper, lower = found[number], found[number + 1]
        if upper.kind == "bare" and lower.kind == "verse" and len(lower.clauses) == 1 and lower.text.endswith(_ENDS):
            closed = number == 0 or found[number - 1].kind != "verse" or found[number - 1].text.endswith(_ENDS)
            same = len(_only_clause(upper)) == len(lower.clauses[0])
            if closed and same or number and not closed and same:
                found[number] = _made_verse(upper)
        if lower.kind == "bare" and upper.kind == "verse" and upper.text.endswith(("，", ",", "、", "；", ";")):
            found[number + 1] = _made_verse(lower)
    return found


def _runs_of_verse(block: list[TextLine]) -> list[TextLine]:
    """Poems without marks one under the other: runs of four lines or more of one length are verse."""
    found = list(block)
    start = 0
    for end in range(1, len(block) + 1):
        if end < len(block) and block[end].kind == "bare" and _same_length(block[start], block[end]):
            continue
        start += (end - start) % 2  # a title of the length of the lines
        if end - start >= 4 and block[start].kind == "bare" and 5 <= len(_only_clause(block[start])) <= 7:
            found[start:end] = map(_made_verse, block[start:end])
        start = end
    return found


def _same_length(one: TextLine, other: TextLine) -> bool:
    return one.kind == other.kind == "bare" and len(_only_clause(one)) == len(_only_clause(other))


def _only_clause(line: TextLine) -> str:
    return "".join(clauses_of_line(line.text))


def _made_verse(line: TextLine) -> TextLine:
    return replace(line, kind="verse", clauses=clauses_of_line(line.text))


def _as_verse(block: list[TextLine], start: int) -> list[TextLine]:
    return block[:start] + [_made_verse(line) for line in block[start:]]


def wrapped_prose(lines: Sequence[str]) -> set[int]:
    """The numbers, from 1, of lines of indented paragraphs that are broken wherever a line of print was full.

    A mark at the head of a line shows it, which no line of verse has; a preface may sound like verse else.
    """
    found: set[int] = set()
    start = 0
    for end in range(1, len(lines) + 1):
        if end < len(lines) and lines[end].strip() and _indent(lines[end]) == _indent(lines[start]):
            continue
        paragraph = lines[start:end]
        if _indent(lines[start]) and any(line.strip()[:1] in _NEVER_FIRST for line in paragraph[1:] if line.strip()):
            found.update(range(start + 1, end + 1))
        start = end
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
