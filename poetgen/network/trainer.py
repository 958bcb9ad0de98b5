"""The training loop, as a generator of records.

    for record in Trainer(dataset, config, out).run():   # {"kind": "step" | "eval" | "rung" | "end", …}

In bf16 the network works in bfloat16 while the optimizer keeps fp32 master weights (Micikevicius et al. 2018,
"Mixed Precision Training"). A resumed run gives the numbers that an unbroken one would have given, bit for bit on
CPU: batches and header drops follow from (seed, epoch, position), dropout from (seed, step), and everything else is
in train.state.

With --init-embeddings the embedding starts from skip-gram vectors. The minutes that they take are spent from the
budget; the ladder counts what is left.

A batch is cut by rows into shards, one for each process of the run and each part of --accumulate. Their gradients are
summed before the optimizer steps, so that it steps as if the batch had been computed at once. Whatever a run decides
by, it decides by sums over all ranks or by what rank 0 says, so that ranks never disagree.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poetgen.config import ModelConfig, TrainConfig
from poetgen.data.batches import (
    Batch,
    StreamBatches,
    batch_groups,
    poem_batches,
    rows_of,
    validation_batches,
    validation_stride,
)
from poetgen.data.dataset import Dataset
from poetgen.data.vocab import PAD, UNK
from poetgen.errors import CheckpointError, DatasetError, DivergedError, SaveError, UsageError
from poetgen.files import write_atomic
from poetgen.network import checkpoint, skipgram
from poetgen.network.device import pick_device, pick_precision
from poetgen.network.distributed import World
from poetgen.network.model import PoetModel, State
from poetgen.network.perplexity import Scorer, Tally, to_device
from poetgen.network.schedule import Ladder

Record = dict[str, Any]
T = TypeVar("T")

#: Validation tokens scored at each evaluation: enough for a stable second digit, cheap enough to do often.
EVAL_TOKENS = 60_000
#: No more than this share of --max-minutes goes into the vectors that --init-embeddings starts from.
VECTORS_SHARE = 0.1
#: Steps that one "step" record sums up.
LOG_EVERY = 10
DEFAULT_EPOCHS = 10
#: A broken gradient is skipped; after so many in a row a run is given up.
HOPELESS = 10
#: Options that a resumed run keeps: the shape of the model, what it began from, and what the place in the data means.
_FIXED = ("cell", "layers", "hidden", "embed", "tie", "batch_size", "seq_len", "sampling", "seed", "init_embeddings")


@dataclass
class Progress:
    """Where a run stands; plain numbers, stored in train.state."""

    step: int = 0
    epoch: int = 0
    group: int = 0  # batch groups of the epoch that are done
    window: int = 0  # windows of the current group that are done
    seconds: float = 0.0
    tokens: int = 0  # scored tokens
    evaluations: int = 0
    closing: float = 0.0  # seconds that the last evaluation took, with all that was shown and saved
    vectors: float = 0.0  # seconds that --init-embeddings took before the first step


@dataclass(frozen=True)
class Step:
    """What one step of the optimizer did: summed loss in nats over scored tokens, the gradient's norm unclipped."""

    loss: float
    tokens: int
    norm: float
    clipped: bool
    stop: bool  # whether the run is asked to end


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
        self.dataset, self.config, self.out, self.stop = dataset, config, out, stop
        self.world = world or World()
        if self.world.first(lambda: dataset.fingerprint) != dataset.fingerprint:
            raise DatasetError(f"--data: process {self.world.rank} has another dataset than process 0; copy it there")
        self.device = pick_device(self.world.device(config.device))
        self.precision = self.world.first(lambda: pick_precision(config.precision, self.device))
        self.dtype = self.precision.dtype
        self.config = replace(config, precision=self.precision.name)  # what was found out once holds when resuming
        torch.manual_seed(config.seed)
        self.model = build(config.model(len(dataset.vocab))).to(self.device)
        self.model.expect(torch.from_numpy(self._frequencies()).to(self.device))
        self.worker = self.model if self.dtype is torch.float32 else copy.deepcopy(self.model).to(self.dtype)
        self.worker.train()
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(self.model, config.weight_decay), lr=config.lr_steps[0], betas=(0.9, 0.99), fused=True
        )
        self.ladder = Ladder(config.lr_steps, config.warmup, config.patience)
        self.progress = Progress()
        # A batch has `_parts` shards, of which `_shards` are computed here; each has a state of its own.
        self._parts = self.world.size * config.accumulate
        self._shards = range(self.world.rank * config.accumulate, (self.world.rank + 1) * config.accumulate)
        self.states: list[State | None] = [None] * config.accumulate
        self._joint = self._join_gradients() if self._parts > 1 else None
        self._norm = math.nan  # the last one that was a number
        self._broken = 0  # gradients since then that were none
        self._valid = dataset.valid if len(dataset.valid) else dataset.train
        self._valid_tokens = int(self._valid.body_sizes.sum()) / validation_stride(self._valid, EVAL_TOKENS)
        self.scorer = Scorer(dataset.vocab)
        self._clock = time.monotonic()
        self._epochs = config.epochs or (0 if config.max_minutes else DEFAULT_EPOCHS)
        self._groups = self._plan()[0]
        self._eval_every = config.eval_every or max(50, min(1000, self._groups))
        if resume:
            self._restore()
            self._groups = self._plan()[0]
            return
        if config.init:
            self._begin_from(Path(config.init))
        if self.world.rank == 0:
            write_atomic(self.out / checkpoint.VOCAB, dataset.vocab.to_json())
            if dataset.folder is not None:
                checkpoint.copy_learned(dataset.folder, self.out)

    # The loop ----------------------------------------------------------------------------------------------------

    def run(self, embedding: Callable[[int, int], None] = lambda done, total: None) -> Iterator[Record]:
        """Train until the budget, the patience or `stop` ends it, yielding records; saves at every evaluation.

        `embedding` is told how far --init-embeddings has come; stopped before it is done, a run has nothing to save.
        Raises DivergedError where the loss or the gradient is no number any more, SaveError, and RankError where
        another process of the run is gone. All ranks yield the same records.
        """
        self._clock = time.monotonic() - self.progress.seconds
        if self.config.init_embeddings and not self.progress.step:
            vectors = self._vectors(embedding)
            if vectors is None:
                yield self._stamp("end") | {"reason": "interrupted"}  # with nothing to save yet
                return
            yield self._log(self._begin_from_vectors(vectors))
        log = _Sums()
        while self.share < 1:
            for shards, done in ahead(map(self._pinned, self._batches())):
                step = self._step(shards, done)
                log.add(step)
                number, share, began = self.progress.step, self.share, self.progress.seconds
                verdict = None if math.isfinite(step.loss) and self._broken < HOPELESS else "diverged"
                if not verdict and self.ladder.due(share):
                    yield self._rung("budget")
                evaluating = not verdict and (number % self._eval_every == 0 or share >= 1)
                # Whatever is saved below starts a new record, so that a resumed run logs the same ones.
                if number % LOG_EVERY == 0 or step.stop or evaluating or verdict:
                    yield self._log(self._stamp("step") | log.record())
                    log = _Sums()
                if evaluating:
                    record, verdict = self._evaluate()
                    yield record
                    if verdict in ("jump", "plateau"):
                        yield self._rung(verdict)
                if verdict == "diverged":
                    yield self._log(self._stamp("end") | {"reason": "diverged"})
                    raise self._diverged()
                if step.stop and not self.progress.evaluations:  # there is no model to sample from yet
                    self.save_best(self._figures(self.validate()))
                if evaluating or step.stop:
                    self.save_state()
                reason = "budget" if share >= 1 else "patience" if verdict == "stop" else ""
                reason = reason or ("interrupted" if step.stop else "")
                if reason:
                    yield self._log(self._stamp("end") | {"reason": reason})
                    return
                if evaluating:
                    self._take_time()
                    self.progress.closing = self.progress.seconds - began
            self.progress.epoch, self.progress.group = self.progress.epoch + 1, 0
        yield self._stamp("end") | {"reason": "budget"}  # a finished run, resumed

    @property
    def share(self) -> float:
        """The share of the budget that is spent, 0 to 1."""
        done = self.progress.epoch + self.progress.group / self._groups
        shares = [0.0]
        if self._epochs:
            shares.append(done / self._epochs)
        if self.config.max_minutes:
            budget = 60 * self.config.max_minutes - self.progress.vectors
            # Early on the end is but guessed at, and may seem to take longer than there is time.
            shares.append(self._training / (budget - min(self._closing, budget / 2)))
        return min(1.0, max(shares))

    @property
    def _training(self) -> float:
        """Seconds since the first step began."""
        return self.progress.seconds - self.progress.vectors

    @property
    def _closing(self) -> float:
        """Seconds that the end of the run will take: one more step, the evaluation, and saving."""
        progress = self.progress
        step = self._training / max(1, progress.step)
        # Before the first evaluation, as long as its tokens would take to train on: the time that scoring takes less is
        # what saving takes.
        return step + (progress.closing or self._training * self._valid_tokens / max(1, progress.tokens))

    def _take_time(self) -> None:
        """Set the run's time by the clock of rank 0, for all ranks."""
        self.progress.seconds = self.world.first(lambda: time.monotonic() - self._clock)

    def _diverged(self) -> DivergedError:
        rate = self.ladder.rate(self.progress.step - 1, self.share)
        saved = self.progress.evaluations > 0
        begin = f"--resume: {self.out} holds the last good checkpoint" if saved else "--overwrite: nothing is saved yet"
        return DivergedError(
            f"the run diverged at step {self.progress.step:,}: its loss or its gradient is no number any more "
            f"(learning rate {rate:g}, last gradient norm {self._norm:.3g}); give --clip 1, or a lower first rate in "
            f"--lr-steps, with {begin}"
        )

    # A step ------------------------------------------------------------------------------------------------------

    def _step(self, shards: Sequence[Batch], done: tuple[int, int]) -> Step:
        """One step of the optimizer on this rank's shards of a batch; `done` is the place in the data after it."""
        progress = self.progress
        rate = self.ladder.rate(progress.step, self.share)
        loss, count, stop = self._gradients(shards, progress.step)
        norm = self._descend(rate) if count else 0.0  # a window may hold nothing but a long header
        progress.step += 1
        progress.group, progress.window = done
        progress.tokens += count
        clip = self.config.clip or math.inf
        # A broken gradient is skipped, counted as clipped, and seen in the log.
        return Step(float(loss), count, norm, not norm <= clip or not math.isfinite(norm), stop)

    def _gradients(self, shards: Sequence[Batch], step: int) -> tuple[Tensor | float, int, bool]:
        """Put the gradient of a batch's mean loss into the master weights' .grad; also takes the time.

        Returns the summed loss, over how many tokens, and whether the run is to stop.
        """
        if self._joint is None:
            self.model.zero_grad(set_to_none=True)
        else:
            self._joint.zero_()
        loss: Tensor | float = 0.0
        count = 0
        for index, shard in enumerate(shards):
            part, scored = self._backward(index, shard, step)
            loss, count = loss + part, count + scored
        stop, seconds = self.stop(), time.monotonic() - self._clock
        if self._joint is not None:
            numbers = torch.tensor([float(loss), count, stop, 0.0 if self.world.rank else seconds])
            self._joint[-len(numbers) :] = numbers
            self.world.sum(self._joint)
            loss, tokens, asked, seconds = self._joint[-len(numbers) :].tolist()
            count, stop = int(tokens), asked > 0
            self._joint /= max(1, count)
        self.progress.seconds = seconds
        return loss, count, stop

    def _backward(self, index: int, batch: Batch, step: int) -> tuple[Tensor | float, int]:
        """Add one shard's gradient to the master weights' .grad; returns its summed loss and scored tokens."""
        if not len(batch.inputs):
            self.states[index] = None
            return 0.0, 0
        # Dropout follows from the seed, the step and the shard, so that a resumed run needs no state of a generator.
        torch.manual_seed(_mix(self.config.seed, step, self._shards[index]))
        inputs, labels, state = to_device(batch, self.states[index], self.device)
        features, self.states[index] = self.worker.features(inputs, state)
        count = int((batch.labels != PAD).sum())
        if not count:
            return 0.0, 0
        loss = self.worker.loss(features, labels)
        # How many tokens the other shards score is not known yet; a sum over all shards is divided in the end.
        torch.autograd.backward(loss / count if self._joint is None else loss)
        if self.worker is not self.model:
            for master, parameter in self._pairs():
                if parameter.grad is not None:
                    whole = parameter.grad.float() if master.grad is None else master.grad.add_(parameter.grad)
                    master.grad, parameter.grad = whole, None
        return loss.detach(), count

    def _descend(self, rate: float) -> float:
        """Clip the gradient and let the optimizer step; returns the norm before."""
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        total = torch.nn.utils.get_total_norm(gradients)
        norm = float(total)
        if not math.isfinite(norm):
            self._broken += 1
            return norm
        self._norm, self._broken = norm, 0
        if 0 < self.config.clip < norm:
            torch.nn.utils.clip_grads_with_norm_(self.model.parameters(), self.config.clip, total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self._publish()
        return norm

    def _join_gradients(self) -> Tensor:
        """One fp32 buffer for all gradients and four numbers after them, to be summed over ranks in one go.

        The .grad of every master weight is a view of it.
        """
        parameters = list(self.model.parameters())
        sizes = [parameter.numel() for parameter in parameters]
        sums = torch.zeros(sum(sizes) + 4, device=self.device)
        for parameter, part in zip(parameters, torch.split(sums[:-4], sizes), strict=True):
            parameter.grad = part.view_as(parameter)
        return sums

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Each master weight and its likeness in the network that computes."""
        return zip(self.model.parameters(), self.worker.parameters(), strict=True)

    def _publish(self) -> None:
        """Copy the master weights into the network that computes."""
        if self.worker is not self.model:
            with torch.no_grad():
                for master, parameter in self._pairs():
                    parameter.copy_(master)

    # Data --------------------------------------------------------------------------------------------------------

    def _begin_from(self, path: Path) -> None:
        """Take the weights of a checkpoint: its characters keep theirs, those that it lacks stay as they begin.

        Raises CheckpointError, or UsageError where its network has another shape.
        """
        found = checkpoint.Checkpoint.load(path)
        own, other = asdict(self.model.config), asdict(found.model.config)
        for name in own.keys() - {"vocab_size", "dropout"}:
            if own[name] != other[name]:
                flag = f"--{name}" if name in _FIXED else name
                raise UsageError(f"--init {path}: its network has {flag} {other[name]}, not {own[name]}; give the same")
        if not own["embed"] and self.dataset.vocab != found.vocab:
            raise UsageError(f"--init {path}: a one-hot network (--embed 0) can only go on with its own vocabulary")
        places = [(new, found.vocab.id(token)) for new, token in enumerate(self.dataset.vocab.tokens)]
        rows = [(new, old) for new, old in places if old != UNK or new == UNK]
        new_rows, old_rows = (torch.tensor(side, device=self.device) for side in zip(*rows, strict=True))
        weights = dict(found.model.to(self.device).named_parameters())
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if name.startswith(("embedding.", "output.")):
                    parameter[new_rows] = weights[name][old_rows]
                else:
                    parameter.copy_(weights[name])
        self._publish()

    def _vectors(self, progress: Callable[[int, int], None]) -> Tensor | None:
        """Skip-gram vectors of the training split; None if the run is asked to stop before they are done."""
        config, train = self.config, self.dataset.train
        seconds = VECTORS_SHARE * 60 * config.max_minutes or math.inf
        return self.world.first(
            lambda: skipgram.vectors(train, config.embed, config.seed, seconds, self.device, progress, self.stop)
        )

    def _begin_from_vectors(self, vectors: Tensor) -> Record:
        """Start the embedding from `vectors`, centred and as large as it begins; returns what to log.

        Tokens that no body holds, such as the control tokens, stay as they begin.
        """
        table = self.model.get_parameter("embedding.weight")
        vectors = vectors.to(self.device)
        known = vectors.any(1)
        rows = vectors[known] - vectors[known].mean(0)
        with torch.no_grad():
            table[known] = rows * (table.std() / rows.std().clamp_min(1e-12))
        self._publish()
        self._take_time()
        self.progress.vectors = self.progress.seconds
        return self._stamp("vectors") | {"characters": int(known.sum())}

    def _frequencies(self) -> NDArray[np.int64]:
        """(V,) how often each token is scored in an epoch."""
        train = self.dataset.train
        if self.config.sampling == "poems":
            return train.frequencies()
        return np.bincount(train.stream, minlength=len(self.dataset.vocab))

    def _plan(self) -> tuple[int, Callable[[int], Iterator[tuple[Batch, ...]]]]:
        """The current epoch's number of batch groups, and the windows of each, as this rank's shards."""
        config, train, epoch = self.config, self.dataset.train, self.progress.epoch
        if config.sampling == "poems":
            groups = batch_groups(train, config.batch_size * config.seq_len, config.seq_len, (config.seed, epoch))

            def windows(group: int) -> Iterator[tuple[Batch, ...]]:
                parts = [groups[group].part(shard, self._parts) for shard in self._shards]
                return zip(*(poem_batches(train, part, config.seq_len) for part in parts), strict=True)

            return len(groups), windows
        if config.sampling == "sequential":
            batches = StreamBatches.sequential(train.stream, config.batch_size, config.seq_len)
        else:
            batches = StreamBatches.random(train.stream, config.batch_size, config.seq_len, (config.seed, epoch))
        shards = [batches.part(shard, self._parts) for shard in self._shards]
        return len(batches), lambda group: iter([tuple(shard[group] for shard in shards)])

    def _batches(self) -> Iterator[tuple[tuple[Batch, ...], tuple[int, int]]]:
        """The rest of the current epoch: each batch's shards, and the (group, window) that stands after it."""
        self._groups, windows = self._plan()
        skip = self.progress.window
        for group in range(self.progress.group, self._groups):
            batches = list(windows(group))
            for window, shards in enumerate(batches[skip:], start=skip + 1):
                yield shards, (group, window) if window < len(batches) else (group + 1, 0)
            skip = 0

    def _pinned(self, item: tuple[tuple[Batch, ...], T]) -> tuple[tuple[Batch, ...], T]:
        """The same, for a GPU in memory that it can copy from while other work goes on."""
        if self.device.type != "cuda":
            return item
        with torch.cuda.device(self.device):
            return tuple(Batch(_pin(batch.inputs), _pin(batch.labels), batch.carry) for batch in item[0]), item[1]

    # Evaluation and records --------------------------------------------------------------------------------------

    def _evaluate(self) -> tuple[Record, str | None]:
        """Score, log, and keep the weights if they are the best; also returns the ladder's verdict, or "diverged"."""
        tally = self.validate()
        loss = tally.all_nats / tally.all if tally.all else math.inf
        best = loss < self.ladder.best
        self._take_time()
        record = self._log(self._figures(tally) | {"valid_loss": loss, "best": best})
        if tally.all and not math.isfinite(loss):
            return record, "diverged"
        self.progress.evaluations += 1
        if best or self.progress.evaluations == 1:
            self.save_best(record)
        return record, self.ladder.observe(loss)

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

    def _figures(self, tally: Tally) -> Record:
        figures = {"ppl_char": tally.ppl_char, "ppl_all": tally.ppl_all, "valid_tokens": tally.all}
        return self._stamp("eval") | figures

    def _stamp(self, kind: str) -> Record:
        progress = self.progress
        return {
            "kind": kind,
            "step": progress.step,
            "epoch": round(progress.epoch + progress.group / self._groups, 4),
            "seconds": round(progress.seconds, 2),
            "tokens": progress.tokens,
            "share": round(self.share, 5),
            "lr": self.ladder.rate(progress.step, self.share),
        }

    def _rung(self, why: str) -> Record:
        return self._log(self._stamp("rung") | {"why": why})

    def _log(self, record: Record) -> Record:
        if self.world.rank:
            return record
        path = self.out / "log.jsonl"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(finite(record)) + "\n")
        except OSError as error:
            raise SaveError(f"{path}: cannot be written ({error.strerror}); free some room, then --resume") from error
        return record

    # Saving ------------------------------------------------------------------------------------------------------

    def save_best(self, figures: Record) -> None:
        """Write what sampling needs, and the model card."""
        if self.world.rank:
            return
        # First what needs the most room: where there is none, all of the last best model stays.
        checkpoint.save_weights(self.out / checkpoint.WEIGHTS, self.model, self.dataset.vocab, step=self.progress.step)
        kept = ("step", "epoch", "seconds", "tokens", "ppl_char", "ppl_all", "valid_tokens")
        config = checkpoint.write_config(
            self.out,
            self.model.config,
            train=asdict(self.config),
            dataset=self.dataset.fingerprint,
            figures=finite({key: figures[key] for key in kept})
            | {"train_poems": len(self.dataset.train), "valid_poems": len(self.dataset.valid)},
        )
        checkpoint.write_card(self.out, config)

    def save_state(self) -> None:
        """Write what --resume needs: weights, optimizer, schedule, carried state, time and data position."""
        self._take_time()
        own = [tuple(part.detach().cpu() for part in state or ()) for state in self.states]
        shards = [state for states in self.world.gather(own) for state in states if state]
        if self.world.rank:
            return
        tensors: dict[str, Tensor] = {f"model.{name}": tensor for name, tensor in self.model.named_parameters()}
        for index, parameter in enumerate(self.model.parameters()):
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{index}.{key}"] = value
        # The rows of all shards again, so that a resumed run may cut its batches otherwise.
        for index, parts in enumerate(zip(*shards, strict=True)):
            tensors[f"state.{index}"] = torch.cat(parts, dim=1)
        facts = {
            "progress": asdict(self.progress),
            "ladder": asdict(self.ladder),
            "dataset": self.dataset.fingerprint,
            "train": asdict(self.config),
        }
        checkpoint.write_tensors(
            self.out / checkpoint.STATE,
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            {"run": json.dumps(facts)},
        )

    def _restore(self) -> None:
        """Take up the run in `out`, as rank 0 finds it there, on every rank."""
        tensors, progress, ladder = self.world.first(self._read_state)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(tensors[f"model.{name}"])
            for index, parameter in enumerate(self.model.parameters()):
                saved = {key: tensors.get(f"optimizer.{index}.{key}") for key in ("step", "exp_avg", "exp_avg_sq")}
                if saved["step"] is not None:
                    self.optimizer.state[parameter] = {
                        key: value.to(self.device) for key, value in saved.items() if value is not None
                    }
        self._publish()
        whole = [tensors[name] for name in sorted(tensors) if name.startswith("state.")]
        for index, shard in enumerate(self._shards):
            parts = (part[:, rows_of(shard, self._parts, part.shape[1])] for part in whole)
            self.states[index] = tuple(part.to(self.device, self.dtype) for part in parts) or None
        self.progress = progress
        # Rates, warm-up and patience may have been changed on the command line; where the run stands may not.
        self.ladder.rung = min(ladder.rung, len(self.ladder.rates) - 1)
        self.ladder.best, self.ladder.idle = ladder.best, ladder.idle

    def _read_state(self) -> tuple[dict[str, Tensor], Progress, Ladder]:
        """What train.state holds; raises CheckpointError or UsageError where it is not of such a run."""
        path = self.out / checkpoint.STATE
        tensors, metadata = checkpoint.read_tensors(path)
        try:
            facts = json.loads(metadata["run"])
            progress, ladder = Progress(**facts["progress"]), Ladder(**facts["ladder"])
            fingerprint = facts["dataset"]
            options = asdict(TrainConfig()) | facts["train"]  # an option that has come since has its default
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: not the state of a run ({error}); train again without --resume") from error
        if fingerprint != self.dataset.fingerprint:
            raise CheckpointError(
                f"{path}: the run was trained on another dataset ({fingerprint}, not {self.dataset.fingerprint}); "
                "give its --data, or train anew without --resume"
            )
        for name in _FIXED:
            given, saved = getattr(self.config, name), options[name]
            if given != saved:
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(f"{flag}: the run in {self.out} has {saved}, not {given}, and keeps it; leave it out")
        weights = {name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")}
        checkpoint.check_fit(self.model, weights, path)
        return tensors, progress, ladder


@dataclass
class _Sums:
    """What one "step" record sums up."""

    loss: float = 0.0
    tokens: int = 0
    norm: float = 0.0
    greatest: float = 0.0
    clipped: int = 0
    steps: int = 0
    since: float = field(default_factory=time.monotonic)

    def add(self, step: Step) -> None:
        self.loss += step.loss
        self.tokens += step.tokens
        self.norm += step.norm
        self.greatest = max(self.greatest, step.norm)
        self.clipped += step.clipped
        self.steps += 1

    def record(self) -> Record:
        loss = self.loss / max(1, self.tokens)
        return {
            "loss": loss,
            "perplexity": math.exp(min(loss, 700)),
            "grad_norm": self.norm / self.steps,
            "grad_norm_max": self.greatest,
            "clipped": self.clipped / self.steps,
            "tokens_per_second": self.tokens / max(1e-9, time.monotonic() - self.since),
        }


def ahead(items: Iterator[T], depth: int = 2) -> Iterator[T]:
    """The same items, none of them None, `depth` of which are made in a thread while the one before is used.

    What making one raises is raised here; closing the generator ends the thread.
    """
    maker = ThreadPoolExecutor(1)
    try:
        coming = deque(maker.submit(next, items, None) for _ in range(depth))
        while (item := coming.popleft().result()) is not None:
            coming.append(maker.submit(next, items, None))
            yield item
    finally:
        maker.shutdown(cancel_futures=True)


def _pin(array: NDArray[np.int64]) -> NDArray[np.int64]:
    pinned: NDArray[np.int64] = torch.from_numpy(np.ascontiguousarray(array)).pin_memory().numpy()
    return pinned


def _mix(*numbers: int) -> int:
    """One seed from some numbers, far from that of other numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def finite(record: Record) -> Record:
    """A record as strict JSON can hold it: None for what is not finite (ppl_char of a text without Han characters)."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def _parameter_groups(model: PoetModel, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases and norms do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
