"""`poetgen inspect`: what a network has learned, as tables and pictures."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poetgen.cli.root import PREPARED, CheckpointFolder, Device, app, enough_memory, note, poems_in
from poetgen.config import CELLS, SAMPLINGS, TrainConfig
from poetgen.errors import UsageError

if TYPE_CHECKING:
    from poetgen.corpus import Poem
    from poetgen.dataset import Split
    from poetgen.inspect.ablation import Run
    from poetgen.inspect.gates import Follower
    from poetgen.inspect.memory import Outcome, Point
    from poetgen.poet import Poet
    from poetgen.vocab import Vocab

inspect = typer.Typer(
    help="Look at what a network has learned.",
    epilog="Example: poetgen inspect neighbours 春 月 愁",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(inspect, name="inspect")


@inspect.callback()
def _inspect() -> None:
    pass


# neighbours, map -------------------------------------------------------------------------------------------------


@inspect.command(epilog="Example: poetgen inspect neighbours 春 月 酒")
def neighbours(
    characters: Annotated[
        list[str] | None, typer.Argument(metavar="[CHARACTER]...", help="Single characters.", show_default=False)
    ] = None,
    checkpoint: CheckpointFolder = None,
    num: Annotated[int, typer.Option(min=1, help="Neighbours of each.")] = 10,
    analogy: Annotated[
        list[str] | None,
        typer.Option(metavar='"A B C"', help="Ask what is to C as B is to A; may be given more than once."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a question.")] = False,
) -> None:
    """Show which characters the embedding holds to be most alike, by cosine."""
    triples = [_triple(text) for text in analogy or ()]
    if not characters and not triples:
        raise UsageError("give some characters, such as 春 月 酒, or --analogy")
    from poetgen import display
    from poetgen.checkpoint import Checkpoint, find
    from poetgen.inspect.embedding import Embedding

    found = Checkpoint.load(find(checkpoint))
    embedding = Embedding.of(found.model, found.vocab)
    answers = [(char, embedding.nearest(char, num)) for char in characters or ()]
    answers += [(f"{a} : {b} = {c} : ?", embedding.analogy(a, b, c, num)) for a, b, c in triples]
    if as_json:
        for question, nearest in answers:
            near = [{"character": one.char, "cosine": round(one.cosine, 4)} for one in nearest]
            print(json.dumps({"question": question, "nearest": near}, ensure_ascii=False))
    else:
        rows = ([question, *(f"{char} {cosine:.2f}" for char, cosine in nearest)] for question, nearest in answers)
        print(display.table(rows), end="")
    sys.stdout.flush()


def _triple(text: str) -> tuple[str, str, str]:
    """The three characters of an --analogy."""
    match text.split():
        case [a, b, c] if len(a) == len(b) == len(c) == 1:
            return a, b, c
    raise UsageError(f'--analogy "{text}": give three single characters, such as "山 高 水"')


@inspect.command("map", epilog="Example: poetgen inspect map --num 300")
def chart(
    checkpoint: CheckpointFolder = None,
    num: Annotated[int, typer.Option(min=3, help="Characters on the map, the most frequent ones.")] = 500,
    out: Annotated[Path, typer.Option(help="Folder for map.png and map.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the map.")] = 1,
) -> None:
    """Draw a map of the most frequent characters, by how alike the embedding holds them to be (t-SNE).

    Numbers, directions and seasons have colours; a table says how often the nearest of all is of the same group.
    """
    from poetgen import display
    from poetgen.checkpoint import Checkpoint, find
    from poetgen.inspect.embedding import GROUPS, Embedding, groups, place
    from poetgen.plots import chinese_font
    from poetgen.plots.embedding import draw

    chinese_font()  # a lack of it is told before the work is done
    found = Checkpoint.load(find(checkpoint))
    embedding = Embedding.of(found.model, found.vocab)
    shown = embedding.commonest(num, "".join(GROUPS.values()))
    caption = f"checkpoint {found.id}, {len(shown.chars):,} characters"  # no Chinese, which needs another font
    note(f"placing {len(shown.chars):,} characters, which takes some seconds")
    placed = place(shown, seed)
    rows = [
        (group.name, group.members, f"{group.share:>20.0%}", f"{group.chance:>9.2%}") for group in groups(embedding)
    ]
    print(display.table([("group", "members", "nearest in the group", "by chance"), *rows]), end="", flush=True)
    paths = draw(placed, out / "map", caption)
    note(f"drawn in {' and '.join(map(str, paths))}")


# gates -----------------------------------------------------------------------------------------------------------


@inspect.command(epilog="Example: poetgen inspect gates 床前明月光，疑是地上霜。举头望明月，低头思故乡。")
def gates(
    poem: Annotated[
        str, typer.Argument(metavar="POEM", help="The text of a poem, or a file with one.", show_default=False)
    ],
    title: Annotated[str, typer.Option(help="Its title.  [default: the one that the file gives]")] = "",
    checkpoint: CheckpointFolder = None,
    layer: Annotated[int, typer.Option(min=1, help="Layer that is drawn.")] = 1,
    units: Annotated[int, typer.Option(min=1, max=30, help="Units that are drawn.")] = 20,
    out: Annotated[Path, typer.Option(help="Folder for gates.png and gates.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the poems in which units are looked for.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, ...; another device may write other poems.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a unit.")] = False,
) -> None:
    """Draw the gates and states of an LSTM along a poem, and find units that keep track of the form.

    These are found in 200 poems of the same form that the checkpoint writes.
    """
    from poetgen import display
    from poetgen.inspect.gates import LONGEST, POEMS, along, followers, picture, write
    from poetgen.plots import chinese_font
    from poetgen.plots.gates import draw
    from poetgen.poet import load

    poet = load(checkpoint, device)
    own = _one_poem(poem, title, poet.vocab)
    if len(own.body) > LONGEST:
        raise UsageError(f"POEM: {len(own.body):,} characters; give at most {LONGEST}, which a picture has room for")
    layers = poet.checkpoint.model.config.layers
    if layer > layers:
        raise UsageError(f"--layer {layer}: the network has {layers} of them")
    [traced] = along(poet.checkpoint, [own])
    chinese_font()  # the lack of one is told before the work is done
    with display.Progress() as progress:

        def told(what: str) -> Callable[[int, int], None]:
            return lambda done, total: progress.update(what, done, total, f"{done:,} of {total:,} poems")

        written = write(poet.checkpoint, own, seed=seed, progress=told("writing"))
        found = followers(poet.checkpoint, written, seed, told("reading"))
    if as_json:
        for one in found:
            print(json.dumps(asdict(one), ensure_ascii=False))
        sys.stdout.flush()
    else:
        print(display.table(_gates_rows(found)), end="", flush=True)
    paths = draw(picture(own, traced, found, layer, units), out / "gates")
    note(f"found in {POEMS // 2} poems, measured in as many others; drawn in {' and '.join(map(str, paths))}")


def _one_poem(given: str, title: str, vocab: Vocab) -> Poem:
    """The poem in a file, or in the text itself."""
    from poetgen.check import poems_of_text
    from poetgen.corpus import Cleaner
    from poetgen.poet import script_of
    from poetgen.sample import fit
    from poetgen.sequence import form_of
    from poetgen.vocab import is_han

    if given == "-" or os.path.isfile(given):
        poems = poems_in(Path(given), vocab)
    else:
        cleaner = Cleaner(script_of(vocab), min_chars=1, max_chars=10**9)
        cleaned = (
            poem
            for _, poem in cleaner.clean_all(poems_of_text(given))
            if not vocab.chinese or any(map(is_han, poem.body))
        )
        poems = [replace(poem, form=form_of(poem.body, poem.tune)) for poem in cleaned]
    if len(poems) != 1:
        what = f"{len(poems)} poems" if poems else "no poem, and no file of this name"
        raise UsageError(f"POEM {given[:20]}: {what}; give the text of one, or a file with one")
    own, notes = fit(title, vocab)
    for line in notes:
        note(line)
    return replace(poems[0], title=own or poems[0].title)


def _gates_rows(found: Sequence[Follower]) -> Iterator[Sequence[str]]:
    yield ["follows", "layer", "unit", "by its", "correlation", "chance"]
    for one in found:
        yield [
            one.feature,
            f"{one.layer:>5}",
            f"{one.unit:>4}",
            one.state,
            f"{one.correlation:>+11.2f}",
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
            help="A prepared dataset, of which the validation split counts.  [default: corpora/prepared]",
        ),
    ] = None,
    checkpoint: CheckpointFolder = None,
    form: Annotated[str, typer.Option(help="Form of the poems: 五绝, 七绝, 五律 or 七律.")] = "七律",
    num: Annotated[int, typer.Option(min=2, help="Poems to measure, at most.")] = 300,
    out: Annotated[Path, typer.Option(help="Folder for memory.png and memory.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice of poems and of the intervals.")] = 1,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Measure how much of what it has read a checkpoint uses.

    Only the last 1, 2, 4, ... characters before one are its poem's own; those before them are another poem's.
    """
    from poetgen import display
    from poetgen.inspect.memory import costs, curve, trials
    from poetgen.plots.memory import draw
    from poetgen.poet import load
    from poetgen.prosody.forms import SHAPES

    if poems is not None and data is not None:
        raise UsageError("--poems and --data: give one of them")
    if form not in SHAPES:
        raise UsageError(f"--form {form}: choose one of {', '.join(SHAPES)}")
    if poems is None and data is None and not PREPARED.is_dir():
        raise UsageError(f"no poems: {PREPARED} is not there; give --poems FILE, or --data PREPARED")
    poet = load(checkpoint, device)
    found = trials(_human(poet, poems, data or PREPARED), form, num, seed)
    if found.left_out:
        note(f"left out {found.left_out:,} poems that come twice, or whose marks no other has or stand within lines")
    with display.Progress() as progress:
        nats = costs(
            poet.checkpoint.model,
            poet.vocab,
            found,
            lambda done, total: progress.update("reading", done, total, f"{done:,} of {total:,} poems"),
        )
    every, rhyme = (curve(part, found.reaches, seed) for part in (nats, nats[:, :, -1:]))
    if as_json:
        points = {name: list(map(_point, part)) for name, part in (("couplet", every), ("rhyme", rhyme))}
        facts = {"checkpoint": poet.checkpoint.id, "form": form, "poems": len(found.bodies), "seed": seed}
        print(json.dumps(facts | points, ensure_ascii=False), flush=True)
    else:
        print(display.table(_memory_rows(every, rhyme)), end="", flush=True)
    lines, width = SHAPES[form]
    # No Chinese, for which there may be no font.
    caption = f"checkpoint {poet.checkpoint.id}, {len(found.bodies):,} poems of {lines} lines of {width} characters"
    paths = draw({"the last couplet": every, "its last character, which rhymes": rhyme}, caption, out / "memory")
    note(f"{len(found.bodies):,} poems; drawn in {' and '.join(map(str, paths))}")


