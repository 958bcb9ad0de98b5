"""`poetgen inspect gates`: the gates and states of an LSTM along a poem."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poetgen.cli.inspect import inspect, note_numbers, picture_at
from poetgen.cli.root import CheckpointFolder, checkpoint_at, note, poems_in
from poetgen.cli.terminal import table
from poetgen.config import check_number, check_seed
from poetgen.errors import UsageError
from poetgen.files import to_json

if TYPE_CHECKING:
    from poetgen.corpus import Poem
    from poetgen.data.vocab import Vocab
    from poetgen.inspect.gates import Follower, GatePicture
    from poetgen.progress import ProgressCallback

#: Units that a picture has room for.
_MOST = 30


@inspect.command(epilog="Example: poetgen inspect gates 床前明月光，疑是地上霜。举头望明月，低头思故乡。")
def gates(
    poem: Annotated[
        str, typer.Argument(metavar="POEM", help="The text of a poem, or a file with one.", show_default=False)
    ],
    title: Annotated[str, typer.Option(help="Its title.  [default: the one that the file gives]")] = "",
    poems: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Look for units in the poems of the same form in this file.  "
            "[default: 200 that the checkpoint writes]",
        ),
    ] = None,
    checkpoint: CheckpointFolder = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer to draw.  [default: the one with most units in the table]")
    ] = None,
    units: Annotated[int, typer.Option(help="How many units to draw.")] = 20,
    unit: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Draw this unit, and no others; may be given more than once."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for gates.png and gates.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(help="Seed of the poems in which units are looked for.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, ...; another device may write other poems.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object per row.")] = False,
) -> None:
    """Draw the gates and states of an LSTM along a poem, and find units that keep track of the form."""
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.inspect.gates import FEATURES, LONGEST_BODY, picture, poems_alike, survey, trace_poems, write_alike
    from poetgen.plots.gates import draw_gates
    from poetgen.poet import load

    check_number("units", units, 1, _MOST)
    for name, numbers in (("layer", [] if layer is None else [layer]), ("unit", unit or [])):
        for number in numbers:
            check_number(name, number, 1)
    check_seed(seed)
    poet = load(checkpoint_at(checkpoint), device)
    given = _one_poem(poem, title, poet.vocab)
    if len(given.body) > LONGEST_BODY:
        raise UsageError(
            f"POEM: {len(given.body):,} characters; give at most {LONGEST_BODY}, which a picture has room for"
        )
    if unknown := [char for char in dict.fromkeys(given.body) if char not in poet.vocab and not char.isspace()]:
        note(f"not in the vocabulary, read as unknown: {' '.join(unknown)}")
    layers, width = poet.checkpoint.model.config.layers, poet.checkpoint.model.config.hidden
    if layer is not None and layer > layers:
        raise UsageError(f"--layer {layer}: the network has only {layers} layer{'s' * (layers > 1)}")
    if unit and max(unit) > width:
        raise UsageError(f"--unit {max(unit)}: a layer has only {width} units")
    if unit and len(unit) > _MOST:
        raise UsageError(f"--unit: {len(unit)} of them; give at most {_MOST}")
    [traced] = trace_poems(poet.checkpoint, [given])
    replacing = picture_at(out / "gates")
    with ProgressBar() as progress:

        def show(what: str) -> ProgressCallback:
            return lambda done, total: progress.update(what, done, total, f"{done:,} of {total:,} poems")

        if poems is not None:
            read = poems_alike(poems_in(poems, poet.vocab), given, seed)
        else:
            read = write_alike(poet.checkpoint, given, seed=seed, progress=show("writing"))
        surveyed = survey(poet.checkpoint, read, seed, show("reading"))
    strongest = surveyed.strongest()
    layer = layer or max(range(1, layers + 1), key=[follower.layer for follower in strongest].count)
    shown = picture(given, traced, surveyed, layer, units, unit or ())
    if as_json:
        for follower in strongest:
            print(to_json({"part": "strongest"} | asdict(follower)))
        for row, (number, follows) in enumerate(zip(shown.units, shown.follows, strict=True)):
            facts = asdict(follows) if follows else {"feature": None, "layer": layer, "unit": number}
            values = {name: [round(value, 4) for value in panel[row].tolist()] for name, panel in shown.panels.items()}
            print(to_json({"part": "drawn"} | facts | {"values": values}))
        sys.stdout.flush()
    else:
        print(table(_gates_rows(strongest, shown)), end="", flush=True)
    if unfollowed := [feature for feature in FEATURES if feature not in {follower.feature for follower in strongest}]:
        note(f"no unit follows these beyond chance: {', '.join(unfollowed)}")
    measured = len(read) // 2
    note(f"found in {len(read) - measured} poems, measured in {measured} others")
    paths = draw_gates(shown, out / "gates")
    note_numbers(given.body)
    note(f"drawn in {' and '.join(map(str, paths))}{replacing}")


def _one_poem(given: str, title: str, vocab: Vocab) -> Poem:
    """The poem in a file, or in the text itself."""
    from collections import Counter

    from poetgen.corpus.poems import cleaned
    from poetgen.corpus.text_reader import text_records
    from poetgen.writing.fitting import fit

    if given == "-" or os.path.isfile(given):
        poems = poems_in(Path(given), vocab)
    else:
        poems, _ = cleaned(text_records(given, "", Counter()), vocab.script, passages=not vocab.chinese)
    if len(poems) != 1:
        what = f"{len(poems)} poems" if poems else "no poem, and no file of this name"
        raise UsageError(f"POEM {given[:20]}: {what}; give the text of one, or a file with one")
    fitted, notes = fit(title, vocab)
    for line in notes:
        note(line)
    return replace(poems[0], title=fitted or poems[0].title)


def _gates_rows(strongest: Sequence[Follower], shown: GatePicture) -> Iterator[Sequence[str]]:
    """The units that follow each feature best and, after an empty line, what each unit of the picture follows."""
    heads = ("follows", "layer", "unit", "state", "correlation", "at same place", "chance")
    yield heads
    for follower in strongest:
        yield _gates_row(follower)
    yield [""] * len(heads)
    for unit, follows in zip(shown.units, shown.follows, strict=True):
        yield _gates_row(follows) if follows else ["-", f"{shown.layer:>5}", f"{unit:>4}", *[""] * 4]


def _gates_row(follower: Follower) -> Sequence[str]:
    within = "-" if math.isnan(follower.same_place) else f"{follower.same_place:+.2f}"
    return [
        follower.feature,
        f"{follower.layer:>5}",
        f"{follower.unit:>4}",
        follower.state,
        f"{follower.correlation:>+11.2f}",
        f"{within:>13}",
        f"{follower.chance:>6.2f}",
    ]
