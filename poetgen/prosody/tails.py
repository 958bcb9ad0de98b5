"""What the end of a line of regulated verse shows: the faults and licences that have names.

孤平     仄平仄仄平: one level tone alone beside the rhyme; in seven-character lines behind two more
三平尾   three level tones at the end, or four
三仄尾   three oblique tones at the end, for 平平仄: not the rule, and common
拗救     what is wrong is made good: within the line (仄平平仄平, 平平仄平仄), or in the next (对句救)

Source: Wang Li (王力), 诗词格律.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from poetgen.language import Phrase
from poetgen.prosody.explanation import FAULT, LICENCE, Note
from poetgen.prosody.readings import BOTH
from poetgen.prosody.rhymes import LEVEL, OBLIQUE

#: The last five places of lines, as the template has them: where 孤平 may be, where third and fourth may change places
#: (拗救), where 三平尾 may be, and where an oblique fourth may be made good by the next line.
_LONE, _SWAPPED, _LEVEL_END, _MADE_GOOD_BELOW = "平平中仄平", "中平中仄仄", "中仄仄平平", "中仄中平仄"
_MAY_BE_LEVEL: Final = frozenset({LEVEL, BOTH})

#: A note, and the places of the last five, from one, of which it says all that is to be said.
_Finding = tuple[Note, frozenset[int]]


@dataclass(frozen=True, slots=True)
class LineEnd:
    """A line that is read: its text and tones, the template's first alternative, whether another fits better.

    `broken` are the places of its last five characters, from one, whose tone is not the one asked for.
    """

    text: str
    tones: str
    pattern: str
    other: bool
    broken: frozenset[int]

    def finding(self, kind: str, name: str, text: str, number: int, told: str, covered: str = "") -> _Finding:
        """A note on some of the last five characters, told as digits from one, and what it covers beside them."""
        places = tuple(len(self.text) - 5 + int(digit) for digit in told)
        return Note(kind, name, text, number, places), frozenset(map(int, told + covered))


def tail_findings(end: LineEnd, number: int, below: LineEnd | None, licences: bool = True) -> list[_Finding]:
    """What the end of line `number` shows; `below` is the line that answers it in its couplet, if it has one."""
    found = _lone(end, number) or _level_end(end, number)
    if licences and not found:
        found = _made_good_within(end, number) or (_made_good_below(end, number, below) if below else None)
    found = found or _oblique_end(end, number)
    return [found] if found else []


def _lone(end: LineEnd, number: int) -> _Finding | None:
    tail, chars = end.tones[-5:], end.text[-5:]
    if end.pattern == _LONE and tail[0] == tail[2] == tail[3] == OBLIQUE and {tail[1], tail[4]} <= _MAY_BE_LEVEL:
        why = Phrase("but for the rhyme, {char} is the one level tone, between oblique ones", char=chars[1])
        return end.finding(FAULT, "孤平", why, number, "1", "3")
    return None


def _level_end(end: LineEnd, number: int) -> _Finding | None:
    tail, chars = end.tones[-5:], end.text[-5:]
    wrong = {_LEVEL_END: 3, _LONE: 4}.get(end.pattern)
    if wrong not in end.broken or not set(tail[2:]) <= _MAY_BE_LEVEL:
        return None
    if tail[1] == LEVEL:
        why = Phrase("{chars} are four level tones at the end", chars=chars[1:])
        return end.finding(FAULT, "三平尾", why, number, str(wrong), "2")
    why = Phrase("{chars} are three level tones at the end", chars=chars[2:])
    return end.finding(FAULT, "三平尾", why, number, str(wrong))


def _oblique_end(end: LineEnd, number: int) -> _Finding | None:
    if end.pattern == _SWAPPED and end.tones[-3:] == OBLIQUE * 3:
        why = Phrase("{chars} are three oblique tones at the end, as custom allows", chars=end.text[-3:])
        return end.finding(LICENCE, "三仄尾", why, number, "3")
    return None


def _made_good_within(end: LineEnd, number: int) -> _Finding | None:
    chars = end.text[-5:]
    if end.pattern == _LONE and end.other and not end.broken:
        why = Phrase("oblique {char} is made good by level {by}: 仄平平仄平", char=chars[0], by=chars[2])
        return end.finding(LICENCE, "拗救", why, number, "13")
    if end.pattern == _SWAPPED and end.other and end.broken <= {1}:
        why = Phrase("{char} and {by} change places in tone: 平平仄平仄 for 平平平仄仄", char=chars[2], by=chars[3])
        return end.finding(LICENCE, "拗救", why, number, "34", "1")
    return None


def _made_good_below(end: LineEnd, number: int, below: LineEnd) -> _Finding | None:
    if end.pattern == _MADE_GOOD_BELOW and end.broken == {4} and below.pattern == _LONE:
        if below.tones[-3] in _MAY_BE_LEVEL:
            char, by = end.text[-2], below.text[-3]
            why = Phrase("oblique {char} is made good by level {by} in line {line}", char=char, by=by, line=number + 1)
            return end.finding(LICENCE, "拗救", why, number, "4")
    return None


def lone_in_oblique_line(end: LineEnd, number: int) -> list[Note]:
    """孤平 as stricter schools see it: one level tone in the last five of a line that ends oblique."""
    tail = end.tones[-5:]
    if tail.count(OBLIQUE) == 4 and tail.count(LEVEL) == 1 and tail[4] == OBLIQUE:
        place = tail.index(LEVEL) + 1
        why = Phrase("{char} is the one level tone among oblique ones", char=end.text[-5:][place - 1])
        return [end.finding(FAULT, "孤平", why, number, str(place))[0]]
    return []
