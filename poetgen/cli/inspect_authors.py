"""`poetgen inspect authors`: whether a network can tell who wrote a poem."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from poetgen.cli import lists
from poetgen.cli.inspect import inspect
from poetgen.cli.root import PREPARED, CheckpointFolder, checkpoint_at
from poetgen.cli.terminal import table
from poetgen.config import check_number, check_seed
from poetgen.files import to_json

if TYPE_CHECKING:
    from poetgen.inspect.authors import Confusions


@inspect.command(epilog="Example: poetgen inspect authors --by dynasty --poems 1000")
def authors(
    checkpoint: CheckpointFolder = None,
    data: Annotated[Path, typer.Option(metavar="PREPARED", help="Folder that poetgen preprocess wrote.")] = PREPARED,
    by: Annotated[Literal["author", "dynasty"], typer.Option(help="Tell poets or dynasties.")] = "author",
    names: Annotated[
        str, typer.Option(metavar="NAME,...", help="Which of them.  [default: those with the most poems]")
    ] = "",
    num: Annotated[int, typer.Option(help="How many, where none are named.")] = 7,
    poems: Annotated[int, typer.Option(help="Poems of each to learn from, at most.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of the poems that are drawn and of the first weights.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Write a JSON object instead of the table.")] = False,
) -> None:
    """Teach a small network to tell poets or dynasties, and show which it takes for which.

    It is a bidirectional LSTM with mean pooling, on the embedding of a checkpoint. It learns from the training split
    and is asked about the validation split.
    """
    check_number("num", num, 2, 100)
    check_number("poems", poems, 20, 1_000_000)
    check_seed(seed)
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.data.dataset import Dataset
    from poetgen.inspect.authors import tell_names
    from poetgen.network.checkpoint import Checkpoint

    dataset = Dataset.load(data)
    loaded = Checkpoint.load(checkpoint_at(checkpoint))
    with ProgressBar() as progress:
        told = tell_names(
            dataset, loaded, by, lists.parts(names), num, poems, seed, partial(progress.update, "teaching")
        )
    print(to_json(told.record()) + "\n" if as_json else _text(told), end="", flush=True)


def _text(told: Confusions) -> str:
    """A row for who wrote the poems, a column for who was told, in percent of the row."""
    rows = [["", *told.names, "poems"]]
    for name, counts in zip(told.names, told.counts, strict=True):
        shares = 100 * counts / counts.sum()
        rows.append([name, *(f"{share:.0f}" for share in shares), f"{counts.sum():,}"])
    what = "poets" if told.asked == "author" else "dynasties"
    said = (
        f"{told.accuracy:.1%} right of {told.counts.sum():,} unseen poems by {len(told.names)} {what}, "
        f"{told.taught:,} of each in training; a guess has {1 / len(told.names):.1%}"
    )
    return f"percent of a row's poems that were taken for each\n{table(rows)}\n{said}\n"
