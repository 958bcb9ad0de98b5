"""`poetgen fill`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poetgen.cli.root import CheckpointFolder, app, checkpoint_at, note, poems_of_file, sign
from poetgen.config import CANDIDATES, MOST_POEMS, SampleConfig, check_number
from poetgen.errors import SourceError, UsageError
from poetgen.files import to_json

if TYPE_CHECKING:
    from poetgen.judging.mending import Mended
    from poetgen.writing.request import Options
    from poetgen.writing.writer import Writer


@app.command(epilog='Example: poetgen fill "□□□明月，□□□□□。□□□□□，□□□□家。"')
def fill(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Poems with □ or _ where they are to be written; - is stdin. Or a poem itself.",
            show_default=False,
        ),
    ],
    checkpoint: CheckpointFolder = None,
    mend: Annotated[
        bool, typer.Option("--mend", help="Write the smallest part anew that check faults, and show what changed.")
    ] = False,
    form: Annotated[str, typer.Option(help="As for sample; auto goes by the lines.")] = "auto",
    rhyme: Annotated[str, typer.Option(help="auto, off, or a rhyme, as for sample.")] = "auto",
    book: Annotated[str, typer.Option(metavar="BOOK", help="The rhyme book, as for sample.")] = "auto",
    tones: Annotated[str, typer.Option(metavar="strict|off", help="Hold the form's tones, or let them be.")] = "strict",
    num: Annotated[int, typer.Option(help="Poems for each of the file.")] = 1,
    temperature: Annotated[float, typer.Option(help="Lower is safer, higher is wilder.")] = SampleConfig.temperature,
    candidates: Annotated[int, typer.Option(help="Drafts of each poem, of which the best is kept.")] = CANDIDATES,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same poem.  [default: drawn, and told]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, ...")] = "cpu",
) -> None:
    """Write what is missing of a poem, or mend what breaks the rules of its form; all else stays."""
    SampleConfig(temperature=temperature, seed=seed or 0, candidates=candidates)
    check_number("num", num, 1, MOST_POEMS)
    if mend and num > 1:
        raise UsageError(f"--num {num}: leave it out with --mend")
    from poetgen.cli.write_batch import write_batch
    from poetgen.network.checkpoint import Checkpoint
    from poetgen.network.device import pick_device
    from poetgen.signals import Stopped
    from poetgen.writing.gapped import read_gapped
    from poetgen.writing.titles import Titles
    from poetgen.writing.writer import Writer, fresh_seed

    drawn = fresh_seed()
    options: Options = {"form": form, "rhyme": rhyme, "book": book, "tones": tones, "temperature": temperature}
    options |= {"candidates": candidates, "seed": drawn if seed is None else seed}
    name, lines = ("", []) if mend else read_gapped(file)
    writer = Writer(Checkpoint.load(checkpoint_at(checkpoint), pick_device(device)))
    left_out = ""
    if mend:
        left_out = _mend(writer, file, options, as_json)
    else:
        # A single poem that is of no use is an error; of several it is named, and the others are written.
        titles = Titles(name if len(lines) > 1 else "", iter(lines), lines[-1].number)
        try:
            left_out = write_batch(writer, titles, options, num, drawn, as_json=as_json).closing()
        except Stopped as stop:
            raise typer.Exit(128 + stop.number) from stop
    if not as_json:
        sign(writer.checkpoint, drawn if seed is None else None)
    if left_out:
        raise SourceError(left_out)


def _mend(writer: Writer, file: Path, options: Options, as_json: bool) -> str:
    """Mend the poems of a file; returns what is to be said of those that cannot be."""
    from poetgen.cli.terminal import is_terminal
    from poetgen.cli.verse import heading, verse
    from poetgen.judging.mending import mend

    poems, bad = poems_of_file(file), 0
    for number, poem in enumerate(poems):
        try:
            mended = mend(writer, poem, **options)
        except UsageError as error:
            if len(poems) == 1:
                raise
            bad += 1
            note(f"{poem.title or f'poem {number + 1}'}: {error}; left out")
            continue
        if as_json:
            print(to_json(_record(mended)), flush=True)
            continue
        terminal = is_terminal(sys.stdout)
        above = heading(poem.title, terminal=terminal)
        print("\n" * (number > 0) + above + "".join(verse(mended.poem.body, terminal)), end="", flush=True)
        for change in mended.changes:
            why = f" ({'、'.join(dict.fromkeys(change.faults))})" if change.faults else ""
            note(f"line {change.line}: {change.before} → {change.after}{why}")
        if not mended.sample:
            note("check finds no fault in it")
        if mended.left:
            note(f"still there: {'、'.join(dict.fromkeys(mended.left))}")
    return f"{bad:,} of {len(poems):,} poems were left out" if bad else ""


def _record(mended: Mended) -> dict[str, object]:
    return {
        "title": mended.poem.title,
        "text": mended.poem.body,
        "changes": [change._asdict() for change in mended.changes],
        "left": list(mended.left),
    }
