"""Surprisal: what each character of a poem costs a model, and what the model held likeliest where that is much.

    春 眠 不 觉 晓 ， …        what stands there
    7  2  1  0  3  0           nats: −ln of the probability that the model gave it, all before it known

The surprisal of a character is its information content (Shannon 1948), by the definitions in perplexity.py: the poem's
header gives title, tune and form, and a character outside the vocabulary is charged for the choice that it leaves open.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from poetgen.corpus import Poem
from poetgen.data.dataset import split_of
from poetgen.data.sequence import END
from poetgen.data.vocab import UNK
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.perplexity import Scorer, Tally
from poetgen.progress import ProgressCallback, silent

#: Of how many characters of a poem it is said what the model held likelier.
PLACES_TOLD: Final = 3
#: Poems that are scored together: many are fast, and nobody waits long for the first.
_AT_ONCE: Final = 1024


@dataclass(frozen=True)
class ScoredCharacter:
    """A character of a body, or the end of it ("[END]"): what it cost, and whether the vocabulary has it."""

    char: str
    nats: float
    known: bool = True

    @property
    def rarity(self) -> int:
        """The greatest n for which the character was held less likely than 1 in 10ⁿ; 0 where it was no surprise.

        >>> ScoredCharacter("春", 7.0).rarity, ScoredCharacter("春", 0.1).rarity
        (3, 0)
        """
        return int(self.nats / math.log(10))


@dataclass(frozen=True)
class SurprisingPlace:
    """A place in a poem that cost much, counted from 0, and the likeliest token there with its probability."""

    place: int
    expected: str
    probability: float


@dataclass(frozen=True)
class ScoredPoem:
    """A poem with the costs of its characters, its end the last, their sums, and its surprises, greatest first."""

    poem: Poem
    characters: tuple[ScoredCharacter, ...]
    tally: Tally
    surprises: tuple[SurprisingPlace, ...]

    def record(self, checkpoint: str = "") -> dict[str, Any]:
        """The JSON Lines record of a poem; a perplexity over no character at all is None."""
        tally = self.tally
        return {
            "title": self.poem.title,
            "author": self.poem.author,
            "form": self.poem.form,
            "tune": self.poem.tune,
            "text": self.poem.body,
            "ppl_char": tally.ppl_char if math.isfinite(tally.ppl_char) else None,
            "ppl_all": tally.ppl_all if math.isfinite(tally.ppl_all) else None,
            "characters": [
                {"char": char.char, "nats": round(char.nats, 4), "known": char.known} for char in self.characters
            ],
            "surprises": [
                {"place": surprise.place, "expected": surprise.expected, "probability": round(surprise.probability, 6)}
                for surprise in self.surprises
            ],
            "checkpoint": checkpoint,
        }


def score_poems(
    checkpoint: Checkpoint,
    poems: Sequence[Poem],
    progress: ProgressCallback = silent,
) -> Iterator[ScoredPoem]:
    """What the characters of some poems cost, each given its title, tune and form; in the order of the poems.

    They are scored some at a time, and yielded as they are. `progress` is told how many are done, and of how many.
    """
    scorer, tokens = Scorer(checkpoint.vocab), checkpoint.vocab.tokens
    for start in range(0, len(poems), _AT_ONCE):
        some = poems[start : start + _AT_ONCE]
        scored: dict[int, ScoredPoem] = {}
        split = split_of(some, checkpoint.vocab)

        def progress_in_all(done: float, total: float, before: int = start) -> None:
            progress(before + done, len(poems))

        for number, read in scorer.poems(checkpoint.model, split, progress_in_all):
            ids, nats = read.labels.numpy(), read.nats.numpy()
            poem = some[number]
            characters = map(ScoredCharacter, [*poem.body, END], nats.tolist(), (ids != UNK).tolist())
            places = heapq.nlargest(PLACES_TOLD, range(len(nats)), key=nats.__getitem__)
            surprises = (
                SurprisingPlace(place, tokens[int(read.likeliest[place])], float(read.chances[place]))
                for place in places
            )
            scored[number] = ScoredPoem(
                poem, tuple(characters), Tally.of(ids, nats, scorer.is_counted), tuple(surprises)
            )
        yield from (scored[number] for number in range(len(some)))
