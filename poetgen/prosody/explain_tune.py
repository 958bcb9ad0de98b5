"""A 词 against the shapes of its tune: the shape that it has, and where it departs from that.

字数     no shape of the tune has as many characters; the nearest is held against the poem, line by line
句数     none is nearly as long, or the lines end elsewhere
叠句     a line, or its foot, does not repeat what the tune repeats
通押     a foot of a neighbouring rhyme, as poets of the Song took it: a licence
去声     a place where nearly all poems have the departing tone has another oblique one: a remark
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poetgen.language import Phrase
from poetgen.prosody.explainer import Explainer, LineFit, count_of_characters
from poetgen.prosody.explanation import FAULT, LICENCE, REMARK
from poetgen.prosody.near_rhymes import near_rhyme
from poetgen.prosody.oblique_tones import DEPARTING, oblique_tones
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import MODERN_BOOKS
from poetgen.prosody.template import Template, TemplateLine
from poetgen.prosody.tune_book import TuneShape
from poetgen.prosody.tune_fitting import Fit, best_fit


class TuneExplainer(Explainer):
    """词: which shape of the tune fits is found out first, and the lines are cut as those of the shape."""

    def __init__(self, lines: Sequence[str], shapes: Sequence[TuneShape], reader: Reader) -> None:
        self._shapes = shapes
        fit = best_fit(lines, shapes, reader)
        # Lines that end elsewhere than in the shape cannot be held against it.
        self.fit: Fit | None = fit if fit is not None and 2 * fit.unmarked <= len(fit.lines) else None
        template: Template = (self.fit.shape if self.fit else shapes[0]).template
        super().__init__(self.fit.lines if self.fit else lines, template, reader)

    @property
    def shape(self) -> int:
        """The number of the shape among those of the tune, the commonest being 1; 0 where the poem has none."""
        if self.fit is None or not self.fit.right_lengths:
            return 0
        return 1 + next(number for number, shape in enumerate(self._shapes) if shape is self.fit.shape)

    # Shape

    def _has_shape(self) -> bool:
        if self.fit is None:
            self._note(FAULT, "句数", self._why_no_shape())
            return False
        for number, (line, length) in enumerate(zip(self.lines, self.template.lengths, strict=True), start=1):
            if len(line) != length:
                text = Phrase(
                    "{found}, where {asked} are asked in the nearest shape of the tune",
                    found=count_of_characters(len(line)),
                    asked=length,
                )
                self._note(FAULT, "字数", text, number)
        return True

    def _why_no_shape(self) -> Phrase:
        name, size = self.template.form, sum(map(len, self.lines))
        sizes = sorted({sum(shape.template.lengths) for shape in self._shapes})
        if size in sizes:
            return Phrase("its lines end elsewhere than in any shape of {form}", form=name)
        known = Phrase("{sizes} or {size}", sizes=sizes[:-1], size=sizes[-1]) if len(sizes) > 1 else sizes[0]
        found = count_of_characters(size)
        return Phrase("{found}, where {form} has {sizes}", found=found, form=name, sizes=known)

    # Reading

    def _best_reading(self) -> list[LineFit]:
        assert self.fit is not None
        return list(map(self._fit, self.lines, self.template.variants[self.fit.variant]))

    def _fit(self, text: str, line: TemplateLine) -> LineFit:
        """The alternative that costs least; a line of another length is asked for no tones."""
        if len(text) != len(line):
            return LineFit(replace(line, tones=("",)), 0, (), 0)
        return super()._fit(text, line)

    # What is asked of tunes alone

    def _explain_rhyme(self, place: int, category: str) -> None:
        line = self.explained[place]
        if category in line.feet or not near_rhyme(frozenset(line.feet), category):
            super()._explain_rhyme(place, category)
            return
        self.explained[place] = replace(line, rhymes=True)
        text = Phrase(
            "{foot} is of {rhymes}, a neighbour of {rhyme}: poets of the Song let them rhyme",
            foot=line.text[-1],
            rhymes="/".join(line.feet),
            rhyme=category,
        )
        self._note(LICENCE, "通押", text, place + 1, (len(line.text),))

    def _explain_tones(self, fits: Sequence[LineFit]) -> None:
        self._explain_repeats(fits)
        super()._explain_tones(fits)
        for number, (fit, text) in enumerate(zip(fits, self.lines, strict=True), start=1):
            if len(text) == len(fit.line):
                self._explain_departing(number, text, fit)

    def _explain_repeats(self, fits: Sequence[LineFit]) -> None:
        """Tell of what is not repeated; what is was heard where it first stood."""
        whole, at = "".join(self.lines), 0
        for number, (fit, text) in enumerate(zip(fits, self.lines, strict=True), start=1):
            backs = fit.line.repeats if len(text) == len(fit.line) else ()
            asked = "".join(whole[at + place - back] for place, back in enumerate(backs) if back)
            found = "".join(text[place] for place, back in enumerate(backs) if back)
            if asked != found:
                places = tuple(place + 1 for place, back in enumerate(backs) if back)
                said = Phrase("{found}, where the tune repeats {asked}", found=found, asked=asked)
                self._note(FAULT, "叠句", said, number, places)
            elif backs:
                line = self.explained[number - 1]
                kept = tuple(place for place in line.breaks if not backs[place - 1])
                self.explained[number - 1] = replace(line, breaks=kept)
            at += len(text)

    def _explain_departing(self, number: int, text: str, fit: LineFit) -> None:
        if self.reader.book in MODERN_BOOKS:
            return
        for place in fit.line.departing:
            parts = oblique_tones(text[place])
            if parts and DEPARTING not in parts:
                said = Phrase(
                    "{char} is of the {parts} tone, where most poems of the tune have 去",
                    char=text[place],
                    parts="/".join(sorted(parts)),
                )
                self._note(REMARK, "去声", said, number, (place + 1,))
