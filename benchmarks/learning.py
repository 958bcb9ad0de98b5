"""How far the default configuration and its alternatives learn in equal minutes, measured on poems not trained on.

    python benchmarks/learning.py --data corpora/prepared --poems ccpc_valid.jsonl --minutes 3
    python benchmarks/learning.py … --minutes 10 --only default,textbook,gpt-0.002 --out checkpoints/ten

Each alternative is a process of its own, one after another, and trains for the same minutes by the same seed. Only
training is on the clock: scoring is not, nothing is saved, and the trainer's own evaluations are left out, so that the
learning rate steps down by the budget alone. At the end the fp32 weights as they then stand are scored on the poems,
given title and form; all alternatives on the same ones. Batches, the learning rates and all else that a row does not
name are poetgen's defaults; "seed-2" and "seed-3" show how much of a difference is chance.

OUT/results.jsonl has a line for each alternative, OUT/curves.jsonl its ppl_char over the minutes, on fewer poems.
What is in results.jsonl is not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `poetgen train` does

import numpy as np
import torch
from textbook import Loop, Network
from torch import Tensor, nn
from transformer import GPT, SHAPE

from poetgen.config import ModelConfig, TrainConfig
from poetgen.corpus.poems import read_poems
from poetgen.data.batches import batch_groups, poem_batches
from poetgen.data.dataset import Dataset, Split, split_of
from poetgen.data.vocab import PAD, Vocab
from poetgen.errors import DivergedError
from poetgen.files import to_json
from poetgen.network.model import PoetModel
from poetgen.network.perplexity import Scorer, Tally
from poetgen.network.records import StepRecord
from poetgen.network.trainer import Trainer

RESULTS, CURVES = "results.jsonl", "curves.jsonl"
#: Poems that are scored at the end, and along the way.
SAMPLE, CURVE_SAMPLE = 2000, 250
#: Shares of the time at which a curve has its points: most of the fall comes early.
MARKS = (1 / 96, 1 / 48, 1 / 24, *(part / 12 for part in range(1, 12)))
#: Rows and window of scoring; they change its speed and not its figures.
ROWS, WINDOW = 64, 256

DEFAULT = TrainConfig()


# The alternatives ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alternative:
    """What differs from the default configuration, in words and in fact: options, network, optimizer, loop."""

    differs: str
    options: Mapping[str, Any] = field(default_factory=dict)
    build: Callable[[ModelConfig], nn.Module] = PoetModel
    optimizer: Callable[[Trainer], Any] | None = None
    loop: Callable[..., Any] = Trainer

    def start(self, dataset: Dataset, minutes: float, out: Path) -> Loop | Trainer:
        """A run of it that is ready to go."""
        config = replace(DEFAULT, max_minutes=minutes, eval_every=10**9, **self.options)
        run = self.loop(dataset, config, out, build=self.build)
        run.position.closing = 1e-9  # the evaluation that ends a run is off the clock; no time is kept for it
        if self.optimizer:
            run.optimizer = self.optimizer(run)
        return run

    @property
    def is_default(self) -> bool:
        """Whether nothing differs, the default having become what this one is."""
        options = all(getattr(DEFAULT, name) == value for name, value in self.options.items())
        return options and (self.build, self.optimizer, self.loop) == (PoetModel, None, Trainer)


class AdaptivePoet(PoetModel):
    """A PoetModel whose output layer is an adaptive softmax; ids fall by frequency, as it wants."""

    CUTOFFS = (1000, 3000)

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(replace(config, tie=False))
        self.output = nn.AdaptiveLogSoftmaxWithLoss(config.hidden, config.vocab_size, self.CUTOFFS, div_value=2.0)

    def expect(self, counts: Tensor) -> None:
        """It has no bias."""

    def logits(self, features: Tensor) -> Tensor:
        """(…, H) → (…, V), as log-probabilities."""
        return self.output.log_prob(features.flatten(0, -2)).unflatten(0, features.shape[:-1])

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Summed cross-entropy in nats where labels are not [PAD]."""
        scored = labels != PAD
        return -self.output(features[scored], labels[scored]).output.float().sum()


