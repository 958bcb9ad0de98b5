"""What `poetgen check` prints of a poem, and of many, in English or in Chinese."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from poetgen.cli.terminal import BOLD, DIM, INDENT, PLAIN, RED, YELLOW, columns, table, wants_colour
from poetgen.judging.annotation import annotated
from poetgen.judging.checking import Summary, lines_of_couplet
from poetgen.language import ENGLISH, Phrase, translated
from poetgen.prosody.explanation import FAULT, LICENCE, REMARK, Explanation, LineExplanation, Note

#: Full-width, so that what stands below a character keeps to its column.
_BLANK, _HERE = "　", "＾"


def explanation_text(
    title: str, explanation: Explanation, terminal: bool = False, language: str = ENGLISH, readings: bool = False
) -> str:
    """A poem with the tones under its characters, the rhymes beside its lines, and below what there is to say.

    With `readings` the rhymes and the pinyin of every character stand below it too.

    >>> from poetgen.prosody.explain import explain
    >>> lines = ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层花"]
    >>> print(explanation_text("登楼", explain(lines, "五绝")), end="")
    登楼  五绝 仄起首句不入韵
      白日依山尽  十一轸
      仄仄平平仄
      黄河入海流  rhymes on 十一尤
      平平仄仄平
      欲穷千里目  一屋
      仄平平仄仄
      更上一层花  六麻, does not rhyme
      通仄仄平平
    form holds, rhyme breaks, meter holds
    fault 出韵 line 4: 花 is of 六麻, and the poem rhymes on 十一尤
    """
    printer = _Printer(wants_colour(terminal), language)
    rows = [headline(printer.painted(title, BOLD), explanation)]
    width = max((columns(line.text) for line in explanation.lines), default=0)
    category = dict(explanation.category)
    for line in explanation.lines:
        name = category.get(line.group or 0, "")
        rows += printer.readings(line, name, explanation.book) if readings else printer.line(line, name, width)
    rows.append(translated(verdict_text(explanation), language))
    if explanation.couplets:
        rows.append(translated(couplets_text(explanation), language))
    rows += map(printer.note, explanation.notes)
    return "\n".join(rows) + "\n"


@dataclass(frozen=True)
class _Printer:
    """Prints the parts of an explanation."""

    colour: bool
    language: str

    def painted(self, text: str, code: str) -> str:
        text = translated(text, self.language)
        return f"{code}{text}{PLAIN}" if self.colour and text else text

    def line(self, line: LineExplanation, category: str, width: int) -> Iterator[str]:
        """A line of verse and what stands below it; `category` is the rhyme of its group, `width` that of the poem."""
        pad = " " * (width - columns(line.text) + 2)
        yield f"{INDENT}{line.text}{pad}{self.foot(line, category)}"
        tones = "".join(
            self.painted(tone if columns(char) == 2 else tone.replace("？", "?"), RED if place in line.breaks else DIM)
            for place, (char, tone) in enumerate(zip(line.text, line.tones, strict=True), start=1)
        )
        asked = translated(Phrase("asked: {tones}", tones=line.asked), self.language)
        yield f"{INDENT}{tones}" + (f"{pad}{asked}" if line.breaks else "")
        if line.breaks:
            marks = "".join(_HERE if place + 1 in line.breaks else _BLANK for place in range(len(line.text)))
            yield f"{INDENT}{self.painted(marks.rstrip(_BLANK), RED)}"

    def readings(self, line: LineExplanation, category: str, book: str) -> Iterator[str]:
        """A line of verse set wide, and below each character its tone, its rhymes and its pinyin."""
        cells = annotated(line, book)
        rows = [
            [one.char for one in cells],
            [one.tone for one in cells],
            [line.asked[place] if place + 1 in line.breaks else "" for place in range(len(cells))],
            [one.short_rhymes for one in cells],
            [one.pinyin for one in cells],
        ]
        widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows):
            if number == 2 and not line.breaks:
                continue
            text = " ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True))
            if number == 0:
                yield f"{INDENT}{text}  {self.foot(line, category)}"
            elif number == 2:
                asked = translated(Phrase("asked: {tones}", tones=line.asked), self.language)
                yield f"{INDENT}{self.painted(text, RED)}  {asked}"
            else:
                yield f"{INDENT}{self.painted(text.rstrip(), DIM)}"

    def foot(self, line: LineExplanation, category: str) -> str:
        return self.painted(foot_text(line, category), {None: DIM, True: "", False: RED}[line.rhymes])

    def note(self, note: Note) -> str:
        colour = {FAULT: RED, LICENCE: YELLOW, REMARK: DIM}[note.kind]
        return note_text(note, self.language, lambda name: self.painted(name, colour))


def headline(title: str, explanation: Explanation) -> str:
    tune = explanation.tune + (f":{explanation.shape}" if explanation.shape > 1 else "")
    kind = " ".join(part for part in (explanation.form, tune, explanation.pattern) if part)
    return "  ".join(part for part in (title, kind) if part)


def foot_text(line: LineExplanation, category: str) -> str:
    """The rhyme of a line's last character, and whether it rhymes where it must."""
    feet: str = "/".join(line.feet) or Phrase("in no rhyme")
    if line.rhymes is None:
        return feet
    if not line.rhymes:
        return Phrase("{rhymes}, does not rhyme", rhymes=feet)
    if category in line.feet:
        return Phrase("rhymes on {rhyme}", rhyme=category)
    return Phrase("rhymes, {rhymes} beside {rhyme}", rhymes=feet, rhyme=category)


