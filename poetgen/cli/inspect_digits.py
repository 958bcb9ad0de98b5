"""`poetgen inspect digits`: how long bare cells can remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poetgen.cli import lists
from poetgen.cli.inspect import inspect, picture_at
from poetgen.cli.root import enough_memory, note
from poetgen.cli.terminal import table
from poetgen.config import CELLS, check_number, check_seed
from poetgen.errors import UsageError
from poetgen.files import to_json

if TYPE_CHECKING:
    from poetgen.inspect.memory import Outcome


@inspect.command(epilog="Example: poetgen inspect digits --lengths 10,20 --repeats 1")
def digits(
    cells: Annotated[str, typer.Option(metavar="CELL,CELL,...", help="Cells to compare.")] = "rnn,gru,lstm",
    lengths: Annotated[
        str, typer.Option(metavar="N,N,...", help="Lengths of the sequences: two digits, then zeros.")
    ] = "10,20,30,40,50,60",
    hidden: Annotated[int, typer.Option(help="Width of the one layer.")] = 32,
    steps: Annotated[int, typer.Option(help="Training steps per network, at most.")] = 1000,
    rate: Annotated[float, typer.Option("--lr", help="Learning rate.")] = 0.005,
    forget_bias: Annotated[
        str,
        typer.Option(metavar="X,X,...", help="Initial bias of the LSTM's forget gates; several are compared."),
    ] = "1,4",
    repeats: Annotated[int, typer.Option(help="Networks per cell and length, with consecutive seeds.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for digits.png and digits.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(help="Seed of the first weights.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object per network.")] = False,
) -> None:
    """Test how long a bare RNN, GRU or LSTM can remember: the sum of two digits, after a gap of zeros."""
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.inspect.memory import CHANCE, by_kind, train_adders
    from poetgen.plots.memory import draw_digits

    kinds, gaps = list(dict.fromkeys(lists.parts(cells))), lists.sizes("--lengths", lengths)
    biases = list(dict.fromkeys(lists.numbers("--forget-bias", forget_bias)))
    if not kinds or not set(kinds) <= set(CELLS):
        raise UsageError(f"--cells {cells}: choose from {', '.join(CELLS)}, with commas between")
    if gaps[0] < 2 or gaps[-1] > _LONGEST:
        raise UsageError(f"--lengths {lengths}: give lengths from 2, for two digits, to {_LONGEST:,}")
    if not biases:
        raise UsageError("--forget-bias: give one number or more")
    for bias in biases:
        check_number("forget_bias", bias, -_GREATEST, _GREATEST)
    check_number("lr", rate, 1e-9, _GREATEST)
    check_number("hidden", hidden, 1, 100_000)
    check_number("steps", steps, 1)
    check_number("repeats", repeats, 1, 100_000)
    check_seed(seed)
    replacing = picture_at(out / "digits")
    outcomes: list[Outcome] = []
    stopped = False
    with ProgressBar() as progress, enough_memory("give a smaller --hidden or smaller --lengths"):
        try:
            for outcome in train_adders(
                kinds,
                gaps,
                hidden,
                steps,
                rate,
                biases,
                range(seed, seed + repeats),
                lambda stage, done, total: progress.update("training", done, total, stage),
            ):
                outcomes.append(outcome)
                if as_json:
                    progress.clear()
                    print(to_json(asdict(outcome)), flush=True)
        except KeyboardInterrupt:
            stopped = True
    if not outcomes:
        raise typer.Exit(130)
    if not as_json:
        print(table(_digits_rows(by_kind(outcomes))), end="", flush=True)
    caption = f"one layer of width {hidden}, {steps:,} steps at most: {repeats} run{'s' * (repeats > 1)} each"
    if "lstm" in kinds and len(biases) == 1 and biases != [1]:
        caption += f"; forget bias {biases[0]:g}"
    paths = draw_digits(by_kind(outcomes), CHANCE, caption, out / "digits")
    note(f"always saying 9 is right for {CHANCE:.0%}; drawn in {' and '.join(map(str, paths))}{replacing}")
    if stopped:
        each = sum(len(biases) if cell == "lstm" else 1 for cell in kinds)
        note(f"stopped after {len(outcomes)} of {each * len(gaps) * repeats} networks")
        raise typer.Exit(130)


#: The longest sequence of digits, and what neither a learning rate nor a bias is beyond.
_LONGEST, _GREATEST = 10_000, 100.0


def _digits_rows(kinds: Mapping[str, Sequence[Outcome]]) -> Iterator[Sequence[str]]:
    """The mean accuracy of each kind of network at each length, and that of each network where they differ."""
    yield ["length", *kinds]
    for length in sorted({outcome.length for runs_of_kind in kinds.values() for outcome in runs_of_kind}):
        row = [f"{length:>6}"]
        for runs_of_kind in kinds.values():
            accuracies = [outcome.accuracy for outcome in runs_of_kind if outcome.length == length]
            runs = f" ({', '.join(f'{share:.0%}' for share in accuracies)})" if len(set(accuracies)) > 1 else ""
            row.append(f"{sum(accuracies) / len(accuracies):>4.0%}{runs}" if accuracies else "   -")
        yield row
