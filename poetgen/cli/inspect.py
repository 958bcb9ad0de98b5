"""`poetgen inspect`: what a network has learned, as tables and pictures."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poetgen.cli import lists
from poetgen.cli.root import PREPARED, CheckpointFolder, Device, app, enough_memory, note, poems_in
from poetgen.config import CELLS, SAMPLINGS, TrainConfig
from poetgen.errors import UsageError

if TYPE_CHECKING:
    from poetgen.corpus import Poem
    from poetgen.data.dataset import Split
    from poetgen.data.vocab import Vocab
    from poetgen.inspect.ablation import Run
    from poetgen.inspect.gates import Follower, Picture
    from poetgen.inspect.memory import Outcome, Point
    from poetgen.poet import Poet

inspect = typer.Typer(
    help="Look at what a network has learned.",
    epilog="Example: poetgen inspect neighbours 春 月 愁",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(inspect, name="inspect")


# neighbours, map -------------------------------------------------------------------------------------------------


@inspect.command(epilog="Example: poetgen inspect neighbours 春 月 酒")
def neighbours(
    characters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHARACTERS]...", help="Characters, together or apart.", show_default=False),
    ] = None,
    checkpoint: CheckpointFolder = None,
    num: Annotated[int, typer.Option(min=1, help="Neighbours per question.")] = 10,
    analogy: Annotated[
        list[str] | None,
        typer.Option(metavar='"A B C"', help="Ask what is to C as B is to A; may be given more than once."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object per question.")] = False,
) -> None:
    """List the characters whose embeddings are closest, by cosine similarity."""
    singles = "".join("".join(characters or ()).split())
    triples = [_triple(text) for text in analogy or ()]
    if not singles and not triples:
        raise UsageError("give some characters, such as 春 月 酒, or --analogy")
    from poetgen.cli import display
    from poetgen.inspect.embedding import Embedding
    from poetgen.network.checkpoint import Checkpoint, find

    found = Checkpoint.load(find(checkpoint))
    embedding = Embedding.of(found.model, found.vocab)
    own = _in_script([*singles, *(char for triple in triples for char in triple)], found.vocab)
    answers = [(own[char], embedding.nearest(own[char], num)) for char in singles]
    for a, b, c in (map(own.__getitem__, triple) for triple in triples):
        answers.append((f"{a} : {b} = {c} : ?", embedding.analogy(a, b, c, num)))
    if as_json:
        for question, nearest in answers:
            near = [{"character": one.char, "cosine": round(one.cosine, 4)} for one in nearest]
            print(json.dumps({"question": question, "nearest": near}, ensure_ascii=False))
    else:
        rows = ([question, *(f"{char} {cosine:.2f}" for char, cosine in nearest)] for question, nearest in answers)
        print(display.table(rows), end="")
    sys.stdout.flush()


def _in_script(chars: Sequence[str], vocab: Vocab) -> dict[str, str]:
    """Each character in the script of the vocabulary; those of the other one are told."""
    from poetgen.text import is_han
    from poetgen.writing.fitting import in_script

    own = {char: in_script(char, vocab) if is_han(char) else char for char in chars}
    if changed := [f"{given} as {read}" for given, read in own.items() if given != read]:
        note(f"read {', '.join(changed)}")
    return own


def _triple(text: str) -> tuple[str, str, str]:
    """The three characters of an --analogy."""
    match text.split():
        case [a, b, c] if len(a) == len(b) == len(c) == 1:
            return a, b, c
    raise UsageError(f'--analogy "{text}": give three single characters, such as "山 高 水"')


@inspect.command("map", epilog="Example: poetgen inspect map --num 300")
def chart(
    checkpoint: CheckpointFolder = None,
    num: Annotated[int, typer.Option(min=3, help="How many characters to place, the most frequent ones.")] = 500,
    out: Annotated[Path, typer.Option(help="Folder for map.png and map.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the map.")] = 1,
) -> None:
    """Draw a map of the most frequent characters: those with similar embeddings are near each other (t-SNE).

    Numbers, directions and seasons have colours. A table shows how often a member's nearest neighbour is in its own
    group.
    """
    from poetgen.cli import display
    from poetgen.inspect.embedding import GROUPS, Embedding, groups, place
    from poetgen.network.checkpoint import Checkpoint, find
    from poetgen.plots import ensure_drawable
    from poetgen.plots.embedding import draw

    ensure_drawable(out / "map")
    found = Checkpoint.load(find(checkpoint))
    embedding = Embedding.of(found.model, found.vocab)
    shown = embedding.commonest(num, "".join(GROUPS.values()))
    caption = f"checkpoint {found.id}, {len(shown.chars):,} characters"  # no Chinese, which needs another font
    note(f"placing {len(shown.chars):,} characters, which takes some seconds")
    placed = place(shown, seed)
    rows = [
        (group.name, group.members, f"{group.share:>20.0%}", f"{group.chance:>9.2%}") for group in groups(embedding)
    ]
    if rows:
        print(display.table([("group", "members", "nearest in the group", "by chance"), *rows]), end="", flush=True)
    paths = draw(placed, out / "map", caption)
    note(f"drawn in {' and '.join(map(str, paths))}")


# gates -----------------------------------------------------------------------------------------------------------

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
        int | None, typer.Option(min=1, help="Layer to draw.  [default: the one with most units in the table]")
    ] = None,
    units: Annotated[int, typer.Option(min=1, max=_MOST, help="How many units to draw.")] = 20,
    unit: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="N", help="Draw this unit, and no others; may be given more than once."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for gates.png and gates.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the poems in which units are looked for.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, ...; another device may write other poems.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object per row.")] = False,
) -> None:
    """Draw the gates and states of an LSTM along a poem, and find units that keep track of the form."""
    from poetgen.cli import display
    from poetgen.inspect.gates import FEATURES, LONGEST, along, chosen, picture, survey, write
    from poetgen.network.records import finite
    from poetgen.plots import ensure_drawable
    from poetgen.plots.gates import draw
    from poetgen.poet import load

    poet = load(checkpoint, device)
    own = _one_poem(poem, title, poet.vocab)
    if len(own.body) > LONGEST:
        raise UsageError(f"POEM: {len(own.body):,} characters; give at most {LONGEST}, which a picture has room for")
    if unknown := [char for char in dict.fromkeys(own.body) if char not in poet.vocab and not char.isspace()]:
        note(f"not in the vocabulary, read as unknown: {' '.join(unknown)}")
    layers, width = poet.checkpoint.model.config.layers, poet.checkpoint.model.config.hidden
    if layer is not None and layer > layers:
        raise UsageError(f"--layer {layer}: the network has only {layers} layer{'s' * (layers > 1)}")
    if unit and max(unit) > width:
        raise UsageError(f"--unit {max(unit)}: a layer has only {width} units")
    if unit and len(unit) > _MOST:
        raise UsageError(f"--unit: {len(unit)} of them; give at most {_MOST}")
    [traced] = along(poet.checkpoint, [own])
    ensure_drawable(out / "gates")
    with display.Progress() as progress:

        def told(what: str) -> Callable[[int, int], None]:
            return lambda done, total: progress.update(what, done, total, f"{done:,} of {total:,} poems")

        if poems is not None:
            read = chosen(poems_in(poems, poet.vocab), own, seed)
        else:
            read = write(poet.checkpoint, own, seed=seed, progress=told("writing"))
        found = survey(poet.checkpoint, read, seed, told("reading"))
    strongest = found.strongest()
    layer = layer or max(range(1, layers + 1), key=[one.layer for one in strongest].count)
    shown = picture(own, traced, found, layer, units, unit or ())
    if as_json:
        for one in strongest:
            print(json.dumps({"part": "strongest"} | finite(asdict(one)), ensure_ascii=False))
        for row, (number, follows) in enumerate(zip(shown.units, shown.follows, strict=True)):
            facts = finite(asdict(follows)) if follows else {"feature": None, "layer": layer, "unit": number}
            values = {name: [round(value, 4) for value in panel[row].tolist()] for name, panel in shown.panels.items()}
            print(json.dumps({"part": "drawn"} | facts | {"values": values}, ensure_ascii=False))
        sys.stdout.flush()
    else:
        print(display.table(_gates_rows(strongest, shown)), end="", flush=True)
    if unfollowed := [feature for feature in FEATURES if feature not in {one.feature for one in strongest}]:
        note(f"no unit follows these beyond chance: {', '.join(unfollowed)}")
    measured = len(read) // 2
    note(f"found in {len(read) - measured} poems, measured in {measured} others")
    note(f"drawn in {' and '.join(map(str, draw(shown, out / 'gates')))}")


def _one_poem(given: str, title: str, vocab: Vocab) -> Poem:
    """The poem in a file, or in the text itself."""
    from collections import Counter

    from poetgen.corpus.poems import cleaned
    from poetgen.corpus.text_reader import text_records
    from poetgen.poet import script_of
    from poetgen.writing.fitting import fit

    if given == "-" or os.path.isfile(given):
        poems = poems_in(Path(given), vocab)
    else:
        poems, _ = cleaned(text_records(given, "", Counter()), script_of(vocab), passages=not vocab.chinese)
    if len(poems) != 1:
        what = f"{len(poems)} poems" if poems else "no poem, and no file of this name"
        raise UsageError(f"POEM {given[:20]}: {what}; give the text of one, or a file with one")
    own, notes = fit(title, vocab)
    for line in notes:
        note(line)
    return replace(poems[0], title=own or poems[0].title)


def _gates_rows(strongest: Sequence[Follower], shown: Picture) -> Iterator[Sequence[str]]:
    """The units that follow each feature best and, after an empty line, what each unit of the picture follows."""
    heads = ("follows", "layer", "unit", "state", "correlation", "at same place", "chance")
    yield heads
    for one in strongest:
        yield _gates_row(one)
    yield [""] * len(heads)
    for unit, follows in zip(shown.units, shown.follows, strict=True):
        yield _gates_row(follows) if follows else ["-", f"{shown.layer:>5}", f"{unit:>4}", *[""] * 4]


def _gates_row(one: Follower) -> Sequence[str]:
    within = "-" if math.isnan(one.same_place) else f"{one.same_place:+.2f}"
    return [
        one.feature,
        f"{one.layer:>5}",
        f"{one.unit:>4}",
        one.state,
        f"{one.correlation:>+11.2f}",
        f"{within:>13}",
        f"{one.chance:>6.2f}",
    ]


# memory ----------------------------------------------------------------------------------------------------------


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
    num: Annotated[int, typer.Option(min=2, help="Poems to measure, at most.")] = 100,
    strangers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Other poems whose beginnings stand in for a poem's own; at short reaches up to 16 times as many.",
        ),
    ] = 8,
    out: Annotated[Path, typer.Option(help="Folder for memory.png and memory.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice of poems and of the intervals.")] = 1,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Measure how much of what it has read a checkpoint uses.

    It predicts characters where only the last 1, 2, 4, ... before them are the poem's own. Those further back are
    other poems', and the mean is taken over these.
    """
    from poetgen.cli import display
    from poetgen.inspect.memory import costs, curve, trials
    from poetgen.plots import ensure_drawable
    from poetgen.plots.memory import draw
    from poetgen.poet import load
    from poetgen.prosody.forms import SHAPES

    if poems is not None and data is not None:
        raise UsageError("--poems and --data: give one of them")
    if form not in SHAPES:
        raise UsageError(f"--form {form}: choose one of {', '.join(SHAPES)}")
    if poems is None and data is None and not PREPARED.is_dir():
        raise UsageError(f"no poems: {PREPARED} is not there; give --poems FILE, or --data PREPARED")
    ensure_drawable(out / "memory")
    poet = load(checkpoint, device)
    source = poems or data or PREPARED
    found = trials(_human(poet, poems, data or PREPARED), form, num, seed, strangers, str(source))
    if found.left_out:
        note(
            f"left out {found.left_out:,} poems: duplicates, or with punctuation inside a line, "
            "or with punctuation that no other poem has"
        )
    with display.Progress() as progress:
        nats = costs(
            poet.checkpoint.model,
            poet.vocab,
            found,
            lambda done, total: progress.update("reading", done, total, f"{done:,} of {total:,} poems"),
        )
    every, rhyme = (curve(part, found.reaches, seed) for part in (nats, nats[:, :, -1:]))
    count = len(found.strangers)
    if as_json:
        points = {name: _points(part) for name, part in (("couplet", every), ("rhyme", rhyme))}
        facts = {"checkpoint": poet.checkpoint.id, "form": form, "poems": count, "strangers": strangers, "seed": seed}
        print(json.dumps(facts | points, ensure_ascii=False), flush=True)
    else:
        print(display.table(_memory_rows(every, rhyme)), end="", flush=True)
    lines, width = SHAPES[form]
    # No Chinese, for which there may be no font.
    caption = f"checkpoint {poet.checkpoint.id}, {count:,} poems of {lines} lines of {width} characters"
    curves = {"all characters of the last couplet": every, "its last character, which rhymes": rhyme}
    paths = draw(curves, caption, out / "memory")
    note(f"{count:,} poems; drawn in {' and '.join(map(str, paths))}")


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