def note_text(note: Note, language: str, mark: Callable[[str], str] = lambda name: name, place: bool = True) -> str:
    """A note in words; `mark` colours its name, and `place` tells its line."""
    name = mark(translated(Phrase("{kind} {name}", kind=_KINDS[note.kind], name=note.name), language))
    where: str = Phrase(" line {line}", line=note.line) if note.line and place else ""
    return translated(Phrase("{name}{where}: {text}", name=name, where=where, text=note.text), language)


#: What kinds of notes are called.
_KINDS: Final = {FAULT: Phrase("fault"), LICENCE: Phrase("licence"), REMARK: Phrase("remark")}

#: What holds or breaks, as verdicts and the table name it.
_PARTS: Final = {"form": Phrase("form"), "rhyme": Phrase("rhyme"), "meter": Phrase("meter")}


def verdict_text(explanation: Explanation) -> str:
    """What holds, in one line, and what evaluate says of it where that is something else."""
    if not explanation.ruled:
        return Phrase("no rules are known to hold it against")
    held = {"form": explanation.form_holds, "rhyme": explanation.rhyme_holds, "meter": explanation.meter_holds}
    names = list(dict.fromkeys(name for _, name in explanation.category))
    parts = [_part(part, holds, names if part == "rhyme" else ()) for part, holds in held.items() if holds is not None]
    if explanation.verdict is None:
        return Phrase.listed(parts)
    counted = {part: getattr(explanation.verdict, part) for part in held}
    differ = [_part(part, holds) for part, holds in counted.items() if holds != held[part]]
    if not differ:
        return Phrase.listed(parts)
    return Phrase("{parts}; as figures are counted, {differ}", parts=Phrase.listed(parts), differ=Phrase.listed(differ))


def couplets_text(explanation: Explanation) -> Phrase:
    """How parallel the couplets are that should be, and how sure that is."""
    each = []
    for upper, couplet in explanation.couplets:
        lines = "{}–{}".format(*lines_of_couplet(upper, explanation))
        if couplet.parallel:
            each.append(Phrase("{lines} parallel ({sure:.0%} sure)", lines=lines, sure=couplet.sure))
        else:
            each.append(Phrase("{lines} not parallel ({sure:.0%} sure)", lines=lines, sure=1 - couplet.sure))
    return Phrase("couplets {each}", each=Phrase.listed(each))


def _part(part: str, holds: bool, rhymes: Sequence[str] = ()) -> Phrase:
    if not holds:
        return Phrase("{part} breaks", part=_PARTS[part])
    if rhymes:
        return Phrase("{part} holds ({rhymes})", part=_PARTS[part], rhymes=rhymes)
    return Phrase("{part} holds", part=_PARTS[part])


def summary_table(summary: Summary, language: str = ENGLISH) -> str:
    """How many poems of each form hold their form, rhyme and meter, and have no fault at all."""

    def shares(counts: Mapping[str, int], asked: Mapping[str, int]) -> tuple[str, ...]:
        """The poems, then the share of them that holds each thing, "-" where it is asked of none."""
        poems, *names = asked
        return (
            f"{counts[poems]:,}",
            *(f"{counts[name] / asked[name]:.1%}" if asked[name] else "-" for name in names),
        )

    heads = {"poems": Phrase("poems"), **_PARTS, "faultless": Phrase("faultless")}
    rows: list[tuple[str, tuple[str, ...]]] = [("", tuple(translated(head, language) for head in heads.values()))]
    for form, counts in sorted(summary.forms.items(), key=lambda item: -item[1]["poems"]):
        rows.append((form, shares(counts, {name: counts[f"{name} asked"] for name in heads})))
    if len(summary.forms) > 1:
        total: Counter[str] = sum(summary.forms.values(), Counter())
        asked = {name: total[f"{name} asked"] for name in heads}
        rows.append((translated(Phrase("all"), language), shares(total, asked)))
    if poems := summary.figures["poems"]:
        counted = translated(Phrase("as figures are counted"), language)
        rows.append((counted, shares(summary.figures, dict.fromkeys(list(heads)[:4], poems))))
    text = table((name, "".join(" " * (11 - columns(cell)) + cell for cell in cells)) for name, cells in rows)
    faults: Sequence[str] = [f"{name} {count:,}" for name, count in summary.faults.most_common()]
    found = Phrase("poems with faults: {faults}", faults=faults or Phrase("none"))
    return f"{text}{translated(found, language)}\n"
