"""What a run may start from in place of random weights: a checkpoint, or skip-gram vectors of the corpus."""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor

from poetgen.data.vocab import UNK, Vocab
from poetgen.errors import UsageError
from poetgen.network import checkpoint
from poetgen.network.model import PoetModel
from poetgen.network.registry import named
from poetgen.network.train_state import FIXED_OPTIONS


def start_from_checkpoint(model: PoetModel, vocab: Vocab, given: str) -> None:
    """Take the weights of a checkpoint: its characters keep theirs, those that it lacks stay as they begin.

    It is given by its name or folder. Raises CheckpointError, or UsageError where its network has another shape.
    """
    source = checkpoint.Checkpoint.load(named(given))
    shape, source_shape = asdict(model.config), asdict(source.model.config)
    for name in shape.keys() - {"vocab_size", "dropout"}:
        if shape[name] != source_shape[name]:
            flag = f"--{name}" if name in FIXED_OPTIONS else name
            raise UsageError(
                f"--init {given}: its network has {flag} {source_shape[name]}, not {shape[name]}; give the same"
            )
    if not shape["embed"] and vocab != source.vocab:
        raise UsageError(f"--init {given}: a one-hot network (--embed 0) can only go on with its own vocabulary")
    places = [(new, source.vocab.id(token)) for new, token in enumerate(vocab.tokens)]
    rows = [(new, old) for new, old in places if old != UNK or new == UNK]
    device = next(model.parameters()).device
    new_rows, old_rows = (torch.tensor(side, device=device) for side in zip(*rows, strict=True))
    weights = dict(source.model.to(device).named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("embedding.", "output.")):
                parameter[new_rows] = weights[name][old_rows]
            else:
                parameter.copy_(weights[name])


def start_from_vectors(model: PoetModel, vectors: Tensor) -> int:
    """Start the embedding from `vectors` (V, E), centred and as large as it begins; returns how many are taken.

    Tokens whose vector is zero, as no body holds them, stay as they begin: the control tokens, for example.
    """
    table = model.get_parameter("embedding.weight")
    vectors = vectors.to(table.device)
    known = vectors.any(1)
    rows = vectors[known] - vectors[known].mean(0)
    with torch.no_grad():
        table[known] = rows * (table.std() / rows.std().clamp_min(1e-12))
    return int(known.sum())
