"""What people see on a terminal: poems, tables, progress.

Everything here works on plain text. rich draws the bar, and is imported when it is needed and not before.
"""

from __future__ import annotations

import math
import os
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from textwrap import wrap
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from poetgen.humanize import brief, duration
from poetgen.judging.metrics import DEFINITIONS, Estimate
from poetgen.prosody.forms import SHAPES
from poetgen.prosody.template import LONG
from poetgen.text import clauses
from poetgen.writing.request import OLD

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from poetgen.judging.checking import Summary
    from poetgen.judging.report import Row
    from poetgen.judging.surprisal import Character, Scored, Surprise
    from poetgen.prosody.explain import Explanation
    from poetgen.prosody.tunes import Learned

Record = Mapping[str, Any]

# Poems -----------------------------------------------------------------------------------------------------------

_INDENT = "  "
#: Marks after which a poem goes on in a new line.
_ENDS = "。！？；"


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: two for each Chinese character.

    >>> columns("春 a")
    4
    """
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at `stream`, on something that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def heading(title: str, author: str = "", form: str = "", terminal: bool = False) -> str:
    """The lines above a poem: its title, and whom it is written after (拟, "in the manner of").

    On a terminal they stand centred over the couplets, whose width the form tells.
    """
    lines = [line for line in (title, f"拟{author}" if author else "") if line]
    if not terminal:
        return "".join(f"{line}\n" for line in lines)
    chars = SHAPES[form][1] if form in SHAPES else 0
    width = 4 * (chars + 1) - 2  # the last mark is mostly white
    bold, plain = ("", "") if os.environ.get("NO_COLOR") else ("\x1b[1m", "\x1b[0m")
    centred = [" " * ((width - columns(line)) // 2) + line for line in lines]
    if centred and title:
        centred[0] = bold + centred[0] + plain
    return "".join(f"{_INDENT}{line}\n" for line in centred) + ("\n" if lines else "")


def verse(chars: Iterable[str], terminal: bool = False, breaks: Collection[int] = ()) -> Iterator[str]:
    r"""Characters as they come, set in couplets: broken after 。！？ and ；, and where the text breaks its lines.

    A blank line parts stanzas: `breaks` counts the characters before each.

    >>> "".join(verse("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"))
    '白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。\n'
    """
    start = _INDENT if terminal else ""
    lead, empty = start, True
    for number, char in enumerate(chars, start=1):
        if char == "\n":
            lead = lead if empty else f"\n{start}"
            continue
        yield lead + char
        lead, empty = (f"\n{start}" if char in _ENDS else ""), False
        if number in breaks:
            lead = f"\n\n{start}"
    if not empty:
        yield "\n"


# Tables ----------------------------------------------------------------------------------------------------------


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of text in columns, each as wide as it must be.

    >>> print(table([("诗", "1"), ("lines", "12")]), end="")
    诗     1
    lines  12
    """
    rows = list(rows)
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    padded = ([cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "".join("  ".join(cells).rstrip() + "\n" for cells in padded)


def preprocess_table(report: Record, out: Path) -> str:
    """What became of a corpus, from the report that preprocess returns."""
    dropped = {name: tally["poems"] for name, tally in report["dropped"].items()}
    train, valid, leak, seconds = (report[name] for name in ("train", "valid", "leak_check", "seconds"))
    rows = [("read", f"{report['read']:,} poems in {report['documents']:,} files")]
    if passed_over := _counts(report["passed_over"]):
        rows.append(("passed over", passed_over))
    rows += [("dropped", f"{sum(dropped.values()):,}" + (f": {_counts(dropped)}" if dropped else ""))]
    rows += [
        ("kept", f"{train['poems'] + valid['poems']:,} poems, {report['characters']:,} characters"),
        ("forms", _counts(report["forms"])),
        ("dynasties", _counts(report["dynasties"])),
        *([("tunes", f"{tunes:,} learned")] if (tunes := report.get("tunes")) else []),
        (
            "vocabulary",
            f"{report['vocabulary']:,} tokens; {report['unknown_tokens']:,} characters are left out as rare",
        ),
        ("split", f"{train['poems']:,} poems to train on, {valid['poems']:,} to validate with"),
        (
            "leak check",
            f"{leak['shared_lines']:,} lines on both sides ({leak['least_line']} characters or more), "
            f"{leak['shared_short_phrases']:,} shorter phrases",
        ),
        ("time", f"{seconds['all']:.1f} s (work {seconds['workers']:.1f} s, jieba's share {seconds['jieba']:.1f} s)"),
        ("written to", str(out)),
    ]
    return table(rows)


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {name}" for name, count in ordered if count)


#: How figures are written: shares in percent, the rest with so many decimals.
_IN_PERCENT: Final = {"form", "rhyme", "meter", "novelty", "repeats"}
_DECIMALS: Final = {
    **dict.fromkeys(("characters", "unknown", "copied, median", "copied, 99 %"), 0),
    **dict.fromkeys(("ppl_char", "ppl_all"), 1),
    **dict.fromkeys(("relevance", "relevance, human", "critic", "n-gram judge"), 2),
}


def report(
    tables: Iterable[Sequence[Row]], sources: Mapping[str, str], machine_like: Mapping[tuple[str, str], Sequence[str]]
) -> Iterator[str]:
    """An evaluation, as it goes on: what its columns are, a table for each scope, and what its figures mean.

    `tables` are the rows of each scope. `machine_like` has, by column and form, the lines that a critic found the most
    so, once all are known.
    """
    yield table(sources.items())
    measured: set[str] = set()
    for rows in tables:
        cells = {(row.figure, row.column): row.estimate for row in rows}
        names = [name for name in sources if any(column == name for _, column in cells)]
        shown = [figure for figure in DEFINITIONS if any(found == figure for found, _ in cells)]
        # Judges and jackknives count poems in their own way; what comes first counts them as they are.
        counts = [next(cells[figure, name].poems for figure in shown if (figure, name) in cells) for name in names]
        heads = [(rows[0].scope, *names), ("poems", *(f"{count:,}" for count in counts))]
        body = [(figure, *(_cell(figure, cells.get((figure, name))) for name in names)) for figure in shown]
        measured.update(shown)
        yield "\n" + table([*heads, *body])
    for (column, form), lines in machine_like.items():
        yield f"\nmost machine-like in {form} by {column}: {' '.join(lines)}\n"
    meanings = [
        (name if not number else "", line)
        for name, meaning in DEFINITIONS.items()
        if name in measured
        for number, line in enumerate(wrap(meaning, 80))
    ]
    how = "95 % interval, by resampling the poems; of distinct-1 and distinct-2 by jackknife"
    yield "\n" + table([*meanings, ("( – )", how)])


def _cell(figure: str, estimate: Estimate | None) -> str:
    """A figure, with its interval where it has one.

    >>> _cell("rhyme", Estimate(0.5, 0.45, 0.55, 100)), _cell("characters", Estimate(1200, math.nan, math.nan, 100))
    ('50.0 % (45.0–55.0)', '1,200')
    """
    if estimate is None or not math.isfinite(estimate.value):
        return "-"
    scale, unit = (100, " %") if figure in _IN_PERCENT else (1, "")
    digits = 1 if unit else _DECIMALS.get(figure, 3)
    value, low, high = (f"{scale * number:,.{digits}f}" for number in estimate[:3])
    return f"{value}{unit} ({low}–{high})" if math.isfinite(estimate.low + estimate.high) else f"{value}{unit}"


def forms_table(tunes: Mapping[str, Learned]) -> str:
    """The forms that sampling can hold: the regulated ones, old-style verse, and the tunes of a checkpoint."""
    rows: list[Sequence[str]] = [("form", "lines, by their characters", "rhymes on", "learned from")]
    rows += [(form, f"{count} of {chars}", "平", "") for form, (count, chars) in SHAPES.items()]
    rows += [(form, f"12 or --lines N of {chars}", "平", "") for form, chars in LONG.items()]
    rows += [(form, f"as they come or --lines N of {chars}", "平 or 仄, tones free", "") for form, chars in OLD.items()]
    for name, tune in tunes.items():
        lengths = list(map(str, tune.template.lengths))
        for place in sorted(accumulate(tune.template.stanzas[:-1]), reverse=True):
            lengths.insert(place, "|")
        lines = tune.template.variants[0]
        feet = dict.fromkeys((line.rhyme, line.tones[0][-1]) for line in lines if line.rhyme is not None)
        rows.append((name, " ".join(lengths), " ".join(tone for _, tone in feet), f"{tune.poems:,} poems"))
    return table(rows)


# Progress --------------------------------------------------------------------------------------------------------


class Progress:
    """Progress on stderr: a live bar on a terminal, elsewhere a plain line now and then.

    Nothing is shown in the first `delay` seconds, so that quick work stays quiet.
    """

    def __init__(self, stream: TextIO | None = None, delay: float = 2.0, every: float = 10.0) -> None:
        self._stream = stream or sys.stderr
        self._live = is_terminal(self._stream)
        self._delay, self._every = delay, every
        self._bar: RichProgress | None = None
        self._task: Any = None
        self._what = ""
        self._began = self._first = self._said = 0.0

    def __enter__(self) -> Self:
        self._said = time.monotonic() + self._delay - self._every
        self._shown_from = time.monotonic() + self._delay
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def update(self, what: str, done: float, total: float, note: str = "") -> None:
        """Say that `done` of `total` is done; a new `what` starts a new estimate of the time that is left."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._began, self._first = what, now, done
        if now < self._shown_from:
            return
        left = self._left(now, done, total)
        if self._live:
            self._draw(what, done, total, left, note)
        elif now >= self._said + self._every:
            self._said = now
            share = f"{done / total:.0%}" if total else ""
            parts = [share, f"{left} left" if left else "", note]
            print(f"{what}: {', '.join(part for part in parts if part)}", file=self._stream, flush=True)

    def say(self, line: str) -> None:
        """A line of its own, above the bar where there is one."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _left(self, now: float, done: float, total: float) -> str:
        elapsed = now - self._began
        if done <= self._first or elapsed < 1 or done >= total:
            return ""
        return duration(elapsed * (total - done) / (done - self._first))

    def _draw(self, what: str, done: float, total: float, left: str, note: str) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as RichProgress

            console = Console(file=self._stream)
            self._bar = RichProgress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=max(5, min(40, console.width - 75))),
                TextColumn("{task.percentage:>3.0f}%"),
                TextColumn("{task.fields[left]}", style="cyan", markup=False),
                TextColumn("{task.fields[note]}", markup=False),
                console=console,
                transient=True,
                refresh_per_second=4,
            )
            self._task = self._bar.add_task(what, left="", note="")
        self._bar.update(
            self._task,
            description=what,
            completed=done,
            total=total or None,
            left=f"{left} left" if left else "",
            note=note,
        )
        self._bar.start()


