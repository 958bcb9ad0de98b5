"""The gates of a trained LSTM along a poem, and what its units follow.

    header and poem ──▶ the model, its cells overheard ──▶ gates, cell and hidden states at every character
    200 poems that the checkpoint writes ──▶ the same ──▶ which unit goes with which feature of verse

Units that keep count of a line or of a quotation were first shown by Karpathy, Johnson & Fei-Fei (2016, "Visualizing
and Understanding Recurrent Networks"). Among thousands of states some go with anything by chance, so units are found
on one half of the poems and their correlation is taken from the other.

Shapes: B rows, T time steps, H hidden, N characters of some poems, U states, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from poetgen.check import explained
from poetgen.checkpoint import Checkpoint
from poetgen.config import SampleConfig
from poetgen.corpus import Poem
from poetgen.corpus.poem import PUNCTUATION
from poetgen.errors import UsageError
from poetgen.model import PoetModel
from poetgen.prosody import LEVEL, tones
from poetgen.prosody.tunes import listed
from poetgen.request import Request
from poetgen.sample import Job, Sampler
from poetgen.sequence import Header, Layout
from poetgen.vocab import PAD

#: What there is to see of a unit: gates go from 0 to 1, a hidden state from -1 to 1, a cell state has no bounds.
GATES: Final = ("forget gate", "input gate", "output gate")
STATES: Final = ("cell state", "hidden state")

#: What a unit may follow; each is a number for every character that has been read.
FEATURES: Final = (
    "number of the line",
    "second line of a couplet",
    "place in the line",
    "last character of a line",
    "punctuation",
    "rhyme foot",
    "level tone",
)

#: Characters of a poem that a picture has room for.
LONGEST: Final = 300
#: Poems that are written to find out what units follow.
POEMS: Final = 200
#: What they are written about.
TITLES: Final = (
    *("春晓", "新柳", "夜雨", "送别", "采莲", "渔父", "江上", "山居", "古寺", "登楼", "闻笛", "秋思"),
    *("中秋", "寄远", "客舍", "早行", "边城", "怀古", "题画", "落花", "雪夜", "梅花", "除夕", "晚晴"),
)
#: Units that are told of for each feature, and how often chance is tried.
_TOLD, _TRIALS = 2, 20
#: Poems that go through the network together.
_ROWS: Final = 50

#: One layer: by the names in GATES and STATES, what each unit does at each step, (…, T, H).
Layer = dict[str, Tensor]
Array = NDArray[np.float64]


# Looking inside --------------------------------------------------------------------------------------------------


@torch.no_grad()
def trace(model: PoetModel, ids: Tensor) -> list[Layer]:
    """What every layer of an LSTM does with `ids` (B, T) from a zero state, (B, T, H) each; dropout must be off.

    The cells are overheard on the model's own way through them, so that norms and residuals are as they are.
    """
    heard: list[tuple[Tensor, Tensor]] = []
    hooks = [
        cell.register_forward_hook(lambda cell, inputs, outputs: heard.append((inputs[0], outputs[0])))
        for cell in model.cells
    ]
    try:
        model.features(ids)
    finally:
        for hook in hooks:
            hook.remove()
    return [_opened(cell, *pair) for cell, pair in zip(model.cells, heard, strict=True)]


def _opened(cell: nn.Module, inputs: Tensor, hidden: Tensor) -> Layer:
    """The gates of one layer from its inputs (T, B, …) and hidden states (T, B, H), by the equations of nn.LSTM.

    As the hidden states are known, only the cell state, f·c + i·g, is gone through step by step.
    """
    before = torch.cat([torch.zeros_like(hidden[:1]), hidden[:-1]])
    names = ("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0")
    from_input, input_bias, from_state, state_bias = (cell.get_parameter(name) for name in names)
    summed = F.linear(inputs, from_input, input_bias) + F.linear(before, from_state, state_bias)
    i, f, g, o = summed.chunk(4, -1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c, cells = torch.zeros_like(hidden[0]), []
    for forget, new in zip(f, i * g, strict=True):
        c = forget * c + new
        cells.append(c)
    parts = (f, i, o, torch.stack(cells), hidden)
    return {name: part.transpose(0, 1) for name, part in zip(GATES + STATES, parts, strict=True)}


def along(checkpoint: Checkpoint, poems: Sequence[Poem]) -> Iterator[list[Layer]]:
    """For every poem, after its form, tune and title, what each layer does at the characters of its body, (T, H) each.

    Raises UsageError where the cells are no LSTM.
    """
    model, vocab = checkpoint.model, checkpoint.vocab
    if model.config.cell != "lstm":
        raise UsageError(
            f"--checkpoint {checkpoint.path}: its cells are {model.config.cell}; give one whose cells are lstm"
        )
    layout = Layout(vocab)
    for at in range(0, len(poems), _ROWS):
        some = poems[at : at + _ROWS]
        headers = [layout.encode(Header(form=poem.form, tune=poem.tune, title=poem.title)) for poem in some]
        sequences = [header + vocab.encode(poem.body) for header, poem in zip(headers, some, strict=True)]
        ids = torch.full((len(some), max(map(len, sequences))), PAD)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
        layers = trace(model, ids.to(model.output.weight.device))
        for row, (header, sequence) in enumerate(zip(headers, sequences, strict=True)):
            body = slice(len(header), len(sequence))
            yield [{name: part[row, body].cpu() for name, part in layer.items()} for layer in layers]


# What units follow -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Follower:
    """A unit whose state goes with a feature: the correlation on poems that it was not found on.

    Layers and units count from 1; `state` is one of STATES. `chance` is the greatest correlation, either way, that the
    same search found with features out of step with the poems.
    """

    feature: str
    layer: int
    unit: int
    state: str
    correlation: float
    chance: float


def write(
    checkpoint: Checkpoint,
    poem: Poem,
    count: int = POEMS,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Poem]:
    """Poems of the form of `poem` that the checkpoint writes itself, about TITLES in turn."""
    form = poem.tune if listed(poem.tune) in checkpoint.forms else poem.form or "free"
    sampler = Sampler(checkpoint.model, checkpoint.vocab, checkpoint.forms, checkpoint.lines)
    config = SampleConfig(length=len(poem.body), seed=seed, candidates=1)
    jobs = (Job(Request(title, form), config) for title in islice(cycle(TITLES), count))
    found = []
    for sample in sampler.samples(jobs):
        found.append(replace(poem, body=sample.text, title=sample.request.title, author=""))
        progress(len(found), count)
    return found


def features(checkpoint: Checkpoint, poem: Poem) -> Array:
    """What FEATURES say of each character of a body, (T, F); nan where they say nothing: a mark has no tone."""
    lines = explained(poem, tunes=lambda name: checkpoint.forms.get(listed(name))).lines
    places = ((line, place) for line in range(len(lines)) for place in range(len(lines[line].text)))
    found = np.full((len(poem.body), len(FEATURES)), np.nan)
    line = 0
    for at, char in enumerate(poem.body):
        mark = char in f"{PUNCTUATION}\n"
        if mark:
            found[at] = (line, line % 2, np.nan, 0, 1, 0, np.nan)
            continue
        line, place = next(places)
        last = place + 1 == len(lines[line].text)
        known = tones(char)
        tone = float(LEVEL in known) if len(known) == 1 else np.nan
        found[at] = (line, line % 2, place, last, 0, last and bool(lines[line].rhymes), tone)
    return found


def followers(
    checkpoint: Checkpoint,
    poems: Sequence[Poem],
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Follower]:
    """The units that follow each feature most closely: found on every other poem, measured on the rest.

    Features that are the same at every character are left out.
    """
    random = np.random.default_rng(seed)
    halves = _Correlations(), _Correlations()
    for number, (poem, layers) in enumerate(zip(poems, along(checkpoint, poems), strict=True)):
        own = features(checkpoint, poem)
        # Turned round within its poem, a feature keeps its rhythm and loses its place.
        turned = [np.roll(own, random.integers(1, max(2, len(own))), axis=0) for _ in range(_TRIALS)]
        states = torch.cat([layer[name] for layer in layers for name in STATES], dim=1)
        halves[number % 2].add(np.concatenate([own, *turned], axis=1), states.double().numpy())
        progress(number + 1, len(poems))
    found, checked = (half.found().reshape(1 + _TRIALS, len(FEATURES), -1) for half in halves)
    best = np.abs(found[1:]).argmax(-1, keepdims=True)
    chance = np.abs(np.take_along_axis(checked[1:], best, -1)).max((0, 2))
    width = checkpoint.model.config.hidden
    return [
        Follower(name, layer + 1, unit + 1, STATES[state], float(checked[0, number, place]), float(chance[number]))
        for number, name in enumerate(FEATURES)
        for place, layer, state, unit in _best(found[0, number], width)
    ]


def _best(correlations: Array, width: int) -> Iterator[tuple[int, int, int, int]]:
    """The strongest of some correlations (U,): their places, and layer, state and unit, from 0; each unit once."""
    seen: set[tuple[int, int]] = set()
    for place in (-np.abs(correlations)).argsort(kind="stable").tolist():
        layer, state, unit = place // width // len(STATES), place // width % len(STATES), place % width
        if len(seen) == _TOLD or not correlations[place]:
            return
        if (layer, unit) not in seen:
            seen.add((layer, unit))
            yield place, layer, state, unit


class _Correlations:
    """Pearson's correlations of F features with U states over many steps, a few of which are told at a time."""

    def __init__(self) -> None:
        self._sums: list[Array] = []

    def add(self, features: Array, states: Array) -> None:
        """Count in some steps: `features` (T, F), left out where they are nan, and `states` (T, U)."""
        there = ~np.isnan(features)
        y, here = np.where(there, features, 0.0), there.T.astype(np.float64)
        sums = [here.sum(1), y.sum(0), (y**2).sum(0), here @ states, here @ states**2, y.T @ states]
        self._sums = [before + own for before, own in zip(self._sums, sums, strict=True)] if self._sums else sums

    def found(self) -> Array:
        """The correlations, (F, U); 0 for what does not vary."""
        count, y, y2, x, x2, xy = self._sums
        count, y, y2 = (part[:, None] for part in (np.maximum(count, 1), y, y2))
        spread = np.sqrt(np.maximum((y2 / count - (y / count) ** 2) * (x2 / count - (x / count) ** 2), 0))
        varies = spread > 1e-9
        return np.where(varies, (xy / count - y * x / count**2) / np.where(varies, spread, 1), 0.0)


