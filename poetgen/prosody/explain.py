"""Why a poem keeps the rules of its form, or where it does not: every line with its tones, its foot and its faults.

What is held against a poem is the Template of its form (template.py); for regulated verse the rules by which people
name faults are added, after Wang Li (王力), 诗词格律:

    出律     the tone is wrong at a place where it counts
    失对     the second line of a couplet runs in the tones of the first, where it should oppose them
    失粘     a couplet opens against the line before it, where it should follow it
    孤平     仄平仄仄平: one level tone alone beside the rhyme
    三平尾   three level tones at the end
    出韵     a foot that is not of the poem's rhyme
    重韵     one character as foot of two lines

拗救, the licences that poets took, are told as such: 平平仄平仄 for 平平平仄仄, 仄平平仄平 for 平平仄仄平, and an
oblique fourth character (the sixth of seven) in 仄仄平平仄 that the next line makes good with a level third (fifth).

The verdict of `check` (meter.py), by which figures are counted, stands beside: it looks at fewer places, forgives
fewer licences, and may differ. Only the latter licence makes it stricter than what is said here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Final

from poetgen.prosody import cilin
from poetgen.prosody.feet import feet
from poetgen.prosody.forms import SHAPES
from poetgen.prosody.meter import CHECKED, Verdict, check, shared_rhyme
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, PINGSHUI, categories, tones
from poetgen.prosody.template import LONG, Line, Template, old_style, regulated

#: Stand in the tones of a line for a character of both tones, and for one that the book does not know.
BOTH, UNKNOWN = "通", "？"

#: Kinds of notes.
FAULT, LICENCE, REMARK = "fault", "licence", "remark"

#: Which faults break form, rhyme and meter. 重韵 breaks none of them: it is a fault of craft.
OF_FORM: Final = frozenset({"句数", "字数"})
OF_RHYME: Final = frozenset({"出韵"})
OF_METER: Final = frozenset({"出律", "失对", "失粘", "孤平", "三平尾"})

_NAMES: Final = {LEVEL: "level (平)", OBLIQUE: "oblique (仄)"}

# Weights of what may be wrong with a reading of a poem, so that the kindest is found. A line that turns against its
# neighbour costs less than one wrong place more, or the poem would be said to break everywhere behind one 失粘.
_CHECKED_BREAK, _TURN, _BREAK, _NO_RHYME, _RHYME_UNUSED = 1000, 900, 10, 3, 1


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to say of a poem.

    `kind` is fault, licence or remark; `name` the Chinese term; `line` and `places` count from one, 0 and () stand for
    the whole poem and the whole line.
    """

    kind: str
    name: str
    text: str
    line: int = 0
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LineExplanation:
    """One line: what its characters are and what is asked of them."""

    text: str
    tones: str
    """One of 平, 仄, 通 (both) and ？ (unknown) for each character."""
    asked: str
    """平, 仄 or 中 (either) for each character; empty where nothing is asked, or the line has not the right length."""
    breaks: tuple[int, ...]
    """The places, from one, whose character has no reading of the tone asked for, save where a licence covers it."""
    feet: tuple[str, ...]
    """Every rhyme of the last character in the rhyme book of the form; where it must rhyme, those of the tone asked."""
    group: int | None
    """The rhyme that the line must take part in, None where it need not rhyme."""
    rhymes: bool | None
    """Whether it does; None where it need not."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A poem against its form."""

    form: str
    tune: str
    """The tune whose template was asked of it, else empty."""
    pattern: str
    """Of regulated verse: how the first line opens and whether it rhymes, such as 仄起首句不入韵; else empty."""
    book: str
    """The rhyme book, 平水韵 or 词林正韵."""
    category: tuple[tuple[int, str], ...]
    """The rhyme of each group of feet that has one: (number of the group, name)."""
    lines: tuple[LineExplanation, ...]
    notes: tuple[Note, ...]
    ruled: bool
    """Whether the form has rules that could be held against the poem."""
    tonal: bool
    """Whether the rules say anything of tones."""
    verdict: Verdict | None
    """For the four regulated forms what `check` says, by the definitions that figures are counted with."""

    @property
    def faults(self) -> tuple[Note, ...]:
        return tuple(note for note in self.notes if note.kind == FAULT)

    @property
    def form_holds(self) -> bool | None:
        """Whether number and length of the lines are right; None for a form without rules."""
        return self._free_of(OF_FORM) if self.ruled else None

    @property
    def rhyme_holds(self) -> bool | None:
        """Whether all feet that must rhyme do; None for a form without rules, or where the feet cannot be found."""
        if not any(line.group is not None for line in self.lines):
            return None
        return self._free_of(OF_RHYME)

    @property
    def meter_holds(self) -> bool | None:
        """Whether no rule of tones is broken; None where there is none, or a tune's lines are not of the known shape.

        Regulated verse with lines of wrong lengths keeps no meter.
        """
        if not self.tonal or (self.tune and not self.form_holds):
            return None
        return self._free_of(OF_METER | OF_FORM)

    def _free_of(self, names: frozenset[str]) -> bool:
        return not any(note.name in names for note in self.faults)


