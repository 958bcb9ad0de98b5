"""train.state: all that --resume needs, in one safetensors file.

model.NAME                 the master weights
optimizer.INDEX.KEY        what AdamW keeps of each
state.INDEX                the state carried from the last window, the rows of all shards
metadata "run"             where the run stands, as JSON: "progress", "ladder", "dataset", "train"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from poetgen.config import TrainConfig
from poetgen.errors import CheckpointError, UsageError
from poetgen.files import parse_json, to_json
from poetgen.network import checkpoint
from poetgen.network.budget import RunPosition
from poetgen.network.model import PoetModel, State
from poetgen.network.schedule import LearningRateSchedule

#: Options that a resumed run keeps: the shape of the model, what it began from, and what the place in the data means.
FIXED_OPTIONS = (
    "cell",
    "layers",
    "hidden",
    "embed",
    "tie",
    "batch_size",
    "seq_len",
    "sampling",
    "seed",
    "init_embeddings",
)


@dataclass(frozen=True)
class TrainState:
    """Where a run stands: the numbers of its weights and its optimizer, its place in the data, its schedule."""

    tensors: dict[str, Tensor]
    position: RunPosition
    schedule: LearningRateSchedule

    @property
    def carried(self) -> State:
        """The state that the last window left, (L, B, H) each, the rows of all shards; empty where there is none."""
        return tuple(self.tensors[name] for name in sorted(self.tensors) if name.startswith("state."))

    def restore(self, model: PoetModel, optimizer: torch.optim.Optimizer) -> None:
        """Fill the master weights and the optimizer."""
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(self.tensors[f"model.{name}"])
        for index, parameter in enumerate(model.parameters()):
            saved = {key: self.tensors.get(f"optimizer.{index}.{key}") for key in ("step", "exp_avg", "exp_avg_sq")}
            if saved["step"] is not None:
                optimizer.state[parameter] = {
                    key: value.to(parameter.device) for key, value in saved.items() if value is not None
                }


def state_tensors(model: PoetModel, optimizer: torch.optim.Optimizer, shards: Sequence[State]) -> dict[str, Tensor]:
    """The tensors of a train.state, by name; `shards` are the carried states of all shards that have one."""
    tensors: dict[str, Tensor] = {f"model.{name}": tensor for name, tensor in model.named_parameters()}
    for index, parameter in enumerate(model.parameters()):
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{index}.{key}"] = value
    # The rows of all shards again, so that a resumed run may cut its batches otherwise.
    for index, parts in enumerate(zip(*shards, strict=True)):
        tensors[f"state.{index}"] = torch.cat(parts, dim=1)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def write_train_state(out: Path, state: TrainState, config: TrainConfig, fingerprint: str) -> None:
    """Write the state of a run with these options on the dataset of that fingerprint; raises SaveError."""
    facts = {
        "progress": asdict(state.position),
        "ladder": state.schedule.facts(),
        "dataset": fingerprint,
        "train": asdict(config),
    }
    checkpoint.write_tensors(out / checkpoint.STATE, state.tensors, {"run": to_json(facts)})


def read_train_state(out: Path, model: PoetModel, config: TrainConfig, fingerprint: str) -> TrainState:
    """What the train.state in `out` holds; raises CheckpointError or UsageError where it is not of such a run."""
    path = out / checkpoint.STATE
    tensors, metadata = checkpoint.read_tensors(path)
    try:
        facts = parse_json(metadata["run"])
        position = RunPosition(**facts["progress"])
        schedule = LearningRateSchedule.from_facts(facts["ladder"])
        trained_on = facts["dataset"]
        options = asdict(TrainConfig()) | facts["train"]  # an option that has come since has its default
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(path, error) from error
    if trained_on != fingerprint:
        raise CheckpointError(
            f"{path}: the run was trained on another dataset ({trained_on}, not {fingerprint}); "
            "give its --data, or train anew without --resume"
        )
    for name in FIXED_OPTIONS:
        given, saved = getattr(config, name), options[name]
        if given != saved:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag}: the run in {out} has {saved}, not {given}, and keeps it; leave it out")
    weights = {name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")}
    checkpoint.check_fit(model, weights, path)
    return TrainState(tensors, position, schedule)


def saved_options(out: Path) -> dict[str, Any]:
    """The training options of the run in `out`, those that this version knows; raises CheckpointError."""
    path = out / checkpoint.STATE
    if not path.exists():
        raise CheckpointError(f"{path}: missing, so there is no run to go on with; train without --resume")
    _, metadata = checkpoint.read_tensors(path)
    try:
        saved = dict(parse_json(metadata["run"])["train"])
        # An option that has come since has its default.
        options = {name: saved[name] for name in asdict(TrainConfig()) if name in saved}
        return options | {"lr_steps": tuple(saved["lr_steps"])}
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(path, error) from error


def _foreign(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path}: not the state of a run ({error}); train again without --resume")
