"""What the places of a template's lines ask for, one after the other: tones, feet, marks, and what is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from poetgen.prosody.oblique_tones import DEPARTING
from poetgen.prosody.readings import PAUSES
from poetgen.prosody.rhymes import ANY, LEVEL
from poetgen.prosody.template import TemplateLine
from poetgen.text import PUNCTUATION

#: What may stand for a mark of a template.
_MARKS: Final = {"。": "。？！；", "；": "；。", "？": "？。", "！": "！。"}


@dataclass(frozen=True, slots=True)
class Foot:
    """The demand for a rhyming character."""

    rhyme: int
    tone: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """The demand for the character that stands so many before (叠句); `opens` is the line that it opens, if it does."""

    back: int
    opens: int | None


#: What a place of a line asks for: a tone, a foot, a mark ("，"), what it repeats, or the id of one character (an
#: acrostic's).
Demand: TypeAlias = "str | Foot | Repeat | int"
#: By line the alternatives, each with a demand for every place.
LineDemands: TypeAlias = "list[list[tuple[Demand, ...]]]"


def tone_asked(demand: Demand) -> str:
    """The tone that a demand asks for, 中 where it asks for none."""
    if isinstance(demand, Foot):
        return demand.tone
    return demand if isinstance(demand, str) and not is_mark(demand) else ANY


def word_place(demands: Sequence[Demand], place: int) -> int | None:
    """The place of the character that may make a word with the one at `place`; None at a pause, and for a mark."""
    characters = [at for at, demand in enumerate(demands) if not (isinstance(demand, str) and is_mark(demand))]
    before = sum(at < place for at in characters)
    if place not in characters or not before or before in PAUSES.get(len(characters), ()):
        return None
    return characters[before - 1]


def demands_of(variant: Sequence[TemplateLine]) -> LineDemands:
    """By line and alternative what each place asks for, marks too.

    A character that is repeated as a foot of another rhyme later on must be able to be one: 路迷，迷路 in 调笑令.
    """
    lines = [[_demands(line, pattern) for pattern in line.tones] for line in variant]
    places = [(number, place) for number, line in enumerate(variant) for place in range(len(line))]
    for at, (number, place) in enumerate(places):
        line = variant[number]
        back = line.repeats[place] if line.repeats else 0
        if not back:
            continue
        source, source_place = places[at - back]
        opens = source if not source_place else None
        lines[number] = [_with(demands, line, place, Repeat(back, opens)) for demands in lines[number]]
        is_foot = line.rhyme is not None and place + 1 == len(line)
        ends_source = source_place + 1 == len(variant[source]) and variant[source].rhyme == line.rhyme
        if is_foot and not ends_source and not variant[source].repeats and line.rhyme is not None:
            foot = Foot(line.rhyme, line.tones[0][-1])
            lines[source] = [_with(demands, variant[source], source_place, foot) for demands in lines[source]]
    return lines


def _demands(line: TemplateLine, pattern: str) -> tuple[Demand, ...]:
    """What the places of a line ask for, one after the other, its marks too."""
    places: list[Demand] = [
        DEPARTING if place in line.departing and tone != LEVEL else tone for place, tone in enumerate(pattern)
    ]
    if line.rhyme is not None:
        places[-1] = Foot(line.rhyme, pattern[-1])
    if line.pause:
        places.insert(line.pause, "、")
    return (*places, line.mark)


def _with(demands: tuple[Demand, ...], line: TemplateLine, place: int, demand: Demand) -> tuple[Demand, ...]:
    """The demands of a line with another one for a character of it."""
    at = place + bool(line.pause and place >= line.pause)
    return (*demands[:at], demand, *demands[at + 1 :])


def unwritten_pause(line: TemplateLine) -> int:
    """How many demands stand before a pause that no mark shows, and no word may cross; 0 for none.

    It comes after the characters that lead on, and after the fourth of seven.
    """
    return line.lead or (4 if len(line) == 7 and not line.pause else 0)


def needs_of(lines: LineDemands) -> list[tuple[list[frozenset[str]], int]]:
    """By line: the tones in which each rhyme is still to come, and how many feet of any rhyme are."""
    feet = [[[demand for demand in demands if isinstance(demand, Foot)] for demands in line] for line in lines]
    count = max((foot.rhyme for line in feet for alternative in line for foot in alternative), default=-1) + 1
    needs = []
    for start in range(len(lines)):
        left = [foot for line in feet[start:] for alternative in line for foot in alternative]
        asked = [frozenset(foot.tone for foot in left if foot.rhyme == rhyme) for rhyme in range(count)]
        needs.append((asked, sum(len(line[0]) for line in feet[start:])))
    return needs


def is_mark(demand: str) -> bool:
    return demand in PUNCTUATION


def marks_for(mark: str, last: bool) -> str:
    """What may stand for a mark; a poem does not end on one that promises more."""
    marks = _MARKS.get(mark, mark)
    return marks.replace("；", "") if last and len(marks) > 1 else marks
