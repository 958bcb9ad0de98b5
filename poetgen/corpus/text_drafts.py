"""Poems of a text that are under way, and those among them that are several: a series, or a poem a line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from poetgen.corpus.text_lines import Heading, TextLine, clauses_of_line, is_division, is_of_today, names_tune
from poetgen.prosody.feet import feet
from poetgen.prosody.forms import SHAPES, recognise
from poetgen.prosody.rhymes import CILIN, LEVEL, OBLIQUE
from poetgen.text import SENTENCE_ENDS

_ENDS: Final = tuple(SENTENCE_ENDS + ".?!")
_SENTENCE_END: Final = re.compile(f"[{SENTENCE_ENDS}.?!”」\n]+")
#: A title that says of how many poems it is.
_SERIES: Final = re.compile(r"([二三四五六七八九十]+)首\s*(?:[(（][^()（）]*[)）])?$")


@dataclass(slots=True)
class PoemDraft:
    """A poem under way: the number of its first line, what its heading says, and its lines."""

    number: int
    heading: Heading = Heading()
    headed: bool = False
    lines: list[str] = field(default_factory=list)
    clauses: list[tuple[str, ...]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of its lines
    starts: list[int] = field(default_factory=list)  # which of its lines stand below a blank one

    def add(self, line: TextLine) -> None:
        if line.gap and self.lines:
            self.starts.append(len(self.lines))
        self.numbers.append(line.number)
        self.lines.append(line.text)
        self.clauses.append(line.clauses or clauses_of_line(line.text))

    @property
    def characters(self) -> int:
        return sum(len(clause) for clauses in self.clauses for clause in clauses)

    @property
    def is_likely(self) -> bool:
        """Whether there is more for verse than short clauses.

        Most of them have one length, the sentences rhyme, there is a line to a clause or two, or a tune or an author
        stands above.
        """
        lengths = Counter(len(clause) for clauses in self.clauses for clause in clauses)
        length, count = lengths.most_common(1)[0] if lengths else (0, 0)
        if 3 <= length <= 7 and 1 < count >= 0.6 * lengths.total():
            return True
        heading = self.heading
        if heading.dynasty or heading.author or names_tune(heading.title):
            return True
        return len(self.lines) >= 4 and self.characters <= 16 * len(self.lines) or _rhymes(self.lines)


def _rhymes(lines: Sequence[str]) -> bool:
    """Whether half of the sentences rhyme with the one before them, as in a 词 and not in prose."""
    ends = [sentence[-1] for sentence in _SENTENCE_END.split("".join(lines)) if sentence]
    found = [(end, feet(end, LEVEL, CILIN) | feet(end, OBLIQUE, CILIN)) for end in ends]
    rhymed = sum(one != two and bool(rhyme & other) for (one, rhyme), (two, other) in pairwise(found))
    return len(ends) > 2 and 2 * rhymed >= len(ends) - 1


def parts_of_series(draft: PoemDraft) -> list[PoemDraft]:
    """The poems of a series without numbers: 过旧宅二首 over two stanzas are two poems, 其一 and 其二. Else none."""
    found = _SERIES.search(draft.heading.title)
    if not found or not draft.starts or _number(found[1]) != len(draft.starts) + 1:
        return []
    bounds = [0, *draft.starts, len(draft.lines)]
    return [
        PoemDraft(
            draft.numbers[start],
            replace(draft.heading, title=f"{draft.heading.title} 其{in_han(part)}"),
            True,
            draft.lines[start:end],
            draft.clauses[start:end],
            draft.numbers[start:end],
        )
        for part, (start, end) in enumerate(pairwise(bounds), 1)
    ]


def _number(numeral: str) -> int:
    """What a numeral in Han characters says, 0 for what is none below a hundred.

    >>> _number("二"), _number("十"), _number("二十四"), _number("百")
    (2, 10, 24, 0)
    """
    return next((number for number in range(1, 100) if in_han(number) == numeral), 0)


def is_collection(text: str) -> bool:
    return is_of_today(text) or is_division(text) or text.endswith(("集", "选", "選", "抄", "百首"))


# One poem a line ---------------------------------------------------------------------------------------------------


def poem_a_line(draft: PoemDraft) -> Iterator[PoemDraft]:
    """The poems of a draft whose lines are poems each: whole ones most of them, below no title of their own."""
    whole = sum(map(_is_whole, draft.clauses))
    count = len(draft.lines)
    closed = all(line.endswith(_ENDS) for line in draft.lines[:-1]) or not any(
        line.endswith(_ENDS) for line in draft.lines
    )
    series = draft.headed and f"{in_han(count)}首" in draft.heading.title
    collection = draft.headed and is_collection(draft.heading.title) and count > 2
    shaped = sum(recognise(clauses) in SHAPES for clauses in draft.clauses)
    if count < 2 or not closed or whole * 2 < count or (draft.headed and not series and not collection):
        yield draft
        return
    if not shaped and count < 3:
        yield draft
        return
    base = Heading() if collection else draft.heading
    for number, (line, clauses) in enumerate(zip(draft.lines, draft.clauses, strict=True), 1):
        title = f"{base.title} 其{in_han(number)}" if series else ""
        yield PoemDraft(draft.number + number - 1, replace(base, title=title), draft.headed, [line], [clauses])


def _is_whole(clauses: Sequence[str]) -> bool:
    return recognise(clauses) in SHAPES or len(clauses) >= 6


def in_han(number: int) -> str:
    digits = "〇一二三四五六七八九"
    if number < 10:
        return digits[number]
    tens, ones = divmod(number, 10)
    return f"{digits[tens] if tens > 1 else ''}十{digits[ones] if ones else ''}" if number < 100 else str(number)
