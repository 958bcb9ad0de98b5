"""`poetgen evaluate`: the figures of checkpoints and of poems."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Final

import typer

from poetgen.cli.lists import parts
from poetgen.cli.options import complete_checkpoint
from poetgen.cli.root import PREPARED, Columns, Device, app, checkpoint_at, note, poems_in
from poetgen.cli.terminal import table
from poetgen.config import EvaluateConfig
from poetgen.errors import DatasetError, UsageError
from poetgen.files import to_json
from poetgen.humanize import way_out
from poetgen.judging.definitions import DEFINITIONS

if TYPE_CHECKING:
    from poetgen.data.dataset import Dataset
    from poetgen.judging.bootstrap import Estimate
    from poetgen.judging.evaluation import Row
    from poetgen.network.checkpoint import Checkpoint
    from poetgen.poet import Poet


@app.command(epilog="Example: poetgen evaluate --poems corpora/starter.jsonl")
def evaluate(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_checkpoint,
            help="A checkpoint by name or folder; several stand side by side.  [default: that of sample]",
        ),
    ] = None,
    poems: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Poems to judge, from any source, in any format that preprocess reads."),
    ] = None,
    human: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Human poems to compare with, unseen in training.  [default: the validation split]"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PREPARED",
            help="Prepared dataset: its validation split is human, its training split what novelty and the n-gram "
            "model go by.  [default: corpora/prepared, where it is there]",
        ),
    ] = None,
    num: Annotated[
        int | None,
        typer.Option(help="Poems that each checkpoint writes in each form.  [default: 1000; 0 with --poems]"),
    ] = None,
    forms: Annotated[str, typer.Option(help="Regulated forms to judge, with commas between.")] = ",".join(
        EvaluateConfig.forms
    ),
    held_to: Annotated[
        str,
        typer.Option("--as", metavar="FORM", help="Hold every poem of --poems against this form, and judge no other."),
    ] = EvaluateConfig.held_to,
    top_k: Annotated[int, typer.Option(help="As in sample, for what checkpoints write.")] = EvaluateConfig.top_k,
    temperature: Annotated[float, typer.Option(help="As in sample.")] = EvaluateConfig.temperature,
    candidates: Annotated[
        int, typer.Option(help="Drafts of each poem that a checkpoint writes.")
    ] = EvaluateConfig.candidates,
    rules: Annotated[
        bool, typer.Option("--rules/--no-rules", help="Hold what checkpoints write to its form, tones and rhymes.")
    ] = EvaluateConfig.rules,
    critic: Annotated[
        bool, typer.Option("--critic/--no-critic", help="Train judges to tell the poems from human ones.")
    ] = EvaluateConfig.critic,
    seed: Annotated[int, typer.Option(help="Seed of titles, poems, judges and intervals.")] = EvaluateConfig.seed,
    columns: Columns = "",
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Measure checkpoints, or poems from any source.

    Checkpoints write poems for held-out titles, and human poems stand beside them. Every figure has its interval.
    """
    if poems is not None and poems == human:
        raise UsageError(f"--poems and --human: both are {poems}; give poems to judge, and others to compare with")
    if held_to and poems is None:
        raise UsageError(f"--as {held_to}: it goes with --poems")
    written = (0 if poems else EvaluateConfig.num) if num is None else num
    chosen = _forms("--as", held_to) if held_to else _forms("--forms", forms)
    config = EvaluateConfig(written, chosen, top_k, temperature, candidates, rules, held_to.strip(), critic, seed)
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.data.dataset import poems_of
    from poetgen.judging.report import Report
    from poetgen.poet import load

    poets = _named([load(checkpoint_at(path), device) for path in (checkpoint or (None,))])
    scripts = {name: poet.vocab.script for name, poet in poets.items()}
    if {"simplified", "traditional"} <= set(scripts.values()):
        which = ", ".join(f"{name} {script}" for name, script in scripts.items())
        raise UsageError(f"--checkpoint: of different scripts ({which}); evaluate those of one script at a time")
    checkpoints = {name: poet.checkpoint for name, poet in poets.items()}
    dataset = _dataset(data, checkpoints)
    if not (poems or human or dataset):
        raise UsageError(
            f"no poems: {PREPARED} is not there, or not what the checkpoint was trained on; "
            "give --poems FILE to judge, --human FILE to compare with, or --data PREPARED"
        )
    vocab = next(iter(poets.values())).vocab
    judged = poems_in(poems, vocab, columns) if poems else []
    beside = poems_in(human, vocab, columns) if human else poems_of(dataset.valid) if dataset else []
    if not (judged or beside):
        raise DatasetError(
            f"{data or PREPARED}: its validation split is empty; preprocess with a greater --valid-share"
        )
    if dataset and dataset.vocab.script != vocab.script:
        note(f"{data or PREPARED} is in another script than {next(iter(poets))}: novelty and the n-gram tell nothing")
    for name in _strangers(dataset, checkpoints) if dataset else ():
        note(f"{data} is not what {name} was trained on: poems held out there may not be new to it")
    with ProgressBar() as progress:
        report = Report(
            checkpoints,
            config,
            beside,
            judged,
            f"file {poems}",
            f"file {human}" if human or not dataset else f"{dataset.folder}, its validation split",
            dataset,
            progress.update,
        )
        if as_json:
            rows = list(report.rows())
        else:
            for part in evaluation_text(report.tables(), report.sources(), report.lines):
                progress.clear()
                print(part, end="", flush=True)
    for line in report.notes:
        note(line)
    if as_json:
        print(to_json(report.record(rows)), flush=True)


