"""A poem as a picture to send: set upright from right to left on paper, with its title, its author and a seal.

Sizes are in pixels of a phone's screen; a column of verse is a line (句), or where that would be too small or too many,
a part of the running text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from poetgen.errors import UsageError
from poetgen.files import write_atomic
from poetgen.plots import NO_FONT, brush_font, style
from poetgen.text import CLAUSE_ENDS, PAUSE, clauses, is_han

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties

#: What a card may be saved as.
CARD_KINDS: Final = (".png", ".svg")

_WIDTH, _HEIGHT, _DPI = 1080, 1920, 200
_PAPER, _INK, _FAINT, _RULE, _SEAL = "#F3EBDC", "#2A2420", "#8A7B68", "#C9A98A", "#A8322A"
#: The frame: left and right of it, above and below.
_SIDE, _ABOVE, _BELOW = 96, 190, 330
#: The largest and the smallest character; how wide a column is and how high a place, in characters.
_LARGEST, _SMALLEST, _PITCH, _STEP = 104, 24, 1.62, 1.14
#: A title beside its verse, and an author beside a title.
_TITLE, _AUTHOR = 0.8, 0.5


@dataclass(frozen=True)
class Card:
    """What a card shows; `seal` are one to four characters."""

    title: str
    author: str
    text: str
    seal: str = "诗"


@dataclass(frozen=True)
class CardLayout:
    """Columns of verse from right to left, and of the title, and the size of a character of verse."""

    columns: tuple[str, ...]
    title: tuple[str, ...]
    size: float


def draw_card(card: Card, path: Path) -> str:
    """Draw a card, as PNG or SVG by the name of the file; returns the characters that the font lacks.

    Raises UsageError where no font has Chinese characters, and for a text that is too long for a card or is not
    Chinese; SaveError.
    """
    font = brush_font()
    if font is None:
        raise UsageError(f"--card {path}: {NO_FONT}")
    if not any(map(is_han, card.text)):
        raise UsageError(f"--card {path}: there is no Chinese verse to set upright")
    layout = lay_out(card)
    if layout is None:
        raise UsageError(f"--card {path}: {len(card.text):,} characters do not fit on a card; write a shorter poem")
    from matplotlib.figure import Figure

    with style():
        figure = Figure((_WIDTH / _DPI, _HEIGHT / _DPI), dpi=_DPI, facecolor=_PAPER)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, _WIDTH), ylim=(_HEIGHT, 0))
        axes.axis("off")
        _paper(axes, "bicubic" if path.suffix.lower() == ".png" else "none")
        _verse(axes, card, layout, font)
        kind = path.suffix.lower().removeprefix(".")
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=_DPI, metadata={"Date": None} if kind == "svg" else None)
    write_atomic(path, buffer.getvalue())
    shown = card.title + card.author + card.text + card.seal
    return "".join(dict.fromkeys(char for char in shown if not char.isspace() and not _has(font, char)))


def lay_out(card: Card) -> CardLayout | None:
    """The columns of a card, as large as they can be; None where they are too many.

    >>> lay_out(Card("", "", "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")).columns
    ('白日依山尽', '黄河入海流', '欲穷千里目', '更上一层楼')
    """
    lines = clauses(card.text)
    # Of one length: where a line ends is seen without a mark.
    if len({*map(len, lines)}) == 1 and max(len(lines), len(lines[0])) <= 12:
        pairs = ["　".join(lines[at : at + 2]) for at in range(0, len(lines), 2)]
        found = [(tuple(columns), _size(card, columns)) for columns in ((lines, pairs) if len(lines) > 4 else (lines,))]
    else:
        rows = [row for row in card.text.split("\n") if row]
        cells = max(map(_height, rows))
        flowing = (
            tuple(chain(*(_flowing(row, high) for row in rows))) for high in range(min(8, cells), min(cells, 80) + 1)
        )
        found = [(columns, _size(card, columns)) for columns in flowing]
    columns, size = max(found, key=lambda pair: pair[1])
    return CardLayout(columns, tuple(_title_columns(card.title, size)), size) if size >= _SMALLEST else None


def _flowing(text: str, height: int) -> Iterator[str]:
    """A line of text in columns of at most `height` characters, with their marks, which take no place of their own."""
    column, cells = "", 0
    for char in text:
        mark = char in CLAUSE_ENDS + PAUSE
        if cells == height and not mark:
            yield column
            column, cells = "", 0
        column, cells = column + char, cells + (not mark)
    yield column


def _height(column: str) -> int:
    """The places of a column: marks have none of their own."""
    return sum(char not in CLAUSE_ENDS + PAUSE for char in column)


def _size(card: Card, columns: Sequence[str]) -> float:
    """How large a character can be."""
    tallest = max(map(_height, columns))
    size = min(float(_LARGEST), _frame_height() / ((tallest + 0.5) * _STEP))
    beside = 0.0
    for _ in range(3):  # the title takes columns by the size of a character
        beside = len(list(_title_columns(card.title, size))) * _TITLE + bool(card.author) * _AUTHOR + 0.4
        size = min(size, (_WIDTH - 2 * _SIDE) / ((len(columns) + beside) * _PITCH))
    return size


def _title_columns(title: str, size: float) -> Iterator[str]:
    """The title in columns, which leave room for the author below."""
    high = max(1, int(_frame_height() * 0.8 / (size * _TITLE * _STEP)))
    columns = ceil(len(title) / high)
    each = ceil(len(title) / columns) if columns else 1
    return (title[start : start + each] for start in range(0, len(title), each))


def _frame_height() -> float:
    return _HEIGHT - _ABOVE - _BELOW


# Drawing ---------------------------------------------------------------------------------------------------------


def _paper(axes: Axes, interpolation: str) -> None:
    """Fibres and a little shade, the same on every card, and a frame."""
    from matplotlib.patches import Rectangle

    random = np.random.default_rng(0)
    grain = random.normal(size=(240, 135)) + 1.5 * np.repeat(random.normal(size=(240, 27)), 5, axis=1)
    down, across = np.mgrid[-1:1:240j, -1:1:135j]
    shade = np.clip(0.02 + 0.012 * grain + 0.05 * (down**2 + across**2) / 2, 0, 1)
    tint = np.zeros((240, 135, 4))
    tint[..., :3], tint[..., 3] = (0.45, 0.33, 0.2), shade
    axes.imshow(tint, extent=(0, _WIDTH, _HEIGHT, 0), aspect="auto", interpolation=interpolation, zorder=0)
    for gap, width in ((44, 1.6), (54, 0.5)):
        axes.add_patch(
            Rectangle((gap, gap), _WIDTH - 2 * gap, _HEIGHT - 2 * gap, fill=False, ec=_RULE, lw=width, zorder=1)
        )


def _verse(axes: Axes, card: Card, layout: CardLayout, font: FontProperties) -> None:
    size, columns = layout.size, layout.columns
    pitch = size * _PITCH
    title_pitch, author_pitch = pitch * _TITLE, pitch * _AUTHOR
    whole = len(columns) * pitch + len(layout.title) * title_pitch + bool(card.author) * author_pitch
    tallest = max(map(_height, columns)) * size * _STEP
    right = (_WIDTH + whole) / 2
    top = _ABOVE + max(0.0, (_frame_height() - tallest) * 0.36)
    for column in layout.title:
        _column(axes, column, right - title_pitch / 2, top, size * _TITLE, font)
        right -= title_pitch
    if card.author:
        high = len(card.author) * size * _AUTHOR * _STEP
        _column(
            axes, card.author, right - author_pitch / 2, top + max(0.0, tallest - high), size * _AUTHOR, font, _FAINT
        )
        right -= author_pitch
    first = right
    for column in columns:
        _column(axes, column, right - pitch / 2, top, size, font)
        right -= pitch
    for number in range(len(columns) + 1):
        x = first - number * pitch
        axes.plot([x, x], [top - size * 0.35, top + tallest + size * 0.35], color=_RULE, lw=0.6, alpha=0.75, zorder=1)
    below = top + tallest + size * 0.35
    _seal(axes, card.seal, right + pitch / 2, below + 110, font)
    for place, char in enumerate("poetgen"):
        _glyph(axes, char, _WIDTH / 2 + (place - 3) * 26, _HEIGHT - 105, 24, font, _FAINT)


def _column(axes: Axes, text: str, x: float, top: float, size: float, font: FontProperties, colour: str = _INK) -> None:
    """Characters one below the other, their marks small beside them."""
    y = top - size * _STEP / 2
    for char in text:
        if char in CLAUSE_ENDS + PAUSE:
            _glyph(axes, char, x + size * 0.66, y + size * 0.3, size * 0.8, font, _SEAL)
        else:
            y += size * _STEP
            _glyph(axes, char, x, y, size, font, colour)


def _seal(axes: Axes, name: str, x: float, y: float, font: FontProperties) -> None:
    """A red seal with its characters cut out, from right to left, its middle at the top of (x, y)."""
    from matplotlib.patches import FancyBboxPatch

    name = name + "印" if len(name) == 3 else name[:4]
    rows, columns = {1: (1, 1), 2: (2, 1)}.get(len(name), (2, 2))
    size = 84 if len(name) == 1 else 56
    wide, high = columns * size + 26, rows * size + 26
    x = min(max(x, _SIDE + wide / 2), _WIDTH - _SIDE - wide / 2)
    y = min(y, _HEIGHT - 150 - high)
    box = "round,pad=0,rounding_size=12"
    axes.add_patch(
        FancyBboxPatch((x - wide / 2, y), wide, high, boxstyle=box, fc=_SEAL, ec="none", alpha=0.93, zorder=2)
    )
    inner = FancyBboxPatch(
        (x - wide / 2 + 7, y + 7), wide - 14, high - 14, boxstyle=box, fill=False, ec=_PAPER, lw=1, zorder=3
    )
    axes.add_patch(inner)
    for place, char in enumerate(name):
        column, row = divmod(place, rows)
        at = x + (columns / 2 - 0.5 - column) * size, y + 13 + (row + 0.5) * size
        _glyph(axes, char, *at, size * 0.92, font, _PAPER, zorder=4)


def _glyph(
    axes: Axes, char: str, x: float, y: float, size: float, font: FontProperties, colour: str, zorder: int = 3
) -> None:
    """One character with the middle of its square at (x, y), as an outline: a viewer needs no font.

    An empty square stands for one that the font lacks.
    """
    from matplotlib.patches import PathPatch, Rectangle
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    if char.isspace():
        return
    if not _has(font, char):
        half = 0.38 * size
        axes.add_patch(Rectangle((x - half, y - half), 2 * half, 2 * half, fill=False, ec=colour, lw=1, zorder=zorder))
        return
    outline = TextPath((0, 0), char, size=100, prop=font)
    # The square of a Chinese character is 100 wide, and its middle 38 above the line; other signs by their own middle.
    box = outline.get_extents()
    middle = (50.0, 38.0) if is_han(char) else ((box.x0 + box.x1) / 2, 25.0)
    scale = size / 100
    place = Affine2D().translate(-middle[0], -middle[1]).scale(scale, -scale).translate(x, y)
    axes.add_patch(PathPatch(place.transform_path(outline), fc=colour, ec="none", zorder=zorder))


def _has(font: FontProperties, char: str) -> bool:
    from matplotlib.font_manager import get_font

    return bool(get_font(str(font.get_file())).get_char_index(ord(char)))
