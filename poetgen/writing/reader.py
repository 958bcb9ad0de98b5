"""A reader that has learned what people write and what the network writes, and chooses among drafts.

    figures of a draft (rank.py), and a classifier's opinion of its characters ──▶ weights ──▶ log-odds of a person

Drafts that are chosen by these odds are nearer to people's poems than the network's own are: this is the residual
energy-based model of Deng et al. (2020, "Residual Energy-Based Models for Text Generation"), of which the drafts are
the proposals. teaching.py makes a reader.

Shapes: V vocabulary, E embedding, N poems, F figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from poetgen.corpus import Poem
from poetgen.data.dataset import Split, split_of
from poetgen.data.vocab import Vocab
from poetgen.errors import CheckpointError
from poetgen.network.checkpoint import READER, Checkpoint, read_tensors, write_tensors
from poetgen.network.classifier import PoemClassifier, classify, even_marks

#: What a reader goes by: figures of rank.py, and last the classifier's opinion.
FIGURES: Final = ("likelihood", "title", "line", "foot", "parallel", "repeats", "reader")


@dataclass(frozen=True)
class DraftReader:
    """A classifier, which tells poems by people, and the weight of each of FIGURES in its odds, (F,)."""

    vocab: Vocab
    classifier: PoemClassifier
    weights: NDArray[np.float64]

    def scores(
        self, texts: Sequence[str], figures: Sequence[Mapping[str, float]]
    ) -> list[tuple[dict[str, float], float]]:
        """The figures of each text with the classifier's opinion, and their sum by the weights."""
        found = [dict(row) | {"reader": opinion} for row, opinion in zip(figures, self.opinions(texts), strict=True)]
        return [(row, float(self.weights @ [row[name] for name in FIGURES])) for row in found]

    def opinions(self, texts: Sequence[str]) -> list[float]:
        """The classifier's log-odds of a person for each text."""
        opinions: list[float] = classify(self.classifier, reading(texts, self.vocab)).tolist()
        return opinions

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the file into a checkpoint's folder, in half precision; raises SaveError."""
        tensors = {
            name: parameter.detach().to(torch.float16).contiguous()
            for name, parameter in self.classifier.named_parameters()
        }
        tensors["is_rare"] = self.classifier.get_buffer("is_rare").to(torch.float16)
        tensors["weights"] = torch.from_numpy(self.weights)
        metadata = {"checkpoint": checkpoint.id, "figures": " ".join(FIGURES)}
        write_tensors(checkpoint.path / READER, tensors, metadata)

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> DraftReader | None:
        """The reader of a checkpoint, None where it has none.

        Raises CheckpointError where the file is broken, or of another checkpoint.
        """
        path, vocab = checkpoint.path / READER, checkpoint.vocab
        if not path.exists():
            return None
        tensors, metadata = read_tensors(path)
        if metadata.get("checkpoint") != checkpoint.id or metadata.get("figures") != " ".join(FIGURES):
            raise CheckpointError(f"{path}: of another checkpoint or version; delete it, or run poetgen train --reader")
        classifier = PoemClassifier(torch.zeros(len(vocab)), checkpoint.model.output.weight)
        expected = {name: parameter.shape for name, parameter in classifier.named_parameters()}
        expected |= {"is_rare": torch.Size([len(vocab)]), "weights": torch.Size([len(FIGURES)])}
        if {name: tensor.shape for name, tensor in tensors.items()} != expected:
            raise CheckpointError(f"{path}: does not fit the model beside it; copy the whole folder again")
        weights = tensors.pop("weights").double().numpy()
        classifier.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False)
        return cls(vocab, classifier.eval(), weights)


def reading(texts: Sequence[str], vocab: Vocab) -> Split:
    """Texts as a classifier reads them: without their own habits of marking."""
    return split_of([Poem(even_marks(text)) for text in texts], vocab)
