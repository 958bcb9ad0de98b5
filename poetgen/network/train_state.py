"""train.state: all that --resume needs, in one safetensors file.

model.NAME                 the master weights
optimizer.INDEX.KEY        what AdamW keeps of each
state.INDEX                the state carried from the last window, the rows of all shards
metadata "run"             where the run stands, as JSON: "progress", "ladder", "dataset", "train"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from poetgen.config import TrainConfig
from poetgen.errors import CheckpointError, UsageError
from poetgen.files import from_json, parse_json, to_json
from poetgen.folders import settle
from poetgen.network import checkpoint
from poetgen.network.budget import RunPosition
from poetgen.network.feed import Epoch
from poetgen.network.model import PoetModel, State
from poetgen.network.registry import STATE
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


#: What no count and no time of a run reaches, and what a float still counts one by one.
_MOST = 2**53


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
    checkpoint.write_tensors(out / STATE, state.tensors, {"run": to_json(facts)})


def read_train_state(out: Path, model: PoetModel, config: TrainConfig, fingerprint: str) -> TrainState:
    """What the train.state in `out` holds; raises CheckpointError or UsageError where it is not of such a run."""
    settle(out)
    path = out / STATE
    tensors, metadata = checkpoint.read_tensors(path)
    try:
        facts = parse_json(metadata["run"])
        position = from_json(RunPosition, facts["progress"])
        if not all(0 <= value < _MOST for value in astuple(position)):
            raise ValueError("progress: a number that cannot be")
        schedule = LearningRateSchedule.from_facts(facts["ladder"])
        trained_on = str(facts["dataset"])
        options = asdict(_saved_config(facts))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
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
    _check_numbers(tensors, model, path)
    return TrainState(tensors, position, schedule)


def _check_numbers(tensors: Mapping[str, Tensor], model: PoetModel, path: Path) -> None:
    """Raise CheckpointError unless the optimizer's numbers and the carried state are of the sizes that the model has.

    The optimizer's kernels and those of recurrent layers trust what they are given.
    """
    config = model.config
    expected: dict[str, torch.Size] = {}
    for index, parameter in enumerate(model.parameters()):
        if any(name.startswith(f"optimizer.{index}.") for name in tensors):
            expected |= {f"optimizer.{index}.{key}": parameter.shape for key in ("exp_avg", "exp_avg_sq")}
            expected[f"optimizer.{index}.step"] = torch.Size()
    rows = next((tensor.shape[1] for name, tensor in tensors.items() if name == "state.0" and tensor.ndim == 3), 0)
    if any(name.startswith("state.") for name in tensors):
        parts = 2 if config.cell == "lstm" else 1
        expected |= {f"state.{part}": torch.Size((config.layers, rows, config.hidden)) for part in range(parts)}
    found = {name: tensor.shape for name, tensor in tensors.items() if not name.startswith("model.")}
    wrong = sorted(found.keys() ^ expected.keys()) or [name for name in found if found[name] != expected[name]]
    wrong += [name for name in found if name.endswith((".step", ".exp_avg_sq")) and bool((tensors[name] < 0).any())]
    # The state is carried in the precision of the run, all else in fp32.
    carried = (torch.float32, torch.bfloat16)
    types = {name: carried if name.startswith("state.") else carried[:1] for name in tensors}
    wrong += [name for name, tensor in tensors.items() if tensor.dtype not in types[name]]
    if wrong:
        raise CheckpointError(
            f"{path}: {', '.join(wrong[:3])} is not of a run with this network; copy the file again, or train again "
            "without --resume"
        )


def check_place(position: RunPosition, epoch: Epoch, states: Sequence[State | None], out: Path) -> None:
    """Raise CheckpointError unless a position in the run in `out` is one of an epoch, and its states go with it."""
    shards, _ = next(epoch.rest(position.group, position.window), ((), None))
    rows = (state[0].shape[1] if state else 0 for state in states)
    within = position.group < epoch.groups and position.window < len(list(epoch.batches(position.group)))
    at_end = (position.group, position.window) == (epoch.groups, 0)
    carried = all(shard.carry <= held for shard, held in zip(shards, rows, strict=False))
    if not (within or at_end) or not carried:
        raise CheckpointError(
            f"{out / STATE}: its place in the data is none of this dataset; copy the file again, or train "
            "again without --resume"
        )


def saved_options(out: Path) -> dict[str, Any]:
    """The training options of the run in `out`, those that this version knows; raises CheckpointError."""
    path = out / STATE
    if not path.exists():
        raise CheckpointError(f"{path}: missing, so there is no run to go on with; train without --resume")
    _, metadata = checkpoint.read_tensors(path)
    try:
        return asdict(_saved_config(parse_json(metadata["run"])))
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(path, error) from error


def _saved_config(facts: Any) -> TrainConfig:
    """The options of a run, those that have come since with their defaults; raises ValueError and the like."""
    try:
        saved = facts["train"]
        return from_json(TrainConfig, {name: saved[name] for name in asdict(TrainConfig()) if name in saved})
    except UsageError as error:
        raise ValueError(str(error)) from error


def _foreign(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path}: not the state of a run ({error}); train again without --resume")
