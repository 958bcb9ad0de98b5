"""`poetgen score`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import Annotated

import typer

from poetgen.cli.root import CheckpointFolder, Columns, Device, PoemFile, app, poems_in


@app.command(epilog="Example: poetgen score corpora/starter.jsonl")
def score(
    file: PoemFile,
    checkpoint: CheckpointFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a poem.")] = False,
    columns: Columns = "",
    device: Device = "auto",
) -> None:
    """Show which characters of a poem surprise a checkpoint, and what it expected in their place."""
    from poetgen.cli import display
    from poetgen.judging.surprisal import surprises
    from poetgen.poet import load

    poet = load(checkpoint, device)
    poems = poems_in(file, poet.vocab, columns)
    with display.Progress() as progress:
        scored = surprises(poet.checkpoint, poems, partial(progress.update, "scoring"))
        texts: Iterator[str]
        if as_json:
            texts = (json.dumps(poem.record(poet.checkpoint.id), ensure_ascii=False) + "\n" for poem in scored)
        else:
            texts = display.surprises(scored, display.is_terminal(sys.stdout))
        for text in texts:
            progress.clear()
            print(text, end="")
    sys.stdout.flush()