class Unexpecting(PoetModel):
    """A PoetModel that has to find out how often each token comes."""

    def expect(self, counts: Tensor) -> None:
        """Leave the bias at zero."""


class Joint:
    """Several optimizers that a Trainer takes for one."""

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers
        self.param_groups = [group for optimizer in optimizers for group in optimizer.param_groups]

    @property
    def state(self) -> dict[Tensor, Any]:
        """What each optimizer keeps of its parameters."""
        return {key: value for optimizer in self.optimizers for key, value in optimizer.state.items()}

    def step(self) -> None:
        """One step of each."""
        for optimizer in self.optimizers:
            optimizer.step()


def groups_of(trainer: Trainer) -> list[dict[str, Any]]:
    """The trainer's groups of parameters, with their weight decay and no more."""
    return [{key: group[key] for key in ("params", "weight_decay")} for group in trainer.optimizer.param_groups]


def adamw(trainer: Trainer) -> torch.optim.Optimizer:
    """AdamW with PyTorch's own betas."""
    return torch.optim.AdamW(groups_of(trainer), lr=DEFAULT.lr_steps[0], betas=(0.9, 0.999), fused=True)


def nadam(trainer: Trainer) -> torch.optim.Optimizer:
    """Adam with Nesterov momentum, weight decay decoupled."""
    return torch.optim.NAdam(groups_of(trainer), lr=DEFAULT.lr_steps[0], betas=(0.9, 0.99), decoupled_weight_decay=True)


def muon(trainer: Trainer) -> Joint:
    """Muon for the matrices between layers, at AdamW's rates, and AdamW for embedding, output layer and vectors."""
    config, rate = trainer.config, DEFAULT.lr_steps[0]
    inner = [p for p in trainer.model.parameters() if p.dim() == 2 and len(p) != trainer.model.config.vocab_size]
    chosen = set(map(id, inner))
    rest = [group | {"params": [p for p in group["params"] if id(p) not in chosen]} for group in groups_of(trainer)]
    return Joint(
        torch.optim.Muon(inner, lr=rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.99), fused=True),
    )


def scaled_rates(peak: float) -> dict[str, tuple[float, ...]]:
    """The default learning rates, moved so that they start at `peak`."""
    return {"lr_steps": tuple(float(f"{rate * peak / DEFAULT.lr_steps[0]:.3g}") for rate in DEFAULT.lr_steps)}


def cosine(rungs: int) -> dict[str, tuple[float, ...]]:
    """Learning rates in small steps along a half cosine."""
    peak = DEFAULT.lr_steps[0]
    return {"lr_steps": tuple(0.5 * peak * (1 + math.cos(math.pi * rung / rungs)) for rung in range(rungs))}


def size(layers: int, width: int) -> dict[str, int]:
    """Layers and their width."""
    return {"layers": layers, "hidden": width}


def shaped(**changes: bool) -> Callable[[ModelConfig], PoetModel]:
    """A PoetModel with changes that no option of `poetgen train` makes."""
    return lambda config: PoetModel(replace(config, **changes))


def gpt(peak: float) -> Alternative:
    """The transformer, with nanoGPT's weight decay, at rates from `peak`."""
    options = {**SHAPE, **scaled_rates(peak), "weight_decay": 0.1}
    return Alternative(f"GPT of {SHAPE['layers']} x {SHAPE['hidden']}, ladder from {peak}", options, GPT)