def explain(lines: Sequence[str], form: str, template: Template | None = None) -> Explanation:
    """Explain a poem, given as lines without punctuation, by the rules of `form`.

    `template` says what a tune asks; regulated verse (also 五排 and 七排) and 古体 have theirs, and what is left (词 of
    an unknown tune, 杂言, 散文) is shown without rules. Any reading of a character counts, and an unknown character
    fits any tone but no rhyme.

    >>> told = explain(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"], "五绝")
    >>> told.faults, told.pattern, told.category, told.lines[0].tones
    ((), '仄起首句不入韵', ((0, '十一尤'),), '仄仄平平仄')
    >>> [(note.name, note.line, note.places) for note in explain(["白日依山尽", "黄河入海流"], "五绝").faults]
    [('句数', 0, ())]
    """
    if template is None:
        template = _template(lines, form)
    if template is None:
        return Explanation(form, "", "", PINGSHUI, (), tuple(map(_bare, lines)), (), False, False, None)
    verdict = check(lines, form) if form in SHAPES else None
    poem: _Poem
    if form in SHAPES or form in LONG:
        poem = _Regulated(lines, template)
    elif form == "古体":
        poem = _OldStyle(lines, template)
    else:
        poem = _Poem(lines, template)
    poem.work()
    return Explanation(
        form,
        template.form if type(poem) is _Poem else "",
        poem.pattern,
        template.book,
        tuple(sorted(poem.category.items())),
        tuple(poem.told),
        tuple(sorted(poem.notes, key=lambda note: (note.kind, note.line or len(lines) + 1))),
        True,
        form != "古体",
        verdict,
    )


def _template(lines: Sequence[str], form: str) -> Template | None:
    if form in SHAPES:
        return regulated(form)
    if form in LONG:
        return regulated(form, max(4, len(lines) + len(lines) % 2))
    if form == "古体" and lines and lines[0]:
        return old_style(len(lines[0]), len(lines))
    return None


def tones_of(line: str) -> str:
    """The tones of a line, one sign for a character.

    >>> tones_of("白日看山x")
    '仄仄通平？'
    """
    return "".join(map(_sign, line))


def _sign(char: str) -> str:
    known = tones(char)
    return BOTH if len(known) == 2 else next(iter(known), UNKNOWN)


def _bare(line: str, book: str = PINGSHUI) -> LineExplanation:
    return LineExplanation(line, tones_of(line), "", (), _ordered(feet(line[-1:], ANY, book)), None, None)


@cache
def _ordered(names: frozenset[str]) -> tuple[str, ...]:
    """Names of rhymes in the order of their book."""
    return tuple(sorted(names, key=_order().__getitem__))


@cache
def _order() -> dict[str, int]:
    return {name: place for place, name in enumerate((*categories(), *cilin.names()))}


@dataclass(frozen=True, slots=True)
class _Fit:
    """A line of text read as one alternative of a line of a template."""

    line: Line
    alternative: int
    breaks: tuple[int, ...]
    cost: int

    @property
    def asked(self) -> str:
        return self.line.tones[self.alternative]


@lru_cache(maxsize=1024)  # of the variants of a form two have most lines in common
def _breaks(text: str, asked: str) -> tuple[int, ...]:
    return tuple(
        place
        for place, (char, tone) in enumerate(zip(text, asked, strict=True), start=1)
        if tone != ANY and (known := tones(char)) and tone not in known
    )


