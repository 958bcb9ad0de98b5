"""The picture of docs/bptt.md: how far back the gradient of a plain RNN reaches, and what clipping does to its length.

python benchmarks/bptt.py docs/bptt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from poetgen.plots import BLUE, GREY, ORANGE, VERMILION, save, style

#: Units, steps, and the largest singular values of the weights of the state that are shown.
HIDDEN, STEPS, RADII, WINDOW = 64, 60, (0.9, 1.4, 2.0), 20


def reach(radius: float, seed: int = 0) -> NDArray[np.float64]:
    """(STEPS,) the mean length of the gradient of the last state by the state so many steps before it."""
    draw = np.random.default_rng(seed)
    weights = radius * np.linalg.qr(draw.normal(size=(HIDDEN, HIDDEN)))[0]
    lengths = np.zeros((32, STEPS))
    for run in range(len(lengths)):
        states = [np.zeros(HIDDEN)]
        for _ in range(STEPS):
            states.append(np.tanh(weights @ states[-1] + 0.3 * draw.normal(size=HIDDEN)))
        slope = draw.normal(size=HIDDEN)
        slope /= np.linalg.norm(slope)
        for back in range(STEPS):
            lengths[run, back] = np.linalg.norm(slope)
            slope = weights.T @ (slope * (1 - states[STEPS - back] ** 2))
    return lengths.mean(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stem", type=Path, help="STEM.png and STEM.svg are written")
    args = parser.parse_args()
    from matplotlib.figure import Figure

    found = {radius: reach(radius) for radius in RADII}
    for radius, lengths in found.items():
        print(radius, *(f"after {steps} steps {lengths[steps]:.2g}" for steps in (10, WINDOW, 50)))
    with style():
        figure = Figure((9.6, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for (radius, lengths), colour in zip(found.items(), (BLUE, ORANGE, VERMILION), strict=True):
            left.semilogy(lengths, color=colour, label=f"weights stretch by {radius}")
        left.axvline(WINDOW, color=GREY, linestyle="--")
        left.text(WINDOW + 1, 0.5, "truncated here:\nall beyond is left out", color=GREY, va="top")
        left.set(xlabel="steps back", ylabel="length of the gradient", title="Truncation")
        left.legend(loc="lower left", fontsize=8)
        lengths = np.linspace(0, 5, 200)
        right.plot(lengths, lengths, color=GREY, linestyle="--", label="as it is")
        right.plot(lengths, np.minimum(lengths, 1), color=BLUE, label="with --clip 1")
        right.set(xlabel="length of the gradient", ylabel="length of what is used", title="Clipping", ylim=(0, 3))
        right.legend()
        save(figure, args.stem)


if __name__ == "__main__":
    main()
