"""The folder of a run, as training writes it: the checkpoint of its best evaluation, its state, and its log.

Until a new run has its first model it leaves no trace in its folder, lest what was there goes; with it, it takes the
place of that, all at once. From then on each saving changes what it writes as one, and records join the log as they
come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from poetgen.config import TrainConfig
from poetgen.data.dataset import LINES_FILE, TUNES_FILE, Dataset
from poetgen.files import ensure_writable, write_atomic
from poetgen.folders import switching
from poetgen.network import checkpoint
from poetgen.network.model import PoetModel
from poetgen.network.records import LOG, TrainingRecord, append_record, cut_log, write_log
from poetgen.network.registry import VOCAB, WEIGHTS
from poetgen.network.train_state import TrainState, write_train_state


class RunFolder:
    """The folder `path` of a run on `dataset`, new or `begun` before; all ranks have one, and rank 0 `writes`.

    `begun` says whether the folder is the run's own, `logged` whether its log is there.
    """

    def __init__(self, path: Path, dataset: Dataset, begun: bool, writes: bool) -> None:
        self.path, self.dataset = path, dataset
        self.begun = self.logged = begun
        self._writes = writes
        self._records: list[TrainingRecord] = []  # until it has begun
        if writes and not begun:
            ensure_writable(path / WEIGHTS)

    def log(self, record: TrainingRecord) -> None:
        """Add a record to the log; raises SaveError."""
        if self._writes and self.begun:
            append_record(self.path / LOG, record)
        elif self._writes:
            self._records.append(record)

    def cut_log(self, step: int) -> None:
        """Take out of the log what comes after `step`, where the run goes on; raises SaveError."""
        if self._writes and self.begun:
            cut_log(self.path / LOG, step)

    def leave_log(self) -> None:
        """Write the log of a run that ends without a model, to see how it went, but not in the place of another run."""
        if self._writes and not self.begun and not checkpoint.holds_run(self.path):
            write_log(self.path / LOG, self._records)
            self.logged = True

    def save(self, model: PoetModel, state: TrainState, config: TrainConfig, figures: Mapping[str, Any] | None) -> None:
        """Write the state and, where there are `figures` of the model as the best so far, the model; raises SaveError.

        The first time there have to be.
        """
        if self._writes:
            # A reader was taught by other weights.
            gone = ((checkpoint.READER,) if figures is not None else ()) + (() if self.begun else self._gone())
            with switching(self.path, gone) as beside:
                if not self.begun:
                    self._write_beginning(beside)
                if figures is not None:
                    self._write_model(beside, model, config, figures)
                write_train_state(beside, state, config, self.dataset.fingerprint)
        self.begun = self.logged = True

    def _gone(self) -> tuple[str, ...]:
        """What an earlier run, or what its dataset taught, may have left."""
        return checkpoint.PICTURES + (() if self.dataset.learned is None else (TUNES_FILE, LINES_FILE))

    def _write_beginning(self, beside: Path) -> None:
        """Write what does not change in training, and what was logged until now."""
        write_atomic(beside / VOCAB, self.dataset.vocab.to_json())
        for name, data in (self.dataset.learned or {}).items():
            write_atomic(beside / name, data)
        write_log(beside / LOG, self._records)
        self._records.clear()

    def _write_model(self, beside: Path, model: PoetModel, config: TrainConfig, figures: Mapping[str, Any]) -> None:
        """Write what sampling needs and training may change: weights, config.json and the model card."""
        checkpoint.save_weights(beside / WEIGHTS, model, self.dataset.vocab, step=figures["step"])
        told = {"train": asdict(config), "dataset": self.dataset.fingerprint, "corpus": asdict(self.dataset.profile)}
        written = checkpoint.write_config(beside, model.config, **told, figures=figures)
        checkpoint.write_card(self.path, written, beside)
