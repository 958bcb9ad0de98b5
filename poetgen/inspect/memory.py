"""How far back a network remembers: a checkpoint in verse, and bare cells in the classic experiment.

In verse, a character deep in a poem is predicted where only the last k tokens before it are the poem's own. Those
before them are a stranger's: the same places of another poem of the same form and marks.

    k = 4    [七律] [BODY] S S S S S S S ， … S S S P P P P │ ?     S a stranger's, P the poem's own

Position, marks and form are thus as in training, and only the content is cut; to feed a bare window from a zero state
would measure how a network bears an unusual beginning. The header tells the form and no title, for a title would tell
of the content.

One stranger's words and rhyme would mislead: the network expects its poem to go on. So the probability of a character
is the mean over M strangers, p(x | last k) ≈ 1/M Σ p(x | stranger's, last k), which is what the network expects of x
when it has not read what came before the last k. By Jensen's inequality few strangers make the cost too great on
average: a bias that falls as M grows. It is greatest at short reaches, where more of what is read is a stranger's, and
there a stranger takes the fewest steps; so M is greatest there. It is greatest, too, for the last character, of which
each stranger leads to expect its own rhyme, one of thirty. The question is that of Khandelwal et al. 2018, "Sharp
Nearby, Fuzzy Far Away: How Neural Language Models Use Context".

The classic experiment: two digits, then zeros, and at the end the sum of the two is asked for. To carry something over
a gap is what Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", tell cells apart by.

Shapes: N poems, R of them and their strangers, S tokens of a body, T targets in it, K reaches, B predictions, L layers,
H hidden.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from poetgen.config import ModelConfig, TrainConfig
from poetgen.data.dataset import Split
from poetgen.data.sequence import Header, Layout, control
from poetgen.data.vocab import UNK, Vocab, counted, unknown_nats
from poetgen.errors import DatasetError
from poetgen.judging.bootstrap import Estimate, interval, resamples
from poetgen.network.model import PoetModel, State
from poetgen.progress import ProgressCallback, StageCallback, silent, silent_stages
from poetgen.prosody.forms import SHAPES

#: Strangers of a poem at the long reaches, and how many times as many there are where most are needed.
STRANGERS, _TIMES = 8, 16
#: Poems that share the reading of their strangers, and predictions that are made at once; they change speed and memory,
#: not the figures.
_ROWS, _TOGETHER = 20, 700

# In verse --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trials:
    """Bodies of a form, ids (R, S), of which the first N are measured, the others only strangers.

    `strangers` has for each of the N the rows of its strangers, which have the same marks; `least` are asked for at
    the long reaches. `left_out` more poems of the form come twice, have marks like no other, or marks within their
    lines.
    """

    form: str
    bodies: NDArray[np.int64]
    strangers: tuple[tuple[int, ...], ...]
    least: int
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

    def strangers_at(self, reach: int, target: int) -> int:
        """How many strangers are asked for at a reach: up to 16 they all take as many steps.

        The last target has the greatest number at every reach.
        """
        return self.least * (_TIMES if target == self.targets[-1] else max(1, _TIMES // max(1, reach)))


def trials(
    split: Split, form: str, limit: int, seed: int = 1, strangers: int = STRANGERS, source: str = "the split"
) -> Trials:
    """At most `limit` poems of a regulated form, drawn from a split, with `strangers` at the long reaches.

    Poems with the same marks stand in a ring, in an order drawn by the seed; the strangers of each are those before
    it, fewer where the ring is small. Raises DatasetError, in which the split is called `source`, where no two have
    the same.
    """
    vocab = split.layout.vocab
    lines, width = SHAPES[form]
    shape = ([True] * width + [False]) * lines
    han = counted(vocab)
    found = np.flatnonzero(split.poems["form"] == vocab.id(control(form)))
    if not len(found):
        raise DatasetError(f"no poem of the form {form} in {source}: give other poems, or another --form")
    drawn = (split.fields(index)["body"].astype(np.int64) for index in np.random.default_rng(seed).permutation(found))
    rings: defaultdict[bytes, list[int]] = defaultdict(list)
    bodies: list[NDArray[np.int64]] = []
    for body in {body.tobytes(): body for body in drawn if han[body].tolist() == shape}.values():
        rings[body[~han[body]].tobytes()].append(len(bodies))
        bodies.append(body)
    places = {number: (ring, at) for ring in rings.values() if len(ring) > 1 for at, number in enumerate(ring)}
    if not places:
        raise DatasetError(
            f"no two of the {len(found):,} poems of the form {form} in {source} have the same punctuation: "
            "give more poems, or another --form"
        )
    chosen = sorted(places)[:limit]
    before = [
        [ring[at - back] for back in range(1, min(_TIMES * strangers, len(ring) - 1) + 1)]
        for ring, at in map(places.__getitem__, chosen)
    ]
    rows = {number: row for row, number in enumerate(dict.fromkeys(chain(chosen, *before)))}
    return Trials(
        form,
        np.stack([bodies[number] for number in rows]),
        tuple(tuple(rows[number] for number in numbers) for numbers in before),
        strangers,
        len(found) - len(places),
    )


@torch.no_grad()
def target_costs(
    model: PoetModel,
    vocab: Vocab,
    trials: Trials,
    progress: ProgressCallback = silent,
) -> NDArray[np.float64]:
    """What each target costs at each reach, in nats: (K, N, T), for trials.reaches and trials.targets.

    The probability of a target is the mean of those that its strangers leave it. `model` is in evaluation mode.
    Unknown characters are charged as in perplexity.py.
    """
    device = next(model.parameters()).device
    header = torch.tensor(Layout(vocab).encode(Header(form=trials.form)), device=device)
    bodies, total = torch.from_numpy(trials.bodies).to(device), len(trials.strangers)
    costs = []
    for at in range(0, total, _ROWS):
        rows = range(at, min(at + _ROWS, total))
        costs.append(_costs(model, header, bodies, trials, rows))
        progress(rows.stop, total)
    nats: NDArray[np.float64] = torch.cat(costs, dim=1).numpy()
    nats[:, trials.bodies[:total, trials.targets] == UNK] += unknown_nats(vocab)
    return nats


def _costs(model: PoetModel, header: Tensor, bodies: Tensor, trials: Trials, rows: Sequence[int]) -> Tensor:
    """What the targets of some rows of `bodies` cost at each reach, (K, rows, T)."""
    strange = sorted({number for row in rows for number in trials.strangers[row]})  # each is read once
    side = {number: at for at, number in enumerate(strange)}
    features, state = model.features(header.expand(len(strange), -1))
    read = [(features[:, -1], state)]  # before each place of the body
    for place in range(bodies.shape[1] - 1):
        features, state = model.features(bodies[strange, place : place + 1], state)
        read.append((features[:, -1], state))
    seen = torch.stack([features for features, _ in read])  # (S, strangers, H)
    states = tuple(torch.stack(parts, dim=1) for parts in zip(*(state for _, state in read), strict=True))
    costs = []
    for reach in trials.reaches[:-1]:
        groups = [
            [(row, side[number], place) for number in trials.strangers[row][: trials.strangers_at(reach, place)]]
            for row, place in product(rows, trials.targets)
        ]
        each = torch.tensor([triple for group in groups for triple in group], device=bodies.device)
        parts = [_predicted(model, bodies, seen, states, reach, some) for some in torch.split(each, _TOGETHER)]
        nats = torch.split(torch.cat(parts).double(), list(map(len, groups)))
        # The cost of the mean probability over the strangers of each group.
        costs.append(torch.stack([math.log(len(part)) - torch.logsumexp(-part, 0) for part in nats]))
    measured, targets = bodies[list(rows)], trials.targets
    whole = model.features(torch.cat([header.expand(len(rows), -1), measured[:, :-1]], dim=1))[0][:, len(header) - 1 :]
    costs.append(_nats(model, whole[:, targets].flatten(0, 1), measured[:, targets].flatten()).double())
    return torch.stack(costs).view(len(costs), len(rows), -1).cpu()


def _predicted(model: PoetModel, bodies: Tensor, seen: Tensor, states: State, reach: int, some: Tensor) -> Tensor:
    """What some targets cost, (B,), where all before the last `reach` tokens is a stranger's.

    `some` has the row of the body, the number of the stranger and the place of each, (B, 3); `seen` (S, …, H) and
    `states` (L, S, …, H) are the features and states of strangers before each place.
    """
    row, stranger, place = some.unbind(1)
    if reach:
        ids = bodies[row[:, None], place[:, None] - torch.arange(reach, 0, -1, device=bodies.device)]  # (B, reach)
        features = model.features(ids, tuple(part[:, place - reach, stranger] for part in states))[0][:, -1]
    else:
        features = seen[place, stranger]
    return _nats(model, features, bodies[row, place])


def _nats(model: PoetModel, features: Tensor, labels: Tensor) -> Tensor:
    """What labels (B,) cost after features (B, H), in nats."""
    return F.cross_entropy(model.logits(features).float(), labels, reduction="none")


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
    for reach, costs in zip(reaches, poems, strict=True):
        gain = poems[0] - costs
        around = interval(float(gain.mean()), [gain[some].mean() for some in drawn], len(gain))
        points.append(Point(reach, float(costs.mean()), around))
    return points


# Bare cells ------------------------------------------------------------------------------------------------------

#: What the sum of two digits may be, and the share of the 100 pairs whose sum is the commonest, 9.
_SUMS, CHANCE = 19, 0.1


@dataclass(frozen=True)
class Outcome:
    """The share of the 100 pairs whose sum a cell gave after `steps` steps of training, in `seconds`.

    `forget_bias` is None for cells that have no forget gates.
    """

    cell: str
    forget_bias: float | None
    length: int
    seed: int
    accuracy: float
    steps: int
    seconds: float


def by_kind(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Outcomes by the name of their kind of network: its cell and, where there are several, the forget bias."""
    outcomes = list(outcomes)
    several = len({outcome.forget_bias for outcome in outcomes} - {None}) > 1
    kinds: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        bias = f", forget bias {outcome.forget_bias:g}" if several and outcome.forget_bias is not None else ""
        kinds.setdefault(f"{outcome.cell}{bias}", []).append(outcome)
    return kinds