def _human(poet: Poet, poems: Path | None, data: Path) -> Split:
    """Poems of a file, or else of a dataset's validation split, in the vocabulary of a poet."""
    from poetgen.dataset import Dataset
    from poetgen.evaluate import poems_of, split_of

    if poems is not None:
        return split_of(poems_in(poems, poet.vocab), poet.vocab)
    dataset = Dataset.load(data)
    if poet.checkpoint.config.get("dataset") != dataset.fingerprint:
        note(f"{data} is not what {poet.checkpoint.path} was trained on: its poems may not be new to it")
    return split_of(poems_of(dataset.valid), poet.vocab)


def _point(point: Point) -> dict[str, float]:
    gain = {"gain": point.gain.value, "low": point.gain.low, "high": point.gain.high}
    return {"own": point.reach, "nats": point.nats, "perplexity": point.perplexity} | gain


def _memory_rows(every: Sequence[Point], rhyme: Sequence[Point]) -> Iterator[Sequence[str]]:
    heads = ("own", "nats", "perplexity", "gain", "95 % interval", "of all", "rhyme: nats", "gain", "of all")
    widths = [max(5, len(head)) for head in heads]
    yield [f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)]
    for point, last in zip(every, rhyme, strict=True):
        cells = (
            "all" if point is every[-1] else str(point.reach),
            f"{point.nats:.2f}",
            f"{point.perplexity:,.1f}",
            f"{point.gain.value:.2f}",
            f"{point.gain.low:.2f} {point.gain.high:.2f}",
            _of_all(point, every),
            f"{last.nats:.2f}",
            f"{last.gain.value:.2f}",
            _of_all(last, rhyme),
        )
        yield [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]


