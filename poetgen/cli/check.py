"""`poetgen check`."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from poetgen.cli.options import complete_checkpoint, complete_form
from poetgen.cli.root import Columns, PoemFile, app, note, poems_of_file, speaking
from poetgen.cli.terminal import is_terminal
from poetgen.errors import UsageError
from poetgen.files import to_json
from poetgen.folders import read_as_one
from poetgen.language import Phrase, language_of_locale, translated
from poetgen.network.registry import CHECKPOINTS, find

if TYPE_CHECKING:
    from poetgen.corpus import Poem
    from poetgen.prosody.explanation import Explanation
    from poetgen.prosody.readings import Reader
    from poetgen.prosody.schools import School


@app.command(epilog="Example: poetgen check 床前明月光，疑是地上霜。举头望明月，低头思故乡。")
def check(
    file: PoemFile,
    form: Annotated[
        str,
        typer.Option(
            autocompletion=complete_form,
            help="auto (by the lines), 五绝, 七绝, 五律, 七律, 五排, 七排, 古体, 对联, or a tune such as 水调歌头.",
        ),
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a poem.")] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_checkpoint,
            help="A checkpoint, by name or folder, whose tunes count.  [default: that of sample]",
        ),
    ] = None,
    columns: Columns = "",
    strict: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="What is a fault here: 拗救, 孤平, 三仄尾, 邻韵, 撞韵, 重字, 对仗, or all.",
        ),
    ] = "",
    allow: Annotated[
        str,
        typer.Option(
            metavar="NAME,...", help="What is forgiven: 孤平, 三平尾, 失粘, 失对, 重韵, 对仗, 合掌, 同字, or all."
        ),
    ] = "",
    book: Annotated[
        Literal["auto", "平水韵", "词林正韵", "中华新韵", "中华通韵"],
        typer.Option(help="The rhyme book; auto: 词林正韵 for 词, 平水韵 for other verse."),
    ] = "auto",
    readings: Annotated[
        Literal["usual", "any"], typer.Option(help="Which readings of a character count: those in use, or any.")
    ] = "usual",
    show: Annotated[
        Literal["tones", "readings", "table"],
        typer.Option(
            help="Below each character its tone, or its tone, rhyme and pinyin; or a table in Markdown to hand out."
        ),
    ] = "tones",
    lang: Annotated[
        Literal["auto", "en", "zh"], typer.Option(help="Speak English or Chinese; auto goes by the locale.")
    ] = "auto",
) -> None:
    """Explain the rhyme and the tones of poems, and where they break the rules of their form."""
    language = language_of_locale() if lang == "auto" else lang
    with speaking(language):
        from poetgen.prosody.readings import Reader
        from poetgen.prosody.schools import School

        reader = Reader("" if book == "auto" else book, usual=readings == "usual")
        if as_json and show == "table":
            raise UsageError(Phrase("--show table: is for people; with --json give --show readings, or none"))
        style = _Style("json" if as_json else show, language, show == "readings")
        _check(file, form, _Tunes(checkpoint), columns, School.parse(strict, allow), reader, style)


@dataclass(frozen=True)
class _Style:
    """How poems are shown: as tones, readings, table or json, in which language, and with readings or without."""

    kind: str
    language: str
    readings: bool

    def text(self, poem: Poem, explanation: Explanation, terminal: bool) -> str:
        from poetgen.cli.explanation_text import explanation_text
        from poetgen.cli.handout import handout
        from poetgen.judging.checking import explanation_record

        title = " ".join(part for part in (poem.title, poem.author) if part)
        match self.kind:
            case "json":
                return to_json(explanation_record(poem, explanation, self.language, self.readings)) + "\n"
            case "table":
                return handout(title, explanation, self.language)
            case _:
                return explanation_text(title, explanation, terminal, self.language, self.readings)


def _check(file: Path, form: str, tunes: _Tunes, columns: str, school: School, reader: Reader, style: _Style) -> None:
    from poetgen.cli.explanation_text import summary_table
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.judging.checking import Summary, explain_poem

    language = style.language
    form = _known_form(form, tunes)
    poems = poems_of_file(file, columns, language=language)
    summary = Summary()
    terminal = is_terminal(sys.stdout)
    with ProgressBar() as progress:
        for number, poem in enumerate(poems, start=1):
            explanation = explain_poem(poem, form, tunes, school, reader)
            summary.add(explanation)
            print("\n" * (number > 1 and style.kind != "json") + style.text(poem, explanation, terminal), end="")
            if not terminal:  # there the poems themselves show how far it is
                progress.update(
                    translated(Phrase("checking"), language),
                    number,
                    len(poems),
                    translated(Phrase("{number:,} of {count:,} poems", number=number, count=len(poems)), language),
                )
    if tunes.missing:
        note(tunes.unknown(), language)
    if len(poems) > 1 and style.kind not in ("json", "table"):
        print("\n" + summary_table(summary, language), end="")
    sys.stdout.flush()


def _known_form(form: str, tunes: _Tunes) -> str:
    """A form by its short name; raises UsageError where there is none."""
    from poetgen.judging.checking import FORMS_TO_CHECK
    from poetgen.prosody.tune_names import asked_form, near_names

    form = asked_form(form)
    if form not in FORMS_TO_CHECK and not tunes(form):
        if near := near_names(form, FORMS_TO_CHECK):
            raise UsageError(Phrase("--form {form}: no such form; did you mean {near}?", form=form, near=near))
        raise UsageError(
            Phrase(
                "--form {form}: choose one of {choices}, or a tune of the book or of {folder}",
                form=form,
                choices=FORMS_TO_CHECK,
                folder=tunes.folder,
            )
        )
    return form


class _Tunes:
    """The templates of a checkpoint's tunes, read when the first is asked for, and the tunes that it lacked."""

    def __init__(self, checkpoint: Path | None) -> None:
        self._given = checkpoint
        self._known: dict[str, Any] | None = None
        self.folder = checkpoint or CHECKPOINTS
        self.missing: Counter[str] = Counter()

    def __call__(self, name: str) -> Any:
        from poetgen.data.dataset import TUNES_FILE
        from poetgen.prosody.tune_book import tune_shapes
        from poetgen.prosody.tunes import load_tunes

        if self._known is None:
            self.folder = find(self._given)
            learned = read_as_one(self.folder, [TUNES_FILE], lambda where: load_tunes(where(TUNES_FILE)))
            self._known = {name: tune.template for name, tune in learned.items()}
        tune, _, number = name.partition(":")
        shapes = tune_shapes(tune, self._known)
        if number:
            shapes = shapes[int(number) - 1 : int(number)] if number.isdecimal() and int(number) else ()
        if not shapes:
            self.missing[name] += 1
        return shapes

    def unknown(self) -> Phrase:
        """What there is to say of the tunes that are missing."""
        count, names = sum(self.missing.values()), len(self.missing)
        return Phrase(
            "{poems} to {tunes} that neither the book of tunes nor {folder} knows ({some}): shown without rules",
            poems=Phrase("{count:,} poems", count=count) if count > 1 else Phrase("{count} poem", count=1),
            tunes=Phrase("{count:,} tunes", count=names) if names > 1 else Phrase("{count} tune", count=1),
            folder=self.folder,
            some=[*islice(self.missing, 5), *["…"] * (names > 5)],
        )
