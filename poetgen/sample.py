"""Decoding: from requests to characters and poems, many at a time, as generators.

A fixed number of slots steps through time together. A slot reads its request's header one token a step, which sets
the state, then writes one character a step; when its poem ends, the next request moves in with a zero state. So
nothing is ever re-run, no header is padded, and a batch of any size keeps the slots full.

    slot 0   [七律] [TITLE] 春 晓 [BODY] 春 眠 不 觉 … 。 │ [七律] [TITLE] 秋 …
    slot 1   [七律] [TITLE] 登 黄 鹤 楼 [BODY] 白 云 …

A poem's random numbers come from the seed, its request and its number among equal requests, and the slots always
compute in one shape, so that a poem is the same alone or in any batch.

Shapes: S slots, V vocabulary, K candidates.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from poetgen.config import SampleConfig
from poetgen.corpus.poem import PUNCTUATION
from poetgen.corpus.tunes import TUNES
from poetgen.errors import UsageError
from poetgen.model import PoetModel, State
from poetgen.prosody.forms import FORMS, SHAPES
from poetgen.sequence import Header, Layout
from poetgen.vocab import UNK, Vocab, is_han

#: Rows that step together. One shape for one poem or ten thousand: matrix products of another shape round
#: differently, and a poem would depend on its company.
SLOTS = 16

#: Which characters may come next: told the body so far, answers with the ids allowed, (V,) bool, or None for any.
Constraint = Callable[[str], "NDArray[np.bool_] | None"]


@dataclass(frozen=True)
class Request:
    """What to write. `form` is "auto", "free", one of the forms, or a tune (词牌)."""

    title: str = ""
    form: str = "auto"
    dynasty: str = ""
    author: str = ""
    keywords: tuple[str, ...] = ()


#: A poem to write: what is asked for, and how each character is to be chosen.
Job = tuple[Request, SampleConfig]

#: Gives a request the constraint on its poem, or None.
Rule = Callable[[Request], "Constraint | None"]


def free(request: Request) -> None:
    """The rule that constrains nothing."""


@dataclass(frozen=True)
class Sample:
    """A poem that was written. `text` holds it in one piece, `lines` its couplets.

    `perplexity` is the model's own over the characters written, at temperature 1 and without any cut.
    """

    request: Request
    config: SampleConfig
    number: int
    form: str
    text: str
    perplexity: float

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
            "options": options | {k: v for k, v in asdict(self.request).items() if k != "title" and v},
            "checkpoint": checkpoint,
            "scores": {"perplexity": round(self.perplexity, 2)},
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


@dataclass(frozen=True)
class Plan:
    """How a request is carried out: its header, the most characters, and whether the model may end before."""

    header: Header
    length: int
    may_end: bool


def plan(request: Request, length: int) -> Plan:
    """Resolve a request's form; raises UsageError where there is no such form.

    "auto" takes the regulated form that has `length` characters with its punctuation, and no form where there is none;
    the poem has exactly `length` characters. A regulated form has its own length. Others end where the model ends
    them, after at most `length` characters.

    >>> plan(Request("春晓"), 64).header.form, plan(Request("春晓", form="五绝"), 64).length
    ('七律', 24)
    """
    sizes = {form: lines * (chars + 1) for form, (lines, chars) in SHAPES.items()}
    form, tune, may_end = request.form, "", False
    if form == "auto":
        form = next((name for name, size in sizes.items() if size == length), "")
    elif form == "free":
        form, may_end = "", True
    elif form in sizes:
        length = sizes[form]
    elif form in FORMS:
        may_end = True
    elif form in TUNES:
        form, tune, may_end = "词", form, True
    else:
        raise UsageError(
            f"--form {form}: no such form; choose auto, free, one of {', '.join(FORMS)}, or the name of a tune such as "
            "水调歌头"
        )
    header = Header(form, request.dynasty, tune, request.author, request.keywords, request.title)
    return Plan(header, length, may_end)


@dataclass
class _Slot:
    """A poem under way."""

    index: int
    sample: Sample
    plan: Plan
    header: list[int]
    random: np.random.Generator
    constraint: Constraint | None
    read: int = 0
    nats: float = 0.0
    chars: list[str] = field(default_factory=list)


class Sampler:
    """Writes poems with one model. Not safe for use by several threads at once."""

    def __init__(self, model: PoetModel, vocab: Vocab) -> None:
        self.model = model.eval()
        self.vocab = vocab
        self.layout = Layout(vocab)
        self.device = next(model.parameters()).device
        self._emittable = np.array([_is_verse(token) or not vocab.chinese for token in vocab.tokens])
        self._emittable[vocab.special] = False

    def samples(self, jobs: Iterable[Job], constraint: Rule = free) -> Iterator[Sample]:
        """A poem for each job, in the order of the jobs. Raises UsageError."""
        finished: dict[int, Sample] = {}
        due = 0
        for index, _, sample in self.steps(jobs, constraint):
            if sample is not None:
                finished[index] = sample
            while due in finished:
                yield finished.pop(due)
                due += 1

    @torch.inference_mode()
    def steps(
        self,
        jobs: Iterable[Job],
        constraint: Rule = free,
    ) -> Iterator[tuple[int, str, Sample | None]]:
        """Every character as it is written: (number of the job, character, None), and ("", Sample) at a poem's end.

        `constraint` gives each request its rule of which characters may come next.
        """
        queue = self._slots(jobs, constraint)
        slots: list[_Slot | None] = [next(queue, None) for _ in range(SLOTS)]
        state = self._zeros()
        while any(slots):
            ids = torch.tensor([[self._next_input(slot)] for slot in slots], device=self.device)
            features, state = self.model.features(ids, state)
            writing = [(row, slot) for row, slot in enumerate(slots) if slot and slot.read == len(slot.header)]
            if not writing:
                continue
            # All slots, for the sake of one shape, though only some may be writing.
            logits = self.model.logits(features[:, 0]).cpu().numpy().astype(np.float64)
            for row, slot in writing:
                token = self._choose(logits[row], slot)
                if token != self.layout.end:
                    slot.nats += _cost(logits[row], token)
                    char = self.vocab.tokens[token]
                    slot.chars.append(char)
                    yield slot.index, char, None
                if token == self.layout.end or len(slot.chars) >= slot.plan.length:
                    yield slot.index, "", self._finish(slot)
                    slots[row] = next(queue, None)
                    for part in state:
                        part[:, row] = 0

    def _slots(
        self,
        jobs: Iterable[Job],
        constraint: Rule,
    ) -> Iterator[_Slot]:
        numbers: Counter[Job] = Counter()
        for index, (request, config) in enumerate(jobs):
            number = numbers[request, config]
            numbers[request, config] += 1
            planned = plan(request, config.length)
            sample = Sample(request, config, number, planned.header.tune or planned.header.form, "", 0.0)
            header = self.layout.encode(planned.header)
            yield _Slot(index, sample, planned, header, _stream(request, config, number), constraint(request))

    def _zeros(self) -> State:
        config = self.model.config
        parts = 2 if config.cell == "lstm" else 1
        return tuple(torch.zeros(config.layers, SLOTS, config.hidden, device=self.device) for _ in range(parts))

    def _next_input(self, slot: _Slot | None) -> int:
        if slot is None:
            return self.layout.body
        if slot.read < len(slot.header):
            slot.read += 1
            return slot.header[slot.read - 1]
        return self.vocab.id(slot.chars[-1])

    def _choose(self, logits: NDArray[np.float64], slot: _Slot) -> int:
        """A token for a slot from its logits (V,), by its own options and random numbers."""
        allowed = self._emittable.copy()
        allowed[self.layout.end] = slot.plan.may_end and bool(slot.chars)
        mask = slot.constraint("".join(slot.chars)) if slot.constraint else None
        if mask is not None:
            allowed &= mask
        config = slot.sample.config
        ids = np.flatnonzero(allowed)
        if not len(ids):
            raise ValueError(f"the constraint leaves no character that could follow {''.join(slot.chars)!r}")
        if len(ids) > config.top_k:
            ids = ids[np.argpartition(-logits[ids], config.top_k)[: config.top_k]]
        # Candidates by falling score; ties in the order of ids, the same on every machine.
        ids = ids[np.lexsort((ids, -logits[ids]))]
        return int(ids[pick(logits[ids], config, slot.random.random())])

    def _finish(self, slot: _Slot) -> Sample:
        count = max(1, len(slot.chars))
        return replace(slot.sample, text="".join(slot.chars), perplexity=float(np.exp(slot.nats / count)))


def pick(scores: NDArray[np.float64], config: SampleConfig, draw: float) -> int:
    """The place chosen among candidates sorted by falling score (K,), by a `draw` from [0, 1).

    The first `top_k` candidates, and of these the fewest that hold `top_p` of the probability at this temperature;
    temperature 0 takes the first.
    """
    if config.temperature == 0:
        return 0
    scaled = (scores[: config.top_k] - scores[0]) / config.temperature
    mass = np.cumsum(np.exp(scaled))
    if config.top_p < 1:
        mass = mass[: int(np.searchsorted(mass, config.top_p * mass[-1])) + 1]
    return min(int(np.searchsorted(mass, draw * mass[-1], side="right")), len(mass) - 1)


def _is_verse(char: str) -> bool:
    """Whether a character may stand in Chinese verse; names and titles may hold others."""
    return len(char) == 1 and (is_han(char) or char in PUNCTUATION or char == "\n")


def _cost(logits: NDArray[np.float64], token: int) -> float:
    """What a token costs under logits (V,), in nats."""
    highest = logits.max()
    return float(highest + np.log(np.exp(logits - highest).sum()) - logits[token])


def _stream(request: Request, config: SampleConfig, number: int) -> np.random.Generator:
    """The random numbers of one poem: those of its seed, request, options and number, and of nothing else."""
    # 1 and 1.0 ask for the same.
    config = replace(config, top_p=float(config.top_p), temperature=float(config.temperature))
    name = json.dumps([asdict(request), asdict(config), number], ensure_ascii=False, sort_keys=True)
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest())))


#: Longer titles than this were never seen in training, and are most likely a mistake.
LONGEST_TITLE = 100


def fit(text: str, vocab: Vocab, flag: str = "title") -> tuple[str, list[str]]:
    """Bring a title or another field of a request to the vocabulary; returns it and what there is to say about it.

    Compatibility forms and the other script are mapped first. Han characters that are still unknown stay, and are read
    as [UNK]; other signs that the vocabulary lacks (emoji, Latin in Chinese verse) are left out.
    Raises UsageError for a text of more than LONGEST_TITLE characters.
    """
    from poetgen.corpus.clean import clean_title

    if len(text) > LONGEST_TITLE:
        raise UsageError(f"a {flag} of {len(text)} characters: give at most {LONGEST_TITLE}")
    # Bytes that are no UTF-8 reach Python as lone surrogates, which nothing can encode.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    fitted = text if all(char in vocab for char in text) else clean_title(" ".join(text.split()))
    if any(char not in vocab for char in fitted):
        fitted = _other_script(fitted, vocab)
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


def _other_script(text: str, vocab: Vocab) -> str:
    import opencc

    for conversion in ("t2s", "s2t"):
        converted = opencc.OpenCC(conversion).convert(text)
        if sum(char in vocab for char in converted) > sum(char in vocab for char in text):
            text = converted
    return text


def _spell(char: str) -> str:
    return char if char.isprintable() and not char.isspace() else f"U+{ord(char):04X}"
