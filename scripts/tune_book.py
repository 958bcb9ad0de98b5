"""Build poetgen/prosody/tune_book.tsv and tune_book_names.tsv: the shapes of tunes (词牌) and their names.

    python scripts/tune_book.py cipu.jsonl corpora/prepared

The shapes come from a file of JSON Lines, one form of the 钦定词谱 a line, with the keys tune, aliases, traditional,
form, pattern, stanzas, feet and example. What poets made of them comes from the 词 of a prepared dataset, each laid
over the shape of its tune that is cut as the poem is (poetgen.prosody.tune_fitting):

- how many poems have each shape, and where most of them end a sentence;
- a place where --free of the poems, and 3 at least, have the other tone is 中;
- a foot that --unrhymed of the poems leave without a rhyme is no foot, a repetition that as many leave out is none;
- where there are too few poems, what the book's own example does not keep is not asked;
- a place where --departing of the oblique characters are of the departing tone (去) asks for it, and a foot where
  --entering of them are of the entering tone (入);
- characters lead on (领字) where a line of four or five is cut behind its first and not behind its second character:
  where jieba's words stand.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from poetgen.data.dataset import Dataset, Split, poems_of
from poetgen.data.sequence import control
from poetgen.files import parse_json, write_atomic
from poetgen.prosody import ANY, CILIN, OBLIQUE, categories, rhymes, usual_tones
from poetgen.prosody.explainer import broken_places
from poetgen.prosody.near_rhymes import near_rhyme
from poetgen.prosody.readings import Reader
from poetgen.prosody.template import Template, TemplateLine
from poetgen.prosody.tune_book import TuneShape, lend_lines
from poetgen.prosody.tune_fitting import Fit, best_fit
from poetgen.prosody.tune_names import book_tunes
from poetgen.text import SENTENCE_ENDS, clauses

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "poetgen" / "prosody" / "tune_book.tsv"
NAMES = ROOT / "poetgen" / "prosody" / "tune_book_names.tsv"
MORE_NAMES = ROOT / "scripts" / "tune_book_names.tsv"
READER = Reader(CILIN)
SIGNS = {"平": "p", "仄": "z", "中": "x"}

#: Forms that the 钦定词谱 lacks, in its manner. Sources: for 九张机 the nine poems in the 乐府雅词 (曾慥, 1146); for
#: 雨霖铃 the poem of 柳永 as the 全宋词 prints it, where the 词谱 has one character more.
MORE_FORMS = [
    {
        "tune": "九张机", "aliases": [], "traditional": ["九張機"], "form": 1, "stanzas": [],
        "pattern": "中中平韵 中平中仄仄平平韵 中平中仄平平仄句 中平中仄句 中平中仄句 中仄仄平平韵",
        "feet": [[2, 9, 29]],
        "example": "一张机，采桑陌上试春衣。风晴日暖慵无力。桃花枝上，啼莺言语，不肯放人归。",
    },
    {
        "tune": "雨霖铃", "aliases": [], "traditional": ["雨霖鈴"], "form": 4, "stanzas": [11],
        "pattern": "平平中仄韵 仄平平仄句 仄仄平仄韵 平平中中中仄句 平中仄读 平平平仄韵 仄仄平平中仄句 仄平中平仄韵"
        " 仄仄中读 平仄平平句 仄仄平平仄平仄韵 中平仄仄平平仄韵 仄平平读 仄仄平平仄韵 中平仄中中仄句 中仄仄读"
        " 仄平平仄韵 仄仄平平句 平仄平平仄中平仄韵 仄仄仄读 中仄平平句 仄仄平平仄韵",
        "feet": [[3, 11, 24, 35, 49, 56, 64, 77, 89, 101]],
        "example": "寒蝉凄切，对长亭晚，骤雨初歇。都门帐饮无绪，留恋处、兰舟催发。执手相看泪眼，竟无语凝噎。念去去、"
        "千里烟波，暮霭沈沈楚天阔。多情自古伤离别，更那堪、冷落清秋节。今宵酒醒何处，杨柳岸、晓风残月。此去经年，应是良辰好景"
        "虚设。便纵有、千种风情，更与何人说。",
    },
]  # fmt: skip


#: Model poems as anthologies print them, where the 词谱 has another wording whose tones differ: tune, form, text.
OTHER_WORDINGS = {
    ("念奴娇", 2): "大江东去，浪淘尽、千古风流人物。故垒西边，人道是、三国周郎赤壁。乱石穿空，惊涛拍岸，卷起千堆雪。"
    "江山如画，一时多少豪杰。遥想公瑾当年，小乔初嫁了，雄姿英发。羽扇纶巾，谈笑间、樯橹灰飞烟灭。故国神游，多情应笑我，早生华发。"
    "人生如梦，一尊还酹江月。",
}  # fmt: skip


# From the source to lines ----------------------------------------------------------------------------------------


def shape_of(row: Mapping[str, Any]) -> tuple[tuple[TemplateLine, ...], tuple[int, ...]]:
    """The lines of a form and the lines of each of its stanzas; raises ValueError where it contradicts itself."""
    segments = [re.fullmatch(r"([平仄中]+)(\S+)", text) for text in row["pattern"].split()]
    if not all(segments):
        raise ValueError(f"{row['tune']} {row['form']}: a segment without tones or mark")
    parts = [(found[1], found[2]) for found in segments if found]
    text = "".join(clauses(row["example"]))
    number = {abs(place): rhyme for rhyme, places in enumerate(row["feet"]) for place in places}
    lines: list[TemplateLine] = []
    ends_stanza: list[int] = []
    held, pause, at = "", 0, 0
    for count, (pattern, mark) in enumerate(parts, start=1):
        start, at = at, at + len(pattern)
        held += pattern
        if mark == "读" and not pause and len(held) <= 3 and count < len(parts):
            pause = len(held)
            continue
        repeats: tuple[int, ...] = ()
        if mark in "叠重":
            repeats = (0,) * (len(held) - len(pattern)) + repeated(text, start, at)
        rhyme = number.get(at - 1)
        lines.append(
            TemplateLine(
                (held,),
                rhyme,
                "，" if rhyme is None else "。",
                pause,
                repeats=repeats if any(repeats) else (),
            )
        )
        held, pause = "", 0
        if count in (row["stanzas"] or ()):
            ends_stanza.append(len(lines))
    if at != len(text):
        raise ValueError(f"{row['tune']} {row['form']}: {at} places, and an example of {len(text)} characters")
    if len(row["feet"]) and not set(number) <= {end - 1 for end in accumulate(map(len, lines))}:
        raise ValueError(f"{row['tune']} {row['form']}: a foot within a line")
    bounds = [0, *(end for end in ends_stanza if end < len(lines)), len(lines)]
    return tuple(lines), tuple(end - start for start, end in zip(bounds, bounds[1:], strict=False))


def repeated(text: str, start: int, end: int) -> tuple[int, ...]:
    """How far back each character of text[start:end] stands already: as a whole, turned round (红树), or its last."""
    part, before = text[start:end], text[:start]
    size = len(part)
    at = before.rfind(part)
    if at >= 0:
        return (start - at,) * size
    if size > 1 and before.endswith(part[::-1]):
        return tuple(2 * place + 1 for place in range(size))
    at = before.rfind(part[-1])
    return (0,) * (size - 1) + ((end - 1 - at) if at >= 0 else 0,)


# What poets made of it -------------------------------------------------------------------------------------------


@dataclass
class Uses:
    """What the poems of one shape do: counts by line, and by line and place."""

    poems: int = 0
    broken: Counter[tuple[int, int]] = field(default_factory=Counter)
    known: Counter[tuple[int, int]] = field(default_factory=Counter)
    departing: Counter[tuple[int, int]] = field(default_factory=Counter)
    oblique: Counter[tuple[int, int]] = field(default_factory=Counter)
    unrhymed: Counter[int] = field(default_factory=Counter)
    entering: Counter[int] = field(default_factory=Counter)
    unrepeated: Counter[int] = field(default_factory=Counter)
    stops: Counter[int] = field(default_factory=Counter)
    cut_after: Counter[tuple[int, int]] = field(default_factory=Counter)


def departing(char: str) -> bool | None:
    """Whether an oblique character is of the departing tone; None where it may be or not, or may be level."""
    parts = {categories()[name] for name in rhymes(char)}
    if len(usual_tones(char)) != 1 or parts & {"上平", "下平"}:
        return None
    return parts == {"去"} if len(parts) == 1 else None


def entering(char: str) -> bool | None:
    """Whether an oblique foot is of the entering tone; None where it may be or not."""
    parts = {categories()[name] for name in rhymes(char)} - {"上平", "下平"}
    return "入" in parts if len(parts) == 1 or "入" not in parts else None


def count(uses: Uses, fit: Fit, stops: set[int], words: Mapping[str, frozenset[str]]) -> None:
    """Add one poem, laid over a shape; `stops` are the characters before which a sentence ends."""
    uses.poems += 1
    lines = fit.shape.template.variants[fit.variant]
    text = "".join(fit.lines)
    shared = shared_rhymes(fit.lines, lines)
    at = 0
    for number, (line, chars) in enumerate(zip(lines, fit.lines, strict=True)):
        broken = min((wrong(chars, alternative) for alternative in line.tones), key=len)
        for place, (char, read) in enumerate(zip(chars, READER.tones(chars), strict=True)):
            uses.known[number, place] += len(read) == 1
            uses.broken[number, place] += place in broken
            is_departing = departing(char)
            uses.oblique[number, place] += is_departing is not None
            uses.departing[number, place] += is_departing is True
            if place + 1 < len(chars):
                uses.cut_after[number, place] += chars[place + 1] not in words.get(char, ())
        if line.rhyme is not None:
            names = READER.feet(chars, ANY)
            near = any(near_rhyme(names, group) for group in shared[line.rhyme])
            uses.unrhymed[number] += not (near or names & shared[line.rhyme])
            uses.entering[number] += entering(chars[-1]) is not False
        if line.repeats:
            places = [at + place for place, back in enumerate(line.repeats) if back]
            backs = [back for back in line.repeats if back]
            uses.unrepeated[number] += any(text[p] != text[p - b] for p, b in zip(places, backs, strict=True))
        at += len(chars)
        uses.stops[number] += at in stops


def shared_rhymes(cut: Sequence[str], lines: Sequence[TemplateLine]) -> dict[int, frozenset[str]]:
    """The rhyme that most feet of each number have."""
    groups: dict[int, Counter[str]] = {}
    for line, chars in zip(lines, cut, strict=True):
        if line.rhyme is not None:
            groups.setdefault(line.rhyme, Counter()).update(READER.feet(chars, ANY))
    return {
        number: frozenset(name for name, votes in names.items() if votes == max(names.values()))
        for number, names in groups.items()
    }


def wrong(chars: str, pattern: str) -> list[int]:
    """The places, from 0, of a line whose character is not read in the tone asked for."""
    return [place - 1 for place in broken_places(chars, pattern, READER)]


@dataclass(frozen=True)
class Shares:
    """From which share of its poems on a shape learns what they do."""

    free: float
    unrhymed: float
    departing: float
    entering: float
    least: int = 8


def shown(shape: TuneShape, example: Sequence[str]) -> TuneShape:
    """A shape without what the book's own example, cut as its lines, does not keep."""
    lines = shape.template.variants[0]
    shared = shared_rhymes(example, lines)

    def kept(line: TemplateLine, text: str) -> TemplateLine:
        broken = wrong(text, line.tones[0])
        tone_line = "".join(ANY if place in broken else tone for place, tone in enumerate(line.tones[0]))
        rhyme = line.rhyme
        if rhyme is not None:
            names = READER.feet(text, line.tones[0][-1])
            if not (names & shared[rhyme] or any(near_rhyme(names, group) for group in shared[rhyme])):
                rhyme = None
        return replace(line, tones=(tone_line,), rhyme=rhyme, mark="，" if rhyme is None else "。")

    return replace(shape, template=replace(shape.template, variants=(tuple(map(kept, lines, example)),)))


