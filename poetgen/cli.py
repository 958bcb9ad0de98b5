"""The command line: parse, call, print.

stdout carries results only; progress, notes and errors go to stderr. Exit codes: 0 done; 1 a PoetgenError; 2 wrong
usage; 130 Ctrl-C. Heavy modules are imported inside the commands, so that help is instant.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

from poetgen import __version__, parallel
from poetgen.config import (
    CANDIDATES,
    CELLS,
    PRECISIONS,
    SAMPLINGS,
    SCRIPTS,
    PreprocessConfig,
    SampleConfig,
    TrainConfig,
)
from poetgen.errors import CheckpointError, PoetgenError, SaveError, SourceError, UsageError

if TYPE_CHECKING:
    from poetgen.board import Board
    from poetgen.poet import Options, Poet
    from poetgen.sample import Job
    from poetgen.train import Trainer

PREPARED = Path("corpora/prepared")
CHECKPOINTS = Path("checkpoints")

app = typer.Typer(
    help="Write classical Chinese poems with a recurrent network, one character at a time, and train your own.",
    epilog='Example: poetgen sample "春夜喜雨"',
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """The console command ``poetgen``."""
    _speak_chinese()
    try:
        try:
            app(args=args, prog_name="poetgen")
        except PoetgenError as error:
            _fail(error, 2 if isinstance(error, UsageError) else 1)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}", 1)
    except SystemExit as end:
        parallel.end(end.code)
        raise
    sys.exit(0)


def _fail(error: object, code: int) -> NoReturn:
    print(f"poetgen: {' '.join(str(error).split())}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:  # what is left to print cannot be printed, and would be tried again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _speak_chinese() -> None:
    """Write UTF-8 where the locale's encoding has no Chinese; one that has, such as GB18030, is kept."""
    for stream in (sys.stdout, sys.stderr):
        try:
            "春".encode(stream.encoding)
        except (UnicodeEncodeError, LookupError):
            stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"poetgen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


# preprocess ------------------------------------------------------------------------------------------------------


@app.command(epilog="Example: poetgen preprocess corpora/starter.jsonl --min-count 1")
def preprocess(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCES", help="Files, folders, .zip archives or http(s) addresses.  [default: corpora]"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the prepared dataset.")] = PREPARED,
    script: Annotated[
        str, typer.Option(metavar="|".join(SCRIPTS), help="Script to bring every poem to.")
    ] = PreprocessConfig.script,
    min_count: Annotated[
        int,
        typer.Option(help="Leave rarer characters out of the vocabulary; 0: under 5, but none of a small corpus."),
    ] = PreprocessConfig.min_count,
    valid_share: Annotated[
        float, typer.Option(help="Share of the poems to validate with.")
    ] = PreprocessConfig.valid_share,
    limit: Annotated[int, typer.Option(help="Keep at most this many poems; 0 keeps all.")] = PreprocessConfig.limit,
    jobs: Annotated[int, typer.Option(help="Processes that read; 0 takes every core.")] = PreprocessConfig.jobs,
    format: Annotated[
        str,
        typer.Option(metavar="auto|json|jsonl|csv|lines|text", help="Format of the sources; auto tells by content."),
    ] = PreprocessConfig.format,
) -> None:
    """Clean a corpus and make a dataset of it, ready for training.

    Reads the chinese-poetry archive, JSON, JSON Lines, CSV, and text with one poem a line (title:body); UTF-8, UTF-16,
    GB18030 and Big5 are told apart.
    """
    from poetgen import display
    from poetgen.corpus import FORMATS
    from poetgen.preprocess import preprocess as run

    config = PreprocessConfig(
        script=script,  # type: ignore[arg-type]  # it checks that itself
        min_count=min_count,
        valid_share=valid_share,
        limit=limit,
        jobs=jobs,
        format=format,
    )
    if format not in FORMATS:
        raise UsageError(f"--format {format}: choose one of {', '.join(FORMATS)}")
    with display.Progress() as progress:

        def show(stage: str, done: int, total: int) -> None:
            counted = display.megabytes(done, total) if stage in ("reading", "downloading") else f"{total:,} poems"
            progress.update(stage, done, total, counted)

        report = run(sources or ["corpora"], out, config, show)
    print(display.preprocess_table(report, out), end="", flush=True)