def train_adders(
    cells: Sequence[str],
    lengths: Sequence[int],
    hidden: int = 32,
    steps: int = 1000,
    rate: float = 0.005,
    forget_biases: Sequence[float] = (1.0,),
    seeds: Sequence[int] = (1,),
    progress: StageCallback = silent_stages,
) -> Iterator[Outcome]:
    """Train each cell to give, at the end of each length, the sum of the first two digits.

    A step is taken on all pairs of digits at once, and all are what is then asked: this is a test of memory, not of
    arithmetic. Training ends after `steps` steps of Adam, or as soon as every sum is right; its rate falls from `rate`
    to 0 in a line, and its gradients are clipped as in training. The network is one layer of the bare cell, of width
    `hidden`, between one-hot digits and an output layer of its own, without norms. The forget gates of an LSTM begin at
    sigmoid(bias), which bounds what it can hold before it has learned to; one is trained for each of `forget_biases`.
    Raises UsageError for a cell that there is not.
    """
    kinds = [(cell, bias) for cell in cells for bias in (forget_biases if cell == "lstm" else (None,))]
    runs = list(product(seeds, lengths, kinds))  # all of a seed before the next, so that the time left can be told
    total, done = sum(length for _, length, _ in runs), 0
    for seed, length, (cell, bias) in runs:

        def progress_of_all(share: float, before: int = done, cell: str = cell, length: int = length) -> None:
            progress(f"{cell}, length {length}", before + share * length, total)

        yield _add_up(cell, bias, length, hidden, steps, rate, seed, progress_of_all)
        done += length


def _add_up(
    cell: str,
    forget_bias: float | None,
    length: int,
    hidden: int,
    steps: int,
    rate: float,
    seed: int,
    progress: Callable[[float], None],
) -> Outcome:
    config = ModelConfig(_SUMS, cell, layers=1, hidden=hidden, embed=0, dropout=0, tie=False, norm=False)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed % 2**63)  # not torch.manual_seed, which seeds every device
        model = PoetModel(config)
    if forget_bias is not None:
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
        progress(step / steps)
        optimizer.zero_grad()
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        torch.autograd.backward(F.cross_entropy(logits, sums))
        torch.nn.utils.clip_grad_norm_(model.parameters(), TrainConfig.clip)
        optimizer.step()
    return Outcome(cell, forget_bias, length, seed, accuracy, step, time.monotonic() - began)
