"""How fast training is beside its floor: the matrix products of a step at the rate at which this machine multiplies.

    python benchmarks/train.py                          # synthetic poems of a real corpus' lengths
    python benchmarks/train.py --data corpora/prepared
    python benchmarks/train.py --device cuda --rows 64,256 --shape 2x512x256 --shape 3x1024x384

The floor of a step counts six operations for every weight that a token meets (two forward, four backward): the
recurrent layers for every position of a batch, the output layer for scored positions only. The peak is the rate of one
large square product in the same precision, measured in the same run. Bytes are those that have to move however well
it is done: logits in bf16 or fp32 written, read, and read twice more as a gradient; each weight, its gradient and its
two moments read, and the first and last two written, in fp32. "layers alone" is the time of the recurrent layers by
themselves, forward and backward, on as many rows and steps, in a step's time. The rows are measured in turn; medians.

    ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 python benchmarks/train.py      # as on a processor without AMX
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `poetgen train` does

import numpy as np
import torch

from poetgen.config import TrainConfig
from poetgen.data.batches import Batch
from poetgen.data.dataset import POEM, Dataset, Split
from poetgen.data.sequence import CONTROL, Layout
from poetgen.data.vocab import PAD, Vocab
from poetgen.network.device import pick_device
from poetgen.network.trainer import Trainer


def synthetic(characters: int = 8600, poems: int = 4000) -> Dataset:
    """Random characters in the shape of a corpus: quatrains and eight-line poems under titles of one to twenty."""
    rng = np.random.default_rng(0)
    vocab = Vocab.build({chr(0x4E00 + index): 1 for index in range(characters)}, CONTROL)
    records = np.zeros(poems, dtype=POEM)
    records["title"] = rng.integers(1, 20, poems)
    records["body"] = rng.choice([24, 32, 48, 64], poems, p=[0.06, 0.35, 0.28, 0.31])
    sizes = records["title"].astype(np.int64) + records["body"]
    records["start"] = np.cumsum(sizes) - sizes
    tokens = rng.integers(len(CONTROL) + 2, len(vocab), int(sizes.sum())).astype(np.uint16)
    split = Split(tokens, records, Layout(vocab))
    return Dataset(vocab, split, split, "synthetic")


def operations(trainer: Trainer, batch: Batch) -> float:
    """Floating-point operations of the matrix products of one step."""
    recurrent = sum(p.numel() for p in trainer.model.cells.parameters() if p.dim() == 2)
    output = trainer.model.output.weight.numel() + sum(p.numel() for p in trainer.model.projection.parameters())
    return 6.0 * (recurrent * batch.inputs.size + output * int((batch.labels != PAD).sum()))


def moved(trainer: Trainer, batch: Batch) -> float:
    """Bytes that logits and optimizer move in one step."""
    logits = int((batch.labels != PAD).sum()) * len(trainer.dataset.vocab) * trainer.dtype.itemsize
    return 4.0 * logits + 7.0 * 4 * trainer.model.parameters_count


def product_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of a square matrix product, the median of nine."""
    size = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2.0 * size**3 / statistics.median(list(seconds(lambda: a @ b, device, 9))[2:])


def layers_alone(trainer: Trainer, batch: Batch) -> float:
    """Seconds that the recurrent layers take by themselves, forward and backward, for a batch of this shape."""
    rows, steps = batch.inputs.shape
    cells = [copy.deepcopy(cell) for cell in trainer.worker.cells]
    for cell in cells:
        cell.flatten_parameters()
    inputs = [
        torch.randn(steps, rows, cell.input_size, device=trainer.device, dtype=trainer.dtype, requires_grad=True)
        for cell in cells
    ]

    def work() -> None:
        for cell, x in zip(cells, inputs, strict=True):
            y, _ = cell(x)
            y.backward(torch.ones_like(y))

    return statistics.median(list(seconds(work, trainer.device, 5))[2:])


def seconds(work: Callable[[], object], device: torch.device, times: int) -> Iterator[float]:
    """How long each of some calls took."""
    for _ in range(times):
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        yield time.perf_counter() - began


def main() -> None:
    """Measure in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="fp32,bf16", help="precisions, with a comma between them")
    parser.add_argument("--rows", default="16,32,64", help="rows of a batch, with a comma between them")
    parser.add_argument("--shape", action="append", help="LAYERSxHIDDENxEMBED; may be given several times")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    dataset = Dataset.load(options.data) if options.data else synthetic()
    device = pick_device(options.device)
    shapes = [tuple(map(int, shape.split("x"))) for shape in options.shape or ["2x512x256"]]
    rows = [int(number) for number in options.rows.split(",")]
    cases = list(itertools.product(shapes, options.precision.split(","), rows))
    results: dict[tuple[tuple[int, ...], str, int], list[tuple[float, ...]]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory() as out:
        for _ in range(options.rounds):
            for shape, precision, size in cases:
                layers, hidden, embed = shape
                config = TrainConfig(
                    layers=layers,
                    hidden=hidden,
                    embed=embed,
                    batch_size=size,
                    seq_len=96,
                    dropout=0.0,
                    device=options.device,
                    precision=precision,
                )
                if device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats(device)
                trainer = Trainer(dataset, config, Path(out))
                batches = trainer._batches()
                taken = [next(batches) for _ in range(4)]  # few shapes, so that none is new once warmed up
                rate = product_rate(trainer.dtype, device)
                for shards, done in taken * 2:
                    trainer._step(shards, done)
                alone = [layers_alone(trainer, batch) for (batch,), _ in taken]
                for number in range(options.steps):
                    shards, done = taken[number % len(taken)]
                    (took,) = seconds(partial(trainer._step, shards, done), device, 1)
                    (batch,) = shards
                    scored = int((batch.labels != PAD).sum())
                    work = operations(trainer, batch)
                    shares = work / took / rate, alone[number % len(taken)] / took
                    figures = took * 1e3, scored / took, work / took / 1e9, rate / 1e9, *shares
                    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else math.nan
                    results[shape, precision, size].append((*figures, moved(trainer, batch) / 1e6, memory / 2**30))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"{trainer.config.cell}, {len(dataset.vocab):,} tokens, {device}, {name}, torch {torch.__version__}\n")
    print(
        "| network | precision | rows × steps | ms a step | scored tokens/s | GFLOP/s | peak | share of peak | "
        "layers alone | MB moved | GiB of the card |"
    )
    print("| --- " * 11 + "|")
    for (shape, precision, size), measured in results.items():
        columns = map(statistics.median, zip(*measured, strict=True))
        took, speed, done, peak, share, alone_share, mega, giga = columns
        cells = (f"{took:.1f}", f"{speed:,.0f}", f"{done:,.0f}", f"{peak:,.0f}", f"{share:.0%}", f"{alone_share:.0%}")
        network = "{} × {}, {}".format(*shape)
        print("|", " | ".join((network, precision, f"{size} × 96", *cells, f"{mega:.0f}", f"{giga:.1f}")), "|")


if __name__ == "__main__":
    main()
