"""What the places of a template's lines ask for, one after the other: tones, feet, marks, and what is repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from poetgen.prosody.oblique_tones import DEPARTING
from poetgen.prosody.readings import PAUSES, Reader
from poetgen.prosody.rhymes import ANY, LEVEL, OBLIQUE
from poetgen.prosody.template import Template, TemplateLine
from poetgen.text import LOST, PUNCTUATION
from poetgen.writing.pattern import characters_of, is_given, runs

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


@dataclass(frozen=True, slots=True)
class Given:
    """The demand for one character or mark, which is given."""

    char: str


#: What a place of a line asks for: a tone, a foot, a mark ("，"), what it repeats, or what is given.
Demand: TypeAlias = "str | Foot | Repeat | Given"
#: By line the alternatives, each with a demand for every place.
LineDemands: TypeAlias = "list[list[tuple[Demand, ...]]]"


def tone_asked(demand: Demand) -> str:
    """The tone that a demand asks for, 中 where it asks for none."""
    if isinstance(demand, Foot):
        return demand.tone
    return demand if isinstance(demand, str) and not is_mark(demand) else ANY


def places_of(demands: Sequence[Demand]) -> list[int]:
    """The places of a line's characters; the last place is that of its mark, which may be given."""
    return [at for at, demand in enumerate(demands[:-1]) if not (isinstance(demand, str) and is_mark(demand))]


def word_place(demands: Sequence[Demand], place: int) -> int | None:
    """The place of the character that may make a word with the one at `place`; None at a pause, and for a mark."""
    characters = places_of(demands)
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


def rhyme_count(lines: LineDemands) -> int:
    """How many rhymes there are."""
    feet = (demand for line in lines for demands in line for demand in demands if isinstance(demand, Foot))
    return max((foot.rhyme for foot in feet), default=-1) + 1


def needs_of(lines: LineDemands, rhymes: int) -> list[tuple[list[frozenset[str]], int]]:
    """By line: the tones in which each of some rhymes is still to come, and how many feet of any rhyme are."""
    feet = [[[demand for demand in demands if isinstance(demand, Foot)] for demands in line] for line in lines]
    needs = []
    for start in range(len(lines)):
        left = [foot for line in feet[start:] for alternative in line for foot in alternative]
        asked = [frozenset(foot.tone for foot in left if foot.rhyme == rhyme) for rhyme in range(rhymes)]
        needs.append((asked, sum(len(line[0]) for line in feet[start:] if line)))
    return needs


# What is given ---------------------------------------------------------------------------------------------------


class Holding(NamedTuple):
    """The demands of a variant that holds what is given; what its rhymes may then be, and the feet that are given.

    A line has no alternative left where what is given breaks its tones.
    """

    lines: LineDemands
    rhymes: Mapping[int, frozenset[str]]
    feet: frozenset[str]

    @property
    def broken(self) -> int:
        """The first line, from 1, that cannot hold what is given; 0 where all can."""
        return next((number for number, line in enumerate(self.lines, start=1) if not line), 0)

    def rhymes_within(self, chosen: frozenset[str]) -> bool:
        """Whether the feet that are given rhyme, the first of them on a chosen rhyme if there is any."""
        return all(names & chosen if chosen and not number else names for number, names in self.rhymes.items())


def hold(lines: LineDemands, held: Sequence[str], reader: Reader) -> Holding:
    """The demands of a variant with what is given in their places."""
    held, conflicts = _with_sources(lines, held)
    kept: LineDemands = []
    rhymes: dict[int, frozenset[str]] = {}
    feet: set[str] = set()
    for number, alternatives in enumerate(lines):
        line = held[number] if number < len(held) else ""
        if not is_given(line):
            kept.append(alternatives)
            continue
        found = [pair for demands in alternatives if (pair := _holding(demands, line, reader))]
        kept.append([demands for demands, _ in found] if number not in conflicts else [])
        for foot in {foot for _, given_feet in found for foot in given_feet}:
            rhyme, char = foot
            of_line = frozenset[str]().union(*(given_feet.get(foot, frozenset()) for _, given_feet in found))
            rhymes[rhyme] = rhymes.get(rhyme, of_line) & of_line
            feet.add(char)
    return Holding(kept, rhymes, frozenset(feet))


#: The rhymes that each foot which is given may have, by the number of its rhyme and its character.
_FeetGiven: TypeAlias = "dict[tuple[int, str], frozenset[str]]"


def _holding(demands: tuple[Demand, ...], line: str, reader: Reader) -> tuple[tuple[Demand, ...], _FeetGiven] | None:
    """An alternative with what is given of its line; None where that breaks it."""
    places, chars = places_of(demands), characters_of(line)
    if len(chars) > len(places):
        return None
    padded = chars.ljust(len(places), LOST)
    tones, given = reader.tones(padded), list(demands)
    feet: _FeetGiven = {}
    for place, char in runs(line):
        demand = demands[places[place]]
        if isinstance(demand, Repeat):
            continue
        if isinstance(demand, Foot):
            if not (names := reader.feet(padded[: place + 1], demand.tone)):
                return None
            feet[demand.rhyme, char] = names
        elif isinstance(demand, str) and not _bears(demand, tones[place]):
            return None
        given[places[place]] = Given(char)
    if len(chars) < len(line):
        given[-1] = Given(line[-1])
    return tuple(given), feet


