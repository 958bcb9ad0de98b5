"""The one recurrent model that training and sampling share.

    ids ─▶ embedding ─▶ [ norm ─▶ cell ─▶ dropout ─▶ (+) ] × L ─▶ norm ─▶ projection ─▶ output layer ─▶ logits
                          └── residual, from layer 2 ┘

LayerNorm before each layer and residuals around it give a recurrent network the care that transformers get by
habit; the output layer shares the embedding's weights (Press & Wolf 2017, "Using the Output Embedding to
Improve Language Models"). Forget gates start open (Jozefowicz et al. 2015).

Shapes: B rows, T time steps, V vocabulary, E embedding, H hidden, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poetgen.config import ModelConfig
from poetgen.network.loss import cross_entropy

#: Hidden state of every layer: h, or h and c for an LSTM, each (L, B, H).
State = tuple[Tensor, ...]

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
_STEPS: dict[str, Callable[..., State]] = {
    "lstm": torch.lstm_cell,
    "gru": lambda x, before, *weights: (torch.gru_cell(x, *before, *weights),),
    "rnn": lambda x, before, *weights: (torch.rnn_tanh_cell(x, *before, *weights),),
}


class LockedDropout(nn.Module):
    """Dropout with one mask for all time steps (Gal & Ghahramani 2016): kinder to a state, and T times cheaper."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, F) → the same, with the same features of a row switched off at every step."""
        if not self.training or not self.share:
            return x
        return x * F.dropout(x.new_ones(1, *x.shape[1:]), self.share)


class PoetModel(nn.Module):
    """A multi-layer LSTM, GRU or plain RNN over characters."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        vocab, width = config.vocab_size, config.hidden
        entry = config.embed or vocab
        self.embedding = nn.Embedding(vocab, config.embed) if config.embed else None
        inputs = [entry] + [width] * (config.layers - 1)
        self.cells = nn.ModuleList(_CELLS[config.cell](size, width) for size in inputs)
        self.norms = nn.ModuleList(
            nn.LayerNorm(size) if config.norm and (config.embed or index) else nn.Identity()
            for index, size in enumerate([*inputs, width])
        )
        self.dropout = LockedDropout(config.dropout)
        exit_width = config.embed if config.tie else width
        self.projection = nn.Linear(width, exit_width, bias=False) if exit_width != width else nn.Identity()
        self.output = nn.Linear(exit_width, vocab)
        if config.tie and self.embedding is not None:
            self.output.weight = self.embedding.weight
        self._initialise()

    def _initialise(self) -> None:
        # Sized so that logits start with a standard deviation near one, whatever the width.
        nn.init.normal_(self.output.weight, std=1 / math.sqrt(self.output.in_features))
        nn.init.zeros_(self.output.bias)
        for cell in self.cells:
            for name, parameter in cell.named_parameters():
                if name.startswith("weight_hh"):
                    for gate in parameter.data.chunk(parameter.shape[0] // parameter.shape[1]):
                        nn.init.orthogonal_(gate)
                elif name.startswith("weight_ih"):
                    nn.init.xavier_uniform_(parameter)
                else:
                    nn.init.zeros_(parameter)
                    if self.config.cell == "lstm" and name.startswith("bias_ih"):
                        parameter.data[self.config.hidden : 2 * self.config.hidden] = 1.0

    def expect(self, counts: Tensor) -> None:
        """Start out from how often each token comes, (V,) counts, which would else take the first hundred steps.

        The output layer's bias becomes the logarithm of their shares, each counted once more than it was seen.
        """
        with torch.no_grad():
            self.output.bias.copy_(torch.log((counts + 1.0) / (counts + 1.0).sum()))

    @property
    def parameters_count(self) -> int:
        """Trainable numbers; shared weights are counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """`ids` (B, T) int64, `state` or None for zeros → logits (B, T, V) and the state after the last step."""
        features, state = self.features(ids, state)
        return self.logits(features), state

    def logits(self, features: Tensor) -> Tensor:
        """The output layer alone: (…, H) → (…, V). Training has `loss` instead."""
        return F.linear(self.projection(features), self.output.weight, self.output.bias)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Summed cross-entropy in nats of features (B, T, H) over the positions of labels (B, T) that are not [PAD]."""
        # Headers and padding never reach the output layer.
        return cross_entropy(
            self.projection(features).flatten(0, 1), self.output.weight, self.output.bias, labels.flatten()
        )

    def features(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """All but the output layer: `ids` (B, T) → (B, T, H) and the state after the last step."""
        x = self.enter(ids.t())  # (T, B, E): recurrent layers run fastest with time first
        carried = []
        for index, cell in enumerate(self.cells):
            y = self.norms[index](x)
            if state is None:
                y, last = cell(y)
            else:
                y, last = cell(y, self._layer_state(state, index))
            carried.append(last if isinstance(last, tuple) else (last,))
            y = self.dropout(y)  # (T, B, H)
            # Not around the first layer: what it adds would reach the tied output layer and vote for the input itself.
            x = x + y if self.config.residual and index else y
        x = self.dropout(self.norms[-1](x))
        return x.transpose(0, 1), tuple(torch.cat(parts) for parts in zip(*carried, strict=True))

    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """One time step without dropout: `ids` (B,) → features (B, H) and the state after it.

        What `features` gives for one step, and faster: its recurrent kernels bring their weights into an order of
        their own at every call, which pays for many steps only.
        """
        x = self.enter(ids)
        carried: list[tuple[Tensor, ...]] = []
        for index, cell in enumerate(self.cells):
            y = self.norms[index](x)
            before = tuple(part[index] for part in state)
            weights = [getattr(cell, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            after = _STEPS[self.config.cell](y, before, *weights)
            carried.append(after)
            x = x + after[0] if self.config.residual and index else after[0]
        return self.norms[-1](x), tuple(torch.stack(parts) for parts in zip(*carried, strict=True))

    def enter(self, ids: Tensor) -> Tensor:
        """What goes into the first layer: ids (…) → (…, E)."""
        if self.embedding is None:
            return F.one_hot(ids, self.config.vocab_size).to(self.output.weight.dtype)
        # Undoes the small standard deviation that the tied output layer wants.
        x: Tensor = self.dropout(self.embedding(ids) * math.sqrt(self.config.embed))
        return x

    def _layer_state(self, state: State, index: int) -> Tensor | State:
        parts = tuple(part[index : index + 1].contiguous() for part in state)
        return parts if self.config.cell == "lstm" else parts[0]
