"""`poetgen inspect memory`: how much of what it has read a checkpoint uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poetgen.cli.inspect import inspect, picture_at
from poetgen.cli.root import PREPARED, CheckpointFolder, Device, checkpoint_at, note, poems_in
from poetgen.cli.terminal import table
from poetgen.config import check_number, check_seed
from poetgen.errors import UsageError
from poetgen.files import to_json
from poetgen.humanize import how_many

if TYPE_CHECKING:
    from poetgen.data.dataset import Split
    from poetgen.inspect.memory import Point
    from poetgen.poet import Poet


@inspect.command(epilog="Example: poetgen inspect memory --poems corpora/starter.jsonl --form 七绝")
def memory(
    poems: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Poems by people, new to the network, in any format that preprocess reads."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PREPARED",
            help="A prepared dataset; its validation split is read.  [default: corpora/prepared]",
        ),
    ] = None,
    checkpoint: CheckpointFolder = None,
    form: Annotated[str, typer.Option(help="Form of the poems: 五绝, 七绝, 五律 or 七律.")] = "七律",
    num: Annotated[int, typer.Option(help="Poems to measure, at most.")] = 100,
    strangers: Annotated[
        int,
        typer.Option(
            help="Other poems whose beginnings stand in for a poem's own; at short reaches up to 16 times as many.",
        ),
    ] = 8,
    out: Annotated[Path, typer.Option(help="Folder for memory.png and memory.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(help="Seed of the choice of poems and of the intervals.")] = 1,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Measure how much of what it has read a checkpoint uses.

    It predicts characters where only the last 1, 2, 4, ... before them are the poem's own. Those further back are
    other poems', and the mean is taken over these.
    """
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.inspect.memory import curve, target_costs, trials
    from poetgen.plots.memory import draw_memory
    from poetgen.poet import load
    from poetgen.prosody.forms import SHAPES

    check_number("num", num, 2)
    check_number("strangers", strangers, 1)
    check_seed(seed)
    if poems is not None and data is not None:
        raise UsageError("--poems and --data: give one of them")
    if form not in SHAPES:
        raise UsageError(f"--form {form}: choose one of {', '.join(SHAPES)}")
    if poems is None and data is None and not PREPARED.is_dir():
        raise UsageError(f"no poems: {PREPARED} is not there; give --poems FILE, or --data PREPARED")
    replacing = picture_at(out / "memory")
    poet = load(checkpoint_at(checkpoint), device)
    source = poems or data or PREPARED
    tried = trials(_human(poet, poems, data or PREPARED), form, num, seed, strangers, str(source))
    if tried.left_out:
        note(
            f"left out {how_many(tried.left_out, 'poem')}: duplicates, or with punctuation inside a line, "
            "or with punctuation that no other poem has"
        )
    with ProgressBar() as progress:
        nats = target_costs(
            poet.checkpoint.model,
            poet.vocab,
            tried,
            lambda done, total: progress.update("reading", done, total, f"{done:,} of {total:,} poems"),
        )
    every, rhyme = (curve(part, tried.reaches, seed) for part in (nats, nats[:, :, -1:]))
    count = len(tried.strangers)
    if as_json:
        points = {name: _points(part) for name, part in (("couplet", every), ("rhyme", rhyme))}
        facts = {"checkpoint": poet.checkpoint.id, "form": form, "poems": count, "strangers": strangers, "seed": seed}
        print(to_json(facts | points), flush=True)
    else:
        print(table(_memory_rows(every, rhyme)), end="", flush=True)
    lines, width = SHAPES[form]
    # No Chinese, for which there may be no font.
    caption = f"checkpoint {poet.checkpoint.id}, {count:,} poems of {lines} lines of {width} characters"
    curves = {"all characters of the last couplet": every, "its last character, which rhymes": rhyme}
    paths = draw_memory(curves, caption, out / "memory")
    note(f"{how_many(count, 'poem')}; drawn in {' and '.join(map(str, paths))}{replacing}")


def _human(poet: Poet, poems: Path | None, data: Path) -> Split:
    """Poems of a file, or else of a dataset's validation split, in the vocabulary of a poet."""
    from poetgen.data.dataset import Dataset, poems_of, split_of

    if poems is not None:
        return split_of(poems_in(poems, poet.vocab), poet.vocab)
    dataset = Dataset.load(data)
    if poet.checkpoint.config.get("dataset") != dataset.fingerprint:
        note(f"{data} is not what {poet.checkpoint.path} was trained on: its poems may not be new to it")
    return split_of(poems_of(dataset.valid), poet.vocab)


def _points(points: Sequence[Point]) -> list[dict[str, Any]]:
    return [
        {
            "own": "all" if point is points[-1] else point.reach,
            "nats": point.nats,
            "perplexity": point.perplexity,
            "gain": point.gain.value,
            "low": point.gain.low,
            "high": point.gain.high,
        }
        for point in points
    ]


def _memory_rows(every: Sequence[Point], rhyme: Sequence[Point]) -> Iterator[Sequence[str]]:
    share = "share of total gain"
    heads = ("own characters", "nats", "perplexity", "gain", "95 % interval", share, "rhyme: nats", "gain", share)
    widths = [max(5, len(head)) for head in heads]
    yield [f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)]
    for point, last in zip(every, rhyme, strict=True):
        cells = (
            "all" if point is every[-1] else str(point.reach),
            f"{point.nats:.2f}",
            f"{point.perplexity:,.1f}",
            f"{point.gain.value:.2f}",
            f"{point.gain.low:.2f} {point.gain.high:.2f}",
            _share(point, every),
            f"{last.nats:.2f}",
            f"{last.gain.value:.2f}",
            _share(last, rhyme),
        )
        yield [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]


def _share(point: Point, points: Sequence[Point]) -> str:
    whole = points[-1].gain.value
    return f"{point.gain.value / whole:.0%}" if whole > 0 else "-"
