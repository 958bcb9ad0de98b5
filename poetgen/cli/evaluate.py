"""`poetgen evaluate`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from poetgen.cli.root import app, note
from poetgen.errors import UsageError


@app.command(epilog="Example: poetgen evaluate --poems corpora/starter.jsonl")
def evaluate(
    poems: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Poems in any format that preprocess reads.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PREPARED", help="A prepared dataset, of which the validation split counts.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Checkpoint folder.  [default: the newest in checkpoints, else the one in the box]"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...; auto takes a GPU.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Measure the perplexity of a checkpoint.

    On the poems of a file (--poems), or on the validation split of a dataset (--data).
    """
    if (poems is None) == (data is None):
        raise UsageError(
            "give --poems FILE or --data PREPARED, one of them; figures of generated poems are not there yet"
        )
    from poetgen import display
    from poetgen.dataset import Dataset
    from poetgen.errors import DatasetError
    from poetgen.evaluate import read_poems, score, split_of
    from poetgen.poet import in_vocab, load, script_of

    poet = load(checkpoint, device)
    if data is not None:
        dataset = Dataset.load(data)
        split = in_vocab(dataset.valid, dataset.vocab, poet.vocab)
        if not len(split):
            raise DatasetError(f"{data}: its validation split is empty; preprocess with a greater --valid-share")
    else:
        assert poems is not None
        found, counts = read_poems(poems, script_of(poet.vocab))
        if counts.dropped:
            reasons = ", ".join(f"{tally.poems:,} {reason}" for reason, tally in counts.dropped.items())
            note(f"{poems}: left out {counts.read - counts.kept:,} of {counts.read:,} poems: {reasons}")
        split = split_of(found, poet.vocab)
    with display.Progress() as progress:
        show: Callable[[int, int], None] = lambda done, total: progress.update(  # noqa: E731
            "scoring", done, total, f"{done:,} of {total:,} poems"
        )
        figures = score(poet.checkpoint, split, show).figures()
    if as_json:
        finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        print(json.dumps({**finite, "poems": len(split), "checkpoint": poet.checkpoint.id}), flush=True)
    else:
        print(display.figures_table(figures, f"{poet.checkpoint.path} ({poet.checkpoint.id})"), end="", flush=True)