# train -----------------------------------------------------------------------------------------------------------


@app.command(epilog="Example: poetgen train --hidden 256 --embed 256 --epochs 1")
def train(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder that poetgen preprocess wrote.")] = PREPARED,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the checkpoint.  [default: checkpoints/poet, or by the name of --data]"),
    ] = None,
    cell: Annotated[str, typer.Option(metavar="|".join(CELLS), help="Kind of recurrent layer.")] = TrainConfig.cell,
    layers: Annotated[int, typer.Option(help="Recurrent layers.")] = TrainConfig.layers,
    hidden: Annotated[int, typer.Option(help="Width of each layer.")] = TrainConfig.hidden,
    embed: Annotated[
        int, typer.Option(help="Width of the embedding; 0 feeds one-hot vectors (with --no-tie).")
    ] = TrainConfig.embed,
    dropout: Annotated[float, typer.Option(help="Share of features switched off in training.")] = TrainConfig.dropout,
    tie: Annotated[
        bool, typer.Option("--tie/--no-tie", help="Share the embedding's weights with the output layer.")
    ] = TrainConfig.tie,
    batch_size: Annotated[int, typer.Option(help="Rows of a batch.")] = TrainConfig.batch_size,
    seq_len: Annotated[int, typer.Option(help="Time steps of a window.")] = TrainConfig.seq_len,
    accumulate: Annotated[
        int, typer.Option(help="Parts in which a batch is computed, one after the other; each takes less memory.")
    ] = TrainConfig.accumulate,
    sampling: Annotated[
        str,
        typer.Option(metavar="|".join(SAMPLINGS), help="Whole poems, or windows of one stream, in order or random."),
    ] = TrainConfig.sampling,
    lr_steps: Annotated[
        str, typer.Option(metavar="RATE,RATE,...", help="Learning rates, one after the other.")
    ] = ",".join(f"{rate:g}" for rate in TrainConfig.lr_steps),
    warmup: Annotated[int, typer.Option(help="Steps in which the learning rate rises.")] = TrainConfig.warmup,
    weight_decay: Annotated[float, typer.Option(help="Weight decay of matrices.")] = TrainConfig.weight_decay,
    clip: Annotated[
        float, typer.Option(help="Greatest gradient norm; 0 leaves gradients as they are.")
    ] = TrainConfig.clip,
    epochs: Annotated[
        float, typer.Option(help="Budget in passes over the data; 0: 10, or no bound with --max-minutes.")
    ] = TrainConfig.epochs,
    max_minutes: Annotated[float, typer.Option(help="Budget in minutes; 0: no bound.")] = TrainConfig.max_minutes,
    patience: Annotated[
        int, typer.Option(help="Evaluations without progress, at the last learning rate, that end the run.")
    ] = TrainConfig.patience,
    eval_every: Annotated[
        int, typer.Option(help="Steps between evaluations; 0: an epoch, from 50 to 1000.")
    ] = TrainConfig.eval_every,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...; auto takes a GPU.")] = TrainConfig.device,
    precision: Annotated[
        str, typer.Option(metavar="|".join(PRECISIONS), help="auto takes bf16 where the hardware has it.")
    ] = TrainConfig.precision,
    init: Annotated[
        str, typer.Option(metavar="DIR", help="Start from the weights of this checkpoint, of the same shape.")
    ] = TrainConfig.init,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, with its options unless given anew.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Throw the run in --out away first.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write the run for TensorBoard, into OUT/tensorboard.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and dropout.")] = TrainConfig.seed,
) -> None:
    """Train a poet on a prepared dataset.

    Ctrl-C, or SIGTERM, saves and stops; --resume goes on from there. A second Ctrl-C quits at once.
    """
    # glibc then backs large blocks with huge pages: on a CPU a training step takes a quarter less time. Read when torch
    # is loaded, and harmless elsewhere.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    world = parallel.join()
    with _told_once(world):
        config, out = world.first(lambda: _settled(context))
        from poetgen.dataset import Dataset
        from poetgen.train import Trainer

        dataset = Dataset.load(data)
        with _Stops(patient=world.size > 1) as stops, world, _memory():
            trainer = Trainer(dataset, config, out, resume, lambda: stops.count > 0, world=world)
            if world.rank == 0:
                if overwrite:  # only now, when nothing stands in the way of the new run
                    _remove_run(out)
                reason = _lead(trainer, data, tensorboard)
            else:
                *_, end = trainer.run()
                reason = end["reason"]
    if reason == "interrupted":
        raise typer.Exit(128 + (stops.last or signal.SIGTERM))


