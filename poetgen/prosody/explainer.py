"""A poem against a template of any kind: which reading fits best, which feet rhyme, where a tone is wrong.

explain_tune.py, explain_old_style.py and explain_regulated.py refine it for their forms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, reduce

from poetgen.language import Phrase
from poetgen.prosody.cilin import group_names
from poetgen.prosody.explanation import FAULT, REMARK, LineExplanation, Note
from poetgen.prosody.modern import modern_group_names
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import ANY, MODERN_BOOKS, TONE_NAMES, categories
from poetgen.prosody.template import Template, TemplateLine

#: A poem is read in the way that costs least: what a wrong tone costs at a place that counts, and a foot that does not
#: rhyme.
CHECKED_BREAK, NO_RHYME = 1000, 3


def unruled(line: str, reader: Reader) -> LineExplanation:
    """A line of which nothing is asked."""
    return LineExplanation(line, reader.signs(line), "", (), in_order(reader.feet(line, ANY)), None, None)


@cache
def in_order(names: frozenset[str]) -> tuple[str, ...]:
    """Names of rhymes in the order of their book."""
    return tuple(sorted(names, key=_order().__getitem__))


@cache
def _order() -> dict[str, int]:
    modern = (name for book in MODERN_BOOKS for name in modern_group_names(book))
    order: dict[str, int] = {}
    for place, name in enumerate((*categories(), *group_names(), *modern)):
        order.setdefault(name, place)  # 五微 is in two books
    return order


@dataclass(frozen=True, slots=True)
class LineFit:
    """A line of text read as one alternative of a line of a template.

    `breaks` are the places, from one, where the tone is wrong; `cost` is what they weigh, 0 where there are none.
    """

    line: TemplateLine
    alternative: int
    breaks: tuple[int, ...]
    cost: int

    @property
    def asked(self) -> str:
        return self.line.tones[self.alternative]


@lru_cache(maxsize=1024)  # of the variants of a form two have most lines in common
def broken_places(text: str, asked: str, reader: Reader) -> tuple[int, ...]:
    """The places, from one, of a line whose character has no reading of the tone asked for there.

    >>> broken_places("白日依山尽", "平平平平仄", Reader())
    (1, 2)
    """
    return tuple(
        place
        for place, (known, tone) in enumerate(zip(reader.tones(text), asked, strict=True), start=1)
        if tone != ANY and known and tone not in known
    )


class Explainer:
    """Works an explanation out, for a form of any kind.

    `pattern` and `category` are those of an Explanation; `explained` has an entry for each line.
    """

    def __init__(self, lines: Sequence[str], template: Template, reader: Reader) -> None:
        self.lines, self.template, self.reader = lines, template, reader
        self.pattern = ""
        self.category: dict[int, str] = {}
        self.explained: list[LineExplanation] = []
        self.notes: list[Note] = []

    def explain(self) -> None:
        """Fill in the attributes: what is told of each line, the rhymes and the notes."""
        if not self._has_shape():
            self.explained = [unruled(line, self.reader) for line in self.lines]
            self._rhyme_without_shape()
            return
        fits = self._best_reading()
        self.explained = [
            LineExplanation(
                text,
                self.reader.signs(text),
                fit.asked,
                fit.breaks,
                self._feet(text, fit),
                fit.line.rhyme,
                None,
            )
            for text, fit in zip(self.lines, fits, strict=True)
        ]
        self._explain_rhymes()
        self._explain_tones(fits)
        self._explain_repetitions()

    def _feet(self, text: str, fit: LineFit) -> tuple[str, ...]:
        tone = ANY if fit.line.rhyme is None else fit.asked[-1:] or ANY
        return in_order(self.reader.feet(text, tone) or self.reader.feet(text, ANY))

    # Shape

    def _has_shape(self) -> bool:
        """Whether the lines have the lengths of the form; notes where they have not."""
        lengths = self.template.lengths
        if len(self.lines) != len(lengths):
            found = _lines(len(self.lines))
            text = Phrase(
                "{found}, where {form} has {asked}",
                found=found,
                form=self.template.form,
                asked=len(lengths),
            )
            self._note(FAULT, "句数", text)
        else:
            for number, (line, length) in enumerate(zip(self.lines, lengths, strict=True), start=1):
                if len(line) != length:
                    text = Phrase(
                        "{found}, where {asked} are asked",
                        found=count_of_characters(len(line)),
                        asked=length,
                    )
                    self._note(FAULT, "字数", text, number)
        return not self.notes

    def _rhyme_without_shape(self) -> None:
        """Of lines that are not those of the form nobody knows which should rhyme."""

    # Reading

    def _fit(self, text: str, line: TemplateLine) -> LineFit:
        """The alternative that costs least, the first of equals."""
        best: LineFit | None = None
        for number, asked in enumerate(line.tones):
            breaks = broken_places(text, asked, self.reader)
            cost = self._cost_of_breaks(len(text), breaks) if breaks else 0
            if best is None or cost < best.cost:
                best = LineFit(line, number, breaks, cost)
            if not cost:
                break
        assert best is not None  # a line has an alternative
        return best

    def _cost_of_breaks(self, length: int, breaks: tuple[int, ...]) -> int:
        return CHECKED_BREAK * len(breaks)

    def _best_reading(self) -> list[LineFit]:
        """The variant that fits best, line by line."""
        readings = [list(map(self._fit, self.lines, variant)) for variant in self.template.variants]
        return min(readings, key=self._cost_of_reading) if len(readings) > 1 else readings[0]

    def _cost_of_reading(self, fits: list[LineFit]) -> int:
        groups = self._groups([fit.line.rhyme for fit in fits], [fit.asked[-1] for fit in fits])
        return sum(fit.cost for fit in fits) + NO_RHYME * sum(
            len(members) - max(Counter(name for names in members for name in names).values(), default=0)
            for members in groups.values()
        )

    def _groups(self, numbers: Sequence[int | None], asked: Sequence[str]) -> dict[int, list[frozenset[str]]]:
        """The feet that should rhyme with each other, by the number of their rhyme, in the order of the lines."""
        groups: dict[int, list[frozenset[str]]] = {}
        for text, number, tone in zip(self.lines, numbers, asked, strict=True):
            if number is not None:
                groups.setdefault(number, []).append(self.reader.feet(text, tone))
        return groups

    # Rhymes

    def _explain_rhymes(self) -> None:
        """Find the rhyme of each group of feet, and tell of those that are not of it."""
        groups = self._groups(
            [line.group for line in self.explained], [line.asked[-1:] or ANY for line in self.explained]
        )
        self.category = {number: name for number, members in groups.items() if (name := commonest_rhyme(members))}
        for place, line in enumerate(self.explained):
            if line.group is not None:
                self._explain_rhyme(place, self.category.get(line.group, ""))

    def _explain_rhyme(self, place: int, category: str) -> None:
        line = self.explained[place]
        tone = line.asked[-1] if line.asked else ANY
        holds = bool(category) and category in self.reader.feet(line.text, tone)
        self.explained[place] = replace(line, rhymes=holds)
        if not holds:
            self._note(FAULT, "出韵", self._why_not(line, tone, category), place + 1, (len(line.text),))

    def _why_not(self, line: LineExplanation, tone: str, category: str) -> Phrase:
        """Why a foot is not of the rhyme."""
        foot, book = line.text[-1], self.reader.book
        if not self.reader.feet(line.text, ANY):
            return Phrase("{foot} is in no rhyme of the {book}, so nobody can say that it rhymes", foot=foot, book=book)
        rhymes = "/".join(line.feet)
        if not self.reader.feet(line.text, tone):
            asked = (
                Phrase("and the poem rhymes on {rhyme}", rhyme=category) if category else Phrase("where one is asked")
            )
            return Phrase(
                "{foot} is of {rhymes}, with no {tone} reading, {asked}",
                foot=foot,
                rhymes=rhymes,
                tone=TONE_NAMES[tone],
                asked=asked,
            )
        if not category:
            return Phrase("{foot} is of {rhymes}, and the feet of the poem share no rhyme", foot=foot, rhymes=rhymes)
        return Phrase("{foot} is of {rhymes}, and the poem rhymes on {rhyme}", foot=foot, rhymes=rhymes, rhyme=category)

    # Tones

    def _explain_tones(self, fits: Sequence[LineFit]) -> None:
        for number, line in enumerate(self.explained, start=1):
            self._note_breaks(number, line.breaks)

    def _note_breaks(self, number: int, places: tuple[int, ...]) -> None:
        line = self.explained[number - 1]
        if places:
            each = [
                Phrase(
                    "{char} (character {place}) is {tone}, where {asked} is asked",
                    char=line.text[place - 1],
                    place=place,
                    tone=TONE_NAMES[line.tones[place - 1]],
                    asked=TONE_NAMES[line.asked[place - 1]],
                )
                for place in places
            ]
            self._note(
                FAULT,
                "出律",
                reduce(lambda one, other: Phrase("{one}; {other}", one=one, other=other), each),
                number,
                places,
            )

    # What comes twice

    #: Whether a foot that comes twice is held against the poem; many tunes have refrains.
    same_foot = REMARK

    def _explain_repetitions(self) -> None:
        seen: dict[tuple[int, str], int] = {}
        for number, line in enumerate(self.explained, start=1):
            if line.group is None:
                continue
            first = seen.setdefault((line.group, line.text[-1]), number)
            if first != number:
                text = Phrase("{foot} is the foot of line {line} already", foot=line.text[-1], line=first)
                self._note(self.same_foot, "重韵", text, number, (len(line.text),))

    def _note(self, kind: str, name: str, text: str, line: int = 0, places: tuple[int, ...] = ()) -> None:
        self.notes.append(Note(kind, name, text, line, places))


def commonest_rhyme(members: Sequence[frozenset[str]], hint: frozenset[str] = frozenset()) -> str | None:
    """The rhyme that most of some feet have; of equals one of `hint`, then that of the earliest foot.

    >>> commonest_rhyme([frozenset({"二萧"}), frozenset({"一先", "二萧"}), frozenset({"一先"})])
    '二萧'
    """
    counts = Counter(name for names in members for name in names)
    first = [name for names in members for name in in_order(names)]
    return max(first, key=lambda name: (counts[name], name in hint), default=None)


def _lines(count: int) -> Phrase:
    return Phrase("{count} line", count=1) if count == 1 else Phrase("{count} lines", count=count)


def count_of_characters(count: int) -> Phrase:
    """So many characters."""
    return Phrase("{count} character", count=1) if count == 1 else Phrase("{count} characters", count=count)