class _Poem:
    """Works an explanation out, for a form of any kind; what follows refines it for regulated and old-style verse."""

    def __init__(self, lines: Sequence[str], template: Template) -> None:
        self.lines, self.template = lines, template
        self.pattern = ""
        self.category: dict[int, str] = {}
        self.told: list[LineExplanation] = []
        self.notes: list[Note] = []

    def work(self) -> None:
        if not self._has_shape():
            self.told = [_bare(line, self.template.book) for line in self.lines]
            self._rhyme_without_shape()
            return
        fits = self._best()
        self.told = [
            LineExplanation(
                text,
                tones_of(text),
                fit.asked,
                fit.breaks,
                self._feet(text[-1], fit),
                fit.line.rhyme,
                None,
            )
            for text, fit in zip(self.lines, fits, strict=True)
        ]
        self._tell_rhymes()
        self._tell_tones(fits)
        self._tell_repetitions()

    def _feet(self, char: str, fit: _Fit) -> tuple[str, ...]:
        tone = ANY if fit.line.rhyme is None else fit.asked[-1]
        return _ordered(feet(char, tone, self.template.book) or feet(char, ANY, self.template.book))

    # Shape

    #: A template holds one shape of a tune, the commonest.
    of_shape = " in the tune's commonest shape; it may have others (又一体)"

    def _has_shape(self) -> bool:
        """Whether the lines have the lengths of the form; notes where they have not."""
        lengths = self.template.lengths
        if len(self.lines) != len(lengths):
            text = f"{_count(len(self.lines), 'line')}, where {self.template.form} has {len(lengths)}"
            self._note(FAULT, "句数", text + self.of_shape)
        else:
            for number, (line, length) in enumerate(zip(self.lines, lengths, strict=True), start=1):
                if len(line) != length:
                    self._note(
                        FAULT,
                        "字数",
                        f"{_count(len(line), 'character')}, where {length} are asked" + self.of_shape,
                        number,
                    )
        return not self.notes

    def _rhyme_without_shape(self) -> None:
        """Of lines that are not those of the form nobody knows which should rhyme."""

    # Reading

    def _fit(self, text: str, line: Line) -> _Fit:
        """The alternative that costs least, the first of equals."""
        best: _Fit | None = None
        for number, asked in enumerate(line.tones):
            breaks = _breaks(text, asked)
            cost = self._cost(len(text), breaks) if breaks else 0
            if best is None or cost < best.cost:
                best = _Fit(line, number, breaks, cost)
            if not cost:
                break
        assert best is not None  # a line has an alternative
        return best

    def _cost(self, length: int, breaks: tuple[int, ...]) -> int:
        return _CHECKED_BREAK * len(breaks)

    def _best(self) -> list[_Fit]:
        """The variant that fits best, line by line."""
        readings = [list(map(self._fit, self.lines, variant)) for variant in self.template.variants]
        return min(readings, key=self._cost_of_reading) if len(readings) > 1 else readings[0]

    def _cost_of_reading(self, fits: list[_Fit]) -> int:
        groups = self._groups([fit.line.rhyme for fit in fits], [fit.asked[-1] for fit in fits])
        return sum(fit.cost for fit in fits) + _NO_RHYME * sum(
            len(members) - max(Counter(name for names in members for name in names).values(), default=0)
            for members in groups.values()
        )

    def _groups(self, numbers: Sequence[int | None], asked: Sequence[str]) -> dict[int, list[frozenset[str]]]:
        """The feet that should rhyme with each other, by the number of their rhyme, in the order of the lines."""
        groups: dict[int, list[frozenset[str]]] = {}
        for text, number, tone in zip(self.lines, numbers, asked, strict=True):
            if number is not None:
                groups.setdefault(number, []).append(feet(text[-1], tone, self.template.book))
        return groups

    # Rhymes

    def _tell_rhymes(self) -> None:
        """Find the rhyme of each group of feet, and tell of those that are not of it."""
        groups = self._groups([line.group for line in self.told], [line.asked[-1] for line in self.told])
        self.category = {number: name for number, members in groups.items() if (name := _commonest(members))}
        for place, line in enumerate(self.told):
            if line.group is not None:
                self._tell_rhyme(place, self.category.get(line.group, ""))

    def _tell_rhyme(self, place: int, category: str) -> None:
        line = self.told[place]
        tone = line.asked[-1] if line.asked else ANY
        holds = bool(category) and category in feet(line.text[-1], tone, self.template.book)
        self.told[place] = replace(line, rhymes=holds)
        if not holds:
            self._note(FAULT, "出韵", self._why_not(line, tone, category), place + 1, (len(line.text),))

    def _why_not(self, line: LineExplanation, tone: str, category: str) -> str:
        """Why a foot is not of the rhyme."""
        foot, book = line.text[-1], self.template.book
        if not feet(foot, ANY, book):
            return f"{foot} is in no rhyme of the {book}, so nobody can say that it rhymes"
        own = "/".join(line.feet)
        if not feet(foot, tone, book):
            asked = f"and the poem rhymes on {category}" if category else "where one is asked"
            return f"{foot} is of {own}, with no {_NAMES[tone]} reading, {asked}"
        if not category:
            return f"{foot} is of {own}, and the feet of the poem share no rhyme"
        return f"{foot} is of {own}, and the poem rhymes on {category}"

    # Tones

    def _tell_tones(self, fits: Sequence[_Fit]) -> None:
        for number, line in enumerate(self.told, start=1):
            self._tell_breaks(number, line.breaks)

    def _tell_breaks(self, number: int, places: tuple[int, ...]) -> None:
        line = self.told[number - 1]
        if places:
            each = (
                f"{line.text[place - 1]} (character {place}) is {_NAMES[line.tones[place - 1]]}, "
                f"where {_NAMES[line.asked[place - 1]]} is asked"
                for place in places
            )
            self._note(FAULT, "出律", "; ".join(each), number, places)

    # What comes twice

    #: Whether a foot that comes twice is held against the poem; many tunes have refrains.
    same_foot = REMARK

    def _tell_repetitions(self) -> None:
        seen: dict[tuple[int, str], int] = {}
        for number, line in enumerate(self.told, start=1):
            if line.group is None:
                continue
            first = seen.setdefault((line.group, line.text[-1]), number)
            if first != number:
                text = f"{line.text[-1]} is the foot of line {first} already"
                self._note(self.same_foot, "重韵", text, number, (len(line.text),))

    def _note(self, kind: str, name: str, text: str, line: int = 0, places: tuple[int, ...] = ()) -> None:
        self.notes.append(Note(kind, name, text, line, places))