@inspect.command(epilog="Example: poetgen inspect digits --lengths 10,20 --repeats 1")
def digits(
    cells: Annotated[str, typer.Option(metavar="CELL,CELL,...", help="Cells to compare.")] = "rnn,gru,lstm",
    lengths: Annotated[
        str, typer.Option(metavar="N,N,...", help="Lengths of the sequences: two digits, then zeros.")
    ] = "10,20,30,40,50,60",
    hidden: Annotated[int, typer.Option(help="Width of the one layer.")] = 32,
    steps: Annotated[int, typer.Option(min=1, help="Training steps per network, at most.")] = 1000,
    rate: Annotated[float, typer.Option("--lr", min=1e-9, help="Learning rate.")] = 0.005,
    forget_bias: Annotated[
        str,
        typer.Option(metavar="X,X,...", help="Initial bias of the LSTM's forget gates; several are compared."),
    ] = "1,4",
    repeats: Annotated[int, typer.Option(min=1, help="Networks per cell and length, with consecutive seeds.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for digits.png and digits.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first weights.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object per network.")] = False,
) -> None:
    """Test how long a bare RNN, GRU or LSTM can remember: the sum of two digits, after a gap of zeros."""
    from poetgen.cli import display
    from poetgen.inspect.memory import CHANCE, by_kind
    from poetgen.inspect.memory import digits as train
    from poetgen.plots import ensure_drawable
    from poetgen.plots.memory import draw_digits

    kinds, gaps = list(dict.fromkeys(lists.parts(cells))), lists.sizes("--lengths", lengths)
    biases = list(dict.fromkeys(lists.numbers("--forget-bias", forget_bias)))
    if not kinds or not set(kinds) <= set(CELLS):
        raise UsageError(f"--cells {cells}: choose from {', '.join(CELLS)}, with commas between")
    if gaps[0] < 2 or gaps[-1] > _LONGEST:
        raise UsageError(f"--lengths {lengths}: give lengths from 2, for two digits, to {_LONGEST:,}")
    if not biases:
        raise UsageError("--forget-bias: give one number or more")
    for flag, value in (("--lr", rate), *(("--forget-bias", bias) for bias in biases)):
        if not abs(value) <= _GREATEST:
            raise UsageError(f"{flag} {value:g}: give a number of at most {_GREATEST:g}")
    ensure_drawable(out / "digits")
    outcomes: list[Outcome] = []
    stopped = False
    with display.Progress() as progress, enough_memory("give a smaller --hidden or smaller --lengths"):
        try:
            for outcome in train(
                kinds,
                gaps,
                hidden,
                steps,
                rate,
                biases,
                range(seed, seed + repeats),
                lambda done, total, what: progress.update("training", done, total, what),
            ):
                outcomes.append(outcome)
                if as_json:
                    progress.clear()
                    print(json.dumps(asdict(outcome)), flush=True)
        except KeyboardInterrupt:
            stopped = True
    if not outcomes:
        raise typer.Exit(130)
    if not as_json:
        print(display.table(_digits_rows(by_kind(outcomes))), end="", flush=True)
    caption = f"one layer of width {hidden}, {steps:,} steps at most: {repeats} run{'s' * (repeats > 1)} each"
    if "lstm" in kinds and len(biases) == 1 and biases != [1]:
        caption += f"; forget bias {biases[0]:g}"
    paths = draw_digits(by_kind(outcomes), CHANCE, caption, out / "digits")
    note(f"always saying 9 is right for {CHANCE:.0%}; drawn in {' and '.join(map(str, paths))}")
    if stopped:
        each = sum(len(biases) if cell == "lstm" else 1 for cell in kinds)
        note(f"stopped after {len(outcomes)} of {each * len(gaps) * repeats} networks")
        raise typer.Exit(130)


