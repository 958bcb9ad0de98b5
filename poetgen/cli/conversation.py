"""`poetgen sample` without a title, on a terminal: a conversation with one poet, loaded once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from poetgen.cli.options import complete_dynasty, complete_form
from poetgen.cli.root import note
from poetgen.cli.terminal import DIM, PLAIN, is_terminal, table, wants_colour
from poetgen.cli.verse import heading, verse
from poetgen.errors import PoetgenError, SaveError, UsageError
from poetgen.humanize import nearest, way_out
from poetgen.network.registry import checkpoint_name
from poetgen.writing.request import KINDS, Options

if TYPE_CHECKING:
    from poetgen.writing.sample import Sample
    from poetgen.writing.writer import Writer

_PROMPT: Final = "title> "
_HELP: Final = (
    ("TITLE", "a poem for it"),
    ("/again", "another poem for the same title"),
    ("/form 七律", "from now on in this form; also /dynasty /author /rhyme /about and every other option"),
    ("/form", "without a value: from now on as if it had never been said"),
    ("/options", "what has been said so far"),
    ("/save FILE", "add the last poem to a file"),
    ("/help", "this"),
    ("/quit", "the end, as Ctrl-D is"),
)
#: What completes the values of an option.
_VALUES: Final[dict[str, Callable[[str], list[str]]]] = {"form": complete_form, "dynasty": complete_dynasty}


class Conversation:
    """Answers lines: titles with poems, and commands."""

    def __init__(self, writer: Writer, options: Options) -> None:
        self.writer = writer
        self.options: dict[str, Any] = {name: value for name, value in options.items() if value not in (None, "", [])}
        self.ended = False
        self._title = ""
        self._last: Sample | None = None

    def answer(self, line: str) -> Iterator[str]:
        """What there is to say to a line. Raises PoetgenError where it cannot be done."""
        line = line.strip()
        if not line.startswith("/"):
            if line:
                self._title = line
                yield from self._poem()
            return
        name, _, value = line[1:].partition(" ")
        value = value.strip()
        match name:
            case "again":
                if self._last is None:
                    raise UsageError("/again: there is no poem yet; give a title")
                self.options.pop("seed", None)
                yield from self._poem()
            case "save":
                yield self._save(value)
            case "options":
                yield table([(f"/{name}", _shown(value)) for name, value in self.options.items()] or [("none", "")])
            case "help" | "?":
                yield table(_HELP)
            case "quit" | "exit":
                self.ended = True
            case _:
                yield self._set(name.replace("-", "_"), value)

    def _poem(self) -> Iterator[str]:
        from poetgen.writing.writer import fresh_seed

        seed = self.options.get("seed", fresh_seed())
        job, notes = self.writer.job(self._title, **{**self.options, "seed": seed})
        yield from (f"{text}\n" for text in notes)
        [sample] = self.writer.samples([job])
        self._last = sample
        terminal = is_terminal(sys.stdout)
        yield heading(sample.request.title, sample.request.author, sample.form, terminal) + "".join(
            verse(sample.text, terminal, sample.breaks, has_lines="\n" in sample.text)
        )
        dim, plain = (DIM, PLAIN) if wants_colour(terminal) else ("", "")
        yield f"{dim}{sample.form or 'free'}, seed {seed}{plain}\n"

    def _set(self, name: str, value: str) -> str:
        """Set an option for the poems that come, or take it back."""
        if name not in KINDS:
            commands = [*KINDS, "again", "save", "options", "help", "quit"]
            near = [f"/{near}" for near in nearest(name, commands)]
            raise UsageError(f"/{name}: no such command; {way_out(near, '/help shows them')}")
        before = dict(self.options)
        self.options.pop(name, None)
        if value:
            self.options[name] = _of_kind(name, value)
            try:
                self.writer.job("", **self.options)  # so that what cannot be is said at once
            except PoetgenError:
                self.options = before
                raise
        return f"{name}: {value or 'as usual'}\n"

    def _save(self, name: str) -> str:
        if self._last is None or not name:
            raise UsageError("/save: give a file, once there is a poem" if not name else "/save: there is no poem yet")
        path, sample = Path(name).expanduser(), self._last
        try:
            text = heading(sample.request.title, sample.request.author) + "".join(
                verse(sample.text, breaks=sample.breaks, has_lines="\n" in sample.text)
            )
            filled = path.exists() and path.stat().st_size > 0
            with path.open("a", encoding="utf-8") as file:
                file.write("\n" * filled + text)
        except (OSError, ValueError) as error:
            raise SaveError(f"/save {name}: {getattr(error, 'strerror', None) or error}; give another name") from error
        return f"added to {path}\n" if filled else f"saved in {path}\n"


def converse(writer: Writer, options: Options) -> None:
    """Talk until /quit or Ctrl-D; Ctrl-C leaves the poem that is being written."""
    conversation = Conversation(writer, options)
    _prepare_line_editing()
    note(f"{checkpoint_name(writer.checkpoint.path)} writes. Give a title, or /help; Ctrl-D ends.")
    while not conversation.ended:
        try:
            for text in conversation.answer(input(_PROMPT)):
                print(text, end="", flush=True)
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print("\nstopped; /quit or Ctrl-D ends", file=sys.stderr)
        except PoetgenError as error:
            message = error.message.flags if isinstance(error, UsageError) else str(error)
            print(message.replace("--", "/"), file=sys.stderr)


def _of_kind(name: str, value: str) -> Any:
    """A value as the option wants it; raises UsageError."""
    kind = KINDS[name]
    try:
        return int(value) if kind == "a whole number" else float(value) if kind == "a number" else value
    except ValueError:
        raise UsageError(f"/{name} {value}: give {kind}") from None


def _shown(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def complete_line(line: str, word: str) -> list[str]:
    """What may stand in the place of the last word of a line that is being typed.

    >>> complete_line("/fo", "/fo"), complete_line("/form 七", "七")[:2]
    (['/form'], ['七绝', '七律'])
    """
    command, space, _ = line.lstrip().partition(" ")
    if space:
        return _VALUES[command[1:]](word) if command[1:] in _VALUES and command.startswith("/") else []
    commands = ["again", "save", "options", "help", "quit", *KINDS]
    return [f"/{name}" for name in commands if f"/{name}".startswith(word)] if word.startswith("/") else []


def _prepare_line_editing() -> None:
    """History and completion where Python has readline, which it has not on Windows."""
    try:
        import readline
    except ImportError:
        return

    def complete(word: str, state: int) -> str | None:
        found = complete_line(readline.get_line_buffer()[: readline.get_endidx()], word)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" ")
    # macOS has libedit in the place of GNU readline.
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
