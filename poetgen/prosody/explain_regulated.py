"""Regulated verse (近体诗) against its rules, with the names of faults and licences after Wang Li (王力), 诗词格律:

    出律     the tone is wrong at a place where it counts
    失对     the second line of a couplet runs in the tones of the first, where it should oppose them
    失粘     a couplet opens against the line before it, where it should follow it
    出韵     a foot that is not of the poem's rhyme; rhyme_schemes.py has those of two rhymes that have a name
    撞韵     a line that does not rhyme ends in the sound of the rhyme
    重韵     one character as foot of two lines

What the ends of lines show (孤平, 三平尾, 三仄尾, 拗救) is in tails.py. The feet are level, but in 仄韵律绝.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poetgen.language import Phrase
from poetgen.prosody.explainer import CHECKED_BREAK, NO_RHYME, Explainer, LineFit, commonest_rhyme, in_order
from poetgen.prosody.explanation import FAULT, LICENCE, OF_METER, REMARK, LineExplanation
from poetgen.prosody.meter import CHECKED
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhyme_schemes import two_rhymes
from poetgen.prosody.rhymes import ANY, LEVEL, OBLIQUE
from poetgen.prosody.schools import School
from poetgen.prosody.tails import LineEnd, lone_in_oblique_line, tail_findings
from poetgen.prosody.template import Template, TemplateLine

#: Costs of a reading beside CHECKED_BREAK and NO_RHYME. A line that turns against its neighbour costs less than one
#: wrong place more, or the poem would be said to break everywhere behind one 失粘.
_TURN, _FREE_BREAK, _RHYME_UNUSED = 900, 10, 1


class RegulatedExplainer(Explainer):
    """近体诗: the even lines say what the rhyme is, the first may join them, and faults have names."""

    same_foot = FAULT

    def __init__(self, lines: Sequence[str], template: Template, reader: Reader, school: School) -> None:
        super().__init__(lines, template, reader)
        self.school = school
        #: The tone of the feet.
        self.tone = template.variants[0][-1].tones[0][-1]
        self.rhyme = self._rhyme_of_even_lines()

    def explain(self) -> None:
        super().explain()
        first = self.explained[0].asked if self.explained else ""
        if first:
            opening = "平起" if first[1] == LEVEL else "仄起"
            self.pattern = opening + ("首句入韵" if first[-1] == self.tone else "首句不入韵")

    # Reading

    def _fit(self, text: str, line: TemplateLine) -> LineFit:
        """Where no licence is granted, the first alternative alone."""
        return super()._fit(text, replace(line, tones=line.tones[:1]) if "拗救" in self.school.strict else line)

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
        """The rhyme of the poem, "" where no foot has the tone of the rhyme.

        What all even lines share is the rhyme that the figures name, whatever the first line has; else it is the one
        that most of them have, and of equals that of the first line.
        """
        feet = [self.reader.feet(line, self.tone) for line in self.lines]
        shared = in_order(frozenset.intersection(*feet[1::2])) if feet[1:] else ()
        return next(iter(shared), None) or commonest_rhyme(feet[1::2], hint=frozenset().union(*feet[:1])) or ""

    def _cost_of_first(self, rhyming: bool) -> int:
        """A first line that could rhyme is read as one that does, and the other way round."""
        fits = self.rhyme in self.reader.feet(self.lines[0], self.tone)
        if rhyming:
            return 0 if fits else NO_RHYME
        return _RHYME_UNUSED if fits else 0

    # Rhymes

    def _rhyme_without_shape(self) -> None:
        for place, line in enumerate(self.explained):
            if place % 2 and line.text:
                self.explained[place] = replace(line, group=0)
        self._explain_rhymes()

    def _explain_rhymes(self) -> None:
        if self.rhyme:
            self.category = {0: self.rhyme}
        if self._explain_two_rhymes():
            return
        for place, line in enumerate(self.explained):
            if line.group is not None:
                self._explain_regulated_rhyme(place)

    def _explain_two_rhymes(self) -> bool:
        """Whether the feet of the even lines go by two neighbouring rhymes in a scheme that has a name."""
        places = [place for place in range(1, len(self.lines), 2) if self.lines[place]]
        feet = [self.reader.feet(self.lines[place], self.tone) for place in places]
        if "邻韵" in self.school.strict or all(self.rhyme in names for names in feet):
            return False
        scheme = two_rhymes(feet, self._sound_alike)
        if scheme is None:
            return False
        name, rhymes = scheme
        self.category = {rhymes.index(rhyme): rhyme for rhyme in rhymes}
        for place, rhyme in zip(places, rhymes, strict=True):
            self.explained[place] = replace(self.explained[place], group=rhymes.index(rhyme), rhymes=True)
        if self.explained[0].group is not None:
            self._explain_regulated_rhyme(0)
        self._note(LICENCE, name, Phrase("the feet go by two neighbouring rhymes: {rhymes}", rhymes=rhymes))
        return True

    def _sound_alike(self, one: str, other: str) -> bool:
        """Whether two rhymes are neighbours, by the feet of this poem that have them."""
        groups: list[frozenset[str]] = []
        for rhyme in (one, other):
            having = [line for line in self.lines[1::2] if rhyme in self.reader.feet(line, self.tone)]
            groups.append(frozenset().union(*(self.reader.neighbours(line, self.tone) for line in having)))
        return bool(groups[0] & groups[1])

    def _explain_regulated_rhyme(self, place: int) -> None:
        line = self.explained[place]
        foot = line.text[-1]
        if not line.asked:  # lines of a wrong length still rhyme on the level tone
            line = replace(line, feet=in_order(self.reader.feet(line.text, self.tone)) or line.feet)
        holds = bool(self.rhyme) and self.rhyme in self.reader.feet(line.text, self.tone)
        near = not holds and self._is_neighbour(line.text)
        may_borrow = near and place == 0 and "邻韵" not in self.school.strict
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
            why = self._why_not(line, self.tone, self.rhyme)
            why = Phrase("{why}, its neighbour (邻韵)", why=why) if near else why
            self._note(FAULT, "出韵", why, place + 1, (len(line.text),))

    def _is_neighbour(self, text: str) -> bool:
        """Whether the foot of a line is of a rhyme that sounds like that of the rhyming feet."""
        groups = self.reader.neighbours(text, self.tone)
        rhyming = (line for line in self.lines[1::2] if line and self.rhyme in self.reader.feet(line, self.tone))
        return any(groups & self.reader.neighbours(line, self.tone) for line in rhyming)

    def _explain_clashes(self) -> None:
        """撞韵: a line that must not rhyme ends in the sound of the rhyme, in another tone."""
        rhyming = [line for line in self.lines[1::2] if self.rhyme in self.reader.feet(line, self.tone)]
        groups = frozenset[str]().union(*(self.reader.neighbours(line, self.tone) for line in rhyming))
        for place, line in enumerate(self.explained):
            other = self.reader.neighbours(line.text, ANY)
            if place % 2 == 0 and line.group is None and other and other <= groups:
                text = Phrase(
                    "{char} sounds like the rhyme, in another tone, where no rhyme is asked", char=line.text[-1]
                )
                self._note(REMARK, "撞韵", text, place + 1, (len(line.text),))

    # Tones

    def _explain_tones(self, fits: Sequence[LineFit]) -> None:
        for place, fit in enumerate(fits):
            if place and _turns(fits[place - 1].asked, fit.asked, place):
                self._explain_turn(place)
        ends = [self._end(line, fit) for line, fit in zip(self.explained, fits, strict=True)]
        for place, end in enumerate(ends):
            self._explain_tail(place, end, ends[place + 1] if place % 2 == 0 and place + 1 < len(ends) else None)
        self._explain_waist()
        self._explain_style()

    def _end(self, line: LineExplanation, fit: LineFit) -> LineEnd:
        broken = frozenset(place - len(line.text) + 5 for place in line.breaks)
        return LineEnd(line.text, line.tones, fit.line.tones[0][-5:], fit.alternative > 0, broken)

    def _explain_tail(self, place: int, end: LineEnd, below: LineEnd | None) -> None:
        """What the end of a line shows; what has a name is not told as 出律 too."""
        line, left = self.explained[place], set(self.explained[place].breaks)
        for note, covered in tail_findings(end, place + 1, below, licences="拗救" not in self.school.strict):
            self.notes.append(note)
            left -= {len(line.text) - 5 + at for at in covered}
            if note.kind == LICENCE:
                self.explained[place] = replace(line, breaks=tuple(sorted(left)))
        if "孤平" in self.school.strict:
            self.notes += lone_in_oblique_line(end, place + 1)
        self._note_breaks(place + 1, tuple(sorted(left)))

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

    def _explain_waist(self) -> None:
        """折腰体: all is regular but for one 失粘 at half the poem."""
        half = len(self.lines) // 2 + 1
        faults = [(note.name, note.line) for note in self.notes if note.kind == FAULT and note.name in OF_METER]
        if len(self.lines) in (4, 8) and faults == [("失粘", half)]:
            text = Phrase(
                "both halves are regular, and the second does not follow the first: a shape known since the Tang"
            )
            self._note(REMARK, "折腰体", text, half)

    def _explain_style(self) -> None:
        """Say so where half the lines break the pattern."""
        meter = {note.line for note in self.notes if note.kind == FAULT and note.name in OF_METER}
        if 2 * len(meter) < len(self.lines):
            return
        text = Phrase(
            "half the lines break the pattern: more likely old-style verse, whose tones are free, than regulated"
        )
        common = frozenset.intersection(*(self.reader.feet(line, ANY) for line in self.lines[1::2]))
        if common:
            text = Phrase("{text}; its even lines rhyme on {rhyme}", text=text, rhyme=in_order(common)[0])
        self._note(REMARK, "古体", text)

    # What comes twice

    def _explain_repetitions(self) -> None:
        self._explain_clashes()
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
