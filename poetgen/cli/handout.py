"""A poem as a table in Markdown, for a teacher to print and hand out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from poetgen.cli.explanation_text import couplets_text, foot_text, headline, note_text, verdict_text
from poetgen.judging.annotation import annotated
from poetgen.language import Phrase, translated
from poetgen.prosody.explanation import Explanation


def handout(title: str, explanation: Explanation, language: str) -> str:
    """A heading, a row for each line of verse, the verdict, and what is to be said of the whole poem.

    >>> from poetgen.prosody.explain import explain
    >>> text = handout("登楼", explain(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"], "五绝"), "en")
    >>> text.splitlines()[4]
    '| 1 | 白日依山尽 | bái rì yī shān jìn | 仄仄平平仄 | 中仄中平仄 | 十一轸 |  |'
    """
    heads = (
        Phrase("line"),
        Phrase("verse"),
        Phrase("pinyin"),
        Phrase("tones"),
        Phrase("asked"),
        Phrase("rhyme"),
        Phrase("notes"),
    )
    rows = [_row([translated(head, language) for head in heads]), _row(["---"] * len(heads))]
    rows += [_row(cells) for cells in _lines(explanation, language)]
    whole = [f"- {note_text(note, language)}" for note in explanation.notes if not note.line]
    verdict = [verdict_text(explanation), *([couplets_text(explanation)] if explanation.couplets else [])]
    parts = [f"## {headline(title, explanation)}", "\n".join(rows), *(translated(text, language) for text in verdict)]
    return "\n\n".join([*parts, *(["\n".join(whole)] if whole else [])]) + "\n"


def _lines(explanation: Explanation, language: str) -> Iterator[list[str]]:
    category = dict(explanation.category)
    for number, line in enumerate(explanation.lines, start=1):
        pinyin = " ".join(one.pinyin for one in annotated(line, explanation.book))
        foot = translated(foot_text(line, category.get(line.group or 0, "")), language)
        notes = [note_text(note, language, place=False) for note in explanation.notes if note.line == number]
        yield [str(number), line.text, pinyin, line.tones, line.asked, foot, "<br>".join(notes)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
