"""`poetgen score`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from poetgen.cli.root import CheckpointFolder, Device, PoemFile, app, left_out


@app.command(epilog="Example: poetgen score corpora/starter.jsonl")
def score(
    file: PoemFile,
    checkpoint: CheckpointFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a poem.")] = False,
    device: Device = "auto",
) -> None:
    """Show which characters of a poem surprise a checkpoint, and what it expected in their place."""
    from poetgen import display
    from poetgen.check import read_poems
    from poetgen.evaluate import split_of
    from poetgen.poet import load, script_of
    from poetgen.surprise import surprises

    poet = load(checkpoint, device)
    poems, counts = read_poems(file, script_of(poet.vocab), passages=not poet.vocab.chinese)
    left_out(file, counts)
    with display.Progress() as progress:
        scored = surprises(
            poet.checkpoint,
            poems,
            split_of(poems, poet.vocab),
            lambda what, done, total: progress.update(what, done, total, f"{done:,} of {total:,} poems"),
        )
    if as_json:
        for poem in scored:
            print(json.dumps(poem.record(poet.checkpoint.id), ensure_ascii=False))
    else:
        for text in display.surprises(scored, display.is_terminal(sys.stdout)):
            print(text, end="")
    sys.stdout.flush()
