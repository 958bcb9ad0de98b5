"""`poetgen score`."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from poetgen.cli.root import CheckpointFolder, Columns, Device, PoemFile, app, checkpoint_at, poems_in
from poetgen.cli.terminal import BOLD, INDENT, PLAIN, RED, YELLOW, columns, is_terminal, table, wants_colour
from poetgen.files import to_json
from poetgen.humanize import brief
from poetgen.text import clauses, couplets

if TYPE_CHECKING:
    from poetgen.judging.surprisal import ScoredCharacter, ScoredPoem, SurprisingPlace


@app.command(epilog="Example: poetgen score 床前明月光，疑是地上霜。举头望明月，低头思故乡。")
def score(
    file: PoemFile,
    checkpoint: CheckpointFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object a poem.")] = False,
    columns: Columns = "",
    device: Device = "auto",
) -> None:
    """Show which characters of a poem surprise a checkpoint, and what it expected in their place."""
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.judging.surprisal import score_poems
    from poetgen.poet import load

    poet = load(checkpoint_at(checkpoint), device)
    poems = poems_in(file, poet.vocab, columns)
    with ProgressBar() as progress:
        scored = score_poems(poet.checkpoint, poems, partial(progress.update, "scoring"))
        texts: Iterator[str]
        if as_json:
            texts = (to_json(poem.record(poet.checkpoint.id)) + "\n" for poem in scored)
        else:
            texts = marked(scored, is_terminal(sys.stdout))
        for text in texts:
            progress.clear()
            print(text, end="")
    sys.stdout.flush()


#: A character is marked that was held less likely than 1 in 10 to the power of this, and more so from the next on.
_RARE = 3
#: By the columns that a character takes, what stands below it where no colour can mark it.
_MARKS = ("", "   3456789", "　　　３４５６７８９")


def marked(poems: Iterable[ScoredPoem], terminal: bool = False) -> Iterator[str]:
    """Poems with their surprising characters marked, one after the other, and at last what the marks mean.

    Without colours a digit below a character says how surprising it was: 3 for less than 1 in 10³.
    """
    colour = wants_colour(terminal)
    for number, scored in enumerate(poems):
        poem = scored.poem
        title = f"{BOLD}{poem.title}{PLAIN}" if colour and poem.title else poem.title
        rows = ["  ".join(filter(None, (title, poem.author, poem.form, poem.tune)))]
        characters = (char for char in scored.characters[:-1] if char.char != "\n")
        for line in (list(islice(characters, len(couplet))) for couplet in couplets(poem.body)):
            marks = "" if colour else "".join(map(_mark, line)).rstrip()
            rows.append(INDENT + "".join(_tinted(char) if colour else char.char for char in line))
            rows.append(marks and INDENT + marks)
        figures = {"ppl_char": scored.tally.ppl_char, "ppl_all": scored.tally.ppl_all}
        shown = (f"{name} {brief(ppl)} ({math.log(ppl):.2f} nats)" for name, ppl in figures.items() if ppl < math.inf)
        rows.append(", ".join(shown))
        below = table(_surprise(scored, surprise) for surprise in scored.surprises)
        yield "\n" * (number > 0) + "".join(f"{row}\n" for row in filter(None, rows))
        yield "".join(f"{INDENT}{row}\n" for row in below.splitlines())
    if colour:
        yield f"\n{YELLOW}yellow{PLAIN}: held less likely than 1 in 1,000; {BOLD}{RED}red{PLAIN}: than 1 in 10,000\n"
    else:
        yield "\n３ below a character: held less likely than 1 in 10³; ４: than 1 in 10⁴; and so on\n"


def _mark(char: ScoredCharacter) -> str:
    return _MARKS[columns(char.char)][min(char.rarity, 9) :][:1]


def _tinted(char: ScoredCharacter) -> str:
    if char.rarity < _RARE:
        return char.char
    return f"{YELLOW if char.rarity == _RARE else BOLD + RED}{char.char}{PLAIN}"


def _surprise(scored: ScoredPoem, surprise: SurprisingPlace) -> Sequence[str]:
    """A row: the line (句), the character there, how likely it was held, and what was held likeliest."""
    char = scored.characters[surprise.place]
    line = len(clauses(scored.poem.body[: surprise.place + 1]))
    text = char.char if char.known else f"{char.char} (not in the vocabulary)"
    odds = math.exp(min(char.nats, 700))
    rare = f"1 in {odds:,.0f}" if odds < 1e6 else f"1 in {odds:.0e}"
    return (f"line {line}", text, rare, f"likeliest: {surprise.expected} {surprise.probability:.1%}")
