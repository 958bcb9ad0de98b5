"""The training loop, as a generator of records.

    for record in Trainer(dataset, config, out).run():   # StepRecord, EvalRecord, RateRecord, EndRecord, …

A resumed run gives the numbers that an unbroken one would have given, bit for bit on CPU: batches and header drops
follow from (seed, epoch, position), dropout from (seed, step), and everything else is in train.state.

A batch is cut by rows into shards, one for each process of the run and each part of --accumulate. Their gradients are
summed before the optimizer steps, so that it steps as if the batch had been computed at once. Whatever a run decides
by, it decides by sums over all processes or by what rank 0 says, so that processes never disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from poetgen.config import ModelConfig, TrainConfig
from poetgen.data.batches import validation_batches, validation_stride
from poetgen.data.dataset import Dataset
from poetgen.errors import DatasetError, DivergedError
from poetgen.network import checkpoint, skipgram
from poetgen.network.budget import Budget, RunPosition
from poetgen.network.device import pick_device, pick_precision
from poetgen.network.distributed import World
from poetgen.network.feed import Feed, Shards, ahead, pinned
from poetgen.network.gradients import Gradients
from poetgen.network.model import PoetModel
from poetgen.network.perplexity import Scorer, Tally
from poetgen.network.records import (
    EndRecord,
    EvalRecord,
    RateRecord,
    Step,
    StepSums,
    TrainingRecord,
    VectorsRecord,
)
from poetgen.network.run_folder import RunFolder
from poetgen.network.schedule import LearningRateSchedule
from poetgen.network.starting import start_from_checkpoint, start_from_vectors
from poetgen.network.train_state import TrainState, check_place, read_train_state, state_tensors
from poetgen.progress import ProgressCallback, silent

#: Validation tokens scored at each evaluation: enough for a stable second digit, cheap enough to do often.
EVAL_TOKENS = 60_000
#: No more than this share of --max-minutes goes into the vectors that --init-embeddings starts from.
VECTORS_SHARE = 0.1
#: Steps that one StepRecord sums up.
LOG_EVERY = 10
#: A broken gradient is skipped; after so many in a row a run is given up.
HOPELESS = 10


class Trainer:
    """One training run: the model, its optimizer, its schedule and its place in the data.

    `stop` is asked at every step; when it answers True on any rank, the run saves itself and ends with reason
    "interrupted". `build` makes the network, so that benchmarks can train others with the same loop. `world` are the
    processes that train together: each makes a Trainer of its own, and rank 0 writes the files.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: TrainConfig,
        out: Path,
        resume: bool = False,
        stop: Callable[[], bool] = lambda: False,
        build: Callable[[ModelConfig], PoetModel] = PoetModel,
        world: World | None = None,
    ) -> None:
        if not len(dataset.train):
            raise DatasetError("the training split is empty: give more poems to poetgen preprocess")
        self.dataset, self.out, self.stop = dataset, out, stop
        self.world = world or World()
        if self.world.first(lambda: dataset.fingerprint) != dataset.fingerprint:
            raise DatasetError(f"--data: process {self.world.rank} has another dataset than process 0; copy it there")
        self.device = pick_device(self.world.device(config.device))
        self.precision = self.world.first(lambda: pick_precision(config.precision, self.device))
        self.dtype = self.precision.dtype
        self.config = replace(config, precision=self.precision.name)  # what was found out once holds when resuming
        parts = self.world.size * config.accumulate
        shards = range(self.world.rank * config.accumulate, (self.world.rank + 1) * config.accumulate)
        self.feed = Feed(dataset.train, config, shards, parts)
        torch.manual_seed(config.seed)
        self.model = build(config.model(len(dataset.vocab))).to(self.device)
        self.model.expect(torch.from_numpy(self.feed.frequencies()).to(self.device))
        self.gradients = Gradients(self.model, self.dtype, self.world, shards, parts, config.seed)
        self.worker = self.gradients.worker
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(self.model, config.weight_decay), lr=config.lr_steps[0], betas=(0.9, 0.99), fused=True
        )
        self.schedule = LearningRateSchedule(config.lr_steps, config.warmup, config.patience)
        self.folder = RunFolder(out, dataset, begun=resume, writes=self.world.rank == 0)
        self.position = RunPosition()
        self.last_norm = math.nan  # the last one that was a number
        self._broken = 0  # gradients since then that were none
        self._valid = dataset.valid if len(dataset.valid) else dataset.train
        self.budget = Budget(config, self._valid.body_sizes.sum() / validation_stride(self._valid, EVAL_TOKENS))
        self.scorer = Scorer(dataset.vocab)
        self._groups = self.feed.epoch(0).groups
        self._eval_every = config.eval_every or max(50, min(1000, self._groups))
        if resume:
            self._restore()
        elif config.init:
            start_from_checkpoint(self.model, dataset.vocab, config.init)
            self.gradients.publish()

    # The loop ----------------------------------------------------------------------------------------------------

    def run(self, embedding: ProgressCallback = silent, stepped: ProgressCallback = silent) -> Iterator[TrainingRecord]:
        """Train until the budget, the patience or `stop` ends it, yielding records; saves at every evaluation.

        `embedding` is told how far --init-embeddings has come; stopped before it is done, a run has nothing to save.
        `stepped` is told after every step how much of the budget is spent.
        Raises DivergedError where the loss or the gradient is no number any more, SaveError, and RankError where
        another process of the run is gone. All ranks yield the same records.
        """
        self.budget.start(self.position.seconds)
        if self.position.step:
            self.folder.cut_log(self.position.step)
        if self.config.init_embeddings and not self.position.step:
            vectors = self._begin_from_vectors(embedding)
            if vectors is None:
                yield EndRecord(**self._stamp(), reason="interrupted")  # with nothing to save yet
                return
            yield self._log(vectors)
        sums = StepSums()
        while self.share < 1:
            for shards, done in ahead(self._batches()):
                step = self._step(shards, done)
                sums.add(step)
                number, share, began = self.position.step, self.share, self.position.seconds
                stepped(share, 1.0)
                verdict = None if math.isfinite(step.loss) and self._broken < HOPELESS else "diverged"
                if not verdict and self.schedule.keep_pace(share):
                    yield self._log(RateRecord(**self._stamp(), why="budget"))
                evaluating = not verdict and (number % self._eval_every == 0 or share >= 1)
                # Whatever is saved below starts a new record, so that a resumed run logs the same ones.
                if number % LOG_EVERY == 0 or step.stop or evaluating or verdict:
                    yield self._log(sums.record(self._stamp()))
                    sums = StepSums()
                if evaluating:
                    records, verdict = self._evaluate()
                    yield from records
                if verdict == "diverged":
                    end = self._log(EndRecord(**self._stamp(), reason="diverged"))
                    self.folder.leave_log()
                    yield end
                    raise _divergence(self)
                if step.stop and not evaluating:
                    self.save()
                reason = "budget" if share >= 1 else "patience" if verdict == "stop" else ""
                reason = reason or ("interrupted" if step.stop else "")
                if reason:
                    yield self._log(EndRecord(**self._stamp(), reason=reason))
                    return
                if evaluating:
                    self._take_time()
                    self.position.closing = self.position.seconds - began
            self.position.epoch, self.position.group = self.position.epoch + 1, 0
        yield EndRecord(**self._stamp(), reason="budget")  # a finished run, resumed

    @property
    def share(self) -> float:
        """The share of the budget that is spent, 0 to 1."""
        return self.budget.share(self.position, self._groups)

    def _take_time(self) -> None:
        """Set the run's time by the clock of rank 0, for all ranks."""
        self.position.seconds = self.world.first(self.budget.clock)

    def _batches(self) -> Iterator[tuple[Shards, tuple[int, int]]]:
        """The rest of the current epoch: each batch's shards, and the (group, window) that stands after it."""
        epoch = self.feed.epoch(self.position.epoch)
        self._groups = epoch.groups
        for shards, done in epoch.rest(self.position.group, self.position.window):
            yield pinned(shards, self.device), done

    def _begin_from_vectors(self, progress: ProgressCallback) -> VectorsRecord | None:
        """Start the embedding from skip-gram vectors; None if the run is asked to stop before they are done."""
        config, train = self.config, self.dataset.train
        seconds = VECTORS_SHARE * 60 * config.max_minutes or math.inf
        vectors = self.world.first(
            lambda: skipgram.vectors(train, config.embed, config.seed, seconds, self.device, progress, self.stop)
        )
        if vectors is None:
            return None
        characters = start_from_vectors(self.model, vectors)
        self.gradients.publish()
        self._take_time()
        self.position.vectors = self.position.seconds
        return VectorsRecord(**self._stamp(), characters=characters)

    # A step ------------------------------------------------------------------------------------------------------

    def _step(self, shards: Shards, done: tuple[int, int]) -> Step:
        """One step of the optimizer on this rank's shards of a batch; `done` is the place in the data after it."""
        position = self.position
        rate = self.schedule.rate(position.step, self.share)
        batch = self.gradients.compute(shards, position.step, lambda: (self.stop(), self.budget.clock()))
        position.seconds = batch.seconds
        norm = 0.0
        if batch.tokens:  # a window may hold nothing but a long header
            norm = self.gradients.descend(self.optimizer, rate, self.config.clip)
            self.last_norm, self._broken = (norm, 0) if math.isfinite(norm) else (self.last_norm, self._broken + 1)
        position.step += 1
        position.group, position.window = done
        position.tokens += batch.tokens
        clip = self.config.clip or math.inf
        # A broken gradient is skipped, counted as clipped, and seen in the log.
        return Step(float(batch.loss), batch.tokens, norm, not norm <= clip or not math.isfinite(norm), batch.stop)

    # Evaluation and records --------------------------------------------------------------------------------------

    def _evaluate(self) -> tuple[list[TrainingRecord], str | None]:
        """Score, log, and save; also returns the schedule's verdict, or "diverged", where nothing is saved."""
        tally = self.validate()
        loss = _loss(tally)
        self._take_time()
        record = _eval_record(self._stamp(), tally, best=loss < self.schedule.best)
        records = [self._log(record)]
        if tally.all and not math.isfinite(loss):
            return records, "diverged"
        self.position.evaluations += 1
        verdict = self.schedule.observe(loss)
        if verdict in ("jump", "plateau"):
            records.append(self._log(RateRecord(**self._stamp(), why=verdict)))
        self.save(record if record.best or not self.folder.begun else None)
        return records, verdict

    def validate(self) -> Tally:
        """Score about EVAL_TOKENS of the validation split, or of the training split where that is empty.

        Each rank scores its part; the tally is that of all.
        """
        shard = self.world.rank, self.world.size
        batches = validation_batches(self._valid, self.config.seq_len, EVAL_TOKENS, shard)
        total = Tally()
        for tally in self.world.gather(self.scorer.tally(self.worker, batches)):
            total += tally
        return total

    def _stamp(self) -> dict[str, Any]:
        """What every record says: where the run stands."""
        position = self.position
        return {
            "step": position.step,
            "epoch": round(position.epoch + position.group / self._groups, 4),
            "seconds": round(position.seconds, 2),
            "tokens": position.tokens,
            "share": round(self.share, 5),
            "lr": self.schedule.rate(position.step, self.share),
        }

    def _log(self, record: TrainingRecord) -> TrainingRecord:
        self.folder.log(record)
        return record

    # Saving ------------------------------------------------------------------------------------------------------

    def save(self, best: EvalRecord | None = None) -> None:
        """Write what --resume needs and, of the `best` evaluation, what sampling needs, with its figures; all as one.

        A run that has no model yet is evaluated for it.
        """
        if best is None and not self.folder.begun:
            best = _eval_record(self._stamp(), self.validate(), best=True)
        self._take_time()
        state = TrainState(
            state_tensors(self.model, self.optimizer, self.gradients.gather_states()), self.position, self.schedule
        )
        self.folder.save(self.model, state, self.config, self._figures(best) if best else None)

    def _figures(self, record: EvalRecord) -> dict[str, Any]:
        """What config.json and the model card say of an evaluation."""
        kept = ("step", "epoch", "seconds", "tokens", "ppl_char", "ppl_all", "valid_tokens")
        counts = {"train_poems": len(self.dataset.train), "valid_poems": len(self.dataset.valid)}
        return {name: getattr(record, name) for name in kept} | counts

    def _restore(self) -> None:
        """Take up the run in `out`, as rank 0 finds it there, on every rank."""
        fingerprint = self.dataset.fingerprint
        state = self.world.first(lambda: read_train_state(self.out, self.model, self.config, fingerprint))
        state.restore(self.model, self.optimizer)
        self.gradients.publish()
        self.gradients.restore_states(state.carried)
        self.position = state.position
        # Rates, warm-up and patience may have been changed on the command line; where the run stands may not.
        self.schedule.level = min(state.schedule.level, len(self.schedule.rates) - 1)
        self.schedule.best, self.schedule.idle = state.schedule.best, state.schedule.idle
        self.schedule.astray = state.schedule.astray
        epoch = self.feed.epoch(self.position.epoch)
        self._groups = epoch.groups
        check_place(self.position, epoch, self.gradients.states, self.out)


