"""`poetgen preprocess`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from poetgen.cli.root import PREPARED, Columns, app, claim, notes_of_files
from poetgen.config import SCRIPTS, PreprocessConfig
from poetgen.errors import UsageError


@app.command("preprocess", epilog="Example: poetgen preprocess corpora/starter.jsonl --min-count 1")
def preprocess_command(
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
    max_chars: Annotated[
        int, typer.Option(help="Drop longer poems; 0: 5,000 characters in Chinese, 20,000 in other languages.")
    ] = PreprocessConfig.max_chars,
    valid_share: Annotated[
        float, typer.Option(help="Share of the poems to validate with.")
    ] = PreprocessConfig.valid_share,
    limit: Annotated[
        int, typer.Option(help="Keep this many poems, drawn from all files; 0 keeps all.")
    ] = PreprocessConfig.limit,
    seed: Annotated[int, typer.Option(help="Seed of the draw of --limit.")] = PreprocessConfig.seed,
    jobs: Annotated[int, typer.Option(help="Processes that read; 0 takes every core.")] = PreprocessConfig.jobs,
    format: Annotated[
        str,
        typer.Option(metavar="auto|json|jsonl|csv|lines|text", help="Format of the sources; auto tells by content."),
    ] = PreprocessConfig.format,
    columns: Columns = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the dataset in --out, though it is of other sources.")
    ] = False,
) -> None:
    """Clean a corpus and make a dataset of it, ready for training.

    Reads the chinese-poetry archive, JSON, JSON Lines, CSV, and text with one poem a line (title:body); UTF-8, UTF-16,
    GB18030 and Big5 are told apart. The same sources may be preprocessed again, with other options too.
    """
    from poetgen.cli.preprocess_table import preprocess_table
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.corpus import FORMATS
    from poetgen.data.preprocess import preprocess
    from poetgen.humanize import megabytes

    config = PreprocessConfig(
        script=script,  # type: ignore[arg-type]  # it checks that itself
        min_count=min_count,
        max_chars=max_chars,
        valid_share=valid_share,
        limit=limit,
        seed=seed,
        jobs=jobs,
        format=format,
        columns=columns,
    )
    if format not in FORMATS:
        raise UsageError(f"--format {format}: choose one of {', '.join(FORMATS)}")
    with claim(out), ProgressBar() as progress:

        def show(stage: str, done: float, total: float) -> None:
            counted = megabytes(int(done), int(total)) if stage in ("reading", "downloading") else f"{total:,.0f} poems"
            following = "; then comparing, encoding, learning tunes" if stage == "reading" else ""
            progress.update(stage, done, total, (counted if total else "") + following)

        report = preprocess(sources or ["corpora"], out, config, show, overwrite=overwrite)
    notes_of_files(report["taken_for"])
    print(preprocess_table(report, out), end="", flush=True)
