"""How training speeds up over processes: the same batches on one, two or more, which torchrun starts here.

    python benchmarks/ranks.py                                    # one and two processes, all cores between them
    python benchmarks/ranks.py --ranks 1 2 4 --data corpora/prepared
    python benchmarks/ranks.py --nnodes 2 --rdzv-endpoint HOST:29400      # the same command on both machines

Options that are not its own go to torchrun. A step is an optimizer step on the whole batch of --batch-size rows, the
same for any number of processes; medians, as rank 0 sees them. Bytes are those of the one buffer that each step sums
over the processes: a gradient in fp32 for every weight, and four numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

#: What the processes that torchrun starts find the parent's options and the place for their figures in.
ORDERS = "POETGEN_RANKS"


def measure(orders: dict[str, Any]) -> None:
    """Train for some steps as one of the processes; rank 0 writes what was seen to orders["out"]."""
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as `poetgen train` does
    import torch
    from train import synthetic

    from poetgen.config import TrainConfig
    from poetgen.data.dataset import Dataset
    from poetgen.network.distributed import join
    from poetgen.network.trainer import Trainer

    torch.set_num_threads(orders["threads"])
    dataset = Dataset.load(Path(orders["data"])) if orders["data"] else synthetic()
    config = TrainConfig(batch_size=orders["batch_size"], device=orders["device"], precision=orders["precision"])
    with join() as world, tempfile.TemporaryDirectory() as out:
        trainer = Trainer(dataset, config, Path(out), world=world)
        batches = trainer._batches()
        taken = [next(batches) for _ in range(4)]  # few shapes, so that none is new once warmed up
        for shards, done in taken * 2:
            trainer._step(shards, done)
        took, speeds = [], []
        for number in range(orders["steps"]):
            world.gather(None)  # all begin at once
            began = time.perf_counter()
            step = trainer._step(*taken[number % len(taken)])
            took.append(time.perf_counter() - began)
            speeds.append(step.tokens / took[-1])
        peaks = world.gather(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        summed = trainer.gradients.summed_bytes
        if world.rank == 0:
            figures = {
                "where": f"{trainer.device}, {trainer.precision.name}",
                "ms": 1000 * statistics.median(took),
                "speed": statistics.median(speeds),
                "bytes": summed,
                "peak": max(peaks),
            }
            Path(orders["out"]).write_text(json.dumps(figures), encoding="utf-8")


def main() -> None:
    """Start torchrun for each number of processes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2], help="processes on this machine")
    parser.add_argument("--threads", type=int, help="of each process  [default: the cores, shared out]")
    parser.add_argument("--data", type=Path, help="a prepared dataset  [default: synthetic poems]")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=16)
    options, torchrun = parser.parse_known_args()
    cores = len(os.sched_getaffinity(0))
    table = []
    for ranks in options.ranks:
        threads = options.threads or max(1, cores // ranks)
        with tempfile.TemporaryDirectory() as place:
            out = Path(place, "figures.json")
            orders = {name: getattr(options, name) for name in ("device", "precision", "batch_size", "steps")}
            orders |= {"data": str(options.data or ""), "threads": threads, "out": str(out)}
            command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(ranks)]
            subprocess.run(
                [*command, *(torchrun or ["--standalone"]), __file__],
                env=os.environ | {ORDERS: json.dumps(orders), "OMP_NUM_THREADS": str(threads)},
                check=True,
            )
            if out.exists():  # on the machine of rank 0
                table.append((ranks, threads, json.loads(out.read_text(encoding="utf-8"))))
    if table:
        print(f"the default model, batches of {options.batch_size} x 96, {table[0][2]['where']}, {cores} cores\n")
        print("| ranks | threads each | ms a step | scored tokens a second | MB summed a step | peak MB a rank |")
        print("| --- | --- | --- | --- | --- | --- |")
    for ranks, threads, found in table:
        print(
            f"| {ranks} | {threads} | {found['ms']:.0f} | {found['speed']:,.0f} | {found['bytes'] / 1e6:.1f} "
            f"| {found['peak'] / 1e3:.0f} |"
        )


if __name__ == "__main__":
    if ORDERS in os.environ:
        measure(json.loads(os.environ[ORDERS]))
    else:
        main()
