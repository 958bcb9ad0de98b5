"""Old-style verse (古体) against its rules: the even lines rhyme, may turn to another rhyme, and tones are free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poetgen.language import Phrase
from poetgen.prosody.explainer import Explainer, commonest_rhyme
from poetgen.prosody.explanation import REMARK
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import ANY, LEVEL, OBLIQUE


class OldStyleExplainer(Explainer):
    """古体: only the feet of even lines count; they may turn to another rhyme, and neighbouring rhymes may mix."""

    def explain(self) -> None:
        super().explain()
        feet = [sounds(self.reader, line) for line in self.lines]
        if len(feet) >= 5 and len(self.lines[0]) == 7 and frozenset.intersection(*feet):
            text = Phrase("every line rhymes, as in the verse of the Terrace of Cypress Beams (柏梁台)")
            self._note(REMARK, "柏梁体", text)

    def _explain_rhymes(self) -> None:
        places = [place for place, line in enumerate(self.explained) if line.group is not None]
        texts = [self.explained[place].text for place in places]
        names = [self.reader.feet(text, ANY) for text in texts]
        runs = _runs([sounds(self.reader, text) for text in texts])
        if not places or frozenset.intersection(*names) or any(len(run) < 2 for run in runs):
            super()._explain_rhymes()
            return
        for run in runs:
            number = places[run[0]]
            category = commonest_rhyme([names[foot] for foot in run])
            assert category is not None  # feet without a rhyme run alone
            self.category[number] = category
            for foot in run:
                line = self.explained[places[foot]]
                self.explained[places[foot]] = replace(line, group=number, rhymes=True)
                if category not in names[foot]:
                    text = Phrase(
                        "{foot} is of {rhymes}, a neighbour of {rhyme}: old-style verse lets them rhyme",
                        foot=texts[foot][-1],
                        rhymes="/".join(line.feet),
                        rhyme=category,
                    )
                    self._note(REMARK, "通押", text, places[foot] + 1, (len(line.text),))
            if run[0]:
                self._note(REMARK, "换韵", Phrase("the rhyme turns to {rhyme} here", rhyme=category), number + 1)

    def _rhyme_without_shape(self) -> None:
        """Whatever the lengths of the lines, the even ones rhyme."""
        self.explained = [
            replace(line, group=0) if place % 2 and line.text else line for place, line in enumerate(self.explained)
        ]
        members = [self.reader.feet(line.text, ANY) for line in self.explained if line.group is not None]
        category = commonest_rhyme(members)
        if category:
            self.category = {0: category}
        for place, line in enumerate(self.explained):
            if line.group is not None:
                self._explain_rhyme(place, category or "")


def sounds(reader: Reader, line: str) -> frozenset[str]:
    """What the foot of a line may share with another in old-style verse: its rhymes and their groups, with the tone.

    Feet of one rhyme go on with each other though their groups differ, as 喧 and 门, both of 十三元; those of one group
    do in one tone alone.

    >>> sounds(Reader(), "珠帘暮卷西山雨") & sounds(Reader(), "槛外长江空自流")
    frozenset()
    """
    return frozenset(
        tone + name for tone in (LEVEL, OBLIQUE) for name in reader.feet(line, tone) | reader.neighbours(line, tone)
    )


def _runs(members: Sequence[frozenset[str]]) -> list[list[int]]:
    """Feet one after the other, by number, for as long as they share a rhyme.

    >>> _runs([frozenset("ab"), frozenset("b"), frozenset("c")])
    [[0, 1], [2]]
    """
    runs: list[list[int]] = []
    common: frozenset[str] = frozenset()
    for number, names in enumerate(members):
        if common & names:
            common &= names
            runs[-1].append(number)
        else:
            common = names
            runs.append([number])
    return runs
