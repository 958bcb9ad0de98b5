"""A trained network, made ready for one time step after the other.

Sampling reads all weights at every step, for a handful of rows or for some hundreds. So the two products of an LSTM
layer become one, of its input and its state with weights laid side by side, and where the processor multiplies bf16 by
itself (AMX, AVX512-BF16) the weights are kept in it, which is a half of the bytes and a fraction of the time. Products
are summed in fp32, and the cell's state, the norms and the output layer stay in fp32.

Shapes: B rows, E the width of a layer's input, H hidden, V vocabulary.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from poetgen.network.model import PoetModel, State

#: Smaller networks gain nothing from bf16.
_LEAST_WEIGHTS = 1_000_000


@cache
def multiplies_bf16() -> bool:
    """Whether this processor multiplies matrices in bf16 faster than in fp32: by what it is, the same at every call."""
    cpu = torch.cpu
    checks = (getattr(cpu, f"_is_{name}_supported", None) for name in ("amx_tile", "avx512_bf16"))
    return any(check() for check in checks if check is not None)


class Stepper:
    """One step of `model` at a time: what PoetModel.step and logits give, to rounding.

    `dtype` is that of the products in the layers: bf16 where the processor is made for it, else fp32. Other cells than
    the LSTM, and networks on other devices than the CPU, are left to the model.
    """

    def __init__(self, model: PoetModel, dtype: torch.dtype | None = None) -> None:
        self.model = model
        weight = model.output.weight
        self.dtype = weight.dtype
        self._packed: list[tuple[Tensor, Tensor]] = []
        if model.config.cell != "lstm" or weight.device.type != "cpu" or weight.dtype is not torch.float32:
            return
        large = model.parameters_count >= _LEAST_WEIGHTS
        self.dtype = dtype or (torch.bfloat16 if large and multiplies_bf16() else torch.float32)
        for cell in model.cells:
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            of_input, of_state, *biases = (getattr(cell, f"{name}_l0").detach() for name in names)
            self._packed.append((torch.cat([of_input, of_state], 1).to(self.dtype), sum(biases)))

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step: `ids` (B,) and the state before it → features (B, H) and the state after it."""
        if not self._packed:
            return self.model.step(ids, state)
        x = self.model.enter(ids)
        carried: list[tuple[Tensor, Tensor]] = []
        for index, (weight, bias) in enumerate(self._packed):
            y = self.model.norms[index](x)
            h, c = (part[index] for part in state)
            gates = F.linear(torch.cat([y, h], 1).to(self.dtype), weight).float().add_(bias)  # (B, 4 H)
            let_in, keep, fresh, let_out = gates.chunk(4, 1)
            c = keep.sigmoid() * c + let_in.sigmoid() * fresh.tanh()
            h = let_out.sigmoid() * c.tanh()
            carried.append((h, c))
            x = x + h if self.model.config.residual and index else h
        return self.model.norms[-1](x), tuple(torch.stack(parts) for parts in zip(*carried, strict=True))