#: The longest sequence of digits, and what neither a learning rate nor a bias is beyond.
_LONGEST, _GREATEST = 10_000, 100.0


def _digits_rows(kinds: Mapping[str, Sequence[Outcome]]) -> Iterator[Sequence[str]]:
    """The mean accuracy of each kind of network at each length, and that of each network where they differ."""
    yield ["length", *kinds]
    for length in sorted({outcome.length for own in kinds.values() for outcome in own}):
        row = [f"{length:>6}"]
        for own in kinds.values():
            found = [outcome.accuracy for outcome in own if outcome.length == length]
            runs = f" ({', '.join(f'{share:.0%}' for share in found)})" if len(set(found)) > 1 else ""
            row.append(f"{sum(found) / len(found):>4.0%}{runs}" if found else "   -")
        yield row


# ablate ----------------------------------------------------------------------------------------------------------


@inspect.command(epilog="Example: poetgen inspect ablate --seq-len 16,96 --hidden 128")
def ablate(
    data: Annotated[Path, typer.Option(metavar="PREPARED", help="Folder that poetgen preprocess wrote.")] = PREPARED,
    seq_len: Annotated[str, typer.Option(metavar="N,N,...", help="Windows to try, in time steps.")] = "16,32,64,96",
    hidden: Annotated[str, typer.Option(metavar="N,N,...", help="Widths of the layers to try.")] = "128,256,512",
    minutes: Annotated[float, typer.Option(help="Training minutes per run.")] = 1.0,
    sampling: Annotated[str, typer.Option(metavar="|".join(SAMPLINGS), help="As in training.")] = TrainConfig.sampling,
    batch_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens per batch: the shorter the window, the more rows.")
    ] = TrainConfig.batch_size * TrainConfig.seq_len,
    out: Annotated[
        Path, typer.Option(help="Folder for ablate.jsonl, from which the same command resumes, and the picture.")
    ] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, batches and the order of the runs.")] = 1,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object per run.")] = False,
) -> None:
    """Train networks of some windows and widths for equal minutes, and compare their validation perplexity.

    Ctrl-C, or SIGTERM, ends it; the same command resumes where it was.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as in training
    from poetgen.cli import display
    from poetgen.data.dataset import Dataset
    from poetgen.inspect import ablation
    from poetgen.network.records import finite
    from poetgen.plots import ensure_drawable
    from poetgen.plots.ablation import draw
    from poetgen.signals import Interruption, Stopped

    windows, widths = lists.sizes("--seq-len", seq_len), lists.sizes("--hidden", hidden)
    grid = ablation.Grid(tuple(windows), tuple(widths), minutes, sampling, batch_tokens, device, seed)
    total = len(windows) * len(widths)
    runs: list[ablation.Run] = []
    stopped = False
    log = out / "ablate.jsonl"
    dataset = Dataset.load(data)
    ensure_drawable(out / "ablate")
    figure = "ppl_char" if dataset.vocab.chinese else "ppl_all"
    stops = Interruption()

    def told(done: float, what: str) -> None:
        if stops.number:  # a signal that came in the middle of something that cannot be broken off
            raise Stopped(stops.number)
        progress.update("training", done, total, what)

    with display.Progress() as progress, enough_memory("give smaller --hidden or --batch-tokens"), stops:
        try:
            for run in ablation.ablate(dataset, grid, log, told):
                runs.append(run)
                if as_json:
                    progress.clear()
                    print(json.dumps(finite(asdict(run))), flush=True)
        except KeyboardInterrupt:
            stopped = True
    if runs:
        if not as_json:
            print(display.table(_ablation_rows(runs, figure)), end="", flush=True)
        each = f"{minutes:g} minute{'s' * (minutes != 1)} each, {batch_tokens:,} tokens per batch, {sampling}"
        paths = draw(runs, f"validation {figure}\n{each}", out / "ablate", figure)
        note(f"{len(runs)} of {total} runs in {log}; drawn in {' and '.join(map(str, paths))}")
    if stopped:
        note("stopped; the same command resumes")
        raise typer.Exit(128 + (stops.number or signal.SIGINT))


def _ablation_rows(runs: Sequence[Run], figure: str) -> Iterator[Sequence[str]]:
    heads = ("window", "hidden", "ppl_char", "ppl_all", "steps", "tokens", "tokens/s", "")
    yield [f"{head:>8}" for head in heads]
    best = min(getattr(run, figure) for run in runs)
    for run in sorted(runs, key=lambda run: (run.seq_len, run.hidden)):
        diverged = math.isinf(run.ppl_all)
        cells = (
            str(run.seq_len),
            str(run.hidden),
            "diverged" if diverged else f"{run.ppl_char:,.1f}" if math.isfinite(run.ppl_char) else "-",
            "" if diverged else f"{run.ppl_all:,.1f}",
            f"{run.steps:,}",
            f"{run.tokens:,}",
            f"{run.tokens_per_second:,.0f}",
        )
        yield [f"{cell:>8}" for cell in cells] + ["best" * (not diverged and getattr(run, figure) == best)]