ALTERNATIVES = {
    "default": Alternative("nothing"),
    "seed-2": Alternative("another seed", {"seed": 2}),
    "seed-3": Alternative("another seed", {"seed": 3}),
    # What it is fed
    "batch-16": Alternative("batches of 16 x 96", {"batch_size": 16}),
    "batch-32": Alternative("batches of 32 x 96", {"batch_size": 32}),
    "batch-64": Alternative("batches of 64 x 96", {"batch_size": 64}),
    "batch-128": Alternative("batches of 128 x 96", {"batch_size": 128}),
    "sequential": Alternative("one stream, state carried; headers count as tokens", {"sampling": "sequential"}),
    "random": Alternative("windows at random offsets; headers count as tokens", {"sampling": "random"}),
    # How it steps
    "no-decay": Alternative("Adam: no weight decay", {"weight_decay": 0.0}),
    "beta-0.999": Alternative("AdamW with betas 0.9, 0.999", optimizer=adamw),
    "nadam": Alternative("NAdam", optimizer=nadam),
    "muon": Alternative("Muon for the matrices of the layers", optimizer=muon),
    "peak-0.006": Alternative("ladder from 0.006", scaled_rates(0.006)),
    "peak-0.003": Alternative("ladder from 0.003", scaled_rates(0.003)),
    "peak-0.002": Alternative("ladder from 0.002", scaled_rates(0.002)),
    "peak-0.001": Alternative("ladder from 0.001", scaled_rates(0.001)),
    "five-rungs": Alternative("five rungs, most of them low", {"lr_steps": (0.003, 0.001, 0.0007, 0.0003, 0.0001)}),
    "one-rate": Alternative("the first rate to the end", {"lr_steps": DEFAULT.lr_steps[:1]}),
    "cosine": Alternative("ten rungs along a half cosine", cosine(10)),
    "no-expectation": Alternative("a bias of zero to begin with", build=Unexpecting),
    "no-warmup": Alternative("no warm-up", {"warmup": 0}),
    # What it is
    "dropout-0": Alternative("no dropout", {"dropout": 0.0}),
    "dropout-0.1": Alternative("dropout 0.1", {"dropout": 0.1}),
    "dropout-0.2": Alternative("dropout 0.2", {"dropout": 0.2}),
    "no-tie": Alternative("an output layer of its own", {"tie": False}),
    "gru": Alternative("GRU", {"cell": "gru"}),
    "rnn": Alternative("plain RNN", {"cell": "rnn"}),
    "1x512": Alternative("1 layer of 512", size(1, 512)),
    "1x768": Alternative("1 layer of 768", size(1, 768)),
    "2x384": Alternative("2 layers of 384", size(2, 384)),
    "2x512": Alternative("2 layers of 512", size(2, 512)),
    "2x768": Alternative("2 layers of 768", size(2, 768)),
    "3x384": Alternative("3 layers of 384", size(3, 384)),
    "3x512": Alternative("3 layers of 512", size(3, 512)),
    "embed-160": Alternative("embedding of 160", {"embed": 160}),
    "embed-256": Alternative("embedding of 256", {"embed": 256}),
    "embed-512": Alternative("embedding of 512", {"embed": 512}),
    "no-norm": Alternative("no LayerNorm", build=shaped(norm=False)),
    "no-residual": Alternative("no residual", build=shaped(residual=False)),
    "plain": Alternative("neither LayerNorm nor residual", build=shaped(norm=False, residual=False)),
    "adaptive": Alternative("adaptive softmax, not tied", build=AdaptivePoet),
    # Something else altogether
    "gpt-0.001": gpt(0.001),
    "gpt-0.002": gpt(0.002),
    "gpt-0.004": gpt(0.004),
    "textbook-network": Alternative("the textbook's network in poetgen's loop", build=Network),
    "textbook": Alternative("the textbook's loop and network", {"batch_size": 32, "embed": 512}, Network, loop=Loop),
    "textbook-256": Alternative("the same of 2 x 256", {"batch_size": 32, **size(2, 256)}, Network, loop=Loop),
}


# One of them, in this process ----------------------------------------------------------------------------------------


class Exam:
    """Poems in an order drawn once, and what a network says of the first of them."""

    def __init__(self, path: Path, vocab: Vocab) -> None:
        poems, _ = read_poems(path, "simplified", passages=True)
        self.poems = split_of(poems, vocab)
        self.order = np.random.default_rng(0).permutation(len(poems))
        self.scorer = Scorer(vocab)

    def tally(self, model: nn.Module, count: int | None) -> Tally:
        """The tally of the first `count` poems (None: of all)."""
        split = Split(self.poems.tokens, self.poems.poems[self.order[:count]], self.poems.layout)
        groups = batch_groups(split, ROWS * WINDOW, WINDOW)
        return self.scorer.tally(model, (batch for group in groups for batch in poem_batches(split, group, WINDOW)))