def _of_all(point: Point, points: Sequence[Point]) -> str:
    whole = points[-1].gain.value
    return f"{point.gain.value / whole:.0%}" if whole > 0 else "-"


@inspect.command(epilog="Example: poetgen inspect digits --lengths 10,20 --repeats 1")
def digits(
    cells: Annotated[str, typer.Option(metavar="CELL,CELL,...", help="Cells to compare.")] = "rnn,gru,lstm",
    lengths: Annotated[
        str, typer.Option(metavar="N,N,...", help="Lengths of the sequences: two digits, then zeros.")
    ] = "10,20,30,40,50,60",
    hidden: Annotated[int, typer.Option(help="Width of the one layer.")] = 32,
    steps: Annotated[int, typer.Option(min=1, help="Steps of training for each, if it needs them.")] = 1000,
    rate: Annotated[float, typer.Option("--lr", min=1e-9, help="Learning rate.")] = 0.005,
    forget_bias: Annotated[float, typer.Option(help="What the bias of an LSTM's forget gates begins at.")] = 1.0,
    repeats: Annotated[int, typer.Option(min=1, help="Networks of each kind, from seeds in a row.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for digits.png and digits.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first weights.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a network.")] = False,
) -> None:
    """Measure how long a bare cell can hold what it has seen: the sum of two digits, after a gap of zeros."""
    from poetgen import display
    from poetgen.inspect.memory import CHANCE
    from poetgen.inspect.memory import digits as train
    from poetgen.plots.memory import draw_digits

    kinds, sizes = list(dict.fromkeys(_parts(cells))), _numbers("--lengths", lengths)
    if not kinds or not set(kinds) <= set(CELLS):
        raise UsageError(f"--cells {cells}: choose of {', '.join(CELLS)}, with commas between")
    if sizes[0] < 2 or sizes[-1] > _LONGEST:
        raise UsageError(f"--lengths {lengths}: give lengths from 2, for two digits, to {_LONGEST:,}")
    for flag, value in (("--lr", rate), ("--forget-bias", forget_bias)):
        if not abs(value) <= _GREATEST:
            raise UsageError(f"{flag} {value:g}: give a number of at most {_GREATEST:g}")
    outcomes: list[Outcome] = []
    stopped = False
    with display.Progress() as progress, enough_memory("give a smaller --hidden or smaller --lengths"):
        try:
            for outcome in train(
                kinds,
                sizes,
                hidden,
                steps,
                rate,
                forget_bias,
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
        print(display.table(_digits_rows(outcomes)), end="", flush=True)
    caption = f"one layer of width {hidden}, {steps:,} steps at most: {repeats} run{'s' * (repeats > 1)} each"
    if forget_bias != 1 and "lstm" in kinds:
        caption += f"; forget gates begin at {forget_bias:g}"
    paths = draw_digits(outcomes, CHANCE, caption, out / "digits")
    note(f"always saying 9 is right for {CHANCE:.0%}; drawn in {' and '.join(map(str, paths))}")
    if stopped:
        note(f"stopped after {len(outcomes)} of {len(kinds) * len(sizes) * repeats} networks")
        raise typer.Exit(130)


#: The longest sequence of digits, and what neither a learning rate nor a bias is beyond.
_LONGEST, _GREATEST = 10_000, 100.0


def _digits_rows(outcomes: Sequence[Outcome]) -> Iterator[Sequence[str]]:
    """The mean accuracy of each cell at each length, and those of its runs where they differ."""
    cells = list(dict.fromkeys(outcome.cell for outcome in outcomes))
    yield ["length", *cells]
    for length in dict.fromkeys(outcome.length for outcome in outcomes):
        row = [f"{length:>6}"]
        for cell in cells:
            found = [o.accuracy for o in outcomes if (o.cell, o.length) == (cell, length)]
            runs = f" ({', '.join(f'{share:.0%}' for share in found)})" if len(set(found)) > 1 else ""
            row.append(f"{sum(found) / len(found):>4.0%}{runs}")
        yield row


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(flag: str, text: str) -> list[int]:
    """Whole numbers from 1 with commas between them, each once, in order; raises UsageError."""
    try:
        numbers = sorted({int(part) for part in _parts(text)})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise UsageError(f"{flag} {text}: give whole numbers from 1 with commas between them")
    return numbers


# ablate ----------------------------------------------------------------------------------------------------------


@inspect.command(epilog="Example: poetgen inspect ablate --seq-len 16,96 --hidden 128")
def ablate(
    data: Annotated[Path, typer.Option(metavar="PREPARED", help="Folder that poetgen preprocess wrote.")] = PREPARED,
    seq_len: Annotated[str, typer.Option(metavar="N,N,...", help="Windows to try, in time steps.")] = "16,32,64,96",
    hidden: Annotated[str, typer.Option(metavar="N,N,...", help="Widths of the layers to try.")] = "128,256,512",
    minutes: Annotated[float, typer.Option(help="Minutes that each run has.")] = 1.0,
    sampling: Annotated[str, typer.Option(metavar="|".join(SAMPLINGS), help="As in training.")] = TrainConfig.sampling,
    batch_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of a batch: the shorter the window, the more rows.")
    ] = TrainConfig.batch_size * TrainConfig.seq_len,
    out: Annotated[
        Path, typer.Option(help="Folder for ablate.jsonl, from which the same command goes on, and the picture.")
    ] = Path("inspect"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, batches and the order of the runs.")] = 1,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a run.")] = False,
) -> None:
    """Train networks of some windows and widths for equal minutes, and compare their validation perplexity.

    Ctrl-C, or SIGTERM, ends it; the same command goes on where it was.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as in training
    from poetgen import display
    from poetgen.dataset import Dataset
    from poetgen.inspect import ablation
    from poetgen.plots.ablation import draw
    from poetgen.train import finite

    windows, widths = _numbers("--seq-len", seq_len), _numbers("--hidden", hidden)
    grid = ablation.Grid(tuple(windows), tuple(widths), minutes, sampling, batch_tokens, device, seed)
    total = len(windows) * len(widths)
    runs: list[ablation.Run] = []
    stopped = False
    log = out / "ablate.jsonl"
    dataset = Dataset.load(data)
    figure = "ppl_char" if dataset.vocab.chinese else "ppl_all"
    # SIGTERM, too, leaves nothing of a run behind.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with display.Progress() as progress, enough_memory("give smaller --hidden or --batch-tokens"):
        try:
            for run in ablation.ablate(
                dataset, grid, log, lambda done, what: progress.update("training", done, total, what)
            ):
                runs.append(run)
                if as_json:
                    progress.clear()
                    print(json.dumps(finite(asdict(run))), flush=True)
        except KeyboardInterrupt:
            stopped = True
        finally:
            signal.signal(signal.SIGTERM, before)
    if runs:
        if not as_json:
            print(display.table(_ablation_rows(runs, figure)), end="", flush=True)
        each = f"{minutes:g} minute{'s' * (minutes != 1)} each, {batch_tokens:,} tokens a batch, {sampling}"
        paths = draw(runs, f"validation {figure}\n{each}", out / "ablate", figure)
        note(f"{len(runs)} of {total} runs in {log}; drawn in {' and '.join(map(str, paths))}")
    if stopped:
        note("stopped; the same command goes on")
        raise typer.Exit(130)


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
