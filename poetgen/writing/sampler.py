"""Decoding: from requests to characters and poems, many at a time, as generators.

A number of slots step through time together. A slot reads its request's header one token a step, which sets the
state, then writes one character a step; when its poem ends, the next request moves in with a zero state. So nothing is
ever re-run, no header is padded, and a batch of any size keeps the slots full without being sorted by length.

    slot 0   [七律] [TITLE] 春 晓 [BODY] 春 眠 不 觉 … 。 │ [七律] [TITLE] 秋 …
    slot 1   [七律] [TITLE] 登 黄 鹤 楼 [BODY] 白 云 …

What may come next is for each poem's own Constraint to say; masks, top-k and draws are made for all slots at once. A
line that stands in the corpus, or twice in the poem, is taken back and written again. With several candidates a poem is
written as often, each draft once more without its title beside it, and the best draft by rank.py is kept.

A poem's random numbers come from the seed, its request and its number among equal requests, and all that the slots
compute is the same to the last bit whatever their number, so that a poem is the same alone or in any batch.

Shapes: S slots, V vocabulary, K candidates for a character, L layers, H hidden.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache, partial
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poetgen.config import SampleConfig
from poetgen.data.line_index import LineIndex
from poetgen.data.sequence import Header, Layout
from poetgen.data.vocab import PAD, UNK, Vocab
from poetgen.errors import UsageError
from poetgen.network.model import PoetModel, State
from poetgen.prosody.template import Template
from poetgen.text import clauses, is_han
from poetgen.writing.constraint import Constraint, Free, Masks, constrain
from poetgen.writing.rank import Draft, Ranker
from poetgen.writing.request import Plan, Request, plan

#: The fewest rows that step together. Matrix products of fewer rows round differently, and a poem would depend on its
#: company; from 16 rows on, the processors that we know of give the same bits, and a probe finds out.
SLOTS = 16
#: Rows that step together where there are poems enough: as many as the caches bear.
WIDE = 256
#: How often one line is written again for being a copy.
TRIES = 8
#: Nats off a character that led to a copy: it is taken where there is no other.
_LAST_RESORT = 1e6
#: Shorter lines are anybody's.
_OWN = 5
#: Nats that a character costs once it stands in its poem, so that it comes again as seldom as in human verse.
AGAIN = 1.0


class Job(NamedTuple):
    """A poem to write: what is asked for, how each character is to be chosen, and its number among equal jobs.

    Without a number, equal jobs of one call are counted.
    """

    request: Request
    config: SampleConfig
    number: int | None = None


@dataclass(frozen=True)
class Sample:
    """A poem that was written. `text` holds it in one piece, `lines` its couplets.

    `perplexity` is the model's own over the characters written, at temperature 1 and without any cut; `scores` are
    those of rank.py where there were several candidates. `breaks` counts the characters before each stanza but the
    first.
    """

    request: Request
    config: SampleConfig
    number: int
    form: str
    text: str
    perplexity: float
    scores: Mapping[str, float] = field(default_factory=dict)
    breaks: tuple[int, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The couplets, each with its punctuation."""
        return couplets(self.text)

    def record(self, checkpoint: str = "") -> dict[str, Any]:
        """The JSON Lines record of a poem."""
        options = asdict(self.config)
        return {
            "title": self.request.title,
            "form": self.form,
            "text": self.text,
            "lines": self.lines,
            "seed": options.pop("seed"),
            "number": self.number,
            "options": options | _given(self.request, "title"),
            "checkpoint": checkpoint,
            "scores": {"perplexity": round(self.perplexity, 2)}
            | {name: round(value, 4) for name, value in self.scores.items()},
        }


def couplets(text: str) -> list[str]:
    """Lines of a poem as they are printed: broken after 。！？ and ；, and wherever the text breaks its lines.

    >>> couplets("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    ['白日依山尽，黄河入海流。', '欲穷千里目，更上一层楼。']
    """
    lines = [""]
    for char in text:
        if char == "\n":
            lines.append("")
            continue
        lines[-1] += char
        if char in "。！？；":
            lines.append("")
    return [line for line in lines if line]


