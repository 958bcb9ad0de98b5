"""Weights in eight bits: a matrix as integers from -127 to 127, and for each row what one of them stands for.

Half of half precision on disk, and nothing else: weights are taken as fp32 again when they are read. Rounding to the
nearest, by the largest number of the row (Jacob et al. 2018, "Quantization and Training of Neural Networks"). Vectors,
a thousandth of a network, stay in half precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

#: Ends the name of a matrix's scales.
SCALES: Final = ".scales"
_MOST = 127


def to_eight_bits(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices (R, C) as int8 and their scales (R,), by the name with SCALES; all else in fp16."""
    rounded: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.dim() != 2:
            rounded[name] = tensor.half()
            continue
        scales = tensor.float().abs().amax(1).clamp_min(1e-12) / _MOST
        rounded[name] = torch.round(tensor.float() / scales[:, None]).to(torch.int8)
        rounded[name + SCALES] = scales
    return rounded


def from_eight_bits(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with matrices in fp32 again. Raises ValueError where matrices and scales do not belong together."""
    whole = dict(tensors)
    for name, tensor in tensors.items():
        if tensor.dtype is torch.int8:
            scales = whole.pop(name + SCALES, None)
            belong = scales is not None and scales.dtype is torch.float32 and scales.shape == tensor.shape[:1]
            if scales is None or tensor.dim() != 2 or not belong:
                raise ValueError(f"{name} has no scales of its rows, or is no matrix")
            whole[name] = tensor.float() * scales[:, None]
    return whole
