"""`poetgen couplet`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from poetgen.cli.root import CheckpointFolder, app, checkpoint_at, note, sign
from poetgen.errors import Option, SourceError, UsageError
from poetgen.files import atomic, to_json

if TYPE_CHECKING:
    from poetgen.writing.couplet import Couplet, CoupletOptions, CoupletRequest
    from poetgen.writing.couplet_lines import AskedLine
    from poetgen.writing.couplet_writer import CoupletWriter


@app.command(epilog='Example: poetgen couplet "海阔凭鱼跃" --num 3 --banner')
def couplet(
    lines: Annotated[
        list[str] | None, typer.Argument(metavar="LINES", help="Lines to answer, one couplet each.")
    ] = None,
    checkpoint: CheckpointFolder = None,
    reverse: Annotated[
        bool, typer.Option("--reverse", help="LINES are second lines (下联); find the first ones (上联).")
    ] = False,
    banner: Annotated[bool, typer.Option("--banner", help="Add four characters to hang above (横批).")] = False,
    num: Annotated[int, typer.Option(help="Answers to each line, the best first.")] = 1,
    tones: Annotated[
        str, typer.Option(metavar="strict|off", help="Set the tones of both lines against each other, or let them be.")
    ] = "strict",
    temperature: Annotated[float, typer.Option(help="Lower is safer, higher is wilder.")] = 1.0,
    candidates: Annotated[int, typer.Option(help="Drafts of each answer, of which the best are kept.")] = 64,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same couplet.  [default: drawn, and told]")
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Lines to answer, one a line, or JSON Lines with any option; - is stdin."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write here; JSON Lines where the name ends in .jsonl.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, ...; another device may give other answers.")] = "cpu",
) -> None:
    """Answer the first line of a couplet with a second (对联), or the other way round."""
    if bool(lines) == (input is not None):
        none = 'no line: give one, as in poetgen couplet "海阔凭鱼跃", or a file of them with --input'
        raise UsageError("LINES and --input: give one of them" if lines else none)
    as_json = as_json or (output is not None and output.suffix in (".jsonl", ".ndjson"))
    if output is not None and output.exists() and output.is_file() and output.stat().st_size:
        raise UsageError(f"--output {output}: there is something in it already; give another name, or delete it")
    from poetgen.network.checkpoint import Checkpoint
    from poetgen.network.device import pick_device
    from poetgen.writing.couplet import MOST_ANSWERS, line_of
    from poetgen.writing.couplet_lines import AskedLine, name_of_input, read_couplet_lines
    from poetgen.writing.couplet_writer import CoupletWriter
    from poetgen.writing.writer import fresh_seed

    if not 1 <= num <= MOST_ANSWERS:
        raise UsageError(Option("num", num), f": give a number from 1 to {MOST_ANSWERS:,}")
    for line in lines or ():  # before the model is loaded
        line_of(line)
    asked = read_couplet_lines(input) if input else (AskedLine(0, line) for line in lines or ())
    drawn = fresh_seed() if seed is None else seed
    options: CoupletOptions = {
        "reverse": reverse,
        "banner": banner,
        "tones": tones,
        "temperature": temperature,
        "candidates": candidates,
        "seed": drawn,
    }
    writer = CoupletWriter(Checkpoint.load(checkpoint_at(checkpoint), pick_device(device)))
    batch = _Batch(writer, options, name_of_input(input) if input else "")
    requests = batch.requests(asked)
    if not input:
        requests = iter(list(requests))  # what is wrong with one line is said before any is answered
    with ExitStack() as stack:
        file = stack.enter_context(atomic(output)) if output else None
        for count, (number, request) in enumerate(requests):
            answers = batch.answers(number, request, num)
            _put(file, [_text(answer, number, as_json, count + at) for at, answer in enumerate(answers)])
    if not as_json:
        sign(writer.checkpoint, drawn if seed is None else None)
    if batch.left_out:
        raise SourceError(batch.closing())


class _Batch:
    """Lines on their way to couplets; a line of the file `name` that is of no use is told, and left out."""

    def __init__(self, writer: CoupletWriter, options: CoupletOptions, name: str) -> None:
        self.writer, self.options, self.name = writer, options, name
        self.asked, self.left_out = 0, 0
        self._ignored: set[str] = set()

    def requests(self, asked: Iterator[AskedLine]) -> Iterator[tuple[int, CoupletRequest]]:
        """What is to be answered, with the numbers of the lines. Raises UsageError where there is no file."""
        for line in asked:
            self.asked += 1
            if line.error:
                self._leave_out(line.number, line.error)
                continue
            for field in set(line.ignored) - self._ignored:
                self._ignored.add(field)
                note(f"{self.name}:{line.number}: passed over the field {field}, here and further on")
            try:
                yield line.number, self.writer.request(line.text, **{**self.options, **line.options})
            except UsageError as error:
                if not self.name:
                    raise
                self._leave_out(line.number, str(error))

    def answers(self, number: int, request: CoupletRequest, num: int) -> list[Couplet]:
        """The answers to a line; says where they are fewer than were asked for."""
        where = f"{self.name}:{number}: " if self.name else ""
        try:
            answers = self.writer.answers(request, num)
        except UsageError as error:
            if not self.name:
                raise
            self._leave_out(number, str(error))
            return []
        if len(answers) < num:
            note(f"{where}{len(answers)} of {num} answers: the drafts hold no more; add --candidates")
        return answers

    def _leave_out(self, number: int, reason: str) -> None:
        self.left_out += 1
        note(f"{self.name}:{number}: {reason}; left out")

    def closing(self) -> str:
        """What there is to say about lines that were left out, in one line."""
        were = "was" if self.left_out == 1 else "were"
        return f"{self.name}: {self.left_out:,} of {self.asked:,} lines {were} left out"


def _text(answer: Couplet, line: int, as_json: bool, before: int) -> str:
    """A couplet as it is written, with what parts it from those before."""
    if as_json:
        return to_json(({"line": line} if line else {}) | answer.record()) + "\n"
    return "\n" * (before > 0) + f"{answer}\n"


def _put(file: IO[bytes] | None, texts: list[str]) -> None:
    for text in texts:
        if file:
            file.write(text.encode())
        else:
            print(text, end="", flush=True)