def follow(run: Loop | Trainer, exam: Exam, seconds: float) -> Iterator[tuple[float, float]]:
    """Let a run train to its end; yields (minutes, ppl_char) along the way, the last point being the end."""

    def point() -> tuple[float, float]:
        began = time.monotonic()
        found = run.position.seconds / 60, exam.tally(run.model, CURVE_SAMPLE).ppl_char
        run.budget.leave_out(time.monotonic() - began)  # scoring is off the clock
        return found

    marks = [share * seconds for share in MARKS]
    try:
        for record in run.run():
            if not isinstance(record, StepRecord):
                continue
            ended = run.position.seconds
            if marks and ended >= marks[0]:
                marks = [mark for mark in marks if mark > ended]
                yield point()
    except DivergedError as error:
        print(error, file=sys.stderr)
    run.position.seconds = ended  # less the evaluation that ends a run
    yield point()


def measure(name: str, options: argparse.Namespace) -> None:
    """Train one alternative, score it, and add it to the folder."""
    alternative = ALTERNATIVES[name]
    dataset = Dataset.load(options.data)
    exam = Exam(options.poems, dataset.vocab)
    curve = []
    with tempfile.TemporaryDirectory() as out:
        run = alternative.start(dataset, options.minutes, Path(out))
        for minutes, ppl_char in follow(run, exam, 60 * options.minutes):
            print(f"{name}: {minutes:.2f} minutes, ppl_char {ppl_char:.1f}", file=sys.stderr)
            curve.append((round(minutes, 3), ppl_char))
    tally = exam.tally(run.model, None if options.all else SAMPLE)
    position = run.position
    result = {
        "name": name,
        "differs": alternative.differs,
        "minutes": options.minutes,
        "weights": run.model.parameters_count,
        "steps": position.step,
        "tokens": position.tokens,
        "seconds": position.seconds,
        "tokens_per_second": position.tokens / position.seconds,
        "threads": torch.get_num_threads(),
        "ppl_char": tally.ppl_char,
        "ppl_all": tally.ppl_all,
        "scored": tally.all,
    }
    add(options.out / CURVES, {"name": name, "points": [point for point in curve if math.isfinite(point[1])]})
    add(options.out / RESULTS, result)


# All of them ---------------------------------------------------------------------------------------------------------


def add(path: Path, record: dict[str, Any]) -> None:
    """Append a record as a line of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(to_json(record) + "\n")


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The last record of each name."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {record["name"]: record for record in map(json.loads, lines)}


def table(results: list[dict[str, Any]]) -> str:
    """The results as a table in Markdown."""
    lines = [
        "| name | what differs | weights, M | steps | real tokens | tokens/s | ppl_char | ppl_all |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in results:
        ppl_char, ppl_all = (f"{row[key]:,.1f}" if row[key] else "diverged" for key in ("ppl_char", "ppl_all"))
        lines.append(
            f"| {row['name']} | {row['differs']} | {row['weights'] / 1e6:.1f} | {row['steps']:,} | {row['tokens']:,} | "
            f"{row['tokens_per_second']:,.0f} | {ppl_char} | {ppl_all} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure what is not there yet, one after another, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Alternatives: " + ", ".join(ALTERNATIVES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--poems", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--only", type=lambda names: names.split(","), help="names, with commas between them")
    parser.add_argument("--all", action="store_true", help=f"score all poems and not {SAMPLE:,} of them")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/learning"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return measure(options.one, options)
    names = options.only or [name for name, other in ALTERNATIVES.items() if name == "default" or not other.is_default]
    if unknown := [name for name in names if name not in ALTERNATIVES]:
        parser.error(f"--only {','.join(unknown)}: choose from {', '.join(ALTERNATIVES)}")
    done = read(options.out / RESULTS)
    if others := {row["minutes"] for row in done.values()} - {options.minutes}:
        parser.error(f"--out {options.out} holds runs of {', '.join(map(str, others))} minutes; give another folder")
    failed = [
        name
        for name in names
        if name not in done and subprocess.run([sys.executable, __file__, *sys.argv[1:], "--one", name]).returncode
    ]
    done = read(options.out / RESULTS)
    print(table([done[name] for name in names if name in done]))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