@dataclass
class _Saved:
    """A slot as it stood before a line, to go back to."""

    constraint: Constraint
    count: int
    nats: float
    bare_nats: float
    states: tuple[State, ...]
    refused: list[tuple[list[int], int]] = field(default_factory=list)
    """What was taken back: a token, and those of its line before it."""


@dataclass
class _Slot:
    """A draft under way. `bare` is the header without what the poem is about."""

    index: int
    draft: int
    sample: Sample
    header: list[int]
    bare: list[int]
    random: np.random.Generator
    constraint: Constraint
    read: int = 0
    nats: float = 0.0
    bare_nats: float = 0.0
    tokens: list[int] = field(default_factory=list)
    told: int = 0  # tokens that were handed out
    tries: int = 0
    saved: _Saved | None = None

    @property
    def writing(self) -> bool:
        return self.read == len(self.header)

    @property
    def opening(self) -> bool:
        """Whether the next input brings forth the first character of a line."""
        return self.read + 1 >= len(self.header) and self.constraint.fresh

    def next_input(self) -> int:
        if self.writing:
            return self.tokens[-1]
        self.read += 1
        return self.header[self.read - 1]

    def next_bare(self) -> int:
        """What the second reader reads, after next_input: nothing until what is left of the header is its own."""
        if self.tokens:
            return self.tokens[-1]
        place = self.read - 1 - (len(self.header) - len(self.bare))
        return self.bare[place] if place >= 0 else PAD

    @property
    def line(self) -> list[int]:
        """The tokens since the last line that was kept."""
        return self.tokens[self.saved.count if self.saved else 0 :]

    @property
    def again(self) -> bool:
        """Whether the line that begins was taken back."""
        return self.saved is not None and self.saved.count == len(self.tokens)

    @property
    def at_line_end(self) -> bool:
        return self.constraint.fresh or self.constraint.done

    @property
    def refused(self) -> list[int]:
        """Tokens that led to a copy when they were last chosen here."""
        if not self.saved or not self.saved.refused:
            return []
        line = self.line
        return [token for before, token in self.saved.refused if before == line]

    @property
    def waited(self) -> bool:
        """Whether the second reader is about to begin."""
        return not self.tokens and self.read - 1 == len(self.header) - len(self.bare)