def _divergence(trainer: Trainer) -> DivergedError:
    """What went wrong, and what to do."""
    position, out = trainer.position, trainer.out
    rate = trainer.schedule.rate(position.step - 1, trainer.share)
    begin = f"--resume: {out} holds the last good checkpoint"
    if not trainer.folder.begun:
        kept = f", and {out} keeps the run that it holds" if checkpoint.holds_run(out) else ""
        begin = f"--overwrite: nothing is saved yet{kept}"
    return DivergedError(
        f"the run diverged at step {position.step:,}: its loss or its gradient is no number any more "
        f"(learning rate {rate:g}, last gradient norm {trainer.last_norm:.3g}); give --clip 1, or a lower first rate "
        f"in --lr-steps, with {begin}"
    )


def _eval_record(stamp: Mapping[str, Any], tally: Tally, best: bool) -> EvalRecord:
    return EvalRecord(
        **stamp,
        ppl_char=tally.ppl_char,
        ppl_all=tally.ppl_all,
        valid_tokens=tally.all,
        valid_loss=_loss(tally),
        best=best,
    )


def _loss(tally: Tally) -> float:
    """Nats a token; infinite where nothing was scored."""
    return tally.all_nats / tally.all if tally.all else math.inf


def _parameter_groups(model: PoetModel, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases and norms do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