def _commonest(members: Sequence[frozenset[str]], hint: frozenset[str] = frozenset()) -> str | None:
    """The rhyme that most of some feet have; of equals one of `hint`, then that of the earliest foot.

    >>> _commonest([frozenset({"二萧"}), frozenset({"一先", "二萧"}), frozenset({"一先"})])
    '二萧'
    """
    counts = Counter(name for names in members for name in names)
    first = [name for names in members for name in _ordered(names)]
    return max(first, key=lambda name: (counts[name], name in hint), default=None)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


class _OldStyle(_Poem):
    """古体: only the feet of even lines count; they may turn to another rhyme, and neighbouring rhymes may mix."""

    of_shape = ""

    def _tell_rhymes(self) -> None:
        places = [place for place, line in enumerate(self.told) if line.group is not None]
        names = [feet(self.told[place].text[-1], ANY, PINGSHUI) for place in places]
        wide = [feet(self.told[place].text[-1], ANY, CILIN) for place in places]
        if not places or frozenset.intersection(*names):
            super()._tell_rhymes()
            return
        runs = _runs(wide)
        if any(len(run) < 2 for run in runs):
            super()._tell_rhymes()
            return
        for run in runs:
            number = places[run[0]]
            category = _commonest([names[place] for place in run])
            assert category is not None  # feet without a rhyme run alone
            self.category[number] = category
            for place in run:
                line = self.told[places[place]]
                self.told[places[place]] = replace(line, group=number, rhymes=True)
                if category not in names[place]:
                    own = "/".join(line.feet)
                    text = f"{line.text[-1]} is of {own}, a neighbour of {category}: old-style verse lets them rhyme"
                    self._note(REMARK, "通押", text, places[place] + 1, (len(line.text),))
            if run[0]:
                self._note(REMARK, "换韵", f"the rhyme turns to {category} here", number + 1)

    def _rhyme_without_shape(self) -> None:
        self._even_lines_rhyme(ANY)

    def _even_lines_rhyme(self, tone: str) -> None:
        """Whatever the lengths of the lines, the even ones rhyme."""
        self.told = [
            replace(line, group=0 if place % 2 else None) if line.text else line for place, line in enumerate(self.told)
        ]
        members = [feet(line.text[-1], tone, self.template.book) for line in self.told if line.group is not None]
        category = _commonest(members)
        if category:
            self.category = {0: category}
        for place, line in enumerate(self.told):
            if line.group is not None:
                self._tell_rhyme(place, category or "")


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


#: Ends of the lines of regulated verse as the template has them, by what may be said of them.
_LONE, _RISING, _LEVEL_END, _CLASHING = "平平中仄平", "中平中仄仄", "中仄仄平平", "中仄中平仄"