def _settled(context: typer.Context) -> tuple[TrainConfig, Path]:
    """The options of a run, and its folder; raises PoetgenError where they do not go together or with what is there."""
    given = context.params
    values = {field.name: given[field.name] for field in fields(TrainConfig)} | {"lr_steps": _rates(given["lr_steps"])}
    config = TrainConfig(**values)
    data, resume, overwrite = given["data"], given["resume"], given["overwrite"]
    if resume and overwrite:
        raise UsageError("--resume and --overwrite: give one of them")
    out = given["out"] or CHECKPOINTS / ("poet" if data.name in ("prepared", "") else data.name)
    if not resume and not overwrite and any((out / name).exists() for name in _OF_A_RUN):
        raise UsageError(
            f"{out} holds a run already: --resume goes on with it, --out DIR trains elsewhere, --overwrite starts anew"
        )
    if given["tensorboard"]:
        from poetgen import board

        board.writer()  # where the package is missing, say so before anything else is done
    if resume:
        anew = {name: value for name, value in values.items() if _is_given(context, name)}
        config = TrainConfig(**_saved_options(out) | anew)
    return config, out


def _lead(trainer: Trainer, data: Path, tensorboard: bool) -> str:
    """Train, and say what there is to say, as one process of a run does for all; returns why the run ended."""
    from poetgen import board, display

    out = trainer.out
    with display.Progress(delay=0.0) as progress:
        _note(_opening(trainer, data))
        place = out, trainer.progress.step, trainer.progress.seconds
        with board.Board(*place) if tensorboard else nullcontext() as events:
            reason = _follow(trainer, progress, display, events)
    if reason == "interrupted":
        again = f"poetgen train --resume --data {data} --out {out}{' --tensorboard' if tensorboard else ''}"
        _note(f"stopped at step {trainer.progress.step:,}, and saved; to go on: {again}")
    else:
        title = "春夜喜雨" if trainer.dataset.vocab.chinese else "TITLE --form free"
        _note(f"{out} holds the best model; try it: poetgen sample {title} --checkpoint {out}")
    return reason


#: Any of these in a folder says that it holds a run.
_OF_A_RUN = ("model.safetensors", "train.state", "log.jsonl")
#: What a run may leave in its folder.
_RUN_FILES = (
    "model.safetensors",
    "train.state",
    "config.json",
    "vocab.json",
    "log.jsonl",
    "run.png",
    "run.svg",
)
#: Seconds between two pictures of a run; drawing one takes one or two.
_PLOT_EVERY = 120.0


def _follow(trainer: Trainer, progress: Any, display: Any, events: Board | None) -> str:
    """Show a run to its end and draw its picture now and then; returns why it ended."""

    def write() -> list[str]:
        lines = _specimen(trainer)
        if events is not None:
            events.write(lines, trainer.progress.step, trainer.progress.seconds)
        return lines

    view = display.RunView(progress, write)
    drawn, reason = time.monotonic(), ""
    for record in trainer.run():
        view.show(record)
        if events is not None:
            events.show(record)
        reason = record.get("reason", "")
        if reason or (record["kind"] == "eval" and time.monotonic() - drawn >= _PLOT_EVERY):
            try:
                display.plot_run(trainer.out / "log.jsonl", trainer.out, trainer.config.clip)
            except SaveError as error:  # a run is worth more than its picture
                progress.say(f"poetgen: {error}")
            drawn = time.monotonic()
    return reason


