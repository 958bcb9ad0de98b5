"""Options that check themselves."""

import dataclasses
import math

import pytest

from poetgen.config import ModelConfig, PreprocessConfig, SampleConfig, TrainConfig
from poetgen.errors import UsageError

WRONG = [
    (PreprocessConfig, {"script": "latin"}, "--script latin: choose one of simplified, traditional, keep"),
    (PreprocessConfig, {"min_count": -1}, "--min-count -1: give a number of at least 0"),
    (PreprocessConfig, {"valid_share": 1}, "--valid-share 1: give a share"),
    (PreprocessConfig, {"valid_share": -0.1}, "--valid-share -0.1"),
    (PreprocessConfig, {"valid_share": math.nan}, "--valid-share nan"),
    (PreprocessConfig, {"limit": -1}, "--limit -1"),
    (PreprocessConfig, {"jobs": -1}, "--jobs -1"),
    (TrainConfig, {"cell": "transformer"}, "--cell transformer: choose one of lstm, gru, rnn"),
    (TrainConfig, {"layers": 0}, "--layers 0"),
    (TrainConfig, {"hidden": 0}, "--hidden 0"),
    (TrainConfig, {"embed": -1}, "--embed -1"),
    (TrainConfig, {"embed": 0}, r"--embed 0 \(one-hot\) has no embedding to tie: add --no-tie"),
    (TrainConfig, {"dropout": 1.0}, "--dropout 1: give a share"),
    (TrainConfig, {"batch_size": 0}, "--batch-size 0"),
    (TrainConfig, {"seq_len": 0}, "--seq-len 0"),
    (TrainConfig, {"sampling": "shuffled"}, "--sampling shuffled: choose one of poems, sequential, random"),
    (TrainConfig, {"lr_steps": ()}, "--lr-steps: give at least one"),
    (TrainConfig, {"lr_steps": (0.1, 0.0)}, "--lr-steps 0: learning rates are positive"),
    (TrainConfig, {"lr_steps": (math.inf,)}, "--lr-steps inf"),
    (TrainConfig, {"warmup": -1}, "--warmup -1"),
    (TrainConfig, {"weight_decay": -0.1}, "--weight-decay -0.1"),
    (TrainConfig, {"accumulate": 0}, "--accumulate 0"),
    (TrainConfig, {"clip": -1}, "--clip -1: give a number of at least 0"),
    (TrainConfig, {"clip": math.nan}, "--clip nan"),
    (TrainConfig, {"epochs": -1}, "--epochs -1"),
    (TrainConfig, {"epochs": math.inf}, "--epochs inf"),
    (TrainConfig, {"max_minutes": -1}, "--max-minutes -1"),
    (TrainConfig, {"patience": 0}, "--patience 0"),
    (TrainConfig, {"eval_every": -1}, "--eval-every -1"),
    (TrainConfig, {"precision": "fp8"}, "--precision fp8: choose one of auto, fp32, bf16"),
    (TrainConfig, {"seed": -1}, "--seed -1"),
    (SampleConfig, {"length": 0}, "--length 0"),
    (SampleConfig, {"top_k": 0}, "--top-k 0"),
    (SampleConfig, {"top_p": 0}, "--top-p 0"),
    (SampleConfig, {"top_p": 1.1}, "--top-p 1.1"),
    (SampleConfig, {"top_p": math.nan}, "--top-p nan"),
    (SampleConfig, {"temperature": -0.5}, "--temperature -0.5"),
    (SampleConfig, {"temperature": math.nan}, "--temperature nan"),
    (SampleConfig, {"seed": -1}, "--seed -1"),
]


@pytest.mark.parametrize(("config", "options", "message"), WRONG)
def test_what_is_wrong_names_the_flag(config: type, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        config(**options)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (PreprocessConfig, {"valid_share": 0}),
        (TrainConfig, {"embed": 0, "tie": False}),
        (TrainConfig, {"dropout": 0, "warmup": 0, "weight_decay": 0, "clip": 0, "epochs": 0.25}),
        (SampleConfig, {"top_p": 1, "temperature": 0, "length": 1, "top_k": 1}),
    ],
)
def test_what_lies_at_the_edge_is_allowed(config: type, options: dict[str, object]) -> None:
    assert dataclasses.asdict(config(**options)).items() >= options.items()


@pytest.mark.parametrize("config", [PreprocessConfig, TrainConfig, SampleConfig])
def test_nobody_changes_options_under_way(config: type) -> None:
    made = config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.seed = 2


def test_the_shape_of_the_network_is_what_training_was_told() -> None:
    options = {"cell": "gru", "layers": 3, "hidden": 7, "embed": 5, "dropout": 0.25, "tie": False}
    model = TrainConfig(**options).model(vocab_size=11)  # type: ignore[arg-type]
    assert isinstance(model, ModelConfig)
    assert dataclasses.asdict(model).items() >= (options | {"vocab_size": 11}).items()
