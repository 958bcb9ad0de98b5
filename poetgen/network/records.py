"""The records of a training run, and the log that they are kept in: log.jsonl, a JSON object a line.

    {"kind": "step", "step": 10, …}    some steps of the optimizer, summed up
    {"kind": "eval", …}                an evaluation
    {"kind": "rung", …}                another learning rate
    {"kind": "vectors", …}             the start from skip-gram vectors
    {"kind": "end", …}                 the end of the run, or of this part of it

Numbers that are not finite are null there, and infinite when they are read back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from poetgen.errors import SaveError
from poetgen.files import from_json, parse_json, to_json, write_atomic

#: The file of a run's records.
LOG = "log.jsonl"


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """Where a run stands: steps, epochs, seconds and scored tokens so far, the share of its budget, and its rate."""

    kind: ClassVar[str]

    step: int
    epoch: float
    seconds: float
    tokens: int
    share: float
    lr: float

    def facts(self) -> dict[str, Any]:
        """The record as a line of the log has it, in that order, before numbers that are not finite are taken out."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class StepRecord(TrainingRecord):
    """Means over some steps: loss in nats a token, gradient norms before clipping, share of clipped steps."""

    kind = "step"

    loss: float
    perplexity: float
    grad_norm: float
    grad_norm_max: float
    clipped: float
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True)
class EvalRecord(TrainingRecord):
    """An evaluation over `valid_tokens` tokens, and whether its loss, in nats a token, is the `best` so far."""

    kind = "eval"

    ppl_char: float
    ppl_all: float
    valid_tokens: int
    valid_loss: float
    best: bool


@dataclass(frozen=True, kw_only=True)
class RateRecord(TrainingRecord):
    """Another learning rate, and why: "budget", "jump" or "plateau"."""

    kind = "rung"

    why: str


@dataclass(frozen=True, kw_only=True)
class VectorsRecord(TrainingRecord):
    """The embedding starts from skip-gram vectors of so many characters."""

    kind = "vectors"

    characters: int


@dataclass(frozen=True, kw_only=True)
class EndRecord(TrainingRecord):
    """The end, and why: "budget", "patience", "interrupted" or "diverged"."""

    kind = "end"

    reason: str


# What a StepRecord sums up ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """What one step of the optimizer did: summed loss in nats over scored tokens, the gradient's norm unclipped."""

    loss: float
    tokens: int
    norm: float
    clipped: bool
    stop: bool  # whether the run is asked to end


@dataclass
class StepSums:
    """What one StepRecord sums up."""

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

    def record(self, stamp: Mapping[str, Any]) -> StepRecord:
        """The record of all steps so far, `stamp` saying where the run stands."""
        loss = self.loss / max(1, self.tokens)
        return StepRecord(
            **stamp,
            loss=loss,
            perplexity=math.exp(min(loss, 700)),
            grad_norm=self.norm / self.steps,
            grad_norm_max=self.greatest,
            clipped=self.clipped / self.steps,
            tokens_per_second=self.tokens / max(1e-9, time.monotonic() - self.since),
        )


# The log ---------------------------------------------------------------------------------------------------------

_KINDS: Mapping[str, type[TrainingRecord]] = {
    cls.kind: cls for cls in (StepRecord, EvalRecord, RateRecord, VectorsRecord, EndRecord)
}
#: By the type of a field, what stands for one that is missing.
_MISSING: Mapping[str, object] = {"int": 0, "float": math.nan, "str": "", "bool": False}


def parse_record(line: str | bytes) -> TrainingRecord:
    """The record of a line; raises ValueError.

    Figures that an older version did not write are not a number (nan), counts 0; what a newer one may add is left out.
    """
    values = parse_json(line)
    if not isinstance(values, dict) or str(values.get("kind")) not in _KINDS or "step" not in values:
        raise ValueError("not a record")
    return from_json(_KINDS[values["kind"]], values, _MISSING)


def write_log(path: Path, records: Sequence[TrainingRecord]) -> None:
    """Write the log of some records; raises SaveError."""
    write_atomic(path, "".join(map(_line, records)))


def append_record(path: Path, record: TrainingRecord) -> None:
    """Add a record to a log; raises SaveError."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(_line(record))
    except OSError as error:
        raise SaveError(f"{path}: cannot be written ({error.strerror}); free some room, then --resume") from error


def _line(record: TrainingRecord) -> str:
    return to_json(record.facts()) + "\n"


def cut_log(path: Path, step: int) -> None:
    """Take out of a log what comes after `step`, where its run goes on; raises SaveError.

    A process that was killed may have logged more than it saved, and what it logged last may be half a line.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SaveError(f"{path}: cannot be read ({error.strerror})") from error
    kept = [line for line in lines if line.endswith(b"\n") and _step(line) <= step]
    if len(kept) < len(lines):
        write_atomic(path, b"".join(kept))


def _step(line: bytes) -> float:
    """The step of a record of whatever kind; -1 of a line that is none."""
    try:
        return float(parse_json(line)["step"])
    except (ValueError, KeyError, TypeError):
        return -1


def read_log(path: Path) -> list[TrainingRecord]:
    """The records of a log in the order of the steps; lines that are none are left out.

    In logs of older versions a run that was killed and resumed repeats some steps; what came later stands.
    """
    records: list[TrainingRecord] = []
    for line in path.read_bytes().splitlines():
        try:
            record = parse_record(line)
        except ValueError:
            continue
        if records and _order(record) <= _order(records[-1]):
            while records and records[-1].step >= record.step:
                records.pop()
        records.append(record)
    return records


def _order(record: TrainingRecord) -> tuple[int, int]:
    """Records of an unbroken run rise in this: the step, and what comes after what at one step."""
    match record:
        case VectorsRecord() | RateRecord(why="budget"):
            return record.step, 0
        case StepRecord():
            return record.step, 1
        case EvalRecord():
            return record.step, 2
        case RateRecord():
            return record.step, 3
        case _:
            return record.step, 4
