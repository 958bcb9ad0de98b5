"""`poetgen train`."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poetgen.cli.lists import numbers
from poetgen.cli.options import complete_checkpoint
from poetgen.cli.root import PREPARED, Device, app, claim, enough_memory, note, told_once
from poetgen.config import CELLS, PRECISIONS, SAMPLINGS, SampleConfig, TrainConfig
from poetgen.errors import SaveError, UsageError
from poetgen.humanize import how_many
from poetgen.network import distributed
from poetgen.network.records import LOG, EndRecord, EvalRecord
from poetgen.network.registry import CHECKPOINTS, named, summarised
from poetgen.signals import StopRequest

if TYPE_CHECKING:
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.network.tensorboard import Events
    from poetgen.network.trainer import Trainer


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
    device: Device = TrainConfig.device,
    precision: Annotated[
        str, typer.Option(metavar="|".join(PRECISIONS), help="auto takes bf16 where the hardware has it.")
    ] = TrainConfig.precision,
    init: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_checkpoint,
            help="Start from the weights of this checkpoint, by name or folder, and take its shape.",
        ),
    ] = TrainConfig.init,
    init_embeddings: Annotated[
        bool, typer.Option("--init-embeddings", help="Start the embedding from skip-gram vectors of the corpus.")
    ] = TrainConfig.init_embeddings,
    reader: Annotated[
        bool,
        typer.Option("--reader", help="Teach the finished checkpoint in --out to choose among its drafts: minutes."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, with its options unless given anew.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Put a new run in the place of the one in --out.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write the run for TensorBoard, into OUT/tensorboard.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and dropout.")] = TrainConfig.seed,
) -> None:
    """Train a poet on a prepared dataset.

    Ctrl-C, or SIGTERM, saves and stops; --resume goes on from there. A second Ctrl-C quits at once.
    """
    if reader:
        from poetgen.cli.train_reader import teach_reader

        return teach_reader(_folder(out, data), data, device, seed)
    # glibc then backs large blocks with huge pages: on a CPU a training step takes a quarter less time. Read when torch
    # is loaded, and harmless elsewhere.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    world = distributed.join()
    with told_once(world), ExitStack() as claims:
        config, out = world.first(lambda: _settled(context, claims))
        from poetgen.data.dataset import Dataset
        from poetgen.network.trainer import Trainer

        dataset = Dataset.load(data)
        with StopRequest(world.size > 1, _say_stopping) as stops, world, enough_memory(_LESS):
            trainer = Trainer(dataset, config, out, resume, lambda: stops.count > 0, world=world)
            if world.rank == 0:
                reason = _lead(trainer, data, tensorboard)
            else:
                *_, end = trainer.run()
                reason = end.reason if isinstance(end, EndRecord) else ""
    if reason == "interrupted":
        raise typer.Exit(128 + (stops.number or signal.SIGTERM))


def _settled(context: typer.Context, claims: ExitStack) -> tuple[TrainConfig, Path]:
    """The options of a run, and its folder, which is claimed.

    Raises PoetgenError where the options do not go together or with what is there.
    """
    given = context.params
    values = {field.name: given[field.name] for field in fields(TrainConfig)} | {"lr_steps": rates(given["lr_steps"])}
    if given["init"] and not given["resume"]:
        shape = summarised(named(given["init"])).shape
        values |= {name: value for name, value in shape.items() if not _is_given(context, name)}
    config = TrainConfig(**values)
    # Some versions of typer make paths of text only in the call of the command.
    data, out = Path(given["data"]), Path(given["out"]) if given["out"] else None
    resume, overwrite = given["resume"], given["overwrite"]
    if resume and overwrite:
        raise UsageError("--resume and --overwrite: give one of them")
    out = _folder(out, data)
    claims.enter_context(claim(out))
    if not resume and not overwrite and any((out / name).exists() for name in _OF_A_RUN):
        goes_on = "--resume goes on with it, " if (out / "train.state").exists() else ""
        raise UsageError(f"{out} holds a run already: {goes_on}--out DIR trains elsewhere, --overwrite starts anew")
    if given["tensorboard"]:
        from poetgen.network.tensorboard import summary_writer

        summary_writer()  # where the package is missing, say so before anything else is done
    if resume:
        anew = {name: value for name, value in values.items() if _is_given(context, name)}
        from poetgen.network.train_state import saved_options

        config = TrainConfig(**saved_options(out) | anew)
    return config, out


def _folder(out: Path | None, data: Path) -> Path:
    """Where a checkpoint goes: where it was asked for, else by the name of its dataset."""
    return out or CHECKPOINTS / ("poet" if data.name in ("prepared", "") else data.name)


def _lead(trainer: Trainer, data: Path, tensorboard: bool) -> str:
    """Train, and say what there is to say, as one process of a run does for all; returns why the run ended."""
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.network.checkpoint import PICTURES
    from poetgen.network.tensorboard import Events

    out = trainer.out
    with ProgressBar(delay=0.0) as progress:
        note(_opening(trainer, data))
        if len(trainer.dataset.train) < _FEW_POEMS and not trainer.config.init and trainer.dataset.profile.regulated:
            note(f"{len(trainer.dataset.train):,} poems are few to learn from; --init box goes on from the box")
        with Events(trainer, tensorboard) as events:
            reason = _follow(trainer, progress, events)
    if reason == "interrupted" and not trainer.position.step:
        note("stopped before the first step: nothing is saved, and the same command begins again")
    elif reason == "interrupted":
        again = f"poetgen train --resume --data {data} --out {out}{' --tensorboard' if tensorboard else ''}"
        note(f"stopped at step {trainer.position.step:,}, and saved; to go on: {again}")
    else:
        title = "春夜喜雨" if trainer.dataset.profile.regulated else "TITLE"
        if picture := next((out / name for name in PICTURES if (out / name).exists()), None):
            note(f"{picture} shows the run")
        note(f"{out} holds the best model; try it: poetgen sample {title} --checkpoint {_name_of_own(out)}")
    return reason


def _name_of_own(out: Path) -> str:
    """What a run is called from now on: by its name where it has one."""
    return out.name if out.parent == CHECKPOINTS else str(out)


#: Fewer poems teach a network that begins with random numbers next to nothing (docs/training.md).
_FEW_POEMS = 3000
#: What takes less memory.
_LESS = "give --accumulate 2 or more, or a smaller --hidden or --layers"
#: Any of these in a folder says that it holds a run.
_OF_A_RUN = ("model.safetensors", "train.state", LOG)
#: Characters of the few lines that are shown in a language without regulated verse.
_SPECIMEN = 160
#: Seconds between two pictures of a run; drawing one takes one or two.
_PLOT_EVERY = 120.0


def _follow(trainer: Trainer, progress: ProgressBar, events: Events) -> str:
    """Show a run to its end and draw its picture now and then; returns why it ended."""
    from poetgen.cli.training_view import RunView
    from poetgen.plots import training

    def write() -> list[str]:
        lines = _specimen(trainer)
        events.write(lines)
        return lines

    view = RunView(progress, write)
    drawn, reason = time.monotonic(), ""
    for record in trainer.run(lambda done, total: progress.update("skip-gram vectors", done, total), view.step):
        view.show(record)
        events.show(record)
        reason = record.reason if isinstance(record, EndRecord) else ""
        due = isinstance(record, EvalRecord) and time.monotonic() - drawn >= _PLOT_EVERY
        if (due and trainer.folder.begun) or (reason and record.step and trainer.folder.logged):
            try:
                training.draw_run(trainer.out / LOG, trainer.out, trainer.config.clip)
            except SaveError as error:  # a run is worth more than its picture
                progress.say(f"poetgen: {error}")
            drawn = time.monotonic()
    return reason


def _specimen(trainer: Trainer) -> list[str]:
    """A few lines by the model as it stands; draws nothing from the run's own random numbers."""
    from poetgen.writing.request import Request
    from poetgen.writing.sample import Job
    from poetgen.writing.sampler import Sampler

    vocab, training = trainer.dataset.vocab, trainer.model.training
    profile = trainer.dataset.profile
    title = "春夜" if profile.regulated and "春" in vocab and "夜" in vocab else ""
    request = Request(title, form="七绝" if title else "free" if profile.regulated else "auto")
    config = SampleConfig(seed=1) if profile.regulated else SampleConfig(min(_SPECIMEN, profile.usual_length), seed=1)
    sampler = Sampler(trainer.model, vocab, profile=profile)
    try:
        return next(sampler.samples([Job(request, config)])).lines[:4]
    finally:
        trainer.model.train(training)


def _opening(trainer: Trainer, data: Path) -> str:
    config, dataset, precision = trainer.config, trainer.dataset, trainer.precision
    together = f", {trainer.world.size} processes" if trainer.world.size > 1 else ""
    goes_on = f", from step {trainer.position.step:,}" if trainer.position.step else ""
    return (
        f"{config.cell} {config.layers} x {config.hidden}, {trainer.model.parameters_count / 1e6:.1f} million weights, "
        f"{how_many(len(dataset.train), 'poem')} from {data}, {trainer.device}, {precision.name} ({precision.why}), "
        f"into {trainer.out}{together}{goes_on}"
    )


def rates(text: str) -> tuple[float, ...]:
    """The learning rates of --lr-steps; raises UsageError."""
    return tuple(numbers("--lr-steps", text))


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _say_stopping() -> None:
    # print may be under way already, and cannot be entered twice.
    os.write(2, b"\nstopping; once more quits at once\n")