def taught(shape: TuneShape, uses: Uses, shares: Shares, examples: Sequence[Sequence[str]]) -> TuneShape:
    """A shape with what its poems teach, and where there are few, its examples."""
    if uses.poems < shares.least:
        for example in examples:
            shape = shown(shape, example)
    if uses.poems < 3:
        return replace(shape, poems=uses.poems)
    lines = []
    for number, line in enumerate(shape.template.variants[0]):
        tone_line = "".join(
            ANY
            if tone != ANY
            and uses.broken[number, place] >= max(3, shares.free * max(1, uses.known[number, place]))
            and not (line.rhyme is not None and place + 1 == len(line))
            else tone
            for place, tone in enumerate(line.tones[0])
        )
        many = uses.poems >= shares.least
        rhyme = line.rhyme
        # The last foot of a stanza stays one, whatever some poems do.
        last = number + 1 in set(accumulate(shape.template.stanzas))
        if many and rhyme is not None and not last and uses.unrhymed[number] >= shares.unrhymed * uses.poems:
            rhyme = None
        repeats = line.repeats if uses.unrepeated[number] < shares.unrhymed * uses.poems else ()
        wanted = tuple(
            place
            for place, tone in enumerate(tone_line)
            if tone == OBLIQUE
            and not (line.rhyme is not None and place + 1 == len(line))
            and uses.oblique[number, place] >= 20
            and uses.departing[number, place] >= shares.departing * uses.oblique[number, place]
        )
        lead = 0
        if many and len(line) in (4, 5) and not line.pause:
            cut = [uses.cut_after[number, place] / uses.poems for place in range(len(line) - 1)]
            lead = int(cut[0] > 0.9 and cut[1] < cut[0] - 0.15)
        is_entering = (
            many
            and rhyme is not None
            and line.tones[0][-1] == OBLIQUE
            and uses.entering[number] >= shares.entering * uses.poems
        )
        lines.append(
            replace(
                line,
                tones=(tone_line,),
                rhyme=rhyme,
                mark="。" if (2 * uses.stops[number] > uses.poems if many else rhyme is not None) else "，",
                lead=lead,
                repeats=repeats,
                departing=wanted,
                entering=is_entering,
            )
        )
    return replace(shape, template=replace(shape.template, variants=(tuple(lines),)), poems=uses.poems)