def _with_sources(lines: LineDemands, held: Sequence[str]) -> tuple[list[str], set[int]]:
    """What is given, also of characters that are repeated later on; and the lines that would have to repeat others."""
    if not any(isinstance(demand, Repeat) for line in lines for demand in line[0]):
        return list(held), set()
    demands = [[line[0][at] for at in places_of(line[0])] for line in lines]
    padded = [characters_of(line) for line in held] + [""] * (len(lines) - len(held))
    chars = [list(line.ljust(len(asked), LOST)) for line, asked in zip(padded, demands, strict=True)]
    places = [(number, place) for number, line in enumerate(chars) for place in range(len(line))]
    conflicts = set()
    for at, (number, place) in reversed(list(enumerate(places))):
        demand = demands[number][place] if place < len(demands[number]) else None
        if isinstance(demand, Repeat):
            line, source = places[at - demand.back]
            if chars[line][source] == LOST:
                chars[line][source] = chars[number][place]
            elif chars[number][place] not in (LOST, chars[line][source]):
                conflicts.add(number)
    marks = [line[len(characters_of(line)) :] for line in held] + [""] * (len(lines) - len(held))
    return ["".join(line) + mark for line, mark in zip(chars, marks, strict=True)], conflicts


def holdings(template: Template, held: Sequence[str], usual: bool = True) -> list[Holding]:
    """What each variant of a template makes of what is given, by the usual readings of characters or by any."""
    reader = Reader(template.book, usual)
    return [hold(demands_of(variant), held, reader) for variant in template.variants]


def can_hold(template: Template, held: Sequence[str], rhyme: frozenset[str] = frozenset(), usual: bool = True) -> bool:
    """Whether a poem of a form may have what is given, by the usual readings of its characters or by any.

    >>> from poetgen.prosody.template import regulated
    >>> can_hold(regulated("五绝"), ("床前明月光，", "疑是地上霜。")), can_hold(regulated("五绝"), ("□□明月光，",))
    (False, True)
    """
    return any(not held.broken and held.rhymes_within(rhyme) for held in holdings(template, held, usual))


def misplaced(template: Template, lines: Sequence[str]) -> list[list[tuple[int, int]]]:
    """For each variant of a form the characters of a poem that it does not allow, as lines and places from 0.

    Of the alternatives of a line that count which has the fewest; of feet those that do not rhyme with most others.

    >>> from poetgen.prosody.template import regulated
    >>> misplaced(regulated("五绝"), ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层花"])[0]
    [(3, 4)]
    """
    reader = Reader(template.book)
    return [_misplaced(demands_of(variant), lines, reader) for variant in template.variants]


def _misplaced(demands: LineDemands, lines: Sequence[str], reader: Reader) -> list[tuple[int, int]]:
    wrong: list[tuple[int, int]] = []
    feet: dict[int, list[tuple[tuple[int, int], frozenset[str]]]] = {}
    for number, (alternatives, line) in enumerate(zip(demands, lines, strict=True)):
        tones = reader.tones(line)
        tried = []
        for asked in alternatives:
            breaks, own = [], []
            for place, at in enumerate(places_of(asked)):
                demand = asked[at]
                if isinstance(demand, Foot):
                    own.append((demand.rhyme, reader.feet(line[: place + 1], demand.tone)))
                    breaks += [] if own[-1][1] else [place]
                elif isinstance(demand, str) and not _bears(demand, tones[place]):
                    breaks.append(place)
            tried.append((breaks, own))
        breaks, own = min(tried, key=lambda pair: len(pair[0]))
        wrong += [(number, place) for place in breaks]
        for rhyme, names in own:
            if names:
                feet.setdefault(rhyme, []).append(((number, len(line) - 1), names))
    for found in feet.values():
        shared = Counter(name for _, names in found for name in names)
        most = max(shared, key=lambda name: shared[name])
        wrong += [place for place, names in found if most not in names]
    return sorted(set(wrong))


def _bears(tone: str, tones: frozenset[str]) -> bool:
    """Whether a character of some tones may stand where one is asked for; one that no book knows may."""
    return not tones or tone == ANY or (OBLIQUE if tone == DEPARTING else tone) in tones


def is_mark(demand: str) -> bool:
    return demand in PUNCTUATION


def marks_for(mark: str, last: bool) -> str:
    """What may stand for a mark; a poem does not end on one that promises more."""
    marks = _MARKS.get(mark, mark)
    return marks.replace("；", "") if last and len(marks) > 1 else marks
