"""How far back a network remembers: a checkpoint in verse, and bare cells in the classic experiment.

In verse, a character deep in a poem is predicted where only the last k tokens before it are the poem's own. Those
before them are a stranger's: the same places of another poem of the same form and marks.

    k = 4    [七律] [BODY] S S S S S S S ， … S S S P P P P │ ?     S a stranger's, P the poem's own

Position, marks and form are thus as in training, and only the content is cut; to feed a bare window from a zero state
would measure how a network bears an unusual beginning. The header tells the form and no title, for a title would tell
of the content. That a stranger's rhyme and words mislead is part of what is measured. The question is that of
Khandelwal et al. 2018, "Sharp Nearby, Fuzzy Far Away: How Neural Language Models Use Context".

The classic experiment: two digits, then zeros, and at the end the sum of the two is asked for. To carry something over
a gap is what Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", tell cells apart by.

Shapes: N poems, S tokens of a body, T targets in it, K reaches, L layers, H hidden.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from poetgen.config import ModelConfig, TrainConfig
from poetgen.dataset import Split
from poetgen.errors import DatasetError
from poetgen.figures import Estimate, counted, interval, resamples, unknown_nats
from poetgen.model import PoetModel, State
from poetgen.prosody.forms import SHAPES
from poetgen.sequence import Header, Layout, control
from poetgen.vocab import UNK, Vocab

#: Poems measured at once; it changes speed and memory, not the figures.
_ROWS = 50

# In verse --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trials:
    """Bodies of a form and, for each, a stranger's with the same marks: both (N, S) ids.

    `left_out` more poems of the form come twice, have marks like no other, or marks within their lines.
    """

    form: str
    bodies: NDArray[np.int64]
    strangers: NDArray[np.int64]
    left_out: int

    @property
    def targets(self) -> list[int]:
        """The places of the Han characters of the last couplet, T of them."""
        step = SHAPES[self.form][1] + 1
        size = self.bodies.shape[1]
        return [place for place in range(size - 2 * step, size) if (place + 1) % step]

    @property
    def reaches(self) -> tuple[int, ...]:
        """How many tokens are the poem's own: 0, the powers of two that every target has before it, and S for all."""
        return 0, *(1 << power for power in range(self.targets[0].bit_length())), self.bodies.shape[1]


def trials(split: Split, form: str, limit: int, seed: int = 1) -> Trials:
    """At most `limit` poems of a regulated form, drawn from a split, each with a stranger.

    Poems with the same marks stand in a ring, in an order drawn by the seed; the stranger of each is its neighbour.
    Raises DatasetError where no two have the same.
    """
    vocab = split.layout.vocab
    lines, width = SHAPES[form]
    shape = ([True] * width + [False]) * lines
    han = counted(vocab)
    found = np.flatnonzero(split.poems["form"] == vocab.id(control(form)))
    drawn = (split.fields(index)["body"].astype(np.int64) for index in np.random.default_rng(seed).permutation(found))
    rings: defaultdict[bytes, list[int]] = defaultdict(list)
    bodies: list[NDArray[np.int64]] = []
    for body in {body.tobytes(): body for body in drawn if han[body].tolist() == shape}.values():
        rings[body[~han[body]].tobytes()].append(len(bodies))
        bodies.append(body)
    neighbours = {ring[at]: ring[at - 1] for ring in rings.values() if len(ring) > 1 for at in range(len(ring))}
    if not neighbours:
        raise DatasetError(
            f"of {len(found):,} poems of the form {form} no two have the same marks: give more poems, or another --form"
        )
    chosen = sorted(neighbours)[:limit]
    own, strangers = (
        np.stack([bodies[number] for number in numbers])
        for numbers in (chosen, [neighbours[number] for number in chosen])
    )
    return Trials(form, own, strangers, len(found) - len(neighbours))