class _Regulated(_Poem):
    """近体诗: the even lines say what the rhyme is, the first may join them, and faults have names."""

    same_foot = FAULT
    of_shape = ""

    def work(self) -> None:
        super().work()
        first = self.told[0].asked if self.told else ""
        if first:
            opening = "平起" if first[1] == LEVEL else "仄起"
            self.pattern = opening + ("首句入韵" if first[-1] == LEVEL else "首句不入韵")

    # Reading

    def _cost(self, length: int, breaks: tuple[int, ...]) -> int:
        checked = sum(place in CHECKED[length] for place in breaks)
        return _CHECKED_BREAK * checked + _BREAK * (len(breaks) - checked)

    def _best(self) -> list[_Fit]:
        """The kindest reading, in which a line may turn to the pattern that opens the other way.

        In the order of pattern_of, variants two apart differ in the opening alone, and neighbours in the first line
        alone. Of all ways to go from line to line between the two openings the cheapest is found as shortest paths are.
        """
        self._rhyme = self._even_rhyme()
        variants = self.template.variants
        rest = [list(map(self._fit, self.lines[1:], variants[opening][1:])) for opening in (0, 2)]
        best: tuple[int, list[_Fit]] | None = None
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
            for found in paths:
                if best is None or found[0] < best[0]:
                    best = found
        assert best is not None
        return best[1]

    def _even_rhyme(self) -> str:
        first, even = self.lines[:1], self.lines[1::2]
        hint = feet(first[0][-1:], LEVEL, PINGSHUI) if first else frozenset[str]()
        # What all even lines share is the rhyme that the figures name, whatever the first line has.
        return shared_rhyme(self.lines) or _commonest([feet(line[-1:], LEVEL, PINGSHUI) for line in even], hint) or ""

    def _cost_of_first(self, rhyming: bool) -> int:
        """A first line that could rhyme is read as one that does, and the other way round."""
        fits = self._rhyme in feet(self.lines[0][-1], LEVEL, PINGSHUI)
        if rhyming:
            return 0 if fits else _NO_RHYME
        return _RHYME_UNUSED if fits else 0

    # Rhymes

    def _rhyme_without_shape(self) -> None:
        self._rhyme = self._even_rhyme()
        if self._rhyme:
            self.category = {0: self._rhyme}
        for place, line in enumerate(self.told):
            if place % 2 and line.text:
                self.told[place] = replace(line, group=0)
                self._tell_level_rhyme(place)

    def _tell_rhymes(self) -> None:
        if self._rhyme:
            self.category = {0: self._rhyme}
        for place, line in enumerate(self.told):
            if line.group is not None:
                self._tell_level_rhyme(place)

    def _tell_level_rhyme(self, place: int) -> None:
        line = self.told[place]
        if not line.asked:  # lines of a wrong length still rhyme on the level tone
            self.told[place] = replace(line, feet=_ordered(feet(line.text[-1], LEVEL, PINGSHUI)) or line.feet)
            line = self.told[place]
        foot = line.text[-1]
        if self._rhyme and self._rhyme in feet(foot, LEVEL, PINGSHUI):
            self.told[place] = replace(line, rhymes=True)
            return
        near = self._is_neighbour(foot)
        own = "/".join(line.feet)
        if place == 0 and near:
            self.told[place] = replace(line, rhymes=True)
            text = f"the first line may rhyme on a neighbouring rhyme, as {foot} of {own} does with {self._rhyme}"
            self._note(REMARK, "孤雁出群", text, 1, (len(line.text),))
            return
        self.told[place] = replace(line, rhymes=False)
        why = self._why_not(line, LEVEL, self._rhyme)
        self._note(FAULT, "出韵", why + (", its neighbour (邻韵)" if near else ""), place + 1, (len(line.text),))

    def _is_neighbour(self, foot: str) -> bool:
        """Whether a foot shares a group of the 词林正韵, which joins rhymes that sound alike, with the rhyming feet."""
        own = feet(foot, LEVEL, CILIN)
        rhyming = (line[-1] for line in self.lines[1::2] if line and self._rhyme in feet(line[-1], LEVEL, PINGSHUI))
        return any(own & feet(char, LEVEL, CILIN) for char in rhyming)

    # Tones

    def _tell_tones(self, fits: Sequence[_Fit]) -> None:
        for place, fit in enumerate(fits):
            if place and _turns(fits[place - 1].asked, fit.asked, place):
                self._tell_turn(place)
        for place, fit in enumerate(fits):
            self._tell_tail(place, fit, fits[place + 1] if place + 1 < len(fits) else None)
        meter = {note.line for note in self.notes if note.name in OF_METER}
        if 2 * len(meter) >= len(self.lines):
            text = "half the lines break the pattern: more likely old-style verse, whose tones are free, than regulated"
            common = frozenset.intersection(*(feet(line[-1], ANY, PINGSHUI) for line in self.lines[1::2]))
            self._note(REMARK, "古体", text + (f"; its even lines rhyme on {_ordered(common)[0]}" if common else ""))

    def _tell_turn(self, place: int) -> None:
        before, line = self.told[place - 1], self.told[place]
        one, two = before.tones[1], line.tones[1]
        seen = f" ({before.text[1]} {one}, {line.text[1]} {two})" if {one, two} <= {LEVEL, OBLIQUE} else ""
        if place % 2:
            text = f"the even places run as in line {place}, where they should oppose it{seen}"
            self._note(FAULT, "失对", text, place + 1, (2,))
        else:
            text = f"the even places run against line {place}, where they should follow it{seen}"
            self._note(FAULT, "失粘", text, place + 1, (2,))

    def _tell_tail(self, place: int, fit: _Fit, after: _Fit | None) -> None:
        """Faults and licences of one line; what has a name of its own is not told as 出律 too."""
        line, number = self.told[place], place + 1
        head, base = len(line.text) - 5, fit.line.tones[0][-5:]
        left = list(fit.breaks)

        def is_clear(tail_place: int, tone: str) -> bool:
            return line.tones[head + tail_place - 1] == tone

        def is_level(*tail_places: int) -> bool:
            return all(line.tones[head + at - 1] in (LEVEL, BOTH) for at in tail_places)

        first, third, fourth = head + 1, head + 3, head + 4
        if base == _LONE and is_clear(1, OBLIQUE) and is_clear(3, OBLIQUE) and is_level(2, 5) and is_clear(4, OBLIQUE):
            left = [at for at in left if at not in (first, third)]
            text = f"but for the rhyme, {line.text[first]} is the one level tone, between oblique ones"
            self._note(FAULT, "孤平", text, number, (first,))
        elif base == _LONE and fit.alternative == 1 and not left:
            text = f"oblique {line.text[first - 1]} is made good by level {line.text[third - 1]}: 仄平平仄平"
            self._note(LICENCE, "拗救", text, number, (first, third))
        elif base == _RISING and fit.alternative == 1 and not left:
            text = (
                f"{line.text[third - 1]} and {line.text[fourth - 1]} change places in tone: 平平仄平仄 for 平平平仄仄"
            )
            self._note(LICENCE, "拗救", text, number, (third, fourth))
        elif base == _LEVEL_END and third in left and is_level(4, 5):
            left.remove(third)
            self._note(FAULT, "三平尾", f"{line.text[-3:]} are three level tones at the end", number, (third,))
        elif base == _CLASHING and left == [fourth] and place % 2 == 0 and after is not None:
            below = self.told[place + 1]
            if after.line.tones[0][-5:] == _LONE and below.tones[third - 1] in (LEVEL, BOTH):
                left.remove(fourth)
                self.told[place] = replace(line, breaks=())
                wrong, right = line.text[fourth - 1], below.text[third - 1]
                text = f"oblique {wrong} is made good by level {right} in line {number + 1}"
                self._note(LICENCE, "拗救", text, number, (fourth,))
        self._tell_breaks(number, tuple(left))

    # What comes twice

    def _tell_repetitions(self) -> None:
        super()._tell_repetitions()
        if len(self.lines) > 8:  # a long poem may well come back to a character
            return
        found: dict[str, list[int]] = {}
        for number, line in enumerate(self.lines, start=1):
            for char in dict.fromkeys(line):
                found.setdefault(char, []).append(number)
        twice = {char: numbers for char, numbers in found.items() if len(numbers) > 1}
        if twice:
            each = (f"{char} (lines {', '.join(map(str, numbers))})" for char, numbers in twice.items())
            self._note(REMARK, "重字", "comes more than once: " + ", ".join(each))


def _turns(before: str, asked: str, place: int) -> bool:
    """Whether line `place` (from 0) is read in the pattern that does not follow from the line before."""
    opposed = before[1] != asked[1]
    return opposed != (place % 2 == 1)
