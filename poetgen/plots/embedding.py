"""The map of an embedding: characters where t-SNE puts them, those of a group in its colour."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poetgen.inspect.embedding import CHARACTER_GROUPS, CharacterMap
from poetgen.plots import BLUE, GREEN, VERMILION, font_for, save, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The colour of each group, and of characters of none.
COLOURS = {**dict(zip(CHARACTER_GROUPS, (VERMILION, BLUE, GREEN), strict=True)), "": "#8C8C8C"}
#: Inches from one label to the next, and of the smallest picture; sizes of labels in points, of no group and of one.
_STEP, _LEAST = 0.17, 4.0
_SIZE, _SIZE_IN_GROUP = 9.5, 11.5
#: The same of numbers that stand for characters: three digits are no wider than a character.
_SIZES_OF_NUMBERS = 5.0, 6.0


def map_figure(placed: CharacterMap, caption: str = "") -> Figure:
    """A map as a figure: each character is a text at its point.

    Where no font has Chinese characters, their numbers in the order of the map, from 1, stand for them.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    font = font_for("".join(placed.chars))
    low, high = placed.points.min(0) - 1, placed.points.max(0) + 1
    inches = np.maximum(_LEAST, _STEP * (high - low))
    drawn = Figure(figsize=(inches[0], inches[1] + 0.6), layout="constrained")
    axes = drawn.subplots()
    labels = placed.chars if font else [str(number) for number in range(1, len(placed.chars) + 1)]
    sizes = (_SIZE, _SIZE_IN_GROUP) if font else _SIZES_OF_NUMBERS
    for text, (x, y), group in zip(labels, placed.points.tolist(), placed.groups, strict=True):
        label = axes.text(x, y, text, color=COLOURS[group], ha="center", va="center", fontproperties=font)
        label.set_fontsize(sizes[bool(group)])
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_axis_off()
    axes.set_title(caption, loc="left")
    shown = [name for name in CHARACTER_GROUPS if name in placed.groups]
    dots = [Line2D([], [], color=COLOURS[name], marker="o", ls="", label=name) for name in shown]
    if dots:
        drawn.legend(handles=dots, loc="outside lower left", ncols=len(dots))
    return drawn


def draw_map(placed: CharacterMap, stem: Path, caption: str = "") -> list[Path]:
    """Draw a map as STEM.png and STEM.svg; returns both. Raises SaveError."""
    with style():
        return save(map_figure(placed, caption), stem)