# The picture -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """Some units of one layer along a poem: `panels` has their gates and states by name, (units, T) each.

    `follows` names the feature that a unit goes with, or is empty. Layers and units count from 1.
    """

    poem: Poem
    layer: int
    units: tuple[int, ...]
    follows: tuple[str, ...]
    panels: dict[str, NDArray[np.float32]]


def picture(poem: Poem, layers: Sequence[Layer], found: Sequence[Follower], layer: int, count: int) -> Picture:
    """The units of a layer that follow something, then those that vary most, `count` in all.

    The latter stand in the order of the characters at which their hidden states differ most from their mean.
    """
    own = layers[layer - 1]
    hidden = own["hidden state"].numpy()
    chosen: dict[int, str] = {}
    for one in found:
        if one.layer == layer and abs(one.correlation) > one.chance:
            chosen.setdefault(one.unit, one.feature)
    followed = list(chosen.items())[:count]
    rest = [unit for unit in (-hidden.std(0)).argsort(kind="stable").tolist() if unit + 1 not in chosen]
    apart = np.abs(hidden - hidden.mean(0)).argmax(0)
    rest = sorted(rest[: count - len(followed)], key=lambda unit: (apart[unit], unit))
    units = [*followed, *((unit + 1, "") for unit in rest)]
    columns = [unit - 1 for unit, _ in units]
    panels = {name: part.numpy()[:, columns].T for name, part in own.items()}
    return Picture(poem, layer, tuple(unit for unit, _ in units), tuple(name for _, name in units), panels)