def written(shape: TuneShape) -> str:
    """A shape as the table has it."""
    words = []
    ends = set(accumulate(shape.template.stanzas[:-1]))
    for number, line in enumerate(shape.template.variants[0], start=1):
        signs = [SIGNS[tone] for tone in line.tones[0]]
        for place in line.departing:
            signs[place] = "q"
        if line.entering:
            signs[-1] = "r"
        for place, sign in ((line.pause, "/"), (line.lead, "-")):
            if place:
                signs.insert(place, sign)
        word = "".join(signs) + ("" if line.rhyme is None else str(line.rhyme)) + (".", ",")[line.mark == "，"]
        if line.repeats:
            if not any(line.repeats[:-1]) and len(line) > 1:
                word += f"~{line.repeats[-1]}"
            elif len(set(line.repeats)) == 1:
                word += f"={line.repeats[0]}"
            else:
                word += "=" + ".".join(map(str, line.repeats))
        words.append(word + (" |" if number in ends else ""))
    return " ".join(words)


# The whole ---------------------------------------------------------------------------------------------------------


def jieba_words() -> dict[str, frozenset[str]]:
    """Of words of two characters, each first one -> the second ones."""
    import jieba

    words: dict[str, set[str]] = {}
    for text in (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines():
        word, often, _ = text.split(" ", 2)
        if len(word) == 2 and int(often) >= 3:
            words.setdefault(word[0], set()).add(word[1])
    return {first: frozenset(seconds) for first, seconds in words.items()}


def songs(dataset: Dataset) -> Iterable[tuple[str, list[str], set[int]]]:
    """The tune and the lines of every 词 of the training split, and how many characters end before each full stop."""
    split = dataset.train
    chosen = split.poems[split.poems["form"] == dataset.vocab.id(control("词"))]
    for poem in poems_of(Split(split.tokens, chosen, split.layout)):
        sentences = ["".join(clauses(part)) for part in re.split(f"[{SENTENCE_ENDS}]", poem.body)]
        yield poem.tune, clauses(poem.body), set(accumulate(map(len, sentences)))


def names_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line a tune: its name, its other names, and all of them in traditional characters, in the same order."""
    import opencc

    convert, simplify = opencc.OpenCC("s2t").convert, opencc.OpenCC("t2s").convert
    more = {tune: names.split() for tune, names in (row for row in _table(MORE_NAMES))}
    lines = []
    tunes: dict[str, tuple[dict[str, None], dict[str, str]]] = {}
    for row in rows:
        names, traditional = tunes.setdefault(row["tune"], ({}, {}))
        names.update(dict.fromkeys(row["aliases"]))
        traditional.update((simplify(shape), shape) for shape in row["traditional"])
    if unknown := more.keys() - tunes.keys():
        print("no such tune in the book:", *sorted(unknown))
    for tune, (names, traditional) in tunes.items():
        names.update(dict.fromkeys(name for name in more.get(tune, ()) if name != tune))
        shapes = [traditional.get(name, convert(name)) for name in (tune, *names)]
        lines.append(f"{tune}\t{' '.join(names)}\t{' '.join(shapes)}")
    return lines


def _table(path: Path) -> list[list[str]]:
    text = path.read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


BOOK_HEADER = """\
# The shapes of tunes (词牌): the tune, the number of the form in the 钦定词谱, the poems that have it, the shape as
# poetgen/prosody/tune_book.py describes it. Made by scripts/tune_book.py, do not edit. Sources: the 钦定词谱 (1715) by
# the data of hulbji/couyun (MIT licence), and two forms named in the script; poems, free places, feet, 去 and 入 are
# counted over {poems:,} songs of the training split of the chinese-poetry archive.
"""
NAMES_HEADER = """\
# Names of the tunes of tune_book.tsv: the tune, its other names, and all of these in traditional characters, in the
# same order. Made by scripts/tune_book.py, do not edit. Sources: the 钦定词谱 (1715) by the data of hulbji/couyun (MIT
# licence), its notes 又名, and names of the chinese-poetry archive.
"""


def main() -> None:
    """Read the forms and the poems, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forms", type=Path, help="JSON Lines, a form of the 钦定词谱 each")
    parser.add_argument("data", type=Path, help="a folder that poetgen preprocess wrote")
    parser.add_argument("--free", type=float, default=0.1)
    parser.add_argument("--unrhymed", type=float, default=0.4)
    parser.add_argument("--departing", type=float, default=0.75)
    parser.add_argument("--entering", type=float, default=0.8)
    parser.add_argument("--names-only", action="store_true", help="write the names alone")
    options = parser.parse_args()
    shares = Shares(options.free, options.unrhymed, options.departing, options.entering)
    rows = [parse_json(line) for line in options.forms.read_text(encoding="utf-8").splitlines()] + MORE_FORMS
    write_atomic(NAMES, NAMES_HEADER + "\n".join(names_table(rows)) + "\n")
    if options.names_only:
        return
    by_tune: dict[str, list[TuneShape]] = {}
    for row in rows:
        try:
            lines, stanzas = shape_of(row)
        except ValueError as error:
            print("left out:", error)
            continue
        template = Template(row["tune"], (lines,), CILIN, stanzas)
        by_tune.setdefault(row["tune"], []).append(TuneShape(template, 0, row["tune"], row["form"]))
    examples = {(row["tune"], row["form"]): "".join(clauses(row["example"])) for row in rows}
    words = jieba_words()
    uses = {(shape.tune, shape.number): Uses() for shapes in by_tune.values() for shape in shapes}
    lent: dict[str, list[TuneShape]] = {}
    read = unknown = unfitting = 0
    for name, lines, stops in songs(Dataset.load(options.data)):
        read += 1
        if name not in lent:
            lent[name] = lend_lines([shape for tune in book_tunes(name) for shape in by_tune.get(tune, ())])
        if not lent[name]:
            unknown += 1
            continue
        fit = best_fit(lines, lent[name], weight_of_marks=10)
        if fit is None or not fit.whole:
            unfitting += 1
            continue
        count(uses[fit.shape.tune, fit.shape.number], fit, stops, words)
    print(f"{read:,} songs: {unknown:,} to tunes that the book lacks, {unfitting:,} of no shape of theirs")
    out = []
    for tune, shapes in by_tune.items():
        for shape in shapes:
            ends = [0, *accumulate(shape.template.lengths)]
            wordings = [examples[tune, shape.number]]
            if (tune, shape.number) in OTHER_WORDINGS:
                wordings.append("".join(clauses(OTHER_WORDINGS[tune, shape.number])))
            cut = [[text[start:end] for start, end in zip(ends, ends[1:], strict=False)] for text in wordings]
            done = taught(shape, uses[tune, shape.number], shares, cut)
            out.append(f"{tune}\t{shape.number}\t{done.poems}\t{written(done)}")
    write_atomic(BOOK, BOOK_HEADER.format(poems=read) + "\n".join(out) + "\n")


if __name__ == "__main__":
    main()
