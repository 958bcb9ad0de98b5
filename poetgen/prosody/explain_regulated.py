"""Regulated verse (近体诗) against its rules, with the names of faults and licences after Wang Li (王力), 诗词格律:

    出律     the tone is wrong at a place where it counts
    失对     the second line of a couplet runs in the tones of the first, where it should oppose them
    失粘     a couplet opens against the line before it, where it should follow it
    孤平     仄平仄仄平: one level tone alone beside the rhyme
    三平尾   three level tones at the end
    出韵     a foot that is not of the poem's rhyme
    重韵     one character as foot of two lines

拗救, the licences that poets took, are told as such: 平平仄平仄 for 平平平仄仄, 仄平平仄平 for 平平仄仄平, and an
oblique fourth character (the sixth of seven) in 仄仄平平仄 that the next line makes good with a level third (fifth).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poetgen.language import Phrase
from poetgen.prosody.explainer import CHECKED_BREAK, NO_RHYME, Explainer, LineFit, commonest_rhyme, in_order
from poetgen.prosody.explanation import FAULT, LICENCE, OF_METER, REMARK
from poetgen.prosody.meter import CHECKED
from poetgen.prosody.readings import BOTH, Reader
from poetgen.prosody.rhymes import ANY, LEVEL, OBLIQUE
from poetgen.prosody.template import Template

#: Costs of a reading beside CHECKED_BREAK and NO_RHYME. A line that turns against its neighbour costs less than one
#: wrong place more, or the poem would be said to break everywhere behind one 失粘.
_TURN, _FREE_BREAK, _RHYME_UNUSED = 900, 10, 1

#: The last five places of lines, as the template has them: where 孤平 may be, where third and fourth may change places
#: (拗救), where 三平尾 may be, and where an oblique fourth may be made good by the next line.
_LONE, _SWAPPED, _LEVEL_END, _MADE_GOOD_BELOW = "平平中仄平", "中平中仄仄", "中仄仄平平", "中仄中平仄"
_MAY_BE_LEVEL = frozenset({LEVEL, BOTH})


class RegulatedExplainer(Explainer):
    """近体诗: the even lines say what the rhyme is, the first may join them, and faults have names."""

    same_foot = FAULT

    def __init__(self, lines: Sequence[str], template: Template, reader: Reader) -> None:
        super().__init__(lines, template, reader)
        self.rhyme = self._rhyme_of_even_lines()

    def explain(self) -> None:
        super().explain()
        first = self.explained[0].asked if self.explained else ""
        if first:
            opening = "平起" if first[1] == LEVEL else "仄起"
            self.pattern = opening + ("首句入韵" if first[-1] == LEVEL else "首句不入韵")

    # Reading

    def _cost_of_breaks(self, length: int, breaks: tuple[int, ...]) -> int:
        checked = sum(place in CHECKED[length] for place in breaks)
        return CHECKED_BREAK * checked + _FREE_BREAK * (len(breaks) - checked)

    def _best_reading(self) -> list[LineFit]:
        """The kindest reading, in which a line may turn to the pattern that opens the other way.

        In the order of pattern_of, variants two apart differ in the opening alone, and neighbours in the first line
        alone. Of all ways to go from line to line between the two openings the cheapest is found as shortest paths are.
        """
        variants = self.template.variants
        rest = [list(map(self._fit, self.lines[1:], variants[opening][1:])) for opening in (0, 2)]
        best: tuple[int, list[LineFit]] | None = None
        for rhyming in (0, 1):
            start = self._cost_of_first(bool(rhyming))
            firsts = [self._fit(self.lines[0], variants[opening + rhyming][0]) for opening in (0, 2)]
            paths = [(start + first.cost, [first]) for first in firsts]
            for fits in zip(*rest, strict=True):
                ways = []
                for opening, fit in enumerate(fits):
                    (cost, path), (other, detour) = paths[opening], paths[1 - opening]
                    if other + _TURN < cost:
                        cost, path = other + _TURN, detour
                    ways.append((cost + fit.cost, [*path, fit]))
                paths = ways
            cheapest = min(paths, key=lambda path: path[0])
            if best is None or cheapest[0] < best[0]:
                best = cheapest
        assert best is not None
        return best[1]

    def _rhyme_of_even_lines(self) -> str:
        """The rhyme of the poem, "" where none is level.

        What all even lines share is the rhyme that the figures name, whatever the first line has; else it is the one
        that most of them have, and of equals that of the first line.
        """
        level = [self.reader.feet(line, LEVEL) for line in self.lines]
        shared = in_order(frozenset.intersection(*level[1::2])) if level[1:] else ()
        return next(iter(shared), None) or commonest_rhyme(level[1::2], hint=frozenset().union(*level[:1])) or ""

    def _cost_of_first(self, rhyming: bool) -> int:
        """A first line that could rhyme is read as one that does, and the other way round."""
        fits = self.rhyme in self.reader.feet(self.lines[0], LEVEL)
        if rhyming:
            return 0 if fits else NO_RHYME
        return _RHYME_UNUSED if fits else 0

    # Rhymes

    def _rhyme_without_shape(self) -> None:
        if self.rhyme:
            self.category = {0: self.rhyme}
        for place, line in enumerate(self.explained):
            if place % 2 and line.text:
                self.explained[place] = replace(line, group=0)
                self._explain_level_rhyme(place)

    def _explain_rhymes(self) -> None:
        if self.rhyme:
            self.category = {0: self.rhyme}
        for place, line in enumerate(self.explained):
            if line.group is not None:
                self._explain_level_rhyme(place)

    def _explain_level_rhyme(self, place: int) -> None:
        line = self.explained[place]
        foot = line.text[-1]
        if not line.asked:  # lines of a wrong length still rhyme on the level tone
            line = replace(line, feet=in_order(self.reader.feet(line.text, LEVEL)) or line.feet)
        holds = bool(self.rhyme) and self.rhyme in self.reader.feet(line.text, LEVEL)
        near = not holds and self._is_neighbour(line.text)
        may_borrow = near and place == 0
        self.explained[place] = replace(line, rhymes=holds or may_borrow)
        if may_borrow:
            text = Phrase(
                "the first line may rhyme on a neighbouring rhyme, as {foot} of {rhymes} does with {rhyme}",
                foot=foot,
                rhymes="/".join(line.feet),
                rhyme=self.rhyme,
            )
            self._note(REMARK, "孤雁出群", text, 1, (len(line.text),))
        elif not holds:
            why = self._why_not(line, LEVEL, self.rhyme)
            why = Phrase("{why}, its neighbour (邻韵)", why=why) if near else why
            self._note(FAULT, "出韵", why, place + 1, (len(line.text),))

    def _is_neighbour(self, text: str) -> bool:
        """Whether the foot of a line is of a rhyme that sounds like that of the rhyming feet."""
        groups = self.reader.neighbours(text, LEVEL)
        rhyming = (line for line in self.lines[1::2] if line and self.rhyme in self.reader.feet(line, LEVEL))
        return any(groups & self.reader.neighbours(line, LEVEL) for line in rhyming)

    # Tones

    def _explain_tones(self, fits: Sequence[LineFit]) -> None:
        for place, fit in enumerate(fits):
            if place and _turns(fits[place - 1].asked, fit.asked, place):
                self._explain_turn(place)
        for place, fit in enumerate(fits):
            self._explain_tail(place, fit, fits[place + 1] if place + 1 < len(fits) else None)
        meter = {note.line for note in self.notes if note.name in OF_METER}
        if 2 * len(meter) >= len(self.lines):
            text = Phrase(
                "half the lines break the pattern: more likely old-style verse, whose tones are free, than regulated"
            )
            common = frozenset.intersection(*(self.reader.feet(line, ANY) for line in self.lines[1::2]))
            if common:
                text = Phrase("{text}; its even lines rhyme on {rhyme}", text=text, rhyme=in_order(common)[0])
            self._note(REMARK, "古体", text)

    def _explain_turn(self, place: int) -> None:
        before, line = self.explained[place - 1], self.explained[place]
        above, here = before.tones[1], line.tones[1]
        seen = f" ({before.text[1]} {above}, {line.text[1]} {here})" if {above, here} <= {LEVEL, OBLIQUE} else ""
        if place % 2:
            sentence = Phrase(
                "the even places run as in line {line}, where they should oppose it{seen}", line=place, seen=seen
            )
            self._note(FAULT, "失对", sentence, place + 1, (2,))
        else:
            sentence = Phrase(
                "the even places run against line {line}, where they should follow it{seen}", line=place, seen=seen
            )
            self._note(FAULT, "失粘", sentence, place + 1, (2,))

    def _explain_tail(self, place: int, fit: LineFit, after: LineFit | None) -> None:
        """Faults and licences that the last five characters of a line show.

        Those that have a name are not told as 出律 too. `after` is the next line, None behind the last.
        """
        line, number = self.explained[place], place + 1
        text, tail, pattern = line.text, line.tones[-5:], fit.line.tones[0][-5:]
        first, third, fourth = len(text) - 4, len(text) - 2, len(text) - 1  # places of the tail, from one
        left = list(fit.breaks)
        if pattern == _LONE and tail[0] == tail[2] == tail[3] == OBLIQUE and {tail[1], tail[4]} <= _MAY_BE_LEVEL:
            left = [at for at in left if at not in (first, third)]
            why = Phrase("but for the rhyme, {char} is the one level tone, between oblique ones", char=text[-4])
            self._note(FAULT, "孤平", why, number, (first,))
        elif pattern == _LONE and fit.alternative == 1 and not left:
            why = Phrase("oblique {char} is made good by level {by}: 仄平平仄平", char=text[-5], by=text[-3])
            self._note(LICENCE, "拗救", why, number, (first, third))
        elif pattern == _SWAPPED and fit.alternative == 1 and not left:
            why = Phrase("{char} and {by} change places in tone: 平平仄平仄 for 平平平仄仄", char=text[-3], by=text[-2])
            self._note(LICENCE, "拗救", why, number, (third, fourth))
        elif pattern == _LEVEL_END and third in left and {tail[3], tail[4]} <= _MAY_BE_LEVEL:
            left.remove(third)
            why = Phrase("{chars} are three level tones at the end", chars=text[-3:])
            self._note(FAULT, "三平尾", why, number, (third,))
        elif pattern == _MADE_GOOD_BELOW and left == [fourth] and place % 2 == 0 and after is not None:
            below = self.explained[place + 1]
            if after.line.tones[0][-5:] == _LONE and below.tones[-3] in _MAY_BE_LEVEL:
                left.remove(fourth)
                self.explained[place] = replace(line, breaks=())
                why = Phrase(
                    "oblique {char} is made good by level {by} in line {line}",
                    char=text[-2],
                    by=below.text[-3],
                    line=number + 1,
                )
                self._note(LICENCE, "拗救", why, number, (fourth,))
        self._note_breaks(number, tuple(left))

    # What comes twice

    def _explain_repetitions(self) -> None:
        super()._explain_repetitions()
        if len(self.lines) > 8:  # a long poem may well come back to a character
            return
        lines_of: dict[str, list[int]] = {}
        for number, line in enumerate(self.lines, start=1):
            for char in dict.fromkeys(line):
                lines_of.setdefault(char, []).append(number)
        twice = {char: numbers for char, numbers in lines_of.items() if len(numbers) > 1}
        if twice:
            each = [Phrase("{char} (lines {lines})", char=char, lines=numbers) for char, numbers in twice.items()]
            self._note(REMARK, "重字", Phrase("comes more than once: {each}", each=each))


def _turns(before: str, asked: str, place: int) -> bool:
    """Whether line `place` (from 0) is read in the pattern that does not follow from the line before."""
    opposed = before[1] != asked[1]
    return opposed != (place % 2 == 1)