def _specimen(trainer: Trainer) -> list[str]:
    """A few lines by the model as it stands; draws nothing from the run's own random numbers."""
    from poetgen.request import Request
    from poetgen.sample import Job, Sampler

    vocab, training = trainer.dataset.vocab, trainer.model.training
    title = "春夜" if "春" in vocab and "夜" in vocab else ""
    request = Request(title, form="七绝" if title else "free")
    sampler = Sampler(trainer.model, vocab)
    try:
        return next(sampler.samples([Job(request, SampleConfig(seed=1))])).lines[:4]
    finally:
        trainer.model.train(training)


def _opening(trainer: Trainer, data: Path) -> str:
    config, dataset, precision = trainer.config, trainer.dataset, trainer.precision
    together = f", {trainer.world.size} processes" if trainer.world.size > 1 else ""
    goes_on = f", from step {trainer.progress.step:,}" if trainer.progress.step else ""
    return (
        f"{config.cell} {config.layers} x {config.hidden}, {trainer.model.parameters_count / 1e6:.1f} million weights, "
        f"{len(dataset.train):,} poems from {data}, {trainer.device}, {precision.name} ({precision.why}), "
        f"into {trainer.out}{together}{goes_on}"
    )


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"--lr-steps {text}: give numbers with commas between them") from None


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _saved_options(out: Path) -> dict[str, Any]:
    """The training options of the run in `out`; raises CheckpointError."""
    from poetgen import checkpoint

    path = out / checkpoint.STATE
    if not path.exists():
        raise CheckpointError(f"{path}: missing, so there is no run to go on with; train without --resume")
    _, metadata = checkpoint.read_tensors(path)
    try:
        saved = dict(json.loads(metadata["run"])["train"])
        # An option that has come since has its default.
        options = {field.name: saved[field.name] for field in fields(TrainConfig) if field.name in saved}
        return options | {"lr_steps": tuple(saved["lr_steps"])}
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not the state of a run ({error}); train again without --resume") from error


def _remove_run(out: Path) -> None:
    """Remove what an earlier run left, but for the vocabulary, which is the new one's already."""
    from poetgen import board

    files = [out / name for name in _RUN_FILES if name != "vocab.json"]
    for path in [*files, *(out / board.FOLDER).glob(board.FILES)]:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SaveError(f"{path}: cannot be removed ({error.strerror})") from error
    with suppress(OSError):  # what else may lie in there is not the run's
        (out / board.FOLDER).rmdir()


@contextmanager
def _memory() -> Iterator[None]:
    """Say in a line what to do where a model or a batch does not fit."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error):
            raise PoetgenError(
                "not enough memory: give --accumulate 2 or more, or a smaller --hidden or --layers"
            ) from error
        raise


@contextmanager
def _told_once(world: parallel.World) -> Iterator[None]:
    """Of the processes of a run, the first that fails says so; the others end because of it, and silently."""
    try:
        yield
    except (PoetgenError, OSError) as error:
        if world.tells():
            raise
        raise typer.Exit(1) from error


class _Stops:
    """Counts Ctrl-C and SIGTERM: the first asks the run to save and stop, the second quits at once.

    A `patient` one does neither speak nor quit: torchrun passes signals on to all processes of a run, and more than
    once, and ends by itself what takes too long.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, patient: bool) -> None:
        self.patient = patient
        self.count = 0
        self.last = 0
        self._before: list[Any] = []

    def __enter__(self) -> _Stops:
        self._before = [signal.signal(number, self._take) for number in self._SIGNALS]
        return self

    def __exit__(self, *error: object) -> None:
        for number, before in zip(self._SIGNALS, self._before, strict=True):
            signal.signal(number, before)

    def _take(self, number: int, frame: object) -> None:
        self.count, self.last = self.count + 1, number
        if self.patient:
            return
        if self.count > 1:
            raise KeyboardInterrupt
        os.write(
            2, b"\nsaving; once more quits at once\n"
        )  # print may be under way already, and cannot be entered twice


# sample ----------------------------------------------------------------------------------------------------------


