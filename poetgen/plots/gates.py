"""The picture of the gates and states of some units along a poem."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poetgen.corpus.poem import PUNCTUATION
from poetgen.plots import chinese_font, save, style

if TYPE_CHECKING:
    from poetgen.inspect.gates import Picture

#: Inches that a character is wide and a unit high, and what stands beside and around the panels.
_WIDE, _HIGH, _BESIDE, _AROUND = 0.27, 0.14, 3.2, 0.75

#: What the panels show, their colours, and the values at the two ends of these.
_PANELS = {
    "forget gate": ("what is kept, from 0 (nothing) to 1 (all)", "viridis", 0.0, 1.0),
    "input gate": ("what is let in", "viridis", 0.0, 1.0),
    "output gate": ("what is shown", "viridis", 0.0, 1.0),
    "cell state": ("what is held, each row by its greatest", "RdBu_r", -1.0, 1.0),
    "hidden state": ("what the next character hangs on: the cell, as far as it is shown", "RdBu_r", -1.0, 1.0),
}


def draw(picture: Picture, stem: Path) -> list[Path]:
    """Draw a heat map of each gate and state, a row a unit and a column a character; returns the PNG and the SVG.

    A cell state has no bounds, so that each unit's is drawn by its greatest value. Raises PoetgenError where no font
    has Chinese characters, SaveError where the files cannot be written.
    """
    from matplotlib.figure import Figure

    font = chinese_font()
    text = picture.poem.body.replace("\n", " ")
    labels = [
        f"{name}  {unit}" if name else f"{unit}" for unit, name in zip(picture.units, picture.follows, strict=True)
    ]
    breaks = [at + 0.5 for at, char in enumerate(picture.poem.body[:-1]) if char in f"{PUNCTUATION}\n"]
    size = (_BESIDE + _WIDE * len(text), 0.3 + len(_PANELS) * (_AROUND + _HIGH * len(labels)))
    with style(**{"axes.grid": False}):
        figure = Figure(figsize=size, layout="constrained")
        title = f"《{picture.poem.title}》, " if picture.poem.title else ""
        figure.suptitle(f"{title}layer {picture.layer}", fontproperties=font, fontsize=13)
        for axes, (name, (meaning, colours, low, high)) in zip(
            figure.subplots(len(_PANELS)), _PANELS.items(), strict=True
        ):
            shown = picture.panels[name]
            if name == "cell state":
                shown = shown / np.maximum(np.abs(shown).max(1, keepdims=True), 1e-9)
            image = axes.imshow(shown, aspect="auto", cmap=colours, vmin=low, vmax=high, interpolation="nearest")
            figure.colorbar(image, ax=axes, pad=0.01, aspect=18, ticks=(low, (low + high) / 2, high))
            axes.set_title(f"{name}: {meaning}", loc="left", fontsize=10)
            axes.set_xticks(range(len(text)), text, fontproperties=font, fontsize=11)
            axes.set_yticks(range(len(labels)), labels, fontsize=7)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            for place in breaks:
                axes.axvline(place, color="white", lw=2)
        return save(figure, stem)
