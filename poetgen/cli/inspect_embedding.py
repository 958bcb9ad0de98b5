"""`poetgen inspect neighbours` and `poetgen inspect map`: what the embedding holds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poetgen.cli.inspect import inspect, note_numbers, picture_at
from poetgen.cli.root import CheckpointFolder, checkpoint_at, note
from poetgen.cli.terminal import table
from poetgen.config import check_number, check_seed
from poetgen.errors import UsageError
from poetgen.files import to_json

if TYPE_CHECKING:
    from poetgen.data.vocab import Vocab


@inspect.command(epilog="Example: poetgen inspect neighbours 春 月 酒")
def neighbours(
    characters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHARACTERS]...", help="Characters, together or apart.", show_default=False),
    ] = None,
    checkpoint: CheckpointFolder = None,
    num: Annotated[int, typer.Option(help="Neighbours per question.")] = 10,
    analogy: Annotated[
        list[str] | None,
        typer.Option(metavar='"A B C"', help="Ask what is to C as B is to A; may be given more than once."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one object per question.")] = False,
) -> None:
    """List the characters whose embeddings are closest, by cosine similarity."""
    check_number("num", num, 1)
    singles = "".join("".join(characters or ()).split())
    triples = [_triple(text) for text in analogy or ()]
    if not singles and not triples:
        raise UsageError("give some characters, such as 春 月 酒, or --analogy")
    from poetgen.inspect.embedding import Embedding
    from poetgen.network.checkpoint import Checkpoint

    loaded = Checkpoint.load(checkpoint_at(checkpoint))
    embedding = Embedding.of(loaded.model, loaded.vocab)
    read_as = _in_script([*singles, *(char for triple in triples for char in triple)], loaded.vocab)
    answers = [(read_as[char], embedding.nearest(read_as[char], num)) for char in singles]
    for a, b, c in (map(read_as.__getitem__, triple) for triple in triples):
        answers.append((f"{a} : {b} = {c} : ?", embedding.analogy(a, b, c, num)))
    if as_json:
        for question, nearest in answers:
            near = [{"character": neighbour.char, "cosine": round(neighbour.cosine, 4)} for neighbour in nearest]
            print(to_json({"question": question, "nearest": near}))
    else:
        rows = ([question, *(f"{char} {cosine:.2f}" for char, cosine in nearest)] for question, nearest in answers)
        print(table(rows), end="")
    sys.stdout.flush()


def _in_script(chars: Sequence[str], vocab: Vocab) -> dict[str, str]:
    """Each character in the script of the vocabulary; those of the other one are told."""
    from poetgen.text import is_han
    from poetgen.writing.fitting import in_script

    read_as = {char: in_script(char, vocab) if is_han(char) else char for char in chars}
    if changed := [f"{given} as {read}" for given, read in read_as.items() if given != read]:
        note(f"read {', '.join(changed)}")
    return read_as


def _triple(text: str) -> tuple[str, str, str]:
    """The three characters of an --analogy."""
    match text.split():
        case [a, b, c] if len(a) == len(b) == len(c) == 1:
            return a, b, c
    raise UsageError(f'--analogy "{text}": give three single characters, such as "山 高 水"')


@inspect.command("map", epilog="Example: poetgen inspect map --num 300")
def chart(
    checkpoint: CheckpointFolder = None,
    num: Annotated[int, typer.Option(help="How many characters to place, the most frequent ones.")] = 500,
    out: Annotated[Path, typer.Option(help="Folder for map.png and map.svg.")] = Path("inspect"),
    seed: Annotated[int, typer.Option(help="Seed of the map.")] = 1,
) -> None:
    """Draw a map of the most frequent characters: those with similar embeddings are near each other (t-SNE).

    Numbers, directions and seasons have colours. A table shows how often a member's nearest neighbour is in its own
    group.
    """
    check_number("num", num, 3)
    check_seed(seed)
    from poetgen.inspect.embedding import CHARACTER_GROUPS, Embedding, measured_groups, place_on_map
    from poetgen.network.checkpoint import Checkpoint
    from poetgen.plots.embedding import draw_map

    replacing = picture_at(out / "map")
    loaded = Checkpoint.load(checkpoint_at(checkpoint))
    embedding = Embedding.of(loaded.model, loaded.vocab)
    shown = embedding.commonest(num, "".join(CHARACTER_GROUPS.values()))
    caption = f"checkpoint {loaded.id}, {len(shown.chars):,} characters"  # no Chinese, which needs another font
    note(f"placing {len(shown.chars):,} characters, which takes some seconds")
    placed = place_on_map(shown, seed)
    rows = [
        (group.name, group.members, f"{group.share:>20.0%}", f"{group.chance:>9.2%}")
        for group in measured_groups(embedding)
    ]
    if rows:
        print(table([("group", "members", "nearest in the group", "by chance"), *rows]), end="", flush=True)
    paths = draw_map(placed, out / "map", caption)
    note_numbers("".join(placed.chars))
    note(f"drawn in {' and '.join(map(str, paths))}{replacing}")