@app.command(epilog='Example: poetgen sample "春夜喜雨" --form 七律 --seed 7')
def sample(
    titles: Annotated[list[str] | None, typer.Argument(metavar="TITLES", help="Titles to write poems for.")] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Checkpoint folder.  [default: the newest in checkpoints, else the one in the box]"),
    ] = None,
    length: Annotated[
        int, typer.Option(help="Characters of a poem, punctuation counted; a regulated form has its own.")
    ] = SampleConfig.length,
    top_k: Annotated[int, typer.Option(help="Choose among this many likeliest characters.")] = SampleConfig.top_k,
    top_p: Annotated[
        float, typer.Option(help="Choose among the fewest characters that hold this share of the probability.")
    ] = SampleConfig.top_p,
    temperature: Annotated[
        float, typer.Option(help="Lower is safer, higher is wilder; 0 always takes the likeliest.")
    ] = SampleConfig.temperature,
    form: Annotated[
        str,
        typer.Option(help="auto (by length), free, 五绝, 七绝, 五律, 七律, a tune (水调歌头), ...: see --list-forms."),
    ] = "auto",
    rhyme: Annotated[
        str, typer.Option(help="auto (the model chooses), off, or a rhyme: 东, 一东, 第一部, or a character of it.")
    ] = "auto",
    tones: Annotated[str, typer.Option(metavar="strict|off", help="Hold the form's tones, or let them be.")] = "strict",
    acrostic: Annotated[str, typer.Option(help="Characters that open the lines, from the first line on.")] = "",
    lines: Annotated[
        int, typer.Option(help="Lines of 五排 or 七排 (0: 12), 五古 or 七古 (0: as many as the model writes).")
    ] = 0,
    dynasty: Annotated[str, typer.Option(help="Write as in this dynasty: 唐, 宋, ...")] = "",
    author: Annotated[str, typer.Option(help="Write in this poet's manner.")] = "",
    keywords: Annotated[str, typer.Option(help="Words to write about, with commas or spaces between.")] = "",
    num: Annotated[int, typer.Option(help="Poems for each title.")] = 1,
    candidates: Annotated[
        int, typer.Option(help="Drafts of each poem, of which the best is kept; 1 is the fastest.")
    ] = CANDIDATES,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same poem.  [default: drawn, and told]")
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Titles, one a line, or JSON Lines with a title and any of these options; - is stdin."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write here, poem by poem; JSON Lines where the name ends in .jsonl."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the poems in --output, with the titles and options of before.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Throw the poems in --output away first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines.")] = False,
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream", help="Show characters as they are written.  [default: one poem on a terminal]"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, ...; another device may write other poems.")] = "cpu",
    list_forms: Annotated[
        bool, typer.Option("--list-forms", help="Show every form that the checkpoint can hold, and do nothing else.")
    ] = False,
) -> None:
    """Write poems from titles.

    Regulated verse and 词 hold their tones and rhymes. An acrostic gives the first character of each line; where it is
    shorter than the poem, the other lines are free.
    """
    if list_forms:
        _list_forms(checkpoint, as_json)
        return
    # What can be wrong without a model is said before torch is loaded.
    SampleConfig(length, top_k, top_p, temperature, seed or 0, candidates)
    if num < 1:
        raise UsageError(f"--num {num}: give a number of at least 1")
    if stream and (as_json or output):
        raise UsageError("--stream shows characters on the screen: leave out --json and --output")
    if titles and input:
        raise UsageError("TITLES and --input: give one of them")
    if not titles and input is None:
        raise UsageError('no title: give one, as in poetgen sample "春夜喜雨", or a file of them with --input')
    if resume and overwrite:
        raise UsageError("--resume and --overwrite: give one of them")
    as_json = as_json or (output is not None and output.suffix in (".jsonl", ".ndjson"))
    resumable = input is not None and output is not None and as_json
    if resume and not resumable:
        raise UsageError("--resume goes on with a file of titles into JSON Lines: give --input and --output FILE.jsonl")
    from poetgen import batch
    from poetgen.titles import STDIN, given, read_titles, split_keywords

    world = parallel.join()
    with _told_once(world), world:
        if world.size > 1 and (not resumable or input == STDIN):
            raise UsageError("several processes read --input FILE and write --output FILE.jsonl: give both")
        target = batch.Output(output, resume, overwrite) if output else None
        with given(titles or ()) if input is None else read_titles(input) as asked:
            if target:
                world.first(lambda: target.check(resumable))

            from poetgen.poet import fresh_seed, load

            options: Options = {
                "form": form,
                "dynasty": dynasty,
                "author": author,
                "keywords": split_keywords(keywords),
                "length": length,
                "top_k": top_k,
                "top_p": top_p,
                "temperature": temperature,
                "candidates": candidates,
                "rhyme": rhyme,
                "tones": tones,
                "acrostic": acrostic,
                "lines": lines,
                "seed": seed,
            }
            drawn = world.first(fresh_seed)
            poet = load(checkpoint, world.device(device))
            if stream is None:
                stream = sys.stdout.isatty() and asked.size == num == 1 and not as_json and output is None
            if stream:
                done = batch.Batch(poet, asked, options, num, drawn=drawn, say=_note)
                _stream(poet, done.jobs(), sys.stdout)
            else:
                try:
                    done = batch.write(poet, asked, options, num, drawn, world, target, as_json)
                except batch.Stopped as stop:
                    raise typer.Exit(128 + stop.number) from stop
    if seed is None and done.seed is not None and not as_json:
        _note(f"seed {done.seed}")
    if done.left_out and world.rank == 0:
        raise SourceError(done.closing())


