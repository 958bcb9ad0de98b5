"""A small GPT of nanoGPT's size class as a network that poetgen's Trainer trains, to compare with.

    Trainer(dataset, TrainConfig(**SHAPE, lr_steps=(0.001,)), out, build=GPT)

    ids ─▶ embedding + positions ─▶ [ norm ─▶ attention ─▶ (+) ─▶ norm ─▶ MLP ─▶ (+) ] × L ─▶ norm ─▶ embedding'

Pre-norm, learned positions, no biases, embedding and output layer tied, weights drawn with std 0.02 and those that
write to the residual stream with 0.02 / √(2 L). It sees one window at a time and carries no state: whatever is longer
than BLOCK is read in pieces, each from position 0.

Shapes: B rows, T time steps, V vocabulary, H width, N heads, L layers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from poetgen.config import ModelConfig, TrainConfig
from poetgen.network.loss import cross_entropy
from poetgen.network.model import State

#: The shape as options of a TrainConfig.
SHAPE = {"layers": 4, "hidden": 256, "embed": 256}
#: Positions: the window of training.
BLOCK = TrainConfig().seq_len
#: Width of an attention head.
HEAD = 64
STD = 0.02


class Block(nn.Module):
    """Causal self-attention and an MLP, each after a norm and around a residual."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.share = dropout
        self.norms = nn.ModuleList(nn.LayerNorm(width, bias=False) for _ in range(2))
        self.enter = nn.Linear(width, 3 * width, bias=False)
        self.leave = nn.Linear(width, width, bias=False)
        self.widen = nn.Linear(width, 4 * width, bias=False)
        self.narrow = nn.Linear(4 * width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, H) → (B, T, H)."""
        x = x + self.dropout(self.leave(self._attend(self.norms[0](x))))
        return x + self.dropout(self.narrow(F.gelu(self.widen(self.norms[1](x)))))

    def _attend(self, x: Tensor) -> Tensor:
        query, key, value = self.enter(x).unflatten(2, (3, -1, HEAD)).permute(2, 0, 3, 1, 4)  # (B, N, T, HEAD) each
        share = self.share if self.training else 0.0
        y = F.scaled_dot_product_attention(query, key, value, dropout_p=share, is_causal=True)
        return y.transpose(1, 2).flatten(2)


class GPT(nn.Module):
    """A decoder-only transformer over characters; `config.hidden` has to be a multiple of HEAD."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden
        self.embedding = nn.Embedding(config.vocab_size, width)
        self.positions = nn.Embedding(BLOCK, width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(width, config.dropout) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                into_residual = name.endswith(("leave.weight", "narrow.weight"))
                nn.init.normal_(parameter, std=STD / math.sqrt(2 * config.layers) if into_residual else STD)

    def expect(self, counts: Tensor) -> None:
        """It has no bias that could know how often each token comes."""

    @property
    def parameters_count(self) -> int:
        """Trainable numbers; shared weights are counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def features(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """All but the output layer: `ids` (B, T) → (B, T, H) and an empty state."""
        return torch.cat([self._window(piece) for piece in ids.split(BLOCK, dim=1)], dim=1), ()

    def logits(self, features: Tensor) -> Tensor:
        """The output layer alone: (…, H) → (…, V)."""
        return F.linear(features, self.embedding.weight)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Summed cross-entropy in nats of features (B, T, H) over the positions of labels (B, T) that are not [PAD]."""
        return cross_entropy(features.flatten(0, 1), self.embedding.weight, None, labels.flatten())

    def _window(self, ids: Tensor) -> Tensor:
        x = self.dropout(self.embedding(ids) + self.positions.weight[: ids.shape[1]])
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
