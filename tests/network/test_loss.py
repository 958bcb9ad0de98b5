"""The chunked cross-entropy, against PyTorch's over all logits at once."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from poetgen.data.vocab import PAD
from poetgen.network import loss as module
from poetgen.network.loss import cross_entropy

V, H = 50, 12


def tensors(count: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, weight, bias and labels, a third of them [PAD]."""
    torch.manual_seed(count)
    labels = torch.randint(1, V, (count,)).where(torch.rand(count) > 0.3, torch.tensor(PAD))
    leaves = [torch.randn(*shape).to(dtype).requires_grad_() for shape in ((count, H), (V, H), (V,))]
    return *leaves, labels


def plain(features: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(features, weight, bias), labels, ignore_index=PAD, reduction="sum")


def gradients(function, inputs: tuple[Tensor, Tensor, Tensor, Tensor], scale: float = 0.3) -> list[Tensor]:
    for leaf in inputs[:3]:
        leaf.grad = None
    total = function(*inputs)
    (total * scale).backward()
    return [total.detach().double(), *(leaf.grad.clone() for leaf in inputs[:3])]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 319, 320, 321, 1000])
def test_loss_and_gradients_are_those_of_the_whole(count: int) -> None:
    inputs = tensors(count)
    for ours, theirs in zip(gradients(cross_entropy, inputs), gradients(plain, inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_without_a_bias() -> None:
    features, weight, _, labels = tensors(100)
    ours, theirs = (function(features, weight, None, labels) for function in (cross_entropy, plain))
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-6)


def test_nothing_to_score() -> None:
    features, weight, bias, _ = tensors(10)
    total = cross_entropy(features, weight, bias, torch.full((10,), PAD))
    total.backward()
    assert total == 0 and not features.grad.any() and not weight.grad.any() and not bias.grad.any()


def test_bf16_stays_close_and_sums_in_fp32() -> None:
    exact = gradients(plain, tensors(5000))
    rough = gradients(cross_entropy, tensors(5000, torch.bfloat16))
    assert float(rough[0] / exact[0]) == pytest.approx(1, abs=0.01)
    for ours, theirs in zip(rough[1:], exact[1:], strict=True):
        assert ours.dtype == torch.bfloat16
        assert float((ours.double() - theirs).norm() / theirs.norm()) < 0.02


def test_the_loss_of_the_hopeless_is_told_in_full() -> None:
    weight = torch.zeros(V, H, requires_grad=True)
    bias = torch.zeros(V)
    bias[3] = 1e6
    labels = torch.full((4,), 5)
    total = cross_entropy(torch.zeros(4, H), weight, bias, labels)
    assert total.item() == pytest.approx(4e6)


def test_the_loss_of_the_broken_is_no_number() -> None:
    weight, bias = torch.zeros(V, H, requires_grad=True), torch.zeros(V)
    assert not torch.isfinite(cross_entropy(torch.full((4, H), torch.nan), weight, bias, torch.full((4,), 5)))


def test_all_logits_never_exist_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def softmax(logits: Tensor, dim: int) -> Tensor:
        sizes.append(len(logits))
        return logits.softmax(dim)

    monkeypatch.setattr(module.torch, "softmax", softmax)
    features, weight, bias, _ = tensors(2000)
    cross_entropy(features, weight, bias, torch.ones(2000, dtype=torch.int64))
    assert max(sizes) == module.CHUNK["cpu"] and sum(sizes) >= 2000
