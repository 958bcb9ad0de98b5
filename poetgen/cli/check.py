"""`poetgen check`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from poetgen.cli.root import CHECKPOINTS, Columns, PoemFile, app, note, poems_of_file
from poetgen.errors import CheckpointError, UsageError


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
    from poetgen.cli import display
    from poetgen.judging.checking import NAMES, Summary, explained, record

    tunes = _Tunes(checkpoint)
    if form not in NAMES and tunes(form) is None:
        raise UsageError(f"--form {form}: choose one of {', '.join(NAMES)}, or a tune that {tunes.folder} knows")
    poems = poems_of_file(file, columns)
    summary = Summary()
    terminal = display.is_terminal(sys.stdout)
    with display.Progress() as progress:
        for number, poem in enumerate(poems, start=1):
            told = explained(poem, form, tunes)
            summary.add(told)
            if as_json:
                print(json.dumps(record(poem, told), ensure_ascii=False))
            else:
                title = " ".join(part for part in (poem.title, poem.author) if part)
                print("\n" * (number > 1) + display.explanation(title, told, terminal), end="")
            if not terminal:  # there the poems themselves show how far it is
                progress.update("checking", number, len(poems), f"{number:,} of {len(poems):,} poems")
    if tunes.missing:
        count, names = sum(tunes.missing.values()), len(tunes.missing)
        note(
            f"{count:,} poem{'s' * (count > 1)} to {names:,} tune{'s' * (names > 1)} that {tunes.folder} does not "
            "know: shown without rules; give --checkpoint one that was trained on 词"
        )
    if len(poems) > 1 and not as_json:
        print("\n" + display.summary_table(summary), end="")
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
