"""The picture of an ablation: validation perplexity over window and width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from poetgen.humanize import brief
from poetgen.plots import ORANGE, save, style

if TYPE_CHECKING:
    from poetgen.inspect.ablation import Run


def draw_ablation(runs: Sequence[Run], caption: str, stem: Path, figure: str = "ppl_char") -> list[Path]:
    """Draw runs as a map of windows by widths, the better the darker, the best with a frame; gaps are left white.

    In each field stand `figure`, which is ppl_char or ppl_all, and the steps that its minutes were enough for; ppl_all,
    too, beside ppl_char. Returns the PNG and the SVG; raises SaveError.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    windows, widths = (sorted({getattr(run, name) for run in runs}) for name in ("seq_len", "hidden"))
    shown = {run: getattr(run, figure) for run in runs if math.isfinite(run.ppl_all)}
    best = min(shown, key=lambda run: shown[run], default=None)
    low, high = (extreme(shown.values(), default=1.0) for extreme in (min, max))
    field = [[math.nan] * len(windows) for _ in widths]
    for run, value in shown.items():
        field[widths.index(run.hidden)][windows.index(run.seq_len)] = value
    with style(**{"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
        picture = Figure(figsize=(max(5.0, 1.4 + 1.8 * len(windows)), 1.7 + 0.9 * len(widths)), layout="constrained")
        axes = picture.subplots()
        axes.imshow(field, cmap="Blues_r", norm=LogNorm(low / 1.02, high * 1.1), aspect="auto", origin="lower")
        for run in runs:
            x, y = windows.index(run.seq_len), widths.index(run.hidden)
            dark = run in shown and shown[run] ** 2 < low * high
            colour = "white" if dark else "black"
            head = brief(shown[run]) if run in shown else "diverged"
            axes.text(x, y + 0.1, head, ha="center", va="center", color=colour, fontsize=13)
            both = run in shown and figure == "ppl_char"
            rest = f"ppl_all {brief(run.ppl_all)}, {run.steps:,} steps" if both else f"{run.steps:,} steps"
            axes.text(x, y - 0.24, rest, ha="center", va="center", color=colour, fontsize=7.5)
        if best is not None:
            corner = windows.index(best.seq_len) - 0.47, widths.index(best.hidden) - 0.47
            axes.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, lw=2, edgecolor=ORANGE))
        axes.set_xticks(range(len(windows)), list(map(str, windows)))
        axes.set_yticks(range(len(widths)), list(map(str, widths)))
        axes.tick_params(length=0)
        axes.set_xlabel("window (--seq-len), time steps")
        axes.set_ylabel("hidden size (--hidden)")
        axes.set_title(caption, loc="left", fontsize=10)
        return save(picture, stem)
