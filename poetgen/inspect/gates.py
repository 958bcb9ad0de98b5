"""The gates of a trained LSTM along a poem, and what its units follow.

    header and poem ──▶ the model, its cells overheard ──▶ gates, cell and hidden states at every character
    200 poems that the checkpoint writes ──▶ the same ──▶ which unit goes with which feature of verse

Units that keep count of a line or of a quotation were first shown by Karpathy, Johnson & Fei-Fei (2016, "Visualizing
and Understanding Recurrent Networks"). Among thousands of states some go with anything by chance, so units are found
on one half of the poems and their correlation is taken from the other.

In regulated verse the place of a character tells much of what it is: rhymes stand at the ends of lines. A unit that
counts characters would go with them, too. So the correlation is also taken at the same place: of how far a feature
and a state are from their means over all poems at that place of the body (the pooled within-place correlation).

Shapes: B rows, T time steps, H hidden, P places, U states (L layers × S states × H), F features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from poetgen.config import SampleConfig
from poetgen.corpus import Poem
from poetgen.data.sequence import Header, Layout
from poetgen.data.vocab import PAD
from poetgen.errors import UsageError
from poetgen.judging.checking import explain_poem
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.model import PoetModel
from poetgen.progress import ProgressCallback, silent
from poetgen.prosody import LEVEL, tones
from poetgen.prosody.tune_book import tune_shapes
from poetgen.text import PUNCTUATION
from poetgen.writing.request import Request
from poetgen.writing.sample import Job
from poetgen.writing.sampler import Sampler

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
LONGEST_BODY: Final = 300
#: Poems in which units are looked for, and of how few that may be done.
MOST_SURVEYED: Final = 200
LEAST_SURVEYED: Final = 20
#: What they are written about.
SURVEY_TITLES: Final = (
    *("春晓", "新柳", "夜雨", "送别", "采莲", "渔父", "江上", "山居", "古寺", "登楼", "闻笛", "秋思"),
    *("中秋", "寄远", "客舍", "早行", "边城", "怀古", "题画", "落花", "雪夜", "梅花", "除夕", "晚晴"),
)
#: Units that are told of for each feature, and how often chance is tried.
_TOLD, _TRIALS = 2, 20
#: Poems that go through the network together.
_ROWS: Final = 50

#: One layer: by the names in GATES and STATES, what each unit does at each step, (…, T, H).
LayerTrace = dict[str, Tensor]
Array = NDArray[np.float64]


# Looking inside --------------------------------------------------------------------------------------------------


@torch.no_grad()
def trace(model: PoetModel, ids: Tensor) -> list[LayerTrace]:
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


def _opened(cell: nn.Module, inputs: Tensor, hidden: Tensor) -> LayerTrace:
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


def trace_poems(checkpoint: Checkpoint, poems: Sequence[Poem]) -> Iterator[list[LayerTrace]]:
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

    Layers and units count from 1; `state` is one of STATES. `same_place` is the correlation within the places of a
    body, nan where the feature is the same for all poems at every place. `chance` is the greatest correlation, either
    way, that the same search found with features out of step with the poems.
    """

    feature: str
    layer: int
    unit: int
    state: str
    correlation: float
    same_place: float
    chance: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the unit follows the feature at all."""
        return abs(self.correlation) > self.chance


def write_alike(
    checkpoint: Checkpoint,
    poem: Poem,
    count: int = MOST_SURVEYED,
    seed: int = 0,
    progress: ProgressCallback = silent,
) -> list[Poem]:
    """Poems of the form of `poem` that the checkpoint writes itself, about SURVEY_TITLES in turn."""
    form = poem.tune if tune_shapes(poem.tune, checkpoint.forms) else poem.form or "free"
    sampler = Sampler(checkpoint.model, checkpoint.vocab, checkpoint.forms, checkpoint.lines)
    config = SampleConfig(length=len(poem.body), seed=seed, candidates=1)
    jobs = (Job(Request(title, form), config) for title in islice(cycle(SURVEY_TITLES), count))
    written = []
    for sample in sampler.samples(jobs):
        written.append(replace(poem, body=sample.text, title=sample.request.title, author=""))
        progress(len(written), count)
    return written


def poems_alike(poems: Sequence[Poem], poem: Poem, seed: int = 0) -> list[Poem]:
    """Others of the form of `poem`, and its tune, among some: at most MOST_SURVEYED, drawn by the seed.

    Raises UsageError where they are fewer than LEAST_SURVEYED.
    """
    alike = [
        other
        for other in poems
        if (other.form, other.tune) == (poem.form, poem.tune)
        and other.body != poem.body
        and len(other.body) <= LONGEST_BODY
    ]
    if len(alike) < LEAST_SURVEYED:
        name = poem.tune or poem.form
        of_form = f" of the form {name}" if name else " without a form, as POEM is,"
        raise UsageError(f"--poems: {len(alike)} poems{of_form} in it; give a file with {LEAST_SURVEYED} or more")
    order = np.random.default_rng(seed).permutation(len(alike))[:MOST_SURVEYED]
    return [alike[number] for number in order.tolist()]


def features(checkpoint: Checkpoint, poem: Poem) -> Array:
    """What FEATURES say of each character of a body, (T, F); nan where they say nothing: a mark has no tone."""
    lines = explain_poem(poem, tunes=partial(tune_shapes, learned=checkpoint.forms)).lines
    places = ((line, place) for line in range(len(lines)) for place in range(len(lines[line].text)))
    values = np.full((len(poem.body), len(FEATURES)), np.nan)
    line = 0
    for at, char in enumerate(poem.body):
        mark = char in f"{PUNCTUATION}\n"
        if mark:
            values[at] = (line, line % 2, np.nan, 0, 1, 0, np.nan)
            continue
        line, place = next(places)
        last = place + 1 == len(lines[line].text)
        known = tones(char)
        tone = float(LEVEL in known) if len(known) == 1 else np.nan
        values[at] = (line, line % 2, place, last, 0, last and bool(lines[line].rhymes), tone)
    return values


@dataclass(frozen=True)
class Survey:
    """How closely every state of a network follows every feature, in correlations (F, L, S, H).

    Those in `searched` are of one half of the poems, by which units are chosen; those in `measured` and `same_place` of
    the other. `chance` is (F,). What does not vary has nan.
    """

    searched: Array
    measured: Array
    same_place: Array
    chance: Array

    def strongest(self, count: int = _TOLD) -> list[Follower]:
        """For each feature, in the order of FEATURES, the `count` units that follow it most closely beyond chance."""
        followers: list[Follower] = []
        for feature, strength in enumerate(np.nan_to_num(np.abs(self.searched)).max(2)):  # (L, H)
            order = np.argsort(-strength, axis=None, kind="stable")[:count].tolist()
            pairs = (divmod(place, strength.shape[1]) for place in order)
            candidates = [self._follower(feature, layer, unit) for layer, unit in pairs]
            followers += [follower for follower in candidates if follower.beyond_chance]
        return followers

    def best(self, layer: int, unit: int) -> Follower | None:
        """What a unit follows most closely beyond chance, if anything; layers and units count from 1."""
        strength = np.nan_to_num(np.abs(self.searched[:, layer - 1, :, unit - 1])).max(1)  # (F,)
        ranked = (self._follower(number, layer - 1, unit - 1) for number in np.argsort(-strength, kind="stable"))
        return next((follower for follower in ranked if follower.beyond_chance), None)

    def _follower(self, feature: int, layer: int, unit: int) -> Follower:
        """A unit, from 0, by the one of its states that follows a feature more closely."""
        state = int(np.nan_to_num(np.abs(self.searched[feature, layer, :, unit])).argmax())
        correlation, within = (float(part[feature, layer, state, unit]) for part in (self.measured, self.same_place))
        return Follower(
            FEATURES[feature], layer + 1, unit + 1, STATES[state], correlation, within, float(self.chance[feature])
        )


def survey(
    checkpoint: Checkpoint,
    poems: Sequence[Poem],
    seed: int = 0,
    progress: ProgressCallback = silent,
) -> Survey:
    """Correlate all units with all features in some poems: to find them in every other one, to measure in the rest."""
    random = np.random.default_rng(seed)
    halves, places = (_Correlations(), _Correlations()), _Correlations()
    for number, (poem, layers) in enumerate(zip(poems, trace_poems(checkpoint, poems), strict=True)):
        values = features(checkpoint, poem)
        # Turned round within its poem, a feature keeps its rhythm and loses its place.
        turned = [np.roll(values, random.integers(1, max(2, len(values))), axis=0) for _ in range(_TRIALS)]
        states = torch.cat([layer[name] for layer in layers for name in STATES], dim=1).double().numpy()
        halves[number % 2].add(np.concatenate([values, *turned], axis=1)[None], states[None])
        if number % 2:
            places.add(values[:, None], states[:, None])
        progress(number + 1, len(poems))
    searched, measured = (half.correlations().reshape(1 + _TRIALS, len(FEATURES), -1) for half in halves)
    best = np.nan_to_num(np.abs(searched[1:])).argmax(-1, keepdims=True)
    chance = np.nan_to_num(np.abs(np.take_along_axis(measured[1:], best, -1))).max((0, 2))
    config = checkpoint.model.config
    shape = len(FEATURES), config.layers, len(STATES), config.hidden
    return Survey(searched[0].reshape(shape), measured[0].reshape(shape), places.correlations().reshape(shape), chance)


class _Correlations:
    """Pearson's correlations of F features with U states, over many steps or within each of P places.

    Within places, what is correlated is how far both are from their means there. With one place that is the common
    correlation. A few steps are told at a time.
    """

    def __init__(self) -> None:
        self._sums: list[Array] = []

    def add(self, features: Array, states: Array) -> None:
        """Count in some steps: `features` (P, T, F), left out where they are nan, and `states` (P, T, U)."""
        there = ~np.isnan(features)
        y, here = np.where(there, features, 0.0), there.astype(np.float64)
        y_, here_ = (part.transpose(0, 2, 1) for part in (y, here))  # (P, F, T)
        ones = np.ones((*states.shape[:2], 1))
        sums = [here_ @ ones, y_ @ ones, y_**2 @ ones, here_ @ states, here_ @ states**2, y_ @ states]
        self._sums = [_added(*pair) for pair in zip(self._sums, sums, strict=True)] if self._sums else sums

    def correlations(self) -> Array:
        """The correlations, (F, U); nan for what does not vary."""
        count, y, y2, x, x2, xy = self._sums  # (P, F, 1) and (P, F, U)
        n = np.maximum(count, 1)
        together, own_y, own_x = (part.sum(0) for part in (xy - x * y / n, y2 - y**2 / n, x2 - x**2 / n))
        spread = np.sqrt(np.maximum(own_y * own_x, 0))
        varies = spread > 1e-9 * n.sum(0)
        return np.where(varies, together / np.where(varies, spread, 1), np.nan)


def _added(sums: Array, other: Array) -> Array:
    """Two arrays of sums by place added up, in the longer one: poems may end at different places."""
    short, long = sorted((sums, other), key=len)
    long[: len(short)] += short
    return long


# The picture -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GatePicture:
    """Some units of one layer along a poem: `panels` has their gates and states by name, (units, T) each.

    `follows` tells what each unit follows, None for nothing that is known. Layers and units count from 1.
    """

    poem: Poem
    layer: int
    units: tuple[int, ...]
    follows: tuple[Follower | None, ...]
    panels: dict[str, NDArray[np.float32]]


def picture(
    poem: Poem, layers: Sequence[LayerTrace], surveyed: Survey, layer: int, count: int, units: Sequence[int] = ()
) -> GatePicture:
    """Some units of a layer: those named in `units`, or else `count` of those most worth seeing.

    First come the ones that are among the strongest, then those that vary most, in the order of the characters at
    which their hidden states differ most from their mean.
    """
    traced = layers[layer - 1]
    hidden = traced["hidden state"].numpy()
    strongest = list(dict.fromkeys(follower.unit - 1 for follower in surveyed.strongest() if follower.layer == layer))[
        :count
    ]
    apart = np.abs(hidden - hidden.mean(0)).argmax(0)
    lively = [unit for unit in (-hidden.std(0)).argsort(kind="stable").tolist() if unit not in strongest]
    rest = sorted(lively[: count - len(strongest)], key=lambda unit: (apart[unit], unit))
    columns = [unit - 1 for unit in dict.fromkeys(units)] or [*strongest, *rest]
    return GatePicture(
        poem,
        layer,
        tuple(unit + 1 for unit in columns),
        tuple(surveyed.best(layer, unit + 1) for unit in columns),
        {name: part.numpy()[:, columns].T for name, part in traced.items()},
    )
