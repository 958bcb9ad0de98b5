"""The picture of the gates and states of some units along a poem."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from poetgen.plots import font_for, save, style
from poetgen.text import PUNCTUATION

if TYPE_CHECKING:
    from poetgen.inspect.gates import GatePicture

#: Inches that a character is wide at least, all characters of a short poem and a unit high; what stands beside and
#: around the panels.
_WIDE, _WIDTH, _HIGH, _BESIDE, _AROUND = 0.2, 6.4, 0.17, 2.6, 0.55

#: Points of the numbers that stand for characters: three digits are no wider than a character.
_SIZE_OF_NUMBERS = 6.0

#: What the panels show, the colours of gates and of states, and the values at the two ends of these.
_GATES, _STATES = ("viridis", 0.0, 1.0), ("RdBu_r", -1.0, 1.0)
_PANELS = {
    "forget gate": ("what is kept, from 0 (nothing) to 1 (all)", _GATES),
    "input gate": ("what is let in", _GATES),
    "output gate": ("what is shown", _GATES),
    "cell state": ("what is held (each row scaled to its own maximum)", _STATES),
    "hidden state": ("what the unit passes on: output gate × tanh(cell state)", _STATES),
}


def draw_gates(picture: GatePicture, stem: Path) -> list[Path]:
    """Draw a heat map of each gate and state, a row a unit and a column a character; returns the PNG and the SVG.

    A cell state has no bounds, so that each unit's is drawn by its greatest value. Where no font has Chinese
    characters, their places in the poem are numbered from 1, and the title is left out. Raises SaveError.
    """
    from matplotlib.figure import Figure

    body = picture.poem.body
    text = body.replace("\n", " ")
    font, heading = font_for(text), f"layer {picture.layer}"
    columns = list(text) if font else [str(place) for place in range(1, len(text) + 1)]
    if picture.poem.title and font_for(picture.poem.title):
        heading = f"《{picture.poem.title}》, {heading}"
    labels = [
        f"{follower.feature}  {unit}" if follower else f"{unit}"
        for unit, follower in zip(picture.units, picture.follows, strict=True)
    ]
    breaks = [at + 0.5 for at, char in enumerate(body[:-1]) if char in f"{PUNCTUATION}\n"]
    width = max(_WIDTH, _WIDE * len(text))
    size = (_BESIDE + width, 0.4 + len(_PANELS) * (_AROUND + _HIGH * len(labels)))
    with style(**{"axes.grid": False}):
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(heading, fontproperties=font_for(heading), fontsize=13)
        panels = figure.subplots(len(_PANELS))
        images = []
        for axes, (name, (meaning, (colours, low, high))) in zip(panels, _PANELS.items(), strict=True):
            shown = picture.panels[name]
            if name == "cell state":
                shown = shown / np.maximum(np.abs(shown).max(1, keepdims=True), 1e-9)
            images.append(axes.imshow(shown, aspect="auto", cmap=colours, vmin=low, vmax=high, interpolation="nearest"))
            axes.set_title(f"{name}: {meaning}", loc="left", fontsize=10.5)
            axes.set_xticks(range(len(text)), columns, fontproperties=font, fontsize=11.5 if font else _SIZE_OF_NUMBERS)
            axes.set_yticks(range(len(labels)), labels, fontsize=9.5)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            for place in breaks:
                axes.axvline(place, color="#555555", lw=1)
        gates = sum(kind is _GATES for _, kind in _PANELS.values())
        for image, beside in ((images[0], panels[:gates]), (images[-1], panels[gates:])):
            low, high = image.get_clim()
            figure.colorbar(image, ax=list(beside), pad=0.015, aspect=40, ticks=(low, (low + high) / 2, high))
        return save(figure, stem)
