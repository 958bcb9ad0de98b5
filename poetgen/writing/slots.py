"""The drafts under way, and what the network keeps of each: its state, and what its characters have come to cost.

Shapes: S slots, V vocabulary, L layers, H hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np
import torch

from poetgen.data.vocab import PAD
from poetgen.network.model import State
from poetgen.writing.constraint import Constraint
from poetgen.writing.population import Population
from poetgen.writing.sample import Sample

#: The fewest rows that step together. Matrix products of fewer rows round differently, and a poem would depend on its
#: company; from 16 rows on, the processors that we know of give the same bits, and a probe finds out.
SLOTS: Final = 16


@dataclass
class SavedLine:
    """A slot as it stood before a line, to go back to."""

    constraint: Constraint
    count: int
    unconditional_nats: float
    log_weight: float
    states: tuple[State, ...]
    refused: list[tuple[list[int], int]] = field(default_factory=list)
    """What was taken back: a token, and those of its line before it."""


@dataclass
class Slot:
    """A draft under way. The unconditional header is the header without what the poem is about."""

    index: int
    draft: int
    sample: Sample
    header: list[int]
    unconditional_header: list[int]
    random: np.random.Generator
    constraint: Constraint
    hole: int = 0  # the place in the header of the rhyme that is to be chosen, if any
    read: int = 0
    unconditional_nats: float = 0.0
    tokens: list[int] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)  # of each token, in nats
    handed_out: int = 0  # tokens
    tries: int = 0
    counted: bool = False  # among what is written
    saved: SavedLine | None = None
    population: Population | None = None  # the drafts that it goes through its lines with
    waiting: bool = False  # for the others, at the end of a line
    log_weight: float = 0.0  # of the probability that its masks have left it

    @property
    def writing(self) -> bool:
        return self.read == len(self.header)

    @property
    def choosing(self) -> bool:
        """Whether the rhyme is to be chosen next."""
        return self.hole > 0 and self.read == self.hole

    @property
    def opening(self) -> bool:
        """Whether the next input brings forth the first character of a line."""
        return self.read + 1 >= len(self.header) and self.constraint.fresh

    def next_input(self) -> int:
        if self.writing:
            return self.tokens[-1]
        self.read += 1
        return self.header[self.read - 1]

    def next_unconditional_input(self) -> int:
        """What the second reader reads, after next_input: nothing until what is left of the header is its own."""
        if self.tokens:
            return self.tokens[-1]
        place = self.read - 1 - (len(self.header) - len(self.unconditional_header))
        return self.unconditional_header[place] if place >= 0 else PAD

    def mask(self) -> int:
        """The row of Masks.table that allows what may come next."""
        return self.constraint.signs if self.choosing else self.constraint.mask()

    def choose(self, sign: int) -> None:
        """Keep to a rhyme, and say so in the header."""
        self.header[self.hole] = self.unconditional_header[self.hole - len(self.header)] = sign
        self.constraint.keep_to(sign)

    @property
    def line(self) -> list[int]:
        """The tokens since the last line that was kept."""
        return self.tokens[self.saved.count if self.saved else 0 :]

    @property
    def starts_over(self) -> bool:
        """Whether the line that begins was taken back."""
        return self.saved is not None and self.saved.count == len(self.tokens)

    @property
    def at_new_line_end(self) -> bool:
        """Whether a line has ended that could have been another."""
        return (self.constraint.fresh or self.constraint.done) and not self.constraint.settled

    @property
    def refused(self) -> list[int]:
        """Tokens that led to a copy when they were last chosen here."""
        if not self.saved or not self.saved.refused:
            return []
        line = self.line
        return [token for before, token in self.saved.refused if before == line]

    def push(self, token: int, end: int, nats: float, unconditional_nats: float, log_mass: float) -> None:
        """Go on by a token, one of those that had `log_mass` of the probability; `end` is no character."""
        self.log_weight += log_mass
        self.constraint.push(token)
        if token != end:
            self.tokens.append(token)
            self.costs.append(nats)
            self.unconditional_nats += unconditional_nats

    def take_back(self) -> None:
        """Forget the line that was begun, and refuse a character of it when it is written again."""
        saved = self.saved
        assert saved is not None
        # Each try gives up a character earlier in the line, so that even the likeliest choices come to another.
        place = max(0, len(self.line) - 2 - self.tries)
        saved.refused.append((self.line[:place], self.line[place]))
        self.tries += 1
        self.constraint = saved.constraint.copy()
        del self.tokens[saved.count :], self.costs[saved.count :]
        self.unconditional_nats, self.log_weight = saved.unconditional_nats, saved.log_weight
        if not self.tokens:
            self.read -= 1

    def become(self, other: Slot) -> None:
        """Go on with the text of another draft of the same population, with random numbers of its own."""
        self.header, self.unconditional_header = list(other.header), list(other.unconditional_header)
        self.hole, self.read, self.constraint = other.hole, other.read, other.constraint.copy()
        self.tokens, self.costs = list(other.tokens), list(other.costs)
        self.unconditional_nats, self.saved = other.unconditional_nats, None

    @property
    def starts_unconditional(self) -> bool:
        """Whether the second reader is about to begin."""
        return not self.tokens and self.read - 1 == len(self.header) - len(self.unconditional_header)


class Rows:
    """The slots that step together, each in a row of its own, some of them empty.

    `states` are those of the network as it reads, with the title and without; `costs` (S, V), in nats, is what each
    character costs for having stood in the poem of a row: `penalty` for those that are `penalized` (V,).
    """

    def __init__(
        self, slots: Sequence[Slot | None], zeros: State, vocabulary: int, penalty: float, penalized: Sequence[bool]
    ) -> None:
        self.slots = list(slots)
        self.states: list[State] = [zeros, tuple(torch.zeros_like(part) for part in zeros)]
        self.costs = torch.zeros(len(self.slots), vocabulary, device=zeros[0].device)
        self.penalty, self._penalized = penalty, penalized

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def taken(self) -> list[tuple[int, Slot]]:
        """The slots that there are, with their rows."""
        return [(row, slot) for row, slot in enumerate(self.slots) if slot]

    def fill(self, row: int, slot: Slot | None) -> None:
        """Let another draft move in, or none."""
        self.slots[row] = slot
        self.costs[row] = 0
        for part in chain(*self.states):
            part[:, row] = 0

    def save_lines(self) -> None:
        """Keep what it takes to write a line again, where one is about to begin."""
        opening = [(row, slot) for row, slot in self.taken if slot.opening and not slot.starts_over]
        if not opening:
            return
        rows = [row for row, _ in opening]
        columns = [tuple(part[:, rows].unbind(1) for part in state) for state in self.states]
        for place, (_, slot) in enumerate(opening):
            states = tuple(tuple(part[place] for part in state) for state in columns)
            slot.saved = SavedLine(
                slot.constraint.copy(), len(slot.tokens), slot.unconditional_nats, slot.log_weight, states
            )
            slot.tries = 0

    def take_back(self, row: int) -> None:
        """Go back to where the line of a slot began."""
        slot = self.slots[row]
        assert slot is not None and slot.saved is not None
        slot.take_back()
        for state, columns in zip(self.states, slot.saved.states, strict=True):
            for part, column in zip(state, columns, strict=True):
                part[:, row] = column
        self.costs[row] = 0
        self.costs[row, [token for token in slot.tokens[:-1] if self._penalized[token]]] = self.penalty

    def kept(self) -> tuple[list[int], list[State]]:
        """The rows that wait, and their states, which the next step must not change."""
        rows = [row for row, slot in self.taken if slot.waiting]
        return rows, [tuple(part[:, rows].clone() for part in state) for state in self.states] if rows else []

    def put_back(self, rows: list[int], states: list[State]) -> None:
        """What `kept` gave."""
        for state, columns in zip(self.states, states, strict=False):
            for part, column in zip(state, columns, strict=True):
                part[:, rows] = column

    def meet(self) -> None:
        """Where all drafts of a population have come to the end of a line, drop the weak and let all go on."""
        waiting: dict[Population, list[tuple[int, Slot]]] = {}
        for row, slot in self.taken:
            if slot.waiting and slot.population:
                waiting.setdefault(slot.population, []).append((row, slot))
        for population, members in waiting.items():
            if len(members) < population.size:
                continue
            members.sort(key=lambda member: member[1].draft)
            ancestors = population.ancestors([slot.log_weight for _, slot in members])
            drawn = ancestors != list(range(len(members)))
            for (row, slot), ancestor in zip(members, ancestors, strict=True):
                source_row, source = members[ancestor]
                if source is not slot:
                    slot.become(source)
                    self.costs[row] = self.costs[source_row]
                    for part in chain(*self.states):
                        part[:, row] = part[:, source_row]
            for _, slot in members:
                slot.waiting = False
                slot.log_weight = 0.0 if drawn else slot.log_weight

    def penalize(self) -> None:
        """Charge for the last character but one of each poem: the last may be said twice at once, as 萧萧."""
        last = [(row, slot.tokens[-2]) for row, slot in self.taken if len(slot.tokens) > 1]
        last = [(row, token) for row, token in last if self._penalized[token]]
        if last:
            self.costs[tuple(zip(*last, strict=True))] = self.penalty

    def narrow(self) -> None:
        """Go on with fewer rows, where most have run out of poems."""
        rows = [row for row, _ in self.taken]
        if len(self) == SLOTS or 2 * len(rows) > len(self):
            return
        count = max(SLOTS, -(-len(rows) // SLOTS) * SLOTS)
        kept = (rows + [row for row, slot in enumerate(self.slots) if not slot])[:count]
        self.slots = [self.slots[row] for row in kept]
        self.states = [tuple(part[:, kept].contiguous() for part in state) for state in self.states]
        self.costs = self.costs[kept]


@dataclass
class Written:
    """How much is written, in poems: many are under way at a time, and come to their ends together."""

    rows: Rows | None = None
    _poems: float = 0.0  # those that are complete, a draft counting for its share of a poem
    _drafts: int = 0
    _tokens: int = 0

    def add(self, slot: Slot) -> None:
        """Count a draft that is complete."""
        self._poems += 1 / slot.sample.config.candidates
        self._drafts += 1
        slot.counted = True
        self._tokens += len(slot.tokens)

    @property
    def poems(self) -> float:
        """How many poems what is written comes to, those under way by their length beside that of complete ones."""
        if not self._tokens or self.rows is None:
            return self._poems
        mean = self._tokens / self._drafts
        under_way = (slot for _, slot in self.rows.taken if not slot.counted)
        return self._poems + sum(
            min(1.0, len(slot.tokens) / mean) / slot.sample.config.candidates for slot in under_way
        )