def _forms(flag: str, text: str) -> tuple[str, ...]:
    from poetgen.prosody.forms import SHAPES
    from poetgen.prosody.tune_names import asked_form, near_names

    forms = tuple(dict.fromkeys(map(asked_form, parts(text))))
    for form in forms:
        if form not in SHAPES:
            near = [name for name in near_names(form, [*SHAPES]) if name in SHAPES]
            raise UsageError(f"{flag} {form}: {way_out(near, 'choose of ' + ', '.join(SHAPES))}")
    return forms


def _dataset(given: Path | None, checkpoints: Mapping[str, Checkpoint]) -> Dataset | None:
    """The dataset that is given, else the one at PREPARED, where a checkpoint was trained on it."""
    from poetgen.data.dataset import Dataset

    if given is None and not (PREPARED / "dataset.json").exists():
        return None
    dataset = Dataset.load(given or PREPARED)
    return dataset if given or not _strangers(dataset, checkpoints) else None


def _strangers(dataset: Dataset, checkpoints: Mapping[str, Checkpoint]) -> list[str]:
    """The checkpoints that were trained on another dataset."""
    return [name for name, checkpoint in checkpoints.items() if checkpoint.config.get("dataset") != dataset.fingerprint]


def _named(poets: Sequence[Poet]) -> dict[str, Poet]:
    """Checkpoints by the names of their columns: those of their folders, or the whole paths where two are alike."""
    from poetgen.judging.evaluation import HUMAN, NGRAM

    names = [poet.checkpoint.path.resolve().name for poet in poets]
    if len({poet.checkpoint.path.resolve() for poet in poets}) < len(poets):
        raise UsageError("--checkpoint: give each folder once")
    if len(set(names)) < len(names):
        names = [str(poet.checkpoint.path) for poet in poets]
    names = [f"{name}/" if name in (HUMAN, NGRAM) else name for name in names]
    return dict(zip(names, poets, strict=True))


# What is printed -----------------------------------------------------------------------------------------------------

#: How figures are written: shares in percent, the rest with so many decimals.
_IN_PERCENT: Final = {"form", "rhyme", "meter", "novelty", "repeats"}
_DECIMALS: Final = {
    **dict.fromkeys(("characters", "unknown", "copied, median", "copied, 99 %"), 0),
    **dict.fromkeys(("ppl_char", "ppl_all"), 1),
    **dict.fromkeys(("relevance", "relevance, of another", "coherence", "critic", "n-gram judge"), 2),
}


def evaluation_text(
    tables: Iterable[Sequence[Row]], sources: Mapping[str, str], machine_like: Mapping[tuple[str, str], Sequence[str]]
) -> Iterator[str]:
    """An evaluation, as it goes on: what its columns are, a table for each scope, and what its figures mean.

    `tables` are the rows of each scope. `machine_like` has, by column and form, the lines that a critic found the most
    so, once all are known.
    """
    yield table(sources.items())
    measured: set[str] = set()
    for rows in tables:
        cells = {(row.figure, row.column): row.estimate for row in rows}
        names = [name for name in sources if any(column == name for _, column in cells)]
        shown = [figure for figure in DEFINITIONS if any(named == figure for named, _ in cells)]
        # Judges and jackknives count poems in their own way; what comes first counts them as they are.
        counts = [next(cells[figure, name].poems for figure in shown if (figure, name) in cells) for name in names]
        heads = [(rows[0].scope, *names), ("poems", *(f"{count:,}" for count in counts))]
        body = [(figure, *(_cell(figure, cells.get((figure, name))) for name in names)) for figure in shown]
        measured.update(shown)
        yield "\n" + table([*heads, *body])
    for (column, form), lines in machine_like.items():
        yield f"\nmost machine-like in {form} by {column}: {' '.join(lines)}\n"
    meanings = [
        (name if not number else "", line)
        for name, meaning in DEFINITIONS.items()
        if name in measured
        for number, line in enumerate(wrap(meaning, 80))
    ]
    how = "95 % interval, by resampling the poems; of distinct-1 and distinct-2 by jackknife"
    yield "\n" + table([*meanings, ("( – )", how)])


def _cell(figure: str, estimate: Estimate | None) -> str:
    """A figure, with its interval where it has one.

    >>> from poetgen.judging.bootstrap import Estimate
    >>> _cell("rhyme", Estimate(0.5, 0.45, 0.55, 100)), _cell("characters", Estimate(1200, math.nan, math.nan, 100))
    ('50.0 % (45.0–55.0)', '1,200')
    """
    if estimate is None or not math.isfinite(estimate.value):
        return "-"
    scale, unit = (100, " %") if figure in _IN_PERCENT else (1, "")
    digits = 1 if unit else _DECIMALS.get(figure, 3)
    value, low, high = (f"{scale * number:,.{digits}f}" for number in estimate[:3])
    return f"{value}{unit} ({low}–{high})" if math.isfinite(estimate.low + estimate.high) else f"{value}{unit}"
