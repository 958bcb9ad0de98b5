"""The book of tunes (词谱): every shape of every tune, from the 钦定词谱 (1715).

tune_book.tsv has a line a shape: the tune, the number of the form in the book, how many poems of the chinese-poetry
archive have the shape, and the shape itself. scripts/tune_book.py makes it. A shape is written so:

    xxr0. xpxzppr0. ppr0.=3 xxxx, xxpr0. | …     忆秦娥

    p z x    平, 仄, 中 (either);   q r   仄 that should be 去, 入
    /        a pause within the line (读)
    -        after the characters that lead on (领字)
    0 1 …    the line ends on a foot, of this rhyme
    , .      the mark behind the line
    =3       repeats what stands three characters before (叠句);   ~3   its last character does (叠韵)
    =1.3     each character has its own distance
    |        a new stanza

A foot that the poems of the archive do not keep is no foot here, and a place is 中 that they leave free. Shapes of a
tune with the same number of characters lend each other their lines: what the book has as another form (又一体) in one
line may stand beside the main form in the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Final

from poetgen.files import read_table
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE
from poetgen.prosody.template import Template, TemplateLine
from poetgen.prosody.tune_names import book_tunes, listed, simplified_name

_LINE: Final = re.compile(r"([pzxqr/-]+)([0-9]*)([,.])(?:([=~])([0-9.]+))?")
_TONES: Final = {"p": LEVEL, "z": OBLIQUE, "x": ANY, "q": OBLIQUE, "r": OBLIQUE}


@dataclass(frozen=True, slots=True)
class TuneShape:
    """One shape of a tune: its template, the poems of the archive that have it, and where it is from.

    `tune` and `number` are the tune and the form of the 钦定词谱; the number is 0 for a shape that was learned from the
    corpus of a checkpoint.
    """

    template: Template
    poems: int
    tune: str
    number: int


def tune_shapes(name: str, learned: Mapping[str, Template] | None = None) -> tuple[TuneShape, ...]:
    """The shapes of a tune by any of its names, the commonest first; none for a tune that nobody knows.

    `learned` are the templates of a checkpoint. Where one has the lines of a shape of the book, the shape comes first,
    for it is the commonest of that corpus; where none of the book is as long, it is one more shape.

    >>> [(shape.poems > 0, len(shape.template.lengths)) for shape in tune_shapes("如梦令")[:1]]
    [(True, 7)]
    >>> tune_shapes("无此调")
    ()
    """
    shapes = _of_book(name)
    known = learned or {}
    template = known.get(listed(simplified_name(name))) or known.get(name)
    if template is None:
        return shapes
    template = replace(template, form=name)
    same = [shape for shape in shapes if shape.template.lengths == template.lengths]
    if same:
        return (same[0], *(shape for shape in shapes if shape is not same[0]))
    if any(sum(shape.template.lengths) == sum(template.lengths) for shape in shapes):
        return shapes
    return (*shapes, TuneShape(template, 0, listed(name), 0))


def known_tunes(learned: Mapping[str, Template] | None = None) -> dict[str, tuple[TuneShape, ...]]:
    """Every tune of the book and of a checkpoint with its shapes, those with most poems of their own first."""
    tunes = {name: tune_shapes(name, learned) for name in [*_rows(), *(learned or ())]}
    return dict(sorted(tunes.items(), key=lambda item: -own_poems(*item)))


def own_poems(name: str, shapes: Iterable[TuneShape]) -> int:
    """The poems of the shapes that a tune has in the book under this very name."""
    return sum(shape.poems for shape in shapes if shape.tune == name)


def is_a_character_off(name: str, characters: int) -> bool:
    """Whether a poem of so many characters is one short or one long of its tune: none of its shapes has as many.

    >>> is_a_character_off("如梦令", 33), is_a_character_off("如梦令", 32), is_a_character_off("如梦令", 20)
    (False, True, False)
    """
    known = _totals(name)
    return characters not in known and not known.isdisjoint((characters - 1, characters + 1))


def fits_book(name: str, lengths: Sequence[int]) -> bool:
    """Whether mixed lines of these lengths have as many characters as a shape of a tune in the book.

    Lines of one length tell nothing: any poem has them.

    >>> fits_book("折丹桂", [7, 3, 4, 7, 3, 4, 7, 3, 4, 7, 3, 4]), fits_book("浪淘沙", [7] * 4)
    (False, False)
    """
    return len({*lengths}) > 1 and sum(lengths) in _totals(name)


@cache
def _totals(name: str) -> frozenset[int]:
    """How many characters the shapes of a tune have in the book."""
    shapes = (shape for tune in book_tunes(name) for _, _, shape in _rows().get(tune, ()))
    return frozenset(sum(map(shape.count, _TONES)) for shape in shapes)


@cache
def _of_book(name: str) -> tuple[TuneShape, ...]:
    tunes = book_tunes(name)
    shapes = [
        TuneShape(Template(name, (lines,), CILIN, stanzas), poems, tune, number)
        for tune in tunes
        for number, poems, text in _rows().get(tune, ())
        for lines, stanzas in [parse_shape(text)]
    ]
    shapes = lend_lines(shapes)
    return tuple(sorted(shapes, key=lambda shape: (-shape.poems, tunes.index(shape.tune), shape.number)))


@cache
def _rows() -> Mapping[str, list[tuple[int, int, str]]]:
    """Tune -> the number, the poems and the shape of each of its forms."""
    rows: dict[str, list[tuple[int, int, str]]] = {}
    for tune, number, poems, shape in read_table("prosody", "tune_book.tsv", 4):
        rows.setdefault(tune, []).append((int(number), int(poems), shape))
    return rows


def parse_shape(text: str) -> tuple[tuple[TemplateLine, ...], tuple[int, ...]]:
    """The lines of a shape as the table writes it, and the lines of each stanza.

    >>> lines, stanzas = parse_shape("ppz, xzp/zpp0. | ppq,=3 p-pp0.")
    >>> [line.tones[0] for line in lines], stanzas, lines[2].repeats, lines[1].pause, lines[3].lead
    (['平平仄', '中仄平仄平平', '平平仄', '平平平'], (2, 2), (3, 3, 3), 3, 1)
    """
    lines: list[TemplateLine] = []
    stanzas: list[int] = []
    for word in text.split():
        if word == "|":
            stanzas.append(len(lines) - sum(stanzas))
        else:
            lines.append(_parse_line(word))
    stanzas.append(len(lines) - sum(stanzas))
    return tuple(lines), tuple(stanzas)


def _parse_line(word: str) -> TemplateLine:
    found = _LINE.fullmatch(word)
    if found is None:
        raise ValueError(f"no line of a tune: {word}")
    places, rhyme, mark, how, distances = found.groups()
    tones = places.replace("/", "").replace("-", "")
    repeats: tuple[int, ...] = ()
    if how == "~":
        repeats = (0,) * (len(tones) - 1) + (int(distances),)
    elif how:
        each = tuple(map(int, distances.split(".")))
        repeats = each * len(tones) if len(each) == 1 else each
    return TemplateLine(
        ("".join(_TONES[tone] for tone in tones),),
        int(rhyme) if rhyme else None,
        "，" if mark == "," else "。",
        pause=max(0, places.replace("-", "").find("/")),
        lead=max(0, places.find("-")),
        repeats=repeats,
        departing=tuple(place for place, tone in enumerate(tones) if tone == "q"),
        entering=tones[-1] == "r",
    )


def lend_lines(shapes: Sequence[TuneShape]) -> list[TuneShape]:
    """Shapes of one length in all take over each other's lines, where these begin and end at the same characters.

    So do the stanzas of a shape that have the same lines (重头).
    """
    tones: dict[tuple[int, ...], dict[str, None]] = {}
    keys = [list(_lent_between(shape.template)) for shape in shapes]
    for shape, places in zip(shapes, keys, strict=True):
        for line, of_line in zip(shape.template.variants[0], places, strict=True):
            for place in of_line:
                tones.setdefault(place, {}).update(dict.fromkeys(line.tones))
    lent = []
    for shape, places in zip(shapes, keys, strict=True):
        lines = (
            replace(line, tones=_without_narrower(line, [known for place in of_line for known in tones[place]]))
            for line, of_line in zip(shape.template.variants[0], places, strict=True)
        )
        lent.append(replace(shape, template=replace(shape.template, variants=(tuple(lines),))))
    return lent


def _lent_between(template: Template) -> Iterator[list[tuple[int, ...]]]:
    """Of each line the places whose tones it shares: (characters of the shape, first and last of the line)."""
    size = sum(template.lengths)
    ends = list(accumulate(template.lengths))
    places = list(zip([0, *ends], ends, strict=False))
    cut = [0, *accumulate(template.stanzas)]
    stanzas = [places[start:end] for start, end in zip(cut, cut[1:], strict=False)]
    alike = len(stanzas) > 1 and len({tuple(end - start for start, end in stanza) for stanza in stanzas}) == 1
    for number, place in enumerate(places):
        same = [stanza[number % len(stanza)] for stanza in stanzas] if alike else [place]
        yield [(size, *other) for other in same]


def _without_narrower(line: TemplateLine, others: Iterable[str]) -> tuple[str, ...]:
    """The alternatives of a line, its own first, and those of others that are not of another kind of foot."""
    kept: list[str] = []
    for tones in (*line.tones, *others):
        if (line.rhyme is None or tones[-1] == line.tones[0][-1]) and not any(_covers(wide, tones) for wide in kept):
            kept = [wide for wide in kept if not _covers(tones, wide)] + [tones]
    return tuple(kept)


def _covers(wide: str, narrow: str) -> bool:
    return all(tone in (ANY, other) for tone, other in zip(wide, narrow, strict=True))
