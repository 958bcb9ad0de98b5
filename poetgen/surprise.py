"""What each character of a poem costs a model, and what the model held likeliest where it was surprised.

    春 眠 不 觉 晓 ， …        what stands there
    7  2  1  0  3  0           nats: −ln of the probability that the model gave it, all before it known

The surprise of a character is its information content (Shannon 1948), by the definitions in perplexity.py: the poem's
header gives title, tune and form, and a character outside the vocabulary is charged for the choice that it leaves open.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from poetgen.checkpoint import Checkpoint
from poetgen.corpus import Poem
from poetgen.dataset import Split
from poetgen.evaluate import split_of
from poetgen.model import PoetModel, State
from poetgen.perplexity import ROWS, SEQ_LEN, Scorer, Tally, to_device
from poetgen.sequence import END
from poetgen.vocab import PAD, UNK

#: Of how many characters of a poem it is told what the model held likelier.
SURPRISES: Final = 3
#: Poems that are scored together: many are fast, and nobody waits long for the first.
_AT_ONCE: Final = 1024


@dataclass(frozen=True)
class Character:
    """A character of a body, or the end of it ("[END]"): what it cost, and whether the vocabulary has it."""

    char: str
    nats: float
    known: bool = True

    @property
    def rarity(self) -> int:
        """The greatest n for which the character was held less likely than 1 in 10ⁿ; 0 where it was no surprise.

        >>> Character("春", 7.0).rarity, Character("春", 0.1).rarity
        (3, 0)
        """
        return int(self.nats / math.log(10))


@dataclass(frozen=True)
class Surprise:
    """A place in a poem that cost much, counted from 0, and the likeliest token there with its probability."""

    place: int
    expected: str
    probability: float


@dataclass(frozen=True)
class Scored:
    """A poem with the costs of its characters, its end the last, their sums, and its surprises, greatest first."""

    poem: Poem
    characters: tuple[Character, ...]
    tally: Tally
    surprises: tuple[Surprise, ...]

    def record(self, checkpoint: str = "") -> dict[str, Any]:
        """The JSON Lines record of a poem; a perplexity over no character at all is None."""
        tally = self.tally
        return {
            "title": self.poem.title,
            "form": self.poem.form,
            "tune": self.poem.tune,
            "text": self.poem.body,
            "ppl_char": tally.ppl_char if math.isfinite(tally.ppl_char) else None,
            "ppl_all": tally.ppl_all if math.isfinite(tally.ppl_all) else None,
            "characters": [
                {"char": char.char, "nats": round(char.nats, 4), "known": char.known} for char in self.characters
            ],
            "surprises": [
                {"place": one.place, "expected": one.expected, "probability": round(one.probability, 6)}
                for one in self.surprises
            ],
            "checkpoint": checkpoint,
        }


def surprises(
    checkpoint: Checkpoint,
    poems: Sequence[Poem],
    progress: Callable[[float, int], None] = lambda done, total: None,
) -> Iterator[Scored]:
    """What the characters of some poems cost, each given its title, tune and form; in the order of the poems.

    They are scored some at a time, and yielded as they are. `progress` is told how many are done, and of how many.
    """
    for start in range(0, len(poems), _AT_ONCE):
        some = poems[start : start + _AT_ONCE]
        # Two passes over the same poems, each half of the way.
        halves = (
            lambda done, total, before=before: progress(before + done / 2, len(poems))
            for before in (start, start + len(some) / 2)
        )
        yield from _surprises(checkpoint, some, *halves)


def _surprises(
    checkpoint: Checkpoint,
    poems: Sequence[Poem],
    scoring: Callable[[int, int], None],
    expecting: Callable[[int, int], None],
) -> list[Scored]:
    split = split_of(poems, checkpoint.vocab)
    characters: dict[int, tuple[Character, ...]] = {}
    tallies: dict[int, Tally] = {}
    places: dict[int, list[int]] = {}
    scorer = Scorer(checkpoint.vocab)
    for number, ids, nats in scorer.poems(checkpoint.model, split, scoring):
        texts = [*poems[number].body, END]
        characters[number] = tuple(map(Character, texts, nats.tolist(), (ids != UNK).tolist()))
        tallies[number] = Tally.of(ids, nats, scorer.is_counted)
        places[number] = heapq.nlargest(SURPRISES, range(len(nats)), key=nats.__getitem__)
    expected = _expected(checkpoint.model, split, places, expecting)
    return [
        Scored(poem, characters[number], tallies[number], tuple(expected[number])) for number, poem in enumerate(poems)
    ]


@torch.no_grad()
def _expected(
    model: PoetModel, split: Split, places: Mapping[int, Sequence[int]], progress: Callable[[int, int], None]
) -> dict[int, list[Surprise]]:
    """What the model holds likeliest at some places of every poem's body, given what Scorer.poems gives."""
    device, tokens = model.output.weight.device, split.layout.vocab.tokens
    found: dict[tuple[int, int], Surprise] = {}
    done = 0
    for group in split.groups(ROWS * SEQ_LEN, SEQ_LEN):
        batches = list(split.windows(group, SEQ_LEN))
        starts = (np.concatenate([batch.labels for batch in batches], axis=1) != PAD).argmax(1).tolist()
        numbers = group.poems.tolist()
        own = [(row, starts[row] + place, place) for row, number in enumerate(numbers) for place in places[number]]
        state: State | None = None
        for window, batch in enumerate(batches):
            inputs, _, state = to_device(batch, state, device)
            features, state = model.features(inputs, state)
            here = [(row, at % SEQ_LEN, place) for row, at, place in own if at // SEQ_LEN == window]
            if not here:
                continue
            logits = model.logits(features[[row for row, _, _ in here], [at for _, at, _ in here]])
            chances, best = (part.tolist() for part in logits.float().softmax(-1).max(-1))
            for (row, _, place), id, chance in zip(here, best, chances, strict=True):
                found[numbers[row], place] = Surprise(place, tokens[id], chance)
        done += len(numbers)
        progress(done, len(split))
    return {number: [found[number, place] for place in own] for number, own in places.items()}