def _list_forms(checkpoint: Path | None, as_json: bool) -> None:
    """Show the forms that a checkpoint can hold, tunes with their templates."""
    from poetgen import display
    from poetgen.checkpoint import find
    from poetgen.dataset import FORMS
    from poetgen.prosody import tunes

    learned = tunes.load(find(checkpoint) / FORMS)
    print(tunes.to_json(learned) if as_json else display.forms_table(learned), end="", flush=True)


def _stream(poet: Poet, jobs: Iterable[Job], file: TextIO) -> None:
    from poetgen import display

    terminal = display.is_terminal(file)
    for number, job in enumerate(jobs):
        request = job.request
        planned = poet.plan(job)
        above = display.heading(request.title, request.author, planned.form, terminal)
        print("\n" * (number > 0) + above, end="", file=file)
        breaks = planned.template.breaks if planned.template else ()
        for chars in display.verse(poet.characters(job), terminal, breaks):
            print(chars, end="", file=file, flush=True)


# evaluate --------------------------------------------------------------------------------------------------------


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
            _note(f"{poems}: left out {counts.read - counts.kept:,} of {counts.read:,} poems: {reasons}")
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


# check -----------------------------------------------------------------------------------------------------------


@app.command(epilog="Example: poetgen check corpora/starter.jsonl")
def check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Poems: plain text, or any format that preprocess reads; - is stdin.",
            show_default=False,
        ),
    ],
    form: Annotated[
        str,
        typer.Option(help="auto (by the lines), 五绝, 七绝, 五律, 七律, 五排, 七排, 古体, or a tune such as 水调歌头."),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a poem.")] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Checkpoint folder whose tunes count.  [default: the one that sample takes]"),
    ] = None,
) -> None:
    """Explain the rhyme and the tones of poems, and where they break the rules of their form."""
    from poetgen import display
    from poetgen.check import NAMES, Summary, explained, read_poems, record

    tunes = _Tunes(checkpoint)
    if form not in NAMES and tunes(form) is None:
        raise UsageError(f"--form {form}: choose one of {', '.join(NAMES)}, or a tune that {tunes.folder} knows")
    poems, counts = read_poems(file)
    if counts.dropped:
        reasons = ", ".join(f"{tally.poems:,} {reason}" for reason, tally in counts.dropped.items())
        _note(f"{file}: left out {counts.read - counts.kept:,} of {counts.read:,} poems: {reasons}")
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
        _note(
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
        from poetgen.dataset import FORMS
        from poetgen.prosody import tunes

        if self._known is None:
            if self._given is None:
                from poetgen.checkpoint import find

                self.folder = find()
            if not self.folder.is_dir():
                raise CheckpointError(f"{self.folder}: no such checkpoint folder; give --checkpoint another")
            self._known = tunes.load(self.folder / FORMS)
        learned = self._known.get(tunes.listed(name))
        if learned is None:
            self.missing[name] += 1
            return None
        return learned.template