class Sampler:
    """Writes poems with one model. Not safe for use by several threads at once.

    `tunes` are the templates of 词, `lines` the lines of the corpus, which no poem may copy. Without `rules` the
    network writes alone: poems are as long as their form, which is in the header, and nothing else is held, nor any
    line taken back.
    """

    def __init__(
        self,
        model: PoetModel,
        vocab: Vocab,
        tunes: Mapping[str, Template] | None = None,
        lines: LineIndex | None = None,
        rules: bool = True,
    ) -> None:
        self.model = model.eval()
        self.vocab = vocab
        self.tunes, self.lines = tunes or {}, lines
        self.layout = Layout(vocab)
        self.masks = Masks(vocab)
        self.ranker = Ranker(vocab, model.output.weight.detach().float().cpu().numpy())
        self.device = next(model.parameters()).device
        self.rules = rules
        self.again = AGAIN if rules else 0.0
        self._width = 0
        self._memory: Tensor | None = None
        self._by_line = vocab.chinese and rules  # only verse is told, and taken back, line by line
        # Plans that differ in their header alone have the same rules.
        self._constrained = lru_cache(256)(partial(constrain, masks=self.masks))

    def check(self, request: Request, config: SampleConfig) -> str:
        """What there is to say about a request before it is carried out; raises UsageError where it cannot be."""
        return self._rules(plan(request, config.length, self.tunes))[1]

    def _rules(self, planned: Plan) -> tuple[Constraint, str]:
        """The machine of a plan, at its start, and what there is to say about it."""
        if not self.rules:
            return Free(self.masks, planned.length, may_end=False), ""
        constraint, note = self._constrained(replace(planned, header=Header()))
        return constraint.copy(), note

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
                text = self.vocab.decode(slot.tokens[slot.told :])
                slot.told = len(slot.tokens)
                if text:
                    yield slot.index, text, None
            if ended:
                own = drafts.setdefault(slot.index, [])
                own.append(Draft(slot.draft, tuple(slot.tokens), slot.nats, slot.bare_nats))
                if len(own) == slot.sample.config.candidates:
                    sample = self._best(slot.sample, drafts.pop(slot.index))
                    if several:
                        yield slot.index, sample.text, None
                    yield slot.index, "", sample

    def _best(self, sample: Sample, drafts: list[Draft]) -> Sample:
        drafts.sort(key=lambda draft: draft.number)
        best, scores = self.ranker.best(drafts) if len(drafts) > 1 else (drafts[0], {})
        text = self.vocab.decode(best.tokens)
        return replace(sample, text=text, perplexity=float(np.exp(best.nats / max(1, len(best.tokens)))), scores=scores)

    # The loop ----------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def _run(self, jobs: Iterable[Job]) -> Iterator[tuple[_Slot, bool]]:
        """Every slot that has text to hand out, and whether its draft is complete."""
        queue = self._drafts(jobs)
        first = list(islice(queue, SLOTS + 1))
        rows = SLOTS if len(first) <= SLOTS else self.width
        queue = chain(first, queue)
        slots: list[_Slot | None] = list(islice(queue, rows))
        slots += [None] * (rows - len(slots))
        states = [self._zeros(rows), self._zeros(rows)]
        # What a character costs for having been used in its poem, (S, V) nats.
        used = torch.zeros(rows, len(self.vocab), device=self.device)
        while any(slots):
            self._save_lines(slots, states)
            features, states = self._read(slots, states)
            writing = [(row, slot) for row, slot in enumerate(slots) if slot and slot.writing]
            if not writing:
                continue
            tokens, nats, bare_nats = self._write(writing, features, used)
            for (_, slot), token, cost, bare in zip(writing, tokens, nats, bare_nats, strict=True):
                self._push(slot, token, cost, bare)
            copied = self._copied([slot for _, slot in writing])
            for row, slot in writing:
                if id(slot) in copied:
                    self._take_back(slot, row, states, used)
                    continue
                ended = slot.constraint.done
                if ended or slot.constraint.fresh or not self._by_line:
                    yield slot, ended
                if ended:
                    slots[row] = next(queue, None)
                    used[row] = 0
                    for part in chain(*states):
                        part[:, row] = 0
            self._use(used, slots)
            slots, states, used = self._narrowed(slots, states, used)

    @property
    def width(self) -> int:
        """WIDE, where the model gives the same bits for that many rows as for SLOTS of them; else SLOTS."""
        if not self._width:
            draw = torch.Generator().manual_seed(0)
            ids = torch.randint(len(self.vocab), (WIDE,), generator=draw).to(self.device)
            state = tuple(torch.randn(part.shape, generator=draw).to(self.device) for part in self._zeros(WIDE))
            with torch.inference_mode():
                wide, many = self.model.step(ids, state)
                few, some = self.model.step(ids[:SLOTS], tuple(part[:, :SLOTS].contiguous() for part in state))
                pairs = [(self.model.logits(wide)[:SLOTS], self.model.logits(few))]
                pairs += [(a[:, :SLOTS], b) for a, b in zip(many, some, strict=True)]
            self._width = WIDE if all(torch.equal(a, b) for a, b in pairs) else SLOTS
        return self._width

    def _drafts(self, jobs: Iterable[Job]) -> Iterator[_Slot]:
        numbers: Counter[tuple[Request, SampleConfig]] = Counter()
        for index, (request, config, number) in enumerate(Job(*job) for job in jobs):
            if number is None:
                number = numbers[request, config]
                numbers[request, config] += 1
            planned = plan(request, config.length, self.tunes)
            constraint, _ = self._rules(planned)
            breaks = planned.template.breaks if planned.template else ()
            sample = Sample(request, config, number, planned.form, "", 0.0, breaks=breaks)
            header = self.layout.encode(planned.header)
            bare = self.layout.encode(replace(planned.header, title="", keywords=()))
            for draft in range(config.candidates):
                stream = _stream(request, config, number, draft)
                yield _Slot(index, draft, sample, header, bare, stream, constraint.copy())

    def _zeros(self, rows: int) -> State:
        config = self.model.config
        parts = 2 if config.cell == "lstm" else 1
        return tuple(torch.zeros(config.layers, rows, config.hidden, device=self.device) for _ in range(parts))

    def _save_lines(self, slots: Sequence[_Slot | None], states: Sequence[State]) -> None:
        """Keep what it takes to write a line again, where one is about to begin."""
        if not self._by_line:
            return
        opening = [(row, slot) for row, slot in enumerate(slots) if slot and slot.opening and not slot.again]
        if not opening:
            return
        rows = [row for row, _ in opening]
        columns = [tuple(part[:, rows].unbind(1) for part in state) for state in states]
        for place, (_, slot) in enumerate(opening):
            own = tuple(tuple(part[place] for part in state) for state in columns)
            slot.saved = _Saved(slot.constraint.copy(), len(slot.tokens), slot.nats, slot.bare_nats, own)
            slot.tries = 0

    def _read(self, slots: Sequence[_Slot | None], states: Sequence[State]) -> tuple[list[Tensor], list[State]]:
        """One step of the network for all slots: features (S, H), and without titles where a slot needs them."""
        inputs = [slot.next_input() if slot else PAD for slot in slots]
        features, state = self.model.step(torch.tensor(inputs, device=self.device), states[0])
        if not any(slot and slot.sample.config.candidates > 1 for slot in slots):
            return [features], [state, states[1]]
        bare = [slot.next_bare() if slot else PAD for slot in slots]
        starting = [row for row, slot in enumerate(slots) if slot and slot.waited]
        for part in states[1]:
            part[:, starting] = 0
        other, second = self.model.step(torch.tensor(bare, device=self.device), states[1])
        return [features, other], [state, second]

    def _write(
        self, writing: Sequence[tuple[int, _Slot]], features: Sequence[Tensor], used: Tensor
    ) -> tuple[list[int], list[float], list[float]]:
        """A token for each writing slot, and what it costs in nats, with and without the title."""
        logits = self.model.logits(features[0])  # (S, V): all slots, for the sake of one shape
        every = self.masks.row("all", lambda: np.ones(len(self.vocab), dtype=bool))
        keys = [every] * len(logits)
        banned: tuple[list[int], list[int]] = [], []
        refused: tuple[list[int], list[int]] = [], []
        for row, slot in writing:
            keys[row] = slot.constraint.mask()
            for token in slot.constraint.banned():
                banned[0].append(row)
                banned[1].append(token)
            for token in slot.refused:
                refused[0].append(row)
                refused[1].append(token)
        scores = self._room(logits)
        torch.sub(logits, used, out=scores)
        allowed = torch.from_numpy(self.masks.table).to(self.device)[torch.tensor(keys, device=self.device)]
        torch.where(allowed, scores, scores.new_tensor(-torch.inf), out=scores)
        if banned[0]:
            scores[banned] = -torch.inf
        if refused[0]:
            scores[refused] -= _LAST_RESORT
        rows = [row for row, _ in writing]
        configs = [slot.sample.config for _, slot in writing]
        best, ids = _candidates(scores, rows, [config.top_k for config in configs])
        places = pick(best, configs, [slot.random.random() for _, slot in writing])
        tokens = ids[np.arange(len(rows)), places]
        nats = self._costs(logits, rows, tokens)
        bare = [self._costs(self.model.logits(other), rows, tokens) for other in features[1:]] or [[0.0] * len(rows)]
        return tokens.tolist(), nats, bare[0]

    def _room(self, like: Tensor) -> Tensor:
        """Memory for numbers of one shape, used again at every step: new pages would cost more than what is done."""
        if self._memory is None or self._memory.shape != like.shape:
            self._memory = torch.empty_like(like)
        return self._memory

    def _costs(self, logits: Tensor, rows: Sequence[int], tokens: NDArray[np.int64]) -> list[float]:
        """What tokens cost under logits (S, V) of their rows, in nats."""
        highest = logits.amax(1, keepdim=True)
        total = torch.sub(logits, highest, out=self._room(logits)).exp_().sum(1).log_() + highest[:, 0]
        costs = total[rows] - logits[rows, torch.from_numpy(tokens).to(self.device)]
        return [float(cost) for cost in costs.cpu().numpy().astype(np.float64)]

    def _push(self, slot: _Slot, token: int, cost: float, bare: float) -> None:
        """Go on by a token."""
        slot.constraint.push(token)
        if token != self.layout.end:
            slot.tokens.append(token)
            slot.nats += cost
            slot.bare_nats += bare

    def _copied(self, slots: Sequence[_Slot]) -> set[int]:
        """Of the slots that have just filled a line, the ids of those whose line has to go.

        It stands in the corpus, or has stood in the poem.
        """
        whole = {id(slot): slot for slot in slots if slot.saved and slot.tries < TRIES and slot.at_line_end}
        lines = {key: "".join(clauses(self.vocab.decode(slot.line))) for key, slot in whole.items()}
        lines = {key: line for key, line in lines.items() if len(line) >= _OWN}
        if not lines:
            return set()
        # All at once, which costs hardly more than one.
        known = self.lines.known(list(lines.values())) if self.lines is not None else [False] * len(lines)
        before = {key: clauses(self.vocab.decode(whole[key].tokens[: -len(whole[key].line)])) for key in lines}
        return {key for (key, line), found in zip(lines.items(), known, strict=True) if found or line in before[key]}

    def _take_back(self, slot: _Slot, row: int, states: Sequence[State], used: Tensor) -> None:
        """Go back to where the line began."""
        saved = slot.saved
        assert saved is not None
        # Each try gives up a character earlier in the line, so that even the likeliest choices come to another.
        place = max(0, len(slot.line) - 2 - slot.tries)
        saved.refused.append((slot.line[:place], slot.line[place]))
        slot.tries += 1
        slot.constraint = saved.constraint.copy()
        del slot.tokens[saved.count :]
        slot.nats, slot.bare_nats = saved.nats, saved.bare_nats
        if not slot.tokens:
            slot.read -= 1
        for state, columns in zip(states, saved.states, strict=True):
            for part, column in zip(state, columns, strict=True):
                part[:, row] = column
        used[row] = 0
        used[row, [token for token in slot.tokens[:-1] if self.masks.han[token]]] = self.again

    def _use(self, used: Tensor, slots: Sequence[_Slot | None]) -> None:
        """Charge for the last character but one of each poem: the last may be said twice at once, as 萧萧."""
        last = [(row, slot.tokens[-2]) for row, slot in enumerate(slots) if slot and len(slot.tokens) > 1]
        last = [(row, token) for row, token in last if self.masks.han[token]]
        if last:
            used[tuple(zip(*last, strict=True))] = self.again

    def _narrowed(
        self, slots: list[_Slot | None], states: list[State], used: Tensor
    ) -> tuple[list[_Slot | None], list[State], Tensor]:
        """Fewer rows, where most slots have run out of poems."""
        rows = [row for row, slot in enumerate(slots) if slot]
        if len(slots) == SLOTS or 2 * len(rows) > len(slots):
            return slots, states, used
        count = max(SLOTS, -(-len(rows) // SLOTS) * SLOTS)
        kept = (rows + [row for row, slot in enumerate(slots) if not slot])[:count]
        states = [tuple(part[:, kept].contiguous() for part in state) for state in states]
        return [slots[row] for row in kept], states, used[kept]


def _candidates(
    scores: Tensor, rows: Sequence[int], top_k: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The best of some rows of scores (S, V) by falling score, at least top_k of each, and their ids.

    Ties stand in the order of ids, at the cut too: the same on every machine, and beside rows of another top_k.
    """
    most = max(top_k) + 1
    while True:
        most = min(most, scores.shape[1])
        values, ids = (found.cpu().numpy()[rows] for found in scores.topk(most))
        order = np.lexsort((ids, -values))
        values, ids = (np.take_along_axis(found, order, 1) for found in (values, ids))
        cut = values[np.arange(len(rows)), np.minimum(top_k, most) - 1]
        if most == scores.shape[1] or not ((cut == values[:, -1]) & np.isfinite(cut)).any():
            return values.astype(np.float64), ids
        most *= 8


def pick(scores: NDArray[np.float64], configs: Sequence[SampleConfig], draws: Sequence[float]) -> NDArray[np.int64]:
    """The place chosen among candidates sorted by falling score (S, K), by draws from [0, 1); (S,).

    The first `top_k` candidates, and of these the fewest that hold `top_p` of the probability at this temperature;
    temperature 0 takes the first.
    """
    top_k, top_p, temperature = (
        np.array([getattr(config, name) for config in configs])[:, None] for name in ("top_k", "top_p", "temperature")
    )
    with np.errstate(over="ignore"):  # a temperature next to nothing leaves the first alone
        scaled = (scores - scores[:, :1]) / np.where(temperature > 0, temperature, 1.0)
    weights = np.where(np.arange(scores.shape[1]) < top_k, np.exp(scaled), 0.0)
    mass = weights.cumsum(1)
    before = mass - weights
    kept = (weights > 0) & ((before < top_p * mass[:, -1:]) | (top_p >= 1))
    kept[:, 0] = True
    last = kept.shape[1] - 1 - kept[:, ::-1].argmax(1)
    target = np.array(draws) * mass[np.arange(len(mass)), last]
    places = np.minimum((mass <= target[:, None]).sum(1), last)
    return np.where(temperature[:, 0] > 0, places, 0)


def _given(options: Request | SampleConfig, *without: str) -> dict[str, Any]:
    """The options that differ from their defaults."""
    names = [one.name for one in fields(options) if one.name not in without]
    return {name: value for name in names if (value := getattr(options, name)) != getattr(type(options), name, None)}


def _stream(request: Request, config: SampleConfig, number: int, draft: int) -> np.random.Generator:
    """The random numbers of one draft: those of its seed, request, options and numbers, and of nothing else.

    Options that have their defaults do not count, so that options yet to come change no poem; nor does the number of
    candidates, so that more of them add drafts to those that there were.
    """
    # 1 and 1.0 ask for the same.
    config = replace(config, top_p=float(config.top_p), temperature=float(config.temperature))
    name = json.dumps(
        [_given(request), _given(config, "candidates"), number, draft], ensure_ascii=False, sort_keys=True
    )
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest())))


#: Longer titles than this were never seen in training, and are most likely a mistake.
LONGEST_TITLE = 100


def fit(text: str, vocab: Vocab, flag: str = "title") -> tuple[str, list[str]]:
    """Bring a title or another field of a request to the vocabulary; returns it and what there is to say about it.

    Compatibility forms and the other script are mapped first. Han characters that are still unknown stay, and are read
    as [UNK]; other signs that the vocabulary lacks (emoji, Latin in Chinese verse) are left out.
    Raises UsageError for a text of more than LONGEST_TITLE characters.
    """
    from poetgen.corpus.titles import clean_title

    if len(text) > LONGEST_TITLE:
        raise UsageError(f"a {flag} of {len(text)} characters: give at most {LONGEST_TITLE}")
    # Bytes that are no UTF-8 reach Python as lone surrogates, which nothing can encode.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    fitted = text if all(char in vocab for char in text) else clean_title(" ".join(text.split()))
    fitted = in_script(fitted, vocab)
    # Latin letters that stray into Chinese titles have taught the model nothing, even where it knows some.
    chinese = vocab.chinese
    unknown = [c for c in dict.fromkeys(fitted) if c not in vocab or (chinese and c.isascii() and c.isalnum())]
    dropped = [char for char in unknown if not is_han(char)]
    fitted = " ".join("".join(" " if char in dropped else char for char in fitted).split())
    dropped = [char for char in dropped if not char.isspace()]
    notes = []
    if dropped:
        notes.append(f"{flag}: left out {' '.join(map(_spell, dropped))}, which the model has never seen")
    if rare := [char for char in unknown if is_han(char)]:
        notes.append(f"{flag}: {' '.join(rare)} is not in the model's vocabulary and is read as {vocab.tokens[UNK]}")
    return fitted, notes


def in_script(text: str, vocab: Vocab) -> str:
    """A text in the script, simplified or traditional, of which the vocabulary knows more."""
    if all(char in vocab for char in text):
        return text
    import opencc

    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    for conversion in ("t2s", "s2t"):
        converted = opencc.OpenCC(conversion).convert(text)
        if sum(char in vocab for char in converted) > sum(char in vocab for char in text):
            text = converted
    return text


def _spell(char: str) -> str:
    return char if char.isprintable() and not char.isspace() else f"U+{ord(char):04X}"
