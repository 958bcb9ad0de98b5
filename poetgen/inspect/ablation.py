"""What a longer window and a wider network are worth: a grid of runs, each trained for equal minutes.

All runs have as many tokens in a batch: the shorter the window, the more rows. A step thus sees as much whatever the
window, its gradient is as noisy, and what differs is how far back the gradient reaches (and how well a batch suits the
machine, which is part of what a minute is worth). With as many rows in place of tokens, a short window would also mean
a small batch.

In poem batches the state is carried from window to window of a poem, so that a network trained on short ones still
sees whole poems: only its gradients end at the window (truncated BPTT, Williams & Peng 1990). "sequential" does the
same over one endless stream, "random" starts each window from a zero state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from poetgen.config import TrainConfig, check_number
from poetgen.data.batches import validation_batches
from poetgen.data.dataset import Dataset, Split
from poetgen.errors import DatasetError, DivergedError, UsageError
from poetgen.files import ensure_writable, from_json, parse_json, read_bounded, to_json, write_atomic
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.device import pick_device, pick_precision
from poetgen.network.perplexity import Scorer
from poetgen.network.records import StepRecord
from poetgen.network.trainer import EVAL_TOKENS, Trainer
from poetgen.progress import StageCallback, silent_stages

#: Tokens by which a run finds its own best weights: few, lest wide networks spend their minutes on evaluation.
_OWN_TOKENS = 6_000
#: Window over the tokens that all are scored on; it does not change the figures, but which poems are chosen.
_WINDOW = 96


#: Bytes of a log, of which a run takes a thousand.
_MOST_LOG = 16 << 20


@dataclass(frozen=True)
class Grid:
    """Windows and widths to try, each with each, and what all runs have in common."""

    seq_lens: tuple[int, ...] = (16, 32, 64, 96)
    hiddens: tuple[int, ...] = (128, 256, 512)
    minutes: float = 1.0
    sampling: str = TrainConfig.sampling
    batch_tokens: int = TrainConfig.batch_size * TrainConfig.seq_len
    device: str = TrainConfig.device
    seed: int = TrainConfig.seed

    def __post_init__(self) -> None:
        check_number("minutes", self.minutes, 0.0001, 1_000_000)
        if self.batch_tokens < max(self.seq_lens):
            raise UsageError(
                f"--batch-tokens {self.batch_tokens}: give at least as many as the longest --seq-len, "
                f"{max(self.seq_lens)}, or batches would not be equal"
            )
        # That many rows no batch may have; --batch-size, which would be named for it, is not an option here.
        check_number("batch_tokens", self.batch_tokens, 1, 100_000 * max(1, min(self.seq_lens)))
        self.configs()

    def configs(self) -> list[TrainConfig]:
        """The options of every run, in an order drawn by the seed; raises UsageError.

        No corner of the grid is thus favoured by a machine that grows slower, and one that is not finished shows
        something of all of it.
        """
        configs = [
            TrainConfig(
                hidden=hidden,
                seq_len=seq_len,
                batch_size=self.batch_tokens // max(1, seq_len),
                sampling=self.sampling,
                max_minutes=self.minutes,
                device=self.device,
                seed=self.seed,
            )
            for seq_len in self.seq_lens
            for hidden in self.hiddens
        ]
        return [configs[number] for number in np.random.default_rng(self.seed).permutation(len(configs))]


@dataclass(frozen=True)
class Run:
    """What became of one run; its perplexities are those of its best weights, and infinite if it diverged."""

    seq_len: int
    hidden: int
    ppl_char: float
    ppl_all: float
    steps: int
    tokens: int
    seconds: float
    precision: str

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / max(1e-9, self.seconds)


def run_grid(dataset: Dataset, grid: Grid, log: Path, progress: StageCallback = silent_stages) -> Iterator[Run]:
    """Train the runs of a grid that `log` does not have, and yield all as they are known.

    Each is written to `log`, a JSON Lines file, as soon as it ends; those of other grids that stand there stay.
    `progress` is told what is trained, and how many runs are done, the present one in part. Raises DatasetError without
    a validation split, UsageError where `log` is not of this kind, SaveError.
    """
    if not len(dataset.valid):
        raise DatasetError("the validation split is empty: preprocess with a greater --valid-share")
    records = _read(log)
    configs = grid.configs()
    known = [_known(records, dataset, config) for config in configs]
    # One precision for all, and not one that each run finds out for itself.
    precisions = [run.precision for run in known if run] or [
        pick_precision(TrainConfig.precision, pick_device(grid.device)).name
    ]
    ensure_writable(log)
    for number, (config, run) in enumerate(zip(configs, known, strict=True)):
        if run is None:
            where = f"window {config.seq_len}, hidden {config.hidden}"

            def step(share: float, figures: str, before: int = number, where: str = where) -> None:
                progress(f"{where}: {figures}", before + share, len(configs))

            run = _train(dataset, replace(config, precision=precisions[0]), step)
            records.append({"options": _options(dataset, config), "run": asdict(run)})
            _write(log, records)
        progress("", number + 1, len(configs))
        yield run


def _train(dataset: Dataset, config: TrainConfig, progress: Callable[[float, str], None]) -> Run:
    valid = dataset.valid
    few = valid.poems[:: max(1, int(valid.poems["body"].sum()) // _OWN_TOKENS)]
    quick = Dataset(dataset.vocab, dataset.train, Split(valid.tokens, few, valid.layout), dataset.fingerprint)
    ppl_char = ppl_all = math.inf
    with TemporaryDirectory(prefix="poetgen-ablate-") as folder:
        trainer = Trainer(quick, config, Path(folder))
        try:
            for record in trainer.run():
                if isinstance(record, StepRecord):
                    progress(record.share, f"step {record.step:,}, loss {record.loss:.3f}")
        except DivergedError:
            pass  # which is a result too
        else:
            model = Checkpoint.load(Path(folder), trainer.device).model
            tally = Scorer(dataset.vocab).tally(model, validation_batches(valid, _WINDOW, EVAL_TOKENS))
            ppl_char, ppl_all = tally.ppl_char, tally.ppl_all
    done = trainer.position
    return Run(config.seq_len, config.hidden, ppl_char, ppl_all, done.step, done.tokens, done.seconds, config.precision)


def _options(dataset: Dataset, config: TrainConfig) -> dict[str, Any]:
    """What a run is known again by, as JSON has it."""
    return dict(parse_json(to_json({"dataset": dataset.fingerprint, **asdict(config)})))


def _known(records: Sequence[dict[str, Any]], dataset: Dataset, config: TrainConfig) -> Run | None:
    options = _options(dataset, config)
    # An option that has come since a run has its default.
    before = _options(dataset, TrainConfig())
    found = (record["run"] for record in records if before | record["options"] == options)
    return next((from_json(Run, run) for run in found), None)


def _read(log: Path) -> list[dict[str, Any]]:
    try:
        records = [parse_json(line) for line in read_bounded(log, _MOST_LOG).splitlines()]
        for record in records:
            run = from_json(Run, record["run"])
            if not isinstance(record["options"], dict) or min(astuple(run)[:-1]) < 0:
                raise ValueError("not a run")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{log}: not what an ablation writes ({error}); give another --out") from error
    return records


def _write(log: Path, records: Sequence[dict[str, Any]]) -> None:
    write_atomic(log, "".join(to_json(record) + "\n" for record in records))
