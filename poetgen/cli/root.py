"""What all commands share: the app, how it starts and fails, and where things lie unless said otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar

import typer

from poetgen import __version__
from poetgen.cli.options import GroupedCommand, complete_checkpoint
from poetgen.cli.terminal import is_quiet, quieted, shown_escaped
from poetgen.errors import PoetgenError, UsageError
from poetgen.folders import claimed
from poetgen.humanize import shortened
from poetgen.language import ENGLISH, Phrase, translated
from poetgen.network import distributed
from poetgen.network.registry import checkpoint_name, find

if TYPE_CHECKING:
    from poetgen.corpus import Counts, Poem, Script
    from poetgen.data.vocab import Vocab
    from poetgen.network.checkpoint import Checkpoint

PREPARED = Path("corpora/prepared")

#: What many commands take.
PoemFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="Poems: a file of plain text, or of any format that preprocess reads; - is stdin. Or a poem itself.",
        show_default=False,
    ),
]
CheckpointFolder = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="NAME",
        autocompletion=complete_checkpoint,
        help="A checkpoint by its name (see poetgen models) or folder.  [default: the newest, else the box]",
    ),
]
Columns = Annotated[
    str,
    typer.Option(
        metavar="ROLE=COLUMN,...",
        help="Which columns of tables, or fields of records, hold what, by name or by number from 1: "
        "title=1,author=poet,dynasty=…,tune=…,body=verse.  [default: told by their names, else by what they hold]",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, ...; auto takes a GPU.")]


_Function = TypeVar("_Function", bound=Callable[..., Any])


class App(typer.Typer):
    """An app, or a group of commands, whose commands have their options in groups."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[_Function], _Function]:
        settings.setdefault("cls", GroupedCommand)
        return super().command(name, **settings)


app = App(
    help="Write classical Chinese poems with a recurrent network, one character at a time, and train your own.",
    epilog='Example: poetgen sample "春夜喜雨"',
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """The console command ``poetgen``."""
    given = list(sys.argv[1:] if args is None else args)
    with shown_escaped(), quieted(_asks_for_quiet(given)):
        try:
            try:
                app(args=given, prog_name="poetgen")
            except UsageError as error:
                _fail(error.message.flags, 2)
            except PoetgenError as error:
                _fail(error, 1)
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                _fail(f"{where}{error.strerror or error}", 1)
        except SystemExit as end:
            distributed.end(end.code)
            raise
        sys.exit(0)


def _asks_for_quiet(args: list[str]) -> bool:
    """Whether -q stands anywhere among some arguments, or in the environment; it is taken out of them."""
    options = args[: args.index("--")] if "--" in args else args
    asked = [place for place, arg in enumerate(options) if arg in ("-q", "--quiet")]
    for place in reversed(asked):
        del args[place]
    return bool(asked or os.environ.get("POETGEN_QUIET"))


def _fail(error: object, code: int) -> NoReturn:
    print(f"poetgen: {shortened(' '.join(str(error).split()))}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:  # what is left to print cannot be printed, and would be tried again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def note(text: str, language: str = ENGLISH) -> None:
    if not is_quiet():
        print(shortened(translated(text, language)), file=sys.stderr, flush=True)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Errors in one of LANGUAGES, as far as they are phrases."""
    try:
        yield
    except UsageError as error:
        parts = (translated(part, language) if isinstance(part, str) else part for part in error.parts)
        raise UsageError(*parts) from error
    except PoetgenError as error:
        error.args = (translated(error.args[0], language),)
        raise


def _version(wanted: bool) -> None:
    if wanted:
        print(f"poetgen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Say nothing but errors; goes with every command, anywhere.")
    ] = False,
) -> None:
    pass


@contextmanager
def told_once(world: distributed.World) -> Iterator[None]:
    """Of the processes of a run, the first that fails says so; the others end because of it, and silently."""
    try:
        yield
    except (PoetgenError, OSError) as error:
        if world.tells():
            raise
        raise typer.Exit(1) from error


@contextmanager
def claim(out: Path) -> Iterator[None]:
    """Have a folder for this command alone; it is said where nothing keeps others out. Raises SaveError."""
    with claimed(out) as sure:
        if not sure:
            note(f"{out}: this file system has no locks; start nothing else that writes there")
        yield


def checkpoint_at(given: Path | None) -> Path:
    """The folder of the checkpoint that is given by name or path, else of the one to take; says what is passed over."""
    return find(given, say=note)


def sign(checkpoint: Checkpoint, seed: int | None) -> None:
    """Say which checkpoint has written, and with which seed if that was drawn and nobody knows it yet."""
    drawn = f", seed {seed}" if seed is not None else ""
    note(f"by {checkpoint_name(checkpoint.path)} ({checkpoint.id}){drawn}")


@contextmanager
def enough_memory(way_out: str) -> Iterator[None]:
    """Say in a line what to do where a model or a batch does not fit."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error):
            raise PoetgenError(f"not enough memory: {way_out}") from error
        raise


#: Notes on what files were taken for that are shown one by one.
_NOTES_SHOWN: Final = 10


def notes_of_files(notes: Sequence[str], language: str = ENGLISH) -> None:
    """Say what files were taken for; of many the first ones."""
    for text in notes[:_NOTES_SHOWN]:
        note(text, language)
    if len(notes) > _NOTES_SHOWN:
        note(Phrase("and {count:,} more files like these", count=len(notes) - _NOTES_SHOWN), language)


def poems_in(path: Path, vocab: Vocab, columns: str = "") -> list[Poem]:
    """The poems of a file as a checkpoint with this vocabulary reads them; what cleaning leaves out is told."""
    return poems_of_file(path, columns, vocab.script, passages=not vocab.chinese)


def poems_of_file(
    path: Path, columns: str = "", script: Script = "keep", passages: bool = False, language: str = ENGLISH
) -> list[Poem]:
    """The poems of a file, or the one in its place; what it was taken for, and what cleaning leaves out, is told."""
    from poetgen.corpus import ColumnChoice
    from poetgen.corpus.poems import read_poems

    notes: list[str] = []
    poems, counts = read_poems(path, script, passages, ColumnChoice.parse(columns), notes.append)
    notes_of_files(notes, language)
    left_out(path, counts, language)
    return poems


def left_out(path: Path, counts: Counts, language: str = ENGLISH) -> None:
    """Say what of a file is left out, and why, in the words of preprocess."""
    if dropped := counts.reasons():
        left = Phrase(
            "{file}: left out {count:,} of {read:,} poems: {reasons}",
            file=path,
            count=counts.read - counts.kept,
            read=counts.read,
            reasons=dropped,
        )
        note(left, language)
    if passed_over := counts.kinds_passed_over():
        note(Phrase("{file}: passed over {kinds}", file=path, kinds=passed_over), language)
