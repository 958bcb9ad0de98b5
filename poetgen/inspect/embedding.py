"""What the embedding holds: which characters are near each other, what differences mean, and a map of them.

Rows are compared less their mean (Mu & Viswanath 2018, "All-but-the-Top"). Rows that are also an output layer's have
much in common, above all those of rare characters, which would otherwise be neighbours of everything.

Shapes: V vocabulary, E width, N characters.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poetgen.errors import UsageError

if TYPE_CHECKING:
    from poetgen.data.vocab import Vocab
    from poetgen.network.model import PoetModel

#: Characters of one kind, in both scripts, to see whether an embedding puts them together.
CHARACTER_GROUPS = {
    "numbers": "一二三四五六七八九十百千万萬亿億",
    "directions": "东東西南北上下左右前后後中内內外",
    "seasons": "春夏秋冬",
}
#: How many neighbours t-SNE takes a character to have, at most.
_PERPLEXITY = 30.0
#: A map of N characters has sides of this times √N of their labels.
_SPREAD = 2.6


class Neighbour(NamedTuple):
    """A character, and the cosine of the angle between it and what was asked for."""

    char: str
    cosine: float


@dataclass(frozen=True)
class Embedding:
    """Characters, the most frequent first, and their vectors less their mean, (N, E) fp32, of length 1."""

    chars: tuple[str, ...]
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, model: PoetModel, vocab: Vocab) -> Embedding:
        """The embedding of a network, of letters and numbers alone; where it has none, its output layer."""
        table = model.output.weight if model.embedding is None else model.embedding.weight
        ids = [id for id, token in enumerate(vocab.tokens) if len(token) == 1 and token.isalnum()]
        rows = table.detach().float().cpu().numpy()[ids]
        rows -= rows.mean(0)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return cls(tuple(vocab.tokens[id] for id in ids), rows)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {char: place for place, char in enumerate(self.chars)}

    def nearest(self, char: str, num: int = 10) -> list[Neighbour]:
        """The characters nearest to one by cosine. Raises UsageError where it is none, or one unknown."""
        return self._closest(self._of(char), char, num)

    def analogy(self, a: str, b: str, c: str, num: int = 10) -> list[Neighbour]:
        """What is to `c` as `b` is to `a`: the characters nearest to b − a + c (3CosAdd, Mikolov et al. 2013).

        The three are left out. Raises UsageError where one is no character, or unknown.
        """
        return self._closest(self._of(b) - self._of(a) + self._of(c), (a, b, c), num)

    def commonest(self, num: int, also: Collection[str] = ()) -> Embedding:
        """The `num` most frequent characters, and of those in `also` the ones that are rarer."""
        kept = [place for place, char in enumerate(self.chars) if place < num or char in also]
        return Embedding(tuple(self.chars[place] for place in kept), self.vectors[kept])

    def _of(self, char: str) -> NDArray[np.float32]:
        if len(char) != 1:
            raise UsageError(f"{char!r}: give single characters, such as {' '.join(char) or '春'}")
        if char not in self._places:
            what = "not in the vocabulary of the checkpoint" if char.isalnum() else "neither a letter nor a number"
            raise UsageError(f"{char}: {what}; give another character")
        vector: NDArray[np.float32] = self.vectors[self._places[char]]
        return vector

    def _closest(self, vector: NDArray[np.float32], left_out: Collection[str], num: int) -> list[Neighbour]:
        cosines = self.vectors @ (vector / max(1e-12, float(np.linalg.norm(vector))))
        order = (at for at in np.argsort(-cosines, kind="stable").tolist() if self.chars[at] not in left_out)
        return [Neighbour(self.chars[at], float(cosines[at])) for at in islice(order, num)]


class CharacterGroup(NamedTuple):
    """Of the `members` of a group, the share whose nearest neighbour is one too, and what chance would give."""

    name: str
    members: str
    share: float
    chance: float


def measured_groups(embedding: Embedding) -> Iterator[CharacterGroup]:
    """How close together each of CHARACTER_GROUPS is that has two members or more in an embedding."""
    for name, chars in CHARACTER_GROUPS.items():
        members = "".join(char for char in chars if char in embedding.chars)
        if len(members) > 1:
            hits = sum(embedding.nearest(char, 1)[0].char in members for char in members)
            chance = (len(members) - 1) / (len(embedding.chars) - 1)
            yield CharacterGroup(name, members, hits / len(members), chance)


@dataclass(frozen=True)
class CharacterMap:
    """Characters on a plane: where each stands, (N, 2), and the name of its group, "" for none.

    Labels one unit wide do not overlap: no two characters are nearer to each other than that.
    """

    chars: tuple[str, ...]
    points: NDArray[np.float64]
    groups: tuple[str, ...]


def place_on_map(embedding: Embedding, seed: int) -> CharacterMap:
    """Characters on a plane by t-SNE over cosines (van der Maaten & Hinton 2008); one seed gives one map.

    Raises UsageError for fewer than three characters, or where scikit-learn is missing.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise UsageError('a map needs scikit-learn: pip install "poetgen[sklearn]"') from None
    size = len(embedding.chars)
    if size < 3:
        raise UsageError(f"{size} characters make no map: give --num 3 or more, and a checkpoint that has as many")
    perplexity = min(_PERPLEXITY, (size - 1) / 3)
    tsne = TSNE(metric="cosine", init="random", perplexity=perplexity, random_state=seed % 2**32)
    points = tsne.fit_transform(embedding.vectors)
    points = points.astype(np.float64) - points.min(0)
    points *= _SPREAD * math.sqrt(size) / max(1e-9, points.max())
    groups = (next((name for name, chars in CHARACTER_GROUPS.items() if char in chars), "") for char in embedding.chars)
    return CharacterMap(embedding.chars, _apart(points), tuple(groups))


def _apart(points: NDArray[np.float64], tries: int = 1000) -> NDArray[np.float64]:
    """Points (N, 2) that are nearer to each other than 1, moved apart little by little."""
    from sklearn.neighbors import radius_neighbors_graph

    points = points.copy()
    for _ in range(tries):
        first, second = radius_neighbors_graph(points, 1.0).nonzero()  # each pair both ways
        if not len(first):
            break
        away = points[first] - points[second] + 1e-9 * (first - second)[:, None]  # even of two at the same place
        distance = np.linalg.norm(away, axis=1, keepdims=True)
        np.add.at(points, first, away / distance * np.maximum(1.01 - distance, 0) / 2)
    return points
