"""The training loop, as a generator of records.

    for record in Trainer(dataset, config, out).run():   # {"kind": "step" | "eval" | "rung" | "end", …}

In bf16 the network works in bfloat16 while the optimizer keeps fp32 master weights (Micikevicius et al. 2018,
"Mixed Precision Training"). A resumed run gives the numbers that an unbroken one would have given, bit for bit on
CPU: batches and header drops follow from (seed, epoch, position), and everything else is in train.state.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from poetgen import checkpoint
from poetgen.config import TrainConfig
from poetgen.dataset import Batch, Dataset, Split
from poetgen.errors import CheckpointError, DatasetError, SaveError, UsageError
from poetgen.files import write_atomic
from poetgen.model import PoetModel, State
from poetgen.perplexity import Scorer, Tally, to_device
from poetgen.schedule import Ladder
from poetgen.vocab import PAD

Record = dict[str, Any]

#: Validation tokens scored at each evaluation: enough for a stable second digit, cheap enough to do often.
EVAL_TOKENS = 60_000
#: Steps that one "step" record sums up.
LOG_EVERY = 10
DEFAULT_EPOCHS = 10
#: Scored positions reach the output layer in multiples of this.
ROUND_SCORED = 256
#: Options that a resumed run keeps: the shape of the model, and what the place in the data means.
_FIXED = ("cell", "layers", "hidden", "embed", "tie", "batch_size", "seq_len", "sampling", "seed")


def pick_device(name: str) -> torch.device:
    """The device that --device names; "auto" takes a GPU where there is one. Raises UsageError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UsageError(f"--device {name}: not available here ({reason}); try --device cpu or auto") from error
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype that --precision names; "auto" takes bf16 where the hardware computes in it."""
    if name == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
        return torch.bfloat16 if _cpu_has_bf16() else torch.float32
    return torch.bfloat16 if name == "bf16" else torch.float32


def _cpu_has_bf16() -> bool:
    # Emulated bf16 is slower than fp32, so only arithmetic in hardware counts; PyTorch has no public test for it yet.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


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


class Trainer:
    """One training run: the model, its optimizer, its schedule and its place in the data.

    `stop` is asked after every step; when it answers True the run saves itself and ends with reason "interrupted".
    """

    def __init__(
        self,
        dataset: Dataset,
        config: TrainConfig,
        out: Path,
        resume: bool = False,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        if not len(dataset.train):
            raise DatasetError("the training split is empty: give more poems to poetgen preprocess")
        self.dataset, self.config, self.out, self.stop = dataset, config, out, stop
        self.device = pick_device(config.device)
        self.dtype = pick_precision(config.precision, self.device)
        torch.manual_seed(config.seed)
        self.model = PoetModel(config.model(len(dataset.vocab))).to(self.device)
        self.worker = self.model if self.dtype is torch.float32 else copy.deepcopy(self.model).to(self.dtype)
        self.worker.train()
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(self.model, config.weight_decay), lr=config.lr_steps[0], betas=(0.9, 0.99), fused=True
        )
        self.ladder = Ladder(config.lr_steps, config.warmup, config.patience)
        self.progress = Progress()
        self.state: State | None = None
        self.scorer = Scorer(dataset.vocab)
        self._clock = time.monotonic()
        self._epochs = config.epochs or (0 if config.max_minutes else DEFAULT_EPOCHS)
        self._groups = self._plan()[0]
        self._eval_every = config.eval_every or max(50, min(1000, self._groups))
        if resume:
            self._restore()
            self._groups = self._plan()[0]
        else:
            write_atomic(self.out / checkpoint.VOCAB, dataset.vocab.to_json())

    # The loop ----------------------------------------------------------------------------------------------------

    def run(self) -> Iterator[Record]:
        """Train until the budget, the patience or `stop` ends it, yielding records; saves at every evaluation."""
        self._clock = time.monotonic() - self.progress.seconds
        log = _Sums()
        while self.share < 1:
            for batch, done in self._batches():
                log.add(*self._step(batch, done))
                step = self.progress.step
                share = self.share
                if self.ladder.due(share):
                    yield self._rung("budget")
                interrupted = self.stop()
                evaluating = step % self._eval_every == 0 or share >= 1
                # Whatever is saved below starts a new record, so that a resumed run logs the same ones.
                if step % LOG_EVERY == 0 or interrupted or evaluating:
                    yield self._log(self._stamp("step") | log.record())
                    log = _Sums()
                verdict = None
                if evaluating:
                    record, verdict = self._evaluate()
                    yield record
                    if verdict in ("jump", "plateau"):
                        yield self._rung(verdict)
                elif interrupted and not self.progress.evaluations:  # there is no model to sample from yet
                    self.save_best(self._figures(self.validate()))
                if evaluating or interrupted:
                    self.save_state()
                reason = "budget" if share >= 1 else "patience" if verdict == "stop" else ""
                reason = reason or ("interrupted" if interrupted else "")
                if reason:
                    yield self._log(self._stamp("end") | {"reason": reason})
                    return
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
            shares.append(self.progress.seconds / (60 * self.config.max_minutes))
        return min(1.0, max(shares))

    def _step(self, batch: Batch, done: tuple[int, int]) -> tuple[float, int, float, bool]:
        """One optimizer step; returns summed loss, scored tokens, gradient norm and whether it was clipped."""
        inputs, labels, state = to_device(batch, self.state, self.device)
        features, self.state = self.worker.features(inputs, state)
        count = int((batch.labels != PAD).sum())
        norm = 0.0
        total = 0.0
        rate = self.ladder.rate(self.progress.step, self.share)
        if count:  # a window may hold nothing but a long header
            loss = self._loss(features, labels)
            self.worker.zero_grad(set_to_none=True)
            torch.autograd.backward(loss / count)
            if self.worker is not self.model:
                for master, parameter in zip(self.model.parameters(), self.worker.parameters(), strict=True):
                    master.grad = None if parameter.grad is None else parameter.grad.float()
            norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            if math.isfinite(norm):  # a broken gradient is skipped, counted as clipped, and seen in the log
                self.optimizer.step()
            self._publish()
            total = float(loss.detach())
        progress = self.progress
        progress.step += 1
        progress.group, progress.window = done
        progress.tokens += count
        progress.seconds = time.monotonic() - self._clock
        return total, count, norm, not norm <= self.config.clip

    def _loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Summed cross-entropy over scored positions of features (B, T, H) and labels (B, T)."""
        # Headers and padding never reach the output layer. A round number of positions keeps shapes few.
        scored = torch.nonzero(labels.flatten() != PAD).squeeze(1)
        places = F.pad(scored, (0, -len(scored) % ROUND_SCORED))
        kept = labels.flatten()[places]
        kept[len(scored) :] = PAD
        logits = self.worker.logits(features.flatten(0, 1)[places])
        # Summed in fp32: bf16 would round the sum of thousands.
        return F.cross_entropy(logits, kept, reduction="none", ignore_index=PAD).float().sum()

    def _publish(self) -> None:
        """Copy the master weights into the network that computes."""
        if self.worker is not self.model:
            with torch.no_grad():
                for master, parameter in zip(self.model.parameters(), self.worker.parameters(), strict=True):
                    parameter.copy_(master)

    # Data --------------------------------------------------------------------------------------------------------

    def _plan(self) -> tuple[int, Callable[[int], Iterator[Batch]]]:
        """The current epoch's number of batch groups, and the windows of each."""
        config, train, epoch = self.config, self.dataset.train, self.progress.epoch
        if config.sampling == "poems":
            groups = train.groups(config.batch_size * config.seq_len, config.seq_len, (config.seed, epoch))
            return len(groups), lambda group: train.windows(groups[group], config.seq_len)
        if config.sampling == "sequential":
            batches = train.sequential(config.batch_size, config.seq_len)
        else:
            batches = train.random(config.batch_size, config.seq_len, (config.seed, epoch))
        return len(batches), lambda group: iter([batches[group]])

    def _batches(self) -> Iterator[tuple[Batch, tuple[int, int]]]:
        """The rest of the current epoch: each batch, and the (group, window) that stands after it."""
        self._groups, windows = self._plan()
        skip = self.progress.window
        for group in range(self.progress.group, self._groups):
            batches = list(windows(group))
            for window, batch in enumerate(batches[skip:], start=skip + 1):
                yield batch, (group, window) if window < len(batches) else (group + 1, 0)
            skip = 0

    # Evaluation and records --------------------------------------------------------------------------------------

    def _evaluate(self) -> tuple[Record, str | None]:
        tally = self.validate()
        loss = tally.all_nats / tally.all if tally.all else math.inf
        best = loss < self.ladder.best
        verdict = self.ladder.observe(loss)
        self.progress.evaluations += 1
        self.progress.seconds = time.monotonic() - self._clock
        record = self._figures(tally) | {"valid_loss": loss, "best": best}
        self._log(record)
        if best or self.progress.evaluations == 1:
            self.save_best(record)
        return record, verdict

    def validate(self) -> Tally:
        """Score the first EVAL_TOKENS or so of the validation split; of the training split where that is empty."""
        split = self.dataset.valid if len(self.dataset.valid) else self.dataset.train
        return self.scorer.tally(self.worker, validation_batches(split, self.config.seq_len, EVAL_TOKENS))

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
        checkpoint.save_weights(self.out / checkpoint.WEIGHTS, self.model, self.dataset.vocab, step=self.progress.step)

    def save_state(self) -> None:
        """Write what --resume needs: weights, optimizer, schedule, random states, carried state, data position."""
        tensors: dict[str, Tensor] = {f"model.{name}": tensor for name, tensor in self.model.named_parameters()}
        for index, parameter in enumerate(self.model.parameters()):
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{index}.{key}"] = value
        for index, part in enumerate(self.state or ()):
            tensors[f"state.{index}"] = part
        tensors["rng.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["rng.cuda"] = torch.cuda.get_rng_state(self.device)
        self.progress.seconds = time.monotonic() - self._clock
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
        path = self.out / checkpoint.STATE
        tensors, metadata = checkpoint.read_tensors(path)
        try:
            facts = json.loads(metadata["run"])
            progress, ladder = Progress(**facts["progress"]), Ladder(**facts["ladder"])
            fingerprint, options = facts["dataset"], dict(facts["train"])
            random = tensors["rng.cpu"]
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: not the state of a run ({error}); train again without --resume") from error
        if fingerprint != self.dataset.fingerprint:
            raise CheckpointError(
                f"{path}: the run was trained on another dataset ({fingerprint}, not {self.dataset.fingerprint}); "
                "give its --data, or train anew without --resume"
            )
        for name in _FIXED:
            given, saved = getattr(self.config, name), options.get(name)
            if given != saved:
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(f"{flag}: the run in {self.out} has {saved}, not {given}, and keeps it; leave it out")
        weights = {name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")}
        with torch.no_grad():
            checkpoint.check_fit(self.model, weights, path)
            for name, parameter in self.model.named_parameters():
                parameter.copy_(weights[name])
            for index, parameter in enumerate(self.model.parameters()):
                saved = {key: tensors.get(f"optimizer.{index}.{key}") for key in ("step", "exp_avg", "exp_avg_sq")}
                if saved["step"] is not None:
                    self.optimizer.state[parameter] = {
                        key: value.to(self.device) for key, value in saved.items() if value is not None
                    }
        self._publish()
        parts = [tensors[name] for name in sorted(tensors) if name.startswith("state.")]
        self.state = tuple(part.to(self.device, self.dtype) for part in parts) or None
        torch.set_rng_state(random)
        if self.device.type == "cuda" and "rng.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["rng.cuda"], self.device)
        self.progress = progress
        # Rates, warm-up and patience may have been changed on the command line; where the run stands may not.
        self.ladder.rung = min(ladder.rung, len(self.ladder.rates) - 1)
        self.ladder.best, self.ladder.idle = ladder.best, ladder.idle


@dataclass
class _Sums:
    """What one "step" record sums up."""

    loss: float = 0.0
    tokens: int = 0
    norm: float = 0.0
    clipped: int = 0
    steps: int = 0
    since: float = field(default_factory=time.monotonic)

    def add(self, loss: float, tokens: int, norm: float, clipped: bool) -> None:
        self.loss += loss
        self.tokens += tokens
        self.norm += norm
        self.clipped += clipped
        self.steps += 1

    def record(self) -> Record:
        loss = self.loss / max(1, self.tokens)
        return {
            "loss": loss,
            "perplexity": math.exp(min(loss, 700)),
            "grad_norm": self.norm / self.steps,
            "clipped": self.clipped / self.steps,
            "tokens_per_second": self.tokens / max(1e-9, time.monotonic() - self.since),
        }


def validation_batches(split: Split, seq_len: int, tokens: int | None = None) -> Iterator[Batch]:
    """Windows over a split, every poem with its title, form and tune; over about `tokens` tokens, evenly chosen."""
    groups = split.groups(64 * seq_len, seq_len)
    total = int(split.poems["body"].sum())
    every = max(1, total // tokens) if tokens else 1
    for group in groups[::every]:
        yield from split.windows(group, seq_len)


def finite(record: Record) -> Record:
    """A record as strict JSON can hold it: None for what is not finite (ppl_char of a text without Han characters)."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def _parameter_groups(model: PoetModel, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases and norms do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
