"""`poetgen sample`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from poetgen.cli.conversation import converse
from poetgen.cli.options import complete_dynasty, complete_form
from poetgen.cli.root import CheckpointFolder, app, checkpoint_at, note, poems_of_file, sign, told_once
from poetgen.cli.terminal import are_terminals
from poetgen.config import CANDIDATES, MOST_POEMS, SampleConfig, check_number
from poetgen.errors import SourceError, UsageError
from poetgen.files import STDIN, to_json
from poetgen.folders import read_as_one
from poetgen.network import distributed

if TYPE_CHECKING:
    from poetgen.writing.request import Options
    from poetgen.writing.sample import Job
    from poetgen.writing.writer import Writer


@app.command(epilog='Example: poetgen sample "春夜喜雨" --form 七律 --seed 7')
def sample(
    titles: Annotated[list[str] | None, typer.Argument(metavar="TITLES", help="Titles to write poems for.")] = None,
    checkpoint: CheckpointFolder = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="Characters of a poem, punctuation counted; a regulated form has its own.  "
            "[default: 64, or as poems of the corpus have where none is regulated]"
        ),
    ] = None,
    top_k: Annotated[int, typer.Option(help="Choose among this many likeliest characters.")] = SampleConfig.top_k,
    top_p: Annotated[
        float, typer.Option(help="Choose among the fewest characters that hold this share of the probability.")
    ] = SampleConfig.top_p,
    temperature: Annotated[
        float, typer.Option(help="Lower is safer, higher is wilder; 0 always takes the likeliest.")
    ] = SampleConfig.temperature,
    form: Annotated[
        str,
        typer.Option(
            autocompletion=complete_form,
            help="auto (by length), free, 七绝, 五言律诗, a tune (水调歌头, 水调歌头:2), ...: see --list-forms.",
        ),
    ] = "auto",
    rhyme: Annotated[
        str, typer.Option(help="auto (the model chooses), off, or a rhyme: 东, 一东, 第一部, or a character of it.")
    ] = "auto",
    book: Annotated[
        str,
        typer.Option(metavar="BOOK", help="The rhyme book: auto (the form's), 平水韵, 词林正韵, 中华新韵, 中华通韵."),
    ] = "auto",
    tones: Annotated[str, typer.Option(metavar="strict|off", help="Hold the form's tones, or let them be.")] = "strict",
    rhyme_like: Annotated[
        str, typer.Option(metavar="FILE|TEXT", help="A poem on whose rhyme to write (依韵), or a file that holds it.")
    ] = "",
    feet: Annotated[str, typer.Option(help="The characters that the poem rhymes on, in order (步韵): 灰来台杯.")] = "",
    begin: Annotated[str, typer.Option(help="Go on from this: lines of verse, or part of one (续写).")] = "",
    pattern: Annotated[
        str, typer.Option(help="Write what is □ or _ and keep the rest, with marks or spaces between lines (补字).")
    ] = "",
    acrostic: Annotated[
        str,
        typer.Option("--acrostic", "--hidden", help="Characters that open the lines, from the first line on (藏头)."),
    ] = "",
    place: Annotated[
        str, typer.Option(metavar="N|last|diagonal", help="Where in their lines these stand (嵌字, 藏尾).")
    ] = "1",
    lines: Annotated[
        int, typer.Option(help="Lines of 五排 or 七排 (0: 12), 五古 or 七古 (0: as many as the model writes).")
    ] = 0,
    dynasty: Annotated[
        str, typer.Option(autocompletion=complete_dynasty, help="Write as in this dynasty: 唐, 宋, ...")
    ] = "",
    author: Annotated[str, typer.Option(help="Write in this poet's manner.")] = "",
    keywords: Annotated[
        str, typer.Option(help="Words that must stand in the poem, with commas or spaces between.")
    ] = "",
    about: Annotated[str, typer.Option(help="Words to write about; they need not stand in it.")] = "",
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
            metavar="FILE",
            help="Titles, one a line, or JSON or CSV with a title and any of these options; - is stdin.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write here, poem by poem; JSON Lines where the name ends in .jsonl."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the poems in --output, with the titles and options of before.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Put new poems in the place of those in --output.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines.")] = False,
    card: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the poem too, as a picture to send: FILE.png or .svg, FILE-1.png, ..."),
    ] = None,
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream", help="Show characters as they are written.  [default: one poem on a terminal]"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, auto, ...; another device may write other poems.")] = "cpu",
    list_forms: Annotated[
        bool, typer.Option("--list-forms", help="Show every form, or the shapes of the tunes that stand for TITLES.")
    ] = False,
) -> None:
    """Write poems from titles.

    Without a title, on a terminal, it is a conversation: give titles one after the other, and /help.
    Regulated verse and 词 hold their tones and rhymes. Anything may be given beforehand: how the poem begins, words and
    rhymes, a character of each line, or all but a few places. A title may then be left out.

    poetgen sample --begin "空山新雨后，"

    poetgen sample "秋思" --pattern "□□□明月，□□□□□。□□□□□，□□□□家。"

    poetgen sample "和友人" --feet 灰来台杯

    poetgen sample "贺寿" --hidden 福如东海 --place 2

    poetgen sample "中秋" --keywords "明月 故乡" --form 五律
    """
    if list_forms:
        _list_forms(checkpoint, titles or (), as_json)
        return
    # What can be wrong without a model is said before torch is loaded.
    SampleConfig(SampleConfig.length if length is None else length, top_k, top_p, temperature, seed or 0, candidates)
    check_number("num", num, 1, MOST_POEMS)
    if stream and (as_json or output or card):
        raise UsageError("--stream shows characters on the screen: leave out --json, --output and --card")
    if not titles and input is None and (begin or pattern):
        titles = [""]
    if titles and input:
        raise UsageError("TITLES and --input: give one of them")
    talking = not (titles or input or as_json or output or card) and are_terminals()
    if not (titles or input or talking):
        raise UsageError('no title: give one, as in poetgen sample "春夜喜雨", or a file of them with --input')
    if resume and overwrite:
        raise UsageError("--resume and --overwrite: give one of them")
    as_json = as_json or (output is not None and output.suffix in (".jsonl", ".ndjson"))
    resumable = input is not None and output is not None and as_json
    if resume and not resumable:
        raise UsageError("--resume goes on with a file of titles into JSON Lines: give --input and --output FILE.jsonl")
    from poetgen.writing.output import Output
    from poetgen.writing.request import split_keywords
    from poetgen.writing.titles import given, read_titles

    world = distributed.join()
    with told_once(world), world:
        if world.size > 1 and (not resumable or input == STDIN):
            raise UsageError("several processes read --input FILE and write --output FILE.jsonl: give both")
        target = Output(output, resume, overwrite, resumable) if output else None
        with given(titles or ()) if input is None else read_titles(input) as asked:
            if target:
                if input not in (None, STDIN) and target.path.exists() and target.path.samefile(str(input)):
                    raise UsageError(f"--output {output}: is the file of titles; give another name")
                world.first(target.check)

            from poetgen.cli.card import Cards
            from poetgen.cli.write_batch import write_batch
            from poetgen.network.checkpoint import Checkpoint
            from poetgen.network.device import pick_device
            from poetgen.signals import Stopped
            from poetgen.writing.batch import TitleBatch
            from poetgen.writing.writer import Writer, fresh_seed

            options: Options = {
                "form": form,
                "dynasty": dynasty,
                "author": author,
                "keywords": split_keywords(keywords),
                "about": split_keywords(about),
                "length": length,
                "top_k": top_k,
                "top_p": top_p,
                "temperature": temperature,
                "candidates": candidates,
                "rhyme": rhyme,
                "rhyme_like": _poem_of(rhyme_like),
                "tones": tones,
                "book": book,
                "feet": feet,
                "begin": begin,
                "pattern": pattern,
                "acrostic": acrostic,
                "place": place,
                "lines": lines,
                "seed": seed,
            }
            drawn = world.first(fresh_seed)
            writer = Writer(Checkpoint.load(checkpoint_at(checkpoint), pick_device(world.device(device))))
            if talking:
                return converse(writer, options)
            if stream is None:
                stream = sys.stdout.isatty() and asked.size == num == 1 and not (as_json or output or card)
            if stream:
                done = TitleBatch(writer, asked, options, num, drawn=drawn, say=note)
                _stream(writer, done.jobs(), sys.stdout)
            else:
                try:
                    each = Cards(card, asked.size and asked.size * num).draw if card else lambda sample: None
                    done = write_batch(writer, asked, options, num, drawn, world, target, as_json, each)
                except Stopped as stop:
                    raise typer.Exit(128 + stop.number) from stop
    if world.rank == 0 and not as_json:
        sign(writer.checkpoint, done.seed if seed is None else None)
    if done.left_out and world.rank == 0:
        raise SourceError(done.closing())


def _poem_of(text: str) -> str:
    """A poem that is given, or the first one of the file that is; raises SourceError where the file has none."""
    try:
        if not text or not Path(text).is_file():
            return text
    except (OSError, ValueError):  # no name of a file
        return text
    poems = poems_of_file(Path(text))
    if not poems:
        raise SourceError(f"--rhyme-like {text}: no poem in it")
    return poems[0].body


def _list_forms(checkpoint: Path | None, names: Sequence[str], as_json: bool) -> None:
    """Show the forms that there are, or the shapes of some tunes."""
    from poetgen.cli.forms_table import forms_table, shape_records, shapes_text
    from poetgen.data.dataset import TUNES_FILE
    from poetgen.prosody.tune_book import known_tunes, tune_shapes
    from poetgen.prosody.tune_names import asked_form
    from poetgen.prosody.tunes import load_tunes
    from poetgen.writing.planning import no_such_form

    folder = checkpoint_at(checkpoint)
    read = read_as_one(folder, [TUNES_FILE], lambda where: load_tunes(where(TUNES_FILE)))
    learned = {name: tune.template for name, tune in read.items()}
    tunes = {name: tune_shapes(name, learned) for name in map(asked_form, names)} if names else known_tunes(learned)
    for name, shapes in tunes.items():
        if not shapes:
            raise no_such_form(name)
    if as_json:
        for record in shape_records(tunes):
            print(to_json(record))
    elif names:
        print("\n".join(shapes_text(name, shapes) for name, shapes in tunes.items()), end="")
    else:
        print(forms_table(tunes), end="")
    sys.stdout.flush()


def _stream(writer: Writer, jobs: Iterable[Job], file: TextIO) -> None:
    from poetgen.cli.terminal import is_terminal
    from poetgen.cli.verse import heading, verse

    terminal = is_terminal(file)
    for number, job in enumerate(jobs):
        request = job.request
        planned = writer.plan(job)
        above = heading(request.title, request.author, planned.form, terminal)
        print("\n" * (number > 0) + above, end="", file=file)
        breaks = planned.template.breaks if planned.template else ()
        has_lines = writer.vocab.has_lines and planned.template is None
        text = ""
        for chars in verse(writer.characters(job), terminal, breaks, has_lines):
            print(chars, end="", file=file, flush=True)
            text += chars.strip()
        if short := writer.shortfall(job, text):
            note(short)
