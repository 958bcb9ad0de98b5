"""Decoding: from requests to characters and poems, many at a time, as generators.

A number of slots step through time together. A slot reads its request's header one token a step, which sets the
state, then writes one character a step; when its poem ends, the next request moves in with a zero state. So nothing is
ever re-run, no header is padded, and a batch of any size keeps the slots full without being sorted by length.

    slot 0   [七律] [TITLE] 春 晓 [BODY] 春 眠 不 觉 … 。 │ [七律] [TITLE] 秋 …
    slot 1   [七律] [TITLE] 登 黄 鹤 楼 [BODY] 白 云 …

What may come next is for each poem's own Constraint to say; masks, top-k and draws are made for all slots at once. A
line that stands in the corpus, or twice in the poem, is taken back and written again. With several candidates a poem is
written as often, each draft once more without its title beside it, and the best draft by rank.py is kept. Where
something of it is given, its drafts go through the lines together (population.py).

A poem's random numbers come from the seed, its request and its number among equal requests, and all that the slots
compute is the same to the last bit whatever their number, so that a poem is the same alone or in any batch.

Shapes: S slots, V vocabulary, K candidates for a character, L layers, H hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poetgen.config import SampleConfig
from poetgen.data.line_index import LineIndex
from poetgen.data.profile import CorpusProfile
from poetgen.data.sequence import Layout
from poetgen.data.vocab import PAD, Vocab
from poetgen.network.model import PoetModel, State
from poetgen.network.stepping import Stepper
from poetgen.prosody.template import Template
from poetgen.text import clauses
from poetgen.writing.choice import best_candidates, pick
from poetgen.writing.drafting import Drafting
from poetgen.writing.masks import Masks
from poetgen.writing.planning import has_regulated
from poetgen.writing.rank import Draft, Ranker
from poetgen.writing.reader import DraftReader
from poetgen.writing.request import Request
from poetgen.writing.sample import Job, Sample
from poetgen.writing.slots import SLOTS, Rows, Slot, Written

#: Rows that step together where there are poems enough: as many as the caches bear.
WIDE: Final = 256
#: How often one line is written again for being a copy.
TRIES: Final = 8
#: Nats off a character that led to a copy: it is taken where there is no other.
_LAST_RESORT: Final = 1e6
#: Characters of the shortest line that can be a copy; shorter ones are anybody's.
_LEAST_LINE: Final = 5
#: Nats that a character costs once it stands in its poem, so that it comes again as seldom as in human verse.
#: In modern verse and in other languages words have to come again, and cost nothing.
REPETITION_PENALTY: Final = 1.0


class Sampler:
    """Writes poems with one model. Not safe for use by several threads at once.

    `tunes` are the templates of 词, `lines` the lines of the corpus, which no poem may copy, `profile` tells what its
    poems are like, and `reader` chooses among drafts. Without `rules` the network writes alone: poems are as long as
    their form, which is in the header, and nothing else is held, nor any line taken back.
    """

    def __init__(
        self,
        model: PoetModel,
        vocab: Vocab,
        tunes: Mapping[str, Template] | None = None,
        lines: LineIndex | None = None,
        rules: bool = True,
        profile: CorpusProfile | None = None,
        reader: DraftReader | None = None,
    ) -> None:
        self.model, self.stepper = model.eval(), Stepper(model)
        self.vocab = vocab
        self.tunes, self.lines = tunes or {}, lines
        self.layout = Layout(vocab)
        self.masks = Masks(vocab)
        self.ranker = Ranker(vocab, model.output.weight.detach().float().cpu().numpy(), reader)
        self.device = next(model.parameters()).device
        self.rules, self.profile = rules, profile
        self.repetition_penalty = REPETITION_PENALTY if rules and has_regulated(profile) else 0.0
        self.written = Written()
        self._width = 0
        self._memory: Tensor | None = None
        self._by_line = vocab.chinese and rules  # only verse is told, and taken back, line by line
        self.drafting = Drafting(vocab, self.masks, self.tunes, rules, profile)

    def check(self, request: Request, config: SampleConfig) -> str:
        """What there is to say about a request before it is carried out; raises UsageError where it cannot be."""
        return self.drafting.check(request, config)

    def samples(self, jobs: Iterable[Job]) -> Iterator[Sample]:
        """A poem for each job, in the order of the jobs. Raises UsageError."""
        finished: dict[int, Sample] = {}
        due = 0
        for index, _, sample in self.steps(jobs):
            if sample is not None:
                finished[index] = sample
            while due in finished:
                yield finished.pop(due)
                due += 1

    def steps(self, jobs: Iterable[Job]) -> Iterator[tuple[int, str, Sample | None]]:
        """Text as it comes to stand: (number of the job, text, None), and ("", Sample) at a poem's end.

        Text that may still be taken back is held: lines until they are complete, drafts until one is chosen.
        """
        drafts: dict[int, list[Draft]] = {}
        for slot, ended in self._run(jobs):
            several = slot.sample.config.candidates > 1
            if not several:
                text = self.vocab.decode(slot.tokens[slot.handed_out :])
                slot.handed_out = len(slot.tokens)
                if text:
                    yield slot.index, text, None
            if ended:
                complete = drafts.setdefault(slot.index, [])
                complete.append(Draft(slot.draft, tuple(slot.tokens), tuple(slot.costs), slot.unconditional_nats))
                if len(complete) == slot.sample.config.candidates:
                    sample = self._best(slot.sample, drafts.pop(slot.index))
                    if several:
                        yield slot.index, sample.text, None
                    yield slot.index, "", sample

    def _best(self, sample: Sample, drafts: list[Draft]) -> Sample:
        drafts.sort(key=lambda draft: draft.number)
        best, scores = self.ranker.best(drafts) if len(drafts) > 1 else (drafts[0], {})
        text = self.vocab.decode(best.tokens).rstrip("\n")
        return replace(sample, text=text, perplexity=float(np.exp(best.nats / max(1, len(best.tokens)))), scores=scores)

    # The loop ----------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def _run(self, jobs: Iterable[Job]) -> Iterator[tuple[Slot, bool]]:
        """Every slot that has text to hand out, and whether its draft is complete."""
        queue = self.drafting.slots(jobs)
        first = list(islice(queue, SLOTS + 1))
        count = SLOTS if len(first) <= SLOTS else self.width
        queue = chain(first, queue)
        slots: list[Slot | None] = list(islice(queue, count))
        slots += [None] * (count - len(slots))
        self.written = Written()
        rows = self.written.rows = Rows(
            slots, self._zeros(count), len(self.vocab), self.repetition_penalty, self.masks.han.tolist()
        )
        while rows.taken:
            if self._by_line:
                rows.save_lines()
            kept = rows.kept()
            features = self._read(rows)
            rows.put_back(*kept)
            writing = [(row, slot) for row, slot in rows.taken if slot.writing or slot.choosing]
            writing = [(row, slot) for row, slot in writing if not slot.waiting]
            if not writing:
                continue
            choices = self._write(writing, features, rows.costs)
            for (_, slot), (token, *costs) in zip(writing, choices, strict=True):
                if slot.choosing:
                    slot.choose(token)
                else:
                    slot.push(token, self.layout.end, *costs)
            writing = [(row, slot) for row, slot in writing if slot.writing]
            copies = self._copies([slot for _, slot in writing])
            for row, slot in writing:
                if id(slot) in copies:
                    rows.take_back(row)
                    continue
                ended = slot.constraint.done
                if ended:
                    self.written.add(slot)
                if ended or slot.constraint.fresh or not self._by_line:
                    yield slot, ended
                slot.waiting = slot.population is not None and slot.constraint.fresh and not ended
                if ended:
                    if slot.population:
                        slot.population.size -= 1
                    rows.fill(row, next(queue, None))
            rows.meet()
            rows.penalize()
            rows.narrow()

    @property
    def width(self) -> int:
        """WIDE, where the model gives the same bits for that many rows as for SLOTS of them; else SLOTS."""
        if not self._width:
            draw = torch.Generator().manual_seed(0)
            ids = torch.randint(len(self.vocab), (WIDE,), generator=draw).to(self.device)
            state = tuple(torch.randn(part.shape, generator=draw).to(self.device) for part in self._zeros(WIDE))
            with torch.inference_mode():
                wide, many = self.stepper.step(ids, state)
                few, some = self.stepper.step(ids[:SLOTS], tuple(part[:, :SLOTS].contiguous() for part in state))
                pairs = [(self.model.logits(wide)[:SLOTS], self.model.logits(few))]
                pairs += [(a[:, :SLOTS], b) for a, b in zip(many, some, strict=True)]
            self._width = WIDE if all(torch.equal(a, b) for a, b in pairs) else SLOTS
        return self._width

    def _zeros(self, rows: int) -> State:
        config = self.model.config
        parts = 2 if config.cell == "lstm" else 1
        return tuple(torch.zeros(config.layers, rows, config.hidden, device=self.device) for _ in range(parts))

    def _read(self, rows: Rows) -> list[Tensor]:
        """One step of the network for all slots: features (S, H), and without titles where a slot needs them."""
        slots, states = rows.slots, rows.states
        inputs = [slot.next_input() if slot else PAD for slot in slots]
        features, states[0] = self.stepper.step(torch.tensor(inputs, device=self.device), states[0])
        if not any(slot.sample.config.candidates > 1 for _, slot in rows.taken):
            return [features]
        inputs = [slot.next_unconditional_input() if slot else PAD for slot in slots]
        starting = [row for row, slot in rows.taken if slot.starts_unconditional]
        for part in states[1]:
            part[:, starting] = 0
        unconditional, states[1] = self.stepper.step(torch.tensor(inputs, device=self.device), states[1])
        return [features, unconditional]

    def _write(
        self, writing: Sequence[tuple[int, Slot]], features: Sequence[Tensor], penalties: Tensor
    ) -> Iterator[tuple[int, float, float, float]]:
        """A token for each writing slot, what it costs in nats, with and without the title, and _log_masses."""
        logits = self.model.logits(features[0])  # (S, V): all slots, for the sake of one shape
        every = self.masks.row("all", lambda: np.ones(len(self.vocab), dtype=bool))
        keys = [every] * len(logits)
        banned: tuple[list[int], list[int]] = [], []
        refused: tuple[list[int], list[int]] = [], []
        for row, slot in writing:
            keys[row] = slot.mask()
            for token in slot.constraint.banned():
                banned[0].append(row)
                banned[1].append(token)
            for token in chain(slot.refused, () if slot.choosing else slot.constraint.avoided()):
                refused[0].append(row)
                refused[1].append(token)
        scores = self._room(logits)
        torch.sub(logits, penalties, out=scores)
        allowed = torch.from_numpy(self.masks.table).to(self.device)[torch.tensor(keys, device=self.device)]
        torch.where(allowed, scores, scores.new_tensor(-torch.inf), out=scores)
        if banned[0]:
            scores[banned] = -torch.inf
        if refused[0]:
            scores[refused] -= _LAST_RESORT
        rows = [row for row, _ in writing]
        configs = [slot.sample.config for _, slot in writing]
        best, ids = best_candidates(scores, rows, [config.top_k for config in configs])
        places = pick(best, configs, [slot.random.random() for _, slot in writing])
        tokens = ids[np.arange(len(rows)), places]
        nats = self._nats(logits, rows, tokens)
        unconditional = (
            self._nats(self.model.logits(features[1]), rows, tokens) if len(features) > 1 else [0.0] * len(rows)
        )
        return zip(tokens.tolist(), nats, unconditional, self._log_masses(logits, allowed, writing), strict=True)

    def _log_masses(self, logits: Tensor, allowed: Tensor, writing: Sequence[tuple[int, Slot]]) -> list[float]:
        """The logarithm of the probability that the masks leave each writing slot; 0 where nothing weighs it."""
        rows = [row for row, slot in writing if slot.population]
        masses = dict.fromkeys((row for row, _ in writing), 0.0)
        if rows:
            weighed = logits[rows]
            total = weighed.logsumexp(1)
            weighed[~allowed[rows]] = -torch.inf
            left = (weighed.logsumexp(1) - total).cpu().double().tolist()
            masses |= dict(zip(rows, left, strict=True))
        return list(masses.values())

    def _room(self, like: Tensor) -> Tensor:
        """Memory for numbers of one shape, used again at every step: new pages would cost more than what is done."""
        if self._memory is None or self._memory.shape != like.shape:
            self._memory = torch.empty_like(like)
        return self._memory

    def _nats(self, logits: Tensor, rows: Sequence[int], tokens: NDArray[np.int64]) -> list[float]:
        """What tokens cost under logits (S, V) of their rows, in nats."""
        highest = logits.amax(1, keepdim=True)
        total = torch.sub(logits, highest, out=self._room(logits)).exp_().sum(1).log_() + highest[:, 0]
        costs = total[rows] - logits[rows, torch.from_numpy(tokens).to(self.device)]
        return [float(cost) for cost in costs.cpu().numpy().astype(np.float64)]

    def _copies(self, slots: Sequence[Slot]) -> set[int]:
        """Of the slots that have just filled a line, the ids of those whose line has to go.

        It stands in the corpus, or has stood in the poem.
        """
        whole = {id(slot): slot for slot in slots if slot.saved and slot.tries < TRIES and slot.at_new_line_end}
        lines = {key: "".join(clauses(self.vocab.decode(slot.line))) for key, slot in whole.items()}
        lines = {key: line for key, line in lines.items() if len(line) >= _LEAST_LINE}
        if not lines:
            return set()
        # All at once, which costs hardly more than one.
        known = self.lines.known(list(lines.values())) if self.lines is not None else [False] * len(lines)
        before = {key: clauses(self.vocab.decode(whole[key].tokens[: -len(whole[key].line)])) for key in lines}
        return {
            key for (key, line), is_known in zip(lines.items(), known, strict=True) if is_known or line in before[key]
        }
