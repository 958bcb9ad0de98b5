"""How fast poems are written beside the floor: the network's matrix products at this machine's rate for them.

    python benchmarks/sampling.py
    python benchmarks/sampling.py --form 七律 --poems 1024

The floor counts two operations for every weight that a character meets, recurrent layers for every token read, output
layer for every one written. The peak is the rate of one large square product in fp32, measured in the same run. One
poem at a time reads every weight for every character, which is bytes and not operations. The rows are measured in turn;
medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from train import product_rate

from poetgen.config import SampleConfig
from poetgen.data.sequence import Layout
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.registry import find
from poetgen.writing.constraint import Constraint, Free
from poetgen.writing.planning import Plan, plan
from poetgen.writing.request import Request
from poetgen.writing.sample import Job
from poetgen.writing.sampler import Sampler

TITLES = "春夜喜雨 登楼 江上 秋思 山居 送友人 早梅 夜泊 寄远 晚晴 听琴 落花 暮春 野望 归舟 独坐".split()


def operations(loaded: Checkpoint, jobs: list[Job]) -> float:
    """Floating-point operations of the matrix products that the jobs need."""
    model, layout = loaded.model, Layout(loaded.vocab)
    recurrent = sum(p.numel() for p in model.cells.parameters() if p.dim() == 2)
    output = model.output.weight.numel() + sum(p.numel() for p in model.projection.parameters())
    total = 0.0
    for job in jobs:
        planned = plan(job.request, job.config.length)
        written = planned.length
        read = len(layout.encode(planned.header)) + written - 1
        total += 2.0 * (recurrent * read + output * written)
    return total


def unruled(loaded: Checkpoint) -> Sampler:
    """A sampler that holds a poem's length and nothing else: the same poems' worth of steps, without a rule."""
    sampler = Sampler(loaded.model, loaded.vocab)

    def free(planned: Plan, places: object) -> tuple[Constraint, tuple[int, ...], str]:
        return Free(sampler.masks, planned.length, may_end=False), (), ""

    sampler.drafting._rules = free  # type: ignore[method-assign]
    return sampler


def main() -> None:
    """Measure in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--form", default="七绝")
    parser.add_argument("--poems", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    loaded = Checkpoint.load(find(options.checkpoint))
    device = next(loaded.model.parameters()).device
    many = [
        Job(Request(TITLES[number % len(TITLES)], options.form), SampleConfig(seed=number))
        for number in range(options.poems)
    ]
    ruled, free = Sampler(loaded.model, loaded.vocab, loaded.forms, loaded.lines), unruled(loaded)
    cases = {
        "one at a time": (ruled, many[:16], 1),
        "sixteen at a time": (ruled, many[:64], 16),
        "a batch": (ruled, many, len(many)),
        "a batch without rules": (free, many, len(many)),
    }
    results: dict[str, list[tuple[float, ...]]] = {name: [] for name in cases}
    for round_number in range(options.rounds + 1):
        for name, (sampler, jobs, size) in cases.items():
            rate = product_rate(torch.float32, device)
            began = time.perf_counter()
            for at in range(0, len(jobs), size):
                list(sampler.samples(jobs[at : at + size]))
            took = time.perf_counter() - began
            if round_number:  # the first warms up
                work = operations(loaded, jobs)
                results[name].append((len(jobs) / took, took / len(jobs) * 1e3, work / took / 1e9, work / took / rate))
    print(
        f"{loaded.path} ({loaded.id}), {options.form}, {torch.get_num_threads()} threads, "
        f"{ruled.width} rows step together in a batch\n"
    )
    print("| poems | poems/s | ms a poem | GFLOP/s | share of peak | against one at a time |")
    print("| --- " * 6 + "|")
    medians = {name: list(map(statistics.median, zip(*rows, strict=True))) for name, rows in results.items()}
    alone = medians["one at a time"][0]
    for name, (speed, each, flops, share) in medians.items():
        print(f"| {name} | {speed:.1f} | {each:.1f} | {flops:.1f} | {share:.0%} | {speed / alone:.1f} |")
    with_rules, without = medians["a batch"][1], medians["a batch without rules"][1]
    print(f"\nrules take {with_rules - without:.2f} ms a poem, {with_rules / without - 1:.0%} of what it takes without")


if __name__ == "__main__":
    main()
