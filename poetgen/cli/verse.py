"""Poems as they are printed: in couplets, below their title."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from poetgen.cli.terminal import BOLD, INDENT, PLAIN, columns, wants_colour
from poetgen.prosody.forms import SHAPES
from poetgen.text import COUPLET_ENDS, above


def heading(title: str, author: str = "", form: str = "", terminal: bool = False) -> str:
    """The lines above a poem, its title and whom it is written after.

    On a terminal they stand centred over the couplets, whose width the form tells.
    """
    lines = above(title, author)
    if not terminal:
        return "".join(f"{line}\n" for line in lines)
    chars = SHAPES[form][1] if form in SHAPES else 0
    width = 4 * (chars + 1) - 2  # the last mark is mostly white
    bold, plain = (BOLD, PLAIN) if wants_colour(terminal) else ("", "")
    centred = [" " * ((width - columns(line)) // 2) + line for line in lines]
    if centred and title:
        centred[0] = bold + centred[0] + plain
    return "".join(f"{INDENT}{line}\n" for line in centred) + ("\n" if lines else "")


def verse(
    chars: Iterable[str], terminal: bool = False, breaks: Collection[int] = (), has_lines: bool = False
) -> Iterator[str]:
    r"""Characters as they come, set in couplets: broken after 。！？ and ；, and where the text breaks its lines.

    A text that `has_lines` is broken nowhere else. A blank line parts stanzas: `breaks` counts the characters before
    each, and two line ends in a row are one.

    >>> "".join(verse("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"))
    '白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。\n'
    """
    start = INDENT if terminal else ""
    lead, empty = start, True
    for number, char in enumerate(chars, start=1):
        if char == "\n":
            lead = lead if empty else f"\n\n{start}" if has_lines and lead else f"\n{start}"
            continue
        yield lead + char
        lead, empty = (f"\n{start}" if char in COUPLET_ENDS and not has_lines else ""), False
        if number in breaks:
            lead = f"\n\n{start}"
    if not empty:
        yield "\n"
