"""The loop that PyTorch tutorials on poems teach, and how fast it trains beside poetgen's.

    python benchmarks/textbook.py --data corpora/prepared
    python benchmarks/textbook.py --data corpora/prepared --hidden 256

The tutorials' recipe: nn.Embedding, a two-layer nn.LSTM and nn.Linear in fp32; every poem cut or padded to 125
tokens; cross-entropy over all positions, padding included; Adam at 0.001; no clipping and no schedule. Poems carry
the header that sampling gives (form, tune, title), and padding stands at the end, which is kinder than the usual
padding in front.

Tokens are counted alike for both loops: characters and punctuation of a poem's body and its end, as far as they were
trained on. Headers and padding do not count. Each row is a process of its own, in turn; memory is the peak of the
process less what it held once everything was imported and loaded, over training steps alone, without evaluations.
poetgen runs as `poetgen train` does, with huge pages where glibc has them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from poetgen.config import ModelConfig, TrainConfig
from poetgen.data.batches import FIELD_RATES, GIVEN_FIELDS
from poetgen.data.dataset import Dataset, Split
from poetgen.data.vocab import PAD
from poetgen.network.budget import Budget, RunPosition
from poetgen.network.device import pick_device
from poetgen.network.loss import cross_entropy
from poetgen.network.model import State
from poetgen.network.records import EndRecord, StepRecord, TrainingRecord
from poetgen.network.trainer import Trainer

LENGTH = 125
RATE = 0.001


class Network(nn.Module):
    """Embedding, LSTM and output layer as PyTorch initialises them; poetgen's Trainer can train it too."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.embed)
        self.lstm = nn.LSTM(config.embed, config.hidden, num_layers=config.layers)
        self.output = nn.Linear(config.hidden, config.vocab_size)

    def expect(self, counts: Tensor) -> None:
        """It starts out as PyTorch's layers do."""

    @property
    def parameters_count(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def features(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """All but the output layer: `ids` (B, T) → (B, T, H) and the state after the last step."""
        state = state and tuple(part.contiguous() for part in state)
        y, state = self.lstm(self.embedding(ids.t()), state)
        return y.transpose(0, 1), state

    def logits(self, features: Tensor) -> Tensor:
        """The output layer alone: (…, H) → (…, V)."""
        return self.output(features)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Summed cross-entropy of features (B, T, H) where labels (B, T) are not [PAD]; the loop below has its own."""
        return cross_entropy(features.flatten(0, 1), self.output.weight, self.output.bias, labels.flatten())


class Poems(TorchDataset[tuple[Tensor, int]]):
    """Each poem as LENGTH ids, and how many of them count as real tokens."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.shown = {name: name in GIVEN_FIELDS for name in FIELD_RATES}

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        ids, start = self.split.sequence(index, self.shown)
        ids = ids[:LENGTH]
        row = np.full(LENGTH, PAD, dtype=np.int64)
        row[: len(ids)] = ids
        return torch.from_numpy(row), max(0, len(ids) - 1 - start)


class Loop:
    """The textbook's training loop; it looks to a benchmark like poetgen's Trainer.

    Of `config` it takes the network's shape, batch_size, max_minutes, device and seed; the rest is as in textbooks.
    """

    def __init__(
        self, dataset: Dataset, config: TrainConfig, out: Path, build: Callable[[ModelConfig], nn.Module] = Network
    ) -> None:
        self.config = config
        self.device = pick_device(config.device)
        torch.manual_seed(config.seed)
        self.model = build(config.model(len(dataset.vocab))).to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE)
        self.criterion = nn.CrossEntropyLoss()
        self.loader = DataLoader(Poems(dataset.train), batch_size=config.batch_size, shuffle=True)
        self.position = RunPosition()
        self.budget = Budget(config, 0.0)

    def run(self) -> Iterator[TrainingRecord]:
        """Train until the minutes are spent (0: without end), yielding a record a step."""
        self.budget.start(self.position.seconds)
        limit = 60 * self.config.max_minutes or math.inf
        while True:
            for poems, real in self.loader:
                loss = self._step(poems.to(self.device))
                self.position.step += 1
                self.position.tokens += int(real.sum())
                self.position.seconds = self.budget.clock()
                yield self._record(loss)
                if self.position.seconds >= limit:
                    yield EndRecord(**self._stamp(), reason="budget")
                    return

    def _step(self, poems: Tensor) -> float:
        inputs, labels = poems[:, :-1], poems[:, 1:]
        features, _ = self.model.features(inputs)
        logits = self.model.logits(features)  # (B, T, V)
        loss = self.criterion(logits.flatten(0, 1), labels.flatten())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _record(self, loss: float) -> StepRecord:
        nan = math.nan  # what a textbook does not look at
        return StepRecord(
            **self._stamp(),
            loss=loss,
            perplexity=math.exp(min(loss, 700)),
            grad_norm=nan,
            grad_norm_max=nan,
            clipped=0.0,
            tokens_per_second=nan,
        )

    def _stamp(self) -> dict[str, Any]:
        position = self.position
        return {
            "step": position.step,
            "epoch": math.nan,
            "seconds": position.seconds,
            "tokens": position.tokens,
            "share": math.nan,
            "lr": RATE,
        }


# The measurement -----------------------------------------------------------------------------------------------------


def peak() -> float:
    """The most memory that this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def speed(loop: Loop | Trainer, warm: float, seconds: float) -> float:
    """Real tokens a second over `seconds` or a little more, after `warm` seconds that do not count."""
    position, began = loop.position, None
    for _ in loop.run():
        if began is None and position.seconds >= warm:
            began = position.tokens, position.seconds
        elif began is not None and position.seconds >= began[1] + seconds:
            break
    assert began is not None
    return (position.tokens - began[0]) / (position.seconds - began[1])


def measure(options: argparse.Namespace) -> dict[str, float]:
    """The figures of one loop in this process."""
    dataset = Dataset.load(options.data)
    config = TrainConfig(eval_every=10**9, epochs=10**9)  # no evaluation within the measurement, and no end
    if options.only == "textbook":
        shape = {"cell": "lstm", "layers": 2, "hidden": options.hidden, "embed": options.hidden}
        config = replace(config, **shape, batch_size=options.batch_size)
    with tempfile.TemporaryDirectory() as out:
        loaded = peak()
        make = Loop if options.only == "textbook" else Trainer
        rate = speed(make(dataset, config, Path(out)), options.warm, options.seconds)
    return {"rate": rate, "peak": peak() - loaded, "threads": torch.get_num_threads()}


def run(name: str) -> dict[str, Any]:
    """The figures of one process of this script, called as it was."""
    command = [sys.executable, __file__, *sys.argv[1:], "--only", name]
    huge_pages = {"THP_MEM_ALLOC_ENABLE": "1"} if name == "poetgen" else {}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **huge_pages})
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure in turn and print the table."""
    default = TrainConfig()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hidden", type=int, default=default.hidden, help="width of the textbook's network")
    parser.add_argument("--batch-size", type=int, default=32, help="poems in a batch of the textbook's loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", type=float, default=15, help="seconds that do not count, at the start of each row")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--only", choices=("textbook", "poetgen"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        return print(json.dumps(measure(options)))
    labels = {
        "textbook": f"textbook, lstm 2 x {options.hidden}, {options.batch_size} poems x {LENGTH}",
        "poetgen": f"poetgen, {default.cell} {default.layers} x {default.hidden}, the default configuration",
    }
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in labels}
    for _ in range(options.rounds):
        for name, figures in rows.items():
            figures.append(run(name))
    print(f"medians of {options.rounds}, {rows['poetgen'][0]['threads']} threads; tokens: bodies and ends of poems\n")
    print("| loop | real tokens/s | lowest to highest | peak MB over what was loaded |\n| --- | --- | --- | --- |")
    medians = {}
    for name, figures in rows.items():
        rates, peaks = ([row[key] for row in figures] for key in ("rate", "peak"))
        medians[name] = statistics.median(rates), statistics.median(peaks)
        rate, memory = medians[name]
        print(f"| {labels[name]} | {rate:,.0f} | {min(rates):,.0f} to {max(rates):,.0f} | {memory:,.0f} |")
    faster, smaller = (a / b for a, b in zip(medians["poetgen"], medians["textbook"], strict=True))
    print(f"| poetgen ÷ textbook | {faster:.2f} | | {smaller:.2f} |")


if __name__ == "__main__":
    main()
