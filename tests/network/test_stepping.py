"""One time step at a time, with weights packed."""

import pytest
import torch

from poetgen.config import ModelConfig
from poetgen.network.model import PoetModel
from poetgen.network.stepping import Stepper


def make_model(cell: str = "lstm", **shape: int) -> PoetModel:
    torch.manual_seed(1)
    config = ModelConfig(vocab_size=50, cell=cell, layers=3, hidden=32, embed=24)
    return PoetModel(config).eval()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
@torch.inference_mode()
def test_steps_give_what_the_model_gives(cell: str, dtype: torch.dtype, tolerance: float) -> None:
    model = make_model(cell)
    stepper = Stepper(model, dtype)
    ids = torch.randint(50, (7, 12))
    parts = 2 if cell == "lstm" else 1
    state = tuple(torch.zeros(3, 7, 32) for _ in range(parts))
    whole, last = model.features(ids)
    for time in range(12):
        features, state = stepper.step(ids[:, time], state)
        assert torch.allclose(features, whole[:, time], atol=tolerance)
    for one, two in zip(last, state, strict=True):
        assert torch.allclose(one, two, atol=tolerance)
        assert two.dtype is torch.float32


def test_a_small_network_stays_in_fp32() -> None:
    assert Stepper(make_model()).dtype is torch.float32


@torch.inference_mode()
def test_bf16_moves_no_probability_by_more_than_a_hundredth() -> None:
    torch.manual_seed(2)
    model = PoetModel(ModelConfig(vocab_size=500, layers=2, hidden=512, embed=256)).eval()
    state = tuple(torch.zeros(2, 4, 512) for _ in range(2))
    ids = torch.randint(500, (4,))
    shares = [
        model.logits(Stepper(model, dtype).step(ids, state)[0]).softmax(-1) for dtype in (torch.float32, torch.bfloat16)
    ]
    assert (shares[0] - shares[1]).abs().max() < 0.01
    assert not torch.equal(shares[0], shares[1])
