"""`poetgen models`: the checkpoints that there are, and how one is sent to somebody else."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from poetgen.cli.options import complete_checkpoint
from poetgen.cli.root import App, app, claim, note
from poetgen.cli.terminal import table
from poetgen.errors import UsageError
from poetgen.files import to_json
from poetgen.network.registry import (
    BOX,
    CHECKPOINTS,
    CheckpointSummary,
    checkpoint_name,
    find,
    is_checkpoint,
    named,
    summaries,
    summarised,
)

models = App(
    help="List the checkpoints that there are, and send them to others.",
    epilog="Example: poetgen models list",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(models, name="models")

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", autocompletion=complete_checkpoint, help="A checkpoint, by its name or its folder."),
]


@models.callback()
def _models(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_models()


@models.command("list", epilog="Example: poetgen models list --json")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a checkpoint.")] = False,
) -> None:
    """List the checkpoints that commands take by name, the newest first."""
    found = summaries()
    if as_json:
        for summary in found:
            print(to_json(_record(summary)))
    else:
        rows = [("name", "ppl_char", "poems", "date", "size")]
        print(table([*rows, *map(_row, found)]), end="")
    sys.stdout.flush()
    if not as_json:
        note(f"sample takes {checkpoint_name(find(say=note))}, unless --checkpoint says another")


@models.command(epilog="Example: poetgen models show box")
def show(name: Name) -> None:
    """Describe a checkpoint: its network, what it was trained on, and its figures."""
    summary = summarised(named(name))
    print(table(_described(summary)), end="", flush=True)


@models.command(epilog="Example: poetgen models export box box.zip")
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .zip to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Put it in the place of a file there.")] = False,
) -> None:
    """Pack a checkpoint into a single file, to be sent to others. It has all that writing needs."""
    from poetgen.network.packing import pack

    folder = named(name)
    if file.exists() and not overwrite:
        raise UsageError(f"{file} is there already: give another name, or --overwrite")
    id = pack(folder, _plain_name(folder), file)
    note(f"{checkpoint_name(folder)} ({id}) is packed in {file}, {_megabytes(file.stat().st_size)}")
    note(f"whoever gets it: poetgen models import {file.name}")


@models.command("import", epilog="Example: poetgen models import box.zip --name tang")
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .zip that poetgen models export wrote.")],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it.  [default: the name that it has in the file]")
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Put it in the place of the checkpoint of that name.")
    ] = False,
) -> None:
    """Unpack a checkpoint that was packed by `export` into checkpoints/NAME."""
    from poetgen.network.packing import packed_name, unpack

    if not file.is_file():
        raise UsageError(f"FILE {file}: there is no such file")
    name = name or packed_name(file)
    if Path(name).name != name or name.startswith(".") or name == BOX:
        raise UsageError(f"--name {name}: give a plain name, not a path, and not {BOX}, which comes with the package")
    folder = CHECKPOINTS / name
    if is_checkpoint(folder) and not overwrite:
        raise UsageError(f"{folder} holds a checkpoint already: give --name another, or --overwrite")
    with claim(folder) if folder.is_dir() else nullcontext():
        id = unpack(file, folder)
    note(f"{folder} holds it ({id}); try it: poetgen sample 春夜喜雨 --checkpoint {name}")


def _plain_name(folder: Path) -> str:
    return folder.resolve().name


def _row(summary: CheckpointSummary) -> tuple[str, ...]:
    poems = summary.figures.get("train_poems")
    return (
        summary.name,
        f"{summary.perplexity:,.1f}" if math.isfinite(summary.perplexity) else "",
        f"{poems:,}" if isinstance(poems, int) else "",
        _date(summary),
        _megabytes(summary.size),
    )


def _described(summary: CheckpointSummary) -> Iterator[tuple[str, str]]:
    record = _record(summary)
    yield from ((name, str(record[name])) for name in ("name", "folder", "id"))
    model, figures = summary.config.get("model"), summary.figures
    if isinstance(model, dict):
        yield (
            "network",
            f"{model.get('cell')}, {model.get('layers')} layers of {model.get('hidden')}, "
            f"embedding {model.get('embed')}, {model.get('vocab_size')} tokens",
        )
    yield "trained on", f"{figures.get('train_poems')} poems, dataset {summary.config.get('dataset')}"
    if profile := summary.profile:
        forms = [f"{form or 'no form'} {share:.0%}" for form, share in profile.forms.items() if share >= 0.005]
        yield "forms", ", ".join(forms)
    if math.isfinite(summary.perplexity):
        valid = figures.get("valid_poems")
        yield "ppl_char", f"{summary.perplexity:,.1f} on {valid} poems that it was not trained on"
    yield "date", _date(summary)
    yield "size", _megabytes(summary.size)


def _record(summary: CheckpointSummary) -> dict[str, Any]:
    """A checkpoint as a JSON value."""
    kept = ("ppl_char", "ppl_all", "step", "seconds", "tokens", "train_poems", "valid_poems")
    return {
        "name": summary.name,
        "folder": str(summary.path),
        "id": summary.id,
        "date": _date(summary),
        "bytes": summary.size,
        "model": summary.config.get("model"),
        "dataset": summary.config.get("dataset"),
        "figures": {name: summary.figures.get(name) for name in kept},
    }


def _date(summary: CheckpointSummary) -> str:
    try:
        return time.strftime("%Y-%m-%d", time.localtime(summary.date))
    except (OverflowError, ValueError, OSError):  # a date that no calendar has
        return ""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
