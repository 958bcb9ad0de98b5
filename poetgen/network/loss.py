"""The output layer and its cross-entropy in one, a chunk of positions at a time.

The logits of a batch are its largest tensor by far: B·T·V numbers, and as many for their gradient. Here they never
exist together. A chunk of them is made, turned into probabilities and then, in place, into the gradient, and used
up while it is still near the processor, so that the backward pass has nothing left to do for it.

Shapes: N positions, H features, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from poetgen.data.vocab import PAD

#: Positions of a chunk. On a CPU few, so that its logits stay in a cache; a GPU wants more work at once.
CHUNK = {"cpu": 320}
_CHUNK_ELSEWHERE = 4096
#: N comes in multiples of this, so that matrix products come in few shapes: kernels are prepared once for each.
_ROUND = 64


def cross_entropy(features: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor) -> Tensor:
    """Summed cross-entropy in nats (a scalar, fp32) of features (N, H) against labels (N,), without those at [PAD].

    `weight` (V, H) and `bias` (V,) are the output layer's. Gradients flow to the first three, in their own dtype; the
    loss is summed in fp32. In bf16, logits and probabilities are rounded to it, as products of bf16 matrices are.
    """
    scored = torch.nonzero(labels != PAD).squeeze(1)
    places = F.pad(scored, (0, -len(scored) % _ROUND))
    apply: Callable[..., Tensor] = _ChunkedCrossEntropy.apply
    return apply(features[places], weight, bias, labels[places], len(scored))


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Computes the gradients in the forward pass, chunk by chunk; the backward pass only scales them."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, scored: int) -> Tensor:
        size = CHUNK.get(features.device.type, _CHUNK_ELSEWHERE)
        total = torch.zeros((), dtype=torch.float32, device=features.device)
        d_features, d_weight = torch.empty_like(features), torch.zeros_like(weight)
        d_bias = None if bias is None else torch.zeros_like(bias, dtype=torch.float32)
        for at in range(0, len(features), size):
            x, y = features[at : at + size], labels[at : at + size, None]
            count = min(size, scored - at)  # what follows is padding
            logits = F.linear(x, weight, bias)  # (chunk, V)
            gradient = torch.softmax(logits, -1)  # probabilities, for now
            chosen = gradient.gather(1, y)
            if (chosen == 0).any():  # too small for a float, as when a run goes astray: its logarithm is not
                chosen_nats = -torch.log_softmax(logits.float(), -1).gather(1, y)
            else:
                chosen_nats = -chosen.float().log()
            total += chosen_nats[:count].sum()
            # d loss / d logits: the probabilities, less one at the label.
            gradient.scatter_(1, y, chosen - 1)
            gradient[count:] = 0
            torch.mm(gradient, weight, out=d_features[at : at + size])
            d_weight.addmm_(gradient.t(), x)
            if d_bias is not None:
                d_bias += gradient.sum(0)
        ctx.save_for_backward(d_features, d_weight, d_bias)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        d_features, d_weight, d_bias = ctx.saved_tensors
        dtype = d_weight.dtype
        d_bias = None if d_bias is None else (d_bias * scale).to(dtype)
        return d_features * scale.to(dtype), d_weight * scale.to(dtype), d_bias, None, None