# Rhyme and meter -------------------------------------------------------------------------------------------------

_BOLD, _RED, _YELLOW, _DIM, _END = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
#: Full-width, so that what stands below a character keeps to its column.
_BLANK, _HERE = "　", "＾"


def explanation(title: str, told: Explanation, terminal: bool = False) -> str:
    """A poem with the tones under its characters, the rhymes beside its lines, and below what there is to say.

    >>> from poetgen.prosody.explain import explain
    >>> print(explanation("登楼", explain(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层花"], "五绝")), end="")
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
    colour = terminal and not os.environ.get("NO_COLOR")

    def painted(text: str, code: str) -> str:
        return f"{code}{text}{_END}" if colour and text else text

    kind = " ".join(part for part in (told.form, told.tune, told.pattern) if part)
    rows = ["  ".join(part for part in (painted(title, _BOLD), kind) if part)]
    width = max((columns(line.text) for line in told.lines), default=0)
    category = dict(told.category)
    for line in told.lines:
        pad = " " * (width - columns(line.text) + 2)
        own = "/".join(line.feet) or "in no rhyme"
        if line.rhymes is None:
            foot = painted(own, _DIM)
        elif line.rhymes:
            name = category.get(line.group or 0, "")
            foot = f"rhymes on {name}" if name in line.feet else f"rhymes, {own} beside {name}"
        else:
            foot = painted(f"{own}, does not rhyme", _RED)
        rows.append(f"{_INDENT}{line.text}{pad}{foot}")
        tones = "".join(
            painted(tone if columns(char) == 2 else tone.replace("？", "?"), _RED if place in line.breaks else _DIM)
            for place, (char, tone) in enumerate(zip(line.text, line.tones, strict=True), start=1)
        )
        rows.append(f"{_INDENT}{tones}" + (f"{pad}asked: {line.asked}" if line.breaks else ""))
        if line.breaks:
            marks = "".join(_HERE if place + 1 in line.breaks else _BLANK for place in range(len(line.text)))
            marks = marks.rstrip(_BLANK)
            rows.append(f"{_INDENT}{painted(marks, _RED)}")
    rows.append(_verdict(told))
    colours = {"fault": _RED, "licence": _YELLOW, "remark": _DIM}
    for note in told.notes:
        where = f" line {note.line}" if note.line else ""
        rows.append(f"{painted(f'{note.kind} {note.name}', colours[note.kind])}{where}: {note.text}")
    return "\n".join(rows) + "\n"


def _verdict(told: Explanation) -> str:
    """What holds, in one line, and what evaluate says of it where that is something else."""
    if not told.ruled:
        return "no rules are known to hold it against"
    names = ", ".join(dict.fromkeys(name for _, name in told.category))
    held = {"form": told.form_holds, "rhyme": told.rhyme_holds, "meter": told.meter_holds}
    parts = [
        f"{what} {'holds' if holds else 'breaks'}" + (f" ({names})" if what == "rhyme" and holds and names else "")
        for what, holds in held.items()
        if holds is not None
    ]
    text = ", ".join(parts)
    if told.verdict is None:
        return text
    counted = {"form": told.verdict.form, "rhyme": told.verdict.rhyme, "meter": told.verdict.meter}
    differ = [f"{what} {'holds' if counted[what] else 'breaks'}" for what in counted if counted[what] != held[what]]
    return text + (f"; as figures are counted, {', '.join(differ)}" if differ else "")


def summary_table(summary: Summary) -> str:
    """How many poems of each form hold their form, rhyme and meter, and have no fault at all."""
    heads = ("poems", "form", "rhyme", "meter", "faultless")
    rows: list[tuple[str, tuple[str, ...]]] = [("", heads)]
    for form, counts in sorted(summary.forms.items(), key=lambda item: -item[1]["poems"]):
        rows.append((form, _shares(counts, {name: counts[f"{name} asked"] for name in heads})))
    if len(summary.forms) > 1:
        total: Counter[str] = sum(summary.forms.values(), Counter())
        rows.append(("all", _shares(total, {name: total[f"{name} asked"] for name in heads})))
    if poems := summary.figures["poems"]:
        rows.append(("as figures are counted", _shares(summary.figures, dict.fromkeys(heads[:4], poems))))
    text = table((name, "".join(f"{cell:>11}" for cell in cells)) for name, cells in rows)
    faults = ", ".join(f"{name} {count:,}" for name, count in summary.faults.most_common())
    return text + f"poems with faults: {faults or 'none'}\n"


def _shares(counts: Mapping[str, int], asked: Mapping[str, int]) -> tuple[str, ...]:
    """The poems, then the share of them that holds each thing, "-" where it is asked of none."""
    poems, *names = asked
    return (
        f"{counts[poems]:,}",
        *(f"{counts[name] / asked[name]:.1%}" if asked[name] else "-" for name in names),
    )


# Surprise --------------------------------------------------------------------------------------------------------

#: A character is marked that was held less likely than 1 in 10 to the power of this, and more so from the next on.
_RARE = 3
#: By the columns that a character takes, what stands below it where no colour can mark it.
_MARKS = ("", "   3456789", "　　　３４５６７８９")


def surprises(poems: Iterable[Scored], terminal: bool = False) -> Iterator[str]:
    """Poems with their surprising characters marked, one after the other, and at last what the marks mean.

    Without colours a digit below a character says how surprising it was: 3 for less than 1 in 10³.
    """
    colour = terminal and not os.environ.get("NO_COLOR")
    for number, scored in enumerate(poems):
        poem = scored.poem
        title = f"{_BOLD}{poem.title}{_END}" if colour and poem.title else poem.title
        rows = ["  ".join(filter(None, (title, poem.author, poem.form, poem.tune)))]
        for line in _couplets(scored.characters[:-1]):
            marks = "" if colour else "".join(map(_mark, line)).rstrip()
            rows.append(_INDENT + "".join(_tinted(char) if colour else char.char for char in line))
            rows.append(marks and _INDENT + marks)
        figures = {"ppl_char": scored.tally.ppl_char, "ppl_all": scored.tally.ppl_all}
        told = (f"{name} {brief(ppl)} ({math.log(ppl):.2f} nats)" for name, ppl in figures.items() if ppl < math.inf)
        rows.append(", ".join(told))
        below = table(_surprise(scored, one) for one in scored.surprises)
        yield "\n" * (number > 0) + "".join(f"{row}\n" for row in filter(None, rows))
        yield "".join(f"{_INDENT}{row}\n" for row in below.splitlines())
    if colour:
        yield f"\n{_YELLOW}yellow{_END}: held less likely than 1 in 1,000; {_BOLD}{_RED}red{_END}: than 1 in 10,000\n"
    else:
        yield "\n３ below a character: held less likely than 1 in 10³; ４: than 1 in 10⁴; and so on\n"


def _couplets(characters: Iterable[Character]) -> Iterator[list[Character]]:
    line: list[Character] = []
    for char in characters:
        if char.char != "\n":
            line.append(char)
        if line and char.char in f"{_ENDS}\n":
            yield line
            line = []
    if line:
        yield line


def _mark(char: Character) -> str:
    return _MARKS[columns(char.char)][min(char.rarity, 9) :][:1]


def _tinted(char: Character) -> str:
    if char.rarity < _RARE:
        return char.char
    return f"{_YELLOW if char.rarity == _RARE else _BOLD + _RED}{char.char}{_END}"


def _surprise(scored: Scored, one: Surprise) -> Sequence[str]:
    """A row: the line (句), the character there, how likely it was held, and what was held likeliest."""
    char = scored.characters[one.place]
    line = len(clauses(scored.poem.body[: one.place + 1]))
    text = char.char if char.known else f"{char.char} (not in the vocabulary)"
    odds = math.exp(min(char.nats, 700))
    rare = f"1 in {odds:,.0f}" if odds < 1e6 else f"1 in {odds:.0e}"
    return (f"line {line}", text, rare, f"likeliest: {one.expected} {one.probability:.1%}")
