"""`poetgen check`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poetgen.cli.root import CHECKPOINTS, Columns, PoemFile, app, note, poems_of_file
from poetgen.cli.terminal import BOLD, DIM, INDENT, PLAIN, RED, YELLOW, columns, is_terminal, table, wants_colour
from poetgen.errors import CheckpointError, UsageError
from poetgen.files import to_json

if TYPE_CHECKING:
    from poetgen.judging.checking import Summary
    from poetgen.prosody.explanation import Explanation


@app.command(epilog="Example: poetgen check corpora/starter.jsonl")
def check(
    file: PoemFile,
    form: Annotated[
        str,
        typer.Option(help="auto (by the lines), 五绝, 七绝, 五律, 七律, 五排, 七排, 古体, or a tune such as 水调歌头."),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a poem.")] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Checkpoint folder whose tunes count.  [default: the one that sample takes]"),
    ] = None,
    columns: Columns = "",
) -> None:
    """Explain the rhyme and the tones of poems, and where they break the rules of their form."""
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.judging.checking import FORMS_TO_CHECK, Summary, explain_poem, explanation_record

    tunes = _Tunes(checkpoint)
    if form not in FORMS_TO_CHECK and tunes(form) is None:
        choices = ", ".join(FORMS_TO_CHECK)
        raise UsageError(f"--form {form}: choose one of {choices}, or a tune that {tunes.folder} knows")
    poems = poems_of_file(file, columns)
    summary = Summary()
    terminal = is_terminal(sys.stdout)
    with ProgressBar() as progress:
        for number, poem in enumerate(poems, start=1):
            explanation = explain_poem(poem, form, tunes)
            summary.add(explanation)
            if as_json:
                print(to_json(explanation_record(poem, explanation)))
            else:
                title = " ".join(part for part in (poem.title, poem.author) if part)
                print("\n" * (number > 1) + explanation_text(title, explanation, terminal), end="")
            if not terminal:  # there the poems themselves show how far it is
                progress.update("checking", number, len(poems), f"{number:,} of {len(poems):,} poems")
    if tunes.missing:
        count, names = sum(tunes.missing.values()), len(tunes.missing)
        note(
            f"{count:,} poem{'s' * (count > 1)} to {names:,} tune{'s' * (names > 1)} that {tunes.folder} does not "
            "know: shown without rules; give --checkpoint one that was trained on 词"
        )
    if len(poems) > 1 and not as_json:
        print("\n" + summary_table(summary), end="")
    sys.stdout.flush()


class _Tunes:
    """The templates of a checkpoint's tunes, read when the first is asked for, and the tunes that it lacked."""

    def __init__(self, checkpoint: Path | None) -> None:
        self._given = checkpoint
        self._known: dict[str, Any] | None = None
        self.folder = checkpoint or CHECKPOINTS
        self.missing: Counter[str] = Counter()

    def __call__(self, name: str) -> Any:
        from poetgen.data.dataset import TUNES_FILE
        from poetgen.prosody.tune_names import listed
        from poetgen.prosody.tunes import load_tunes

        if self._known is None:
            if self._given is None:
                from poetgen.network.checkpoint import find

                self.folder = find()
            if not self.folder.is_dir():
                raise CheckpointError(f"{self.folder}: no such checkpoint folder; give --checkpoint another")
            self._known = load_tunes(self.folder / TUNES_FILE)
        learned = self._known.get(listed(name))
        if learned is None:
            self.missing[name] += 1
            return None
        return learned.template


# What is printed -----------------------------------------------------------------------------------------------------

#: Full-width, so that what stands below a character keeps to its column.
_BLANK, _HERE = "　", "＾"


def explanation_text(title: str, explanation: Explanation, terminal: bool = False) -> str:
    """A poem with the tones under its characters, the rhymes beside its lines, and below what there is to say.

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
    colour = wants_colour(terminal)

    def painted(text: str, code: str) -> str:
        return f"{code}{text}{PLAIN}" if colour and text else text

    kind = " ".join(part for part in (explanation.form, explanation.tune, explanation.pattern) if part)
    rows = ["  ".join(part for part in (painted(title, BOLD), kind) if part)]
    width = max((columns(line.text) for line in explanation.lines), default=0)
    category = dict(explanation.category)
    for line in explanation.lines:
        pad = " " * (width - columns(line.text) + 2)
        feet = "/".join(line.feet) or "in no rhyme"
        if line.rhymes is None:
            foot = painted(feet, DIM)
        elif line.rhymes:
            name = category.get(line.group or 0, "")
            foot = f"rhymes on {name}" if name in line.feet else f"rhymes, {feet} beside {name}"
        else:
            foot = painted(f"{feet}, does not rhyme", RED)
        rows.append(f"{INDENT}{line.text}{pad}{foot}")
        tones = "".join(
            painted(tone if columns(char) == 2 else tone.replace("？", "?"), RED if place in line.breaks else DIM)
            for place, (char, tone) in enumerate(zip(line.text, line.tones, strict=True), start=1)
        )
        rows.append(f"{INDENT}{tones}" + (f"{pad}asked: {line.asked}" if line.breaks else ""))
        if line.breaks:
            marks = "".join(_HERE if place + 1 in line.breaks else _BLANK for place in range(len(line.text)))
            marks = marks.rstrip(_BLANK)
            rows.append(f"{INDENT}{painted(marks, RED)}")
    rows.append(_verdict(explanation))
    colours = {"fault": RED, "licence": YELLOW, "remark": DIM}
    for finding in explanation.notes:
        where = f" line {finding.line}" if finding.line else ""
        rows.append(f"{painted(f'{finding.kind} {finding.name}', colours[finding.kind])}{where}: {finding.text}")
    return "\n".join(rows) + "\n"


def _verdict(explanation: Explanation) -> str:
    """What holds, in one line, and what evaluate says of it where that is something else."""
    if not explanation.ruled:
        return "no rules are known to hold it against"
    names = ", ".join(dict.fromkeys(name for _, name in explanation.category))
    held = {"form": explanation.form_holds, "rhyme": explanation.rhyme_holds, "meter": explanation.meter_holds}
    parts = [
        f"{what} {'holds' if holds else 'breaks'}" + (f" ({names})" if what == "rhyme" and holds and names else "")
        for what, holds in held.items()
        if holds is not None
    ]
    text = ", ".join(parts)
    if explanation.verdict is None:
        return text
    counted = {"form": explanation.verdict.form, "rhyme": explanation.verdict.rhyme, "meter": explanation.verdict.meter}
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