@torch.no_grad()
def costs(
    model: PoetModel,
    vocab: Vocab,
    trials: Trials,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """What each target costs at each reach, in nats: (K, N, T), for trials.reaches and trials.targets.

    `model` is in evaluation mode. Unknown characters are charged as in perplexity.py.
    """
    device = next(model.parameters()).device
    header = torch.tensor(Layout(vocab).encode(Header(form=trials.form)), device=device)
    targets, reaches = torch.tensor(trials.targets, device=device), trials.reaches
    found: list[Tensor] = []
    for at in range(0, len(trials.bodies), _ROWS):
        own, strange = (
            torch.from_numpy(side[at : at + _ROWS]).to(device) for side in (trials.bodies, trials.strangers)
        )
        rows = len(own)
        features, start = model.features(header.expand(rows, -1))
        entrances = [(features[:, -1], start)]  # before each place of the body
        for place in range(own.shape[1] - 1):
            features, state = model.features(strange[:, place : place + 1], entrances[-1][1])
            entrances.append((features[:, -1], state))
        whole = torch.cat([entrances[0][0][:, None], model.features(own[:, :-1], start)[0]], dim=1)  # (rows, S, H)
        labels = own[:, targets]  # (rows, T)
        for reach in reaches:
            if reach == 0:
                seen = torch.stack([entrances[place][0] for place in trials.targets], dim=1)
            elif reach == reaches[-1]:
                seen = whole[:, targets]
            else:
                places = targets[:, None] - torch.arange(reach, 0, -1, device=device)  # (T, reach)
                state = _side_by_side([entrances[place - reach][1] for place in trials.targets])
                ids = own[:, places].transpose(0, 1).flatten(0, 1)  # (T × rows, reach)
                seen = model.features(ids, state)[0][:, -1].view(len(targets), rows, -1).transpose(0, 1)
            logits = model.logits(seen.flatten(0, 1)).float()
            found.append(F.cross_entropy(logits, labels.flatten(), reduction="none").view(rows, -1).double().cpu())
        progress(at + rows, len(trials.bodies))
    parts = [torch.cat(found[number :: len(reaches)]) for number in range(len(reaches))]
    nats: NDArray[np.float64] = torch.stack(parts).numpy()
    nats[:, trials.bodies[:, trials.targets] == UNK] += unknown_nats(vocab)
    return nats


def _side_by_side(states: Sequence[State]) -> State:
    """States of some rows each, (L, B, H), as one of all rows."""
    return tuple(torch.cat(parts, dim=1) for parts in zip(*states, strict=True))


@dataclass(frozen=True)
class Point:
    """What targets cost when the last `reach` tokens are the poem's own, and the gain against reach 0, both in nats."""

    reach: int
    nats: float
    gain: Estimate

    @property
    def perplexity(self) -> float:
        return math.exp(self.nats)


def curve(nats: NDArray[np.float64], reaches: Sequence[int], seed: int = 1) -> list[Point]:
    """The mean over poems at each reach, of costs (K, N, T), the first of them at reach 0.

    Intervals are of the poems, for the targets of one hang together.
    """
    poems = nats.mean(axis=2)  # (K, N)
    drawn = list(resamples(poems.shape[1], seed))
    points = []
    for reach, own in zip(reaches, poems, strict=True):
        gain = poems[0] - own
        around = interval(float(gain.mean()), [gain[some].mean() for some in drawn], len(gain))
        points.append(Point(reach, float(own.mean()), around))
    return points


# Bare cells ------------------------------------------------------------------------------------------------------

#: What the sum of two digits may be, and the share of the 100 pairs whose sum is the commonest, 9.
_SUMS, CHANCE = 19, 0.1


@dataclass(frozen=True)
class Outcome:
    """The share of the 100 pairs whose sum a cell gave after `steps` steps of training, in `seconds`."""

    cell: str
    length: int
    seed: int
    accuracy: float
    steps: int
    seconds: float


def digits(
    cells: Sequence[str],
    lengths: Sequence[int],
    hidden: int = 32,
    steps: int = 1000,
    rate: float = 0.005,
    forget_bias: float = 1.0,
    seeds: Sequence[int] = (1,),
    progress: Callable[[float, float, str], None] = lambda done, total, what: None,
) -> Iterator[Outcome]:
    """Train each cell to give, at the end of each length, the sum of the first two digits.

    A step is taken on all pairs of digits at once, and all are what is then asked: this is a test of memory, not of
    arithmetic. Training ends after `steps` steps of Adam, or as soon as every sum is right; its rate falls from `rate`
    to 0 in a line, and its gradients are clipped as in training. The network is one layer of the bare cell, of width
    `hidden`, between one-hot digits and an output layer of its own, without norms. The forget gates of an LSTM begin at
    sigmoid(`forget_bias`), which bounds what it can hold before it has learned to. Raises UsageError for a cell that
    there is not.
    """
    runs = list(product(seeds, lengths, cells))  # all of a seed before the next, so that the time left can be told
    total, done = sum(length for _, length, _ in runs), 0
    for seed, length, cell in runs:

        def told(share: float, before: int = done, cell: str = cell, length: int = length) -> None:
            progress(before + share * length, total, f"{cell}, length {length}")

        yield _add_up(cell, length, hidden, steps, rate, forget_bias, seed, told)
        done += length


def _add_up(
    cell: str,
    length: int,
    hidden: int,
    steps: int,
    rate: float,
    forget_bias: float,
    seed: int,
    told: Callable[[float], None],
) -> Outcome:
    config = ModelConfig(_SUMS, cell, layers=1, hidden=hidden, embed=0, dropout=0, tie=False, norm=False)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed % 2**63)  # not torch.manual_seed, which seeds every device
        model = PoetModel(config)
    if cell == "lstm":
        model.get_parameter("cells.0.bias_ih_l0").data[hidden : 2 * hidden] = forget_bias
    pairs = torch.cartesian_prod(torch.arange(10), torch.arange(10))
    ids = F.pad(pairs, (0, length - 2))  # (100, length)
    sums = pairs.sum(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    began = time.monotonic()
    for step in range(steps + 1):
        logits = model.logits(model.features(ids)[0][:, -1])
        accuracy = float((logits.argmax(1) == sums).double().mean())
        if accuracy == 1 or step == steps:
            break
        told(step / steps)
        optimizer.zero_grad()
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        torch.autograd.backward(F.cross_entropy(logits, sums))
        torch.nn.utils.clip_grad_norm_(model.parameters(), TrainConfig.clip)
        optimizer.step()
    return Outcome(cell, length, seed, accuracy, step, time.monotonic() - began)
