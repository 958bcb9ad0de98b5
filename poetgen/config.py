"""Options as frozen dataclasses that check themselves and name the option that is wrong."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from poetgen.errors import Option, UsageError

CELLS = ("lstm", "gru", "rnn")
SAMPLINGS = ("poems", "sequential", "random")
SCRIPTS = ("simplified", "traditional", "keep")
PRECISIONS = ("auto", "fp32", "bf16")


#: Tokens that a vocabulary may have, more than Unicode has code points.
MAX_TOKENS = 1_200_000


def _require(condition: bool, *message: object) -> None:
    if not condition:
        raise UsageError(*message)


def _choice(name: str, value: str, choices: Collection[str]) -> None:
    _require(value in choices, Option(name, value), f": choose one of {', '.join(choices)}")


def check_number(name: str, value: float, least: float, most: float = 1_000_000_000) -> None:
    """Raise UsageError that names an option, where its value is no number, below `least`, or beyond all use."""
    finite = isinstance(value, int) or math.isfinite(value)
    kind = "finite " if value == math.inf else ""
    _require(finite and value >= least, Option(name, value), f": give a {kind}number of at least {least:g}")
    _at_most(name, value, most)


def _at_most(name: str, value: float, most: float) -> None:
    _require(value <= most, Option(name, value), f": give a number of at most {most:,}")


def check_seed(value: int) -> None:
    """Raise UsageError where a --seed is not one that all generators take."""
    _require(0 <= value < 2**63, Option("seed", value), ": give a number of at least 0 and below 2**63")


def _share(name: str, value: float) -> None:
    _require(0 <= value < 1, Option(name, value), ": give a share from 0 up to, but not including, 1")


@dataclass(frozen=True)
class PreprocessConfig:
    """How to read and clean a corpus; `limit` 0 keeps all of it, else so many poems drawn by `seed`; `jobs` 0 takes
    every core.

    `min_count` 0 leaves out characters seen fewer than five times, and none of a corpus under a million characters or
    of fewer than a thousand different ones. `max_chars` 0 is as many as verse of its language has. `columns` says which
    columns of tables hold what (title=1,body=verse).
    """

    script: Literal["simplified", "traditional", "keep"] = "simplified"
    min_count: int = 0
    min_chars: int = 10
    max_chars: int = 0
    valid_share: float = 0.02
    limit: int = 0
    seed: int = 0
    jobs: int = 0
    format: str = "auto"
    columns: str = ""

    def __post_init__(self) -> None:
        _choice("script", self.script, SCRIPTS)
        check_number("min_count", self.min_count, 0)
        _share("valid_share", self.valid_share)
        check_number("max_chars", self.max_chars, 0)
        check_number("limit", self.limit, 0)
        check_seed(self.seed)
        check_number("jobs", self.jobs, 0)


@dataclass(frozen=True)
class ModelConfig:
    """The shape of the network; saved in a checkpoint's config.json.

    `embed` 0 feeds one-hot vectors to the first layer. `norm` puts a LayerNorm before each layer and after the
    last; `residual` adds each layer's input to its output, from the second layer on.
    """

    vocab_size: int
    cell: str = "lstm"
    layers: int = 2
    hidden: int = 512
    embed: int = 512
    dropout: float = 0.1
    tie: bool = True
    norm: bool = True
    residual: bool = True

    def __post_init__(self) -> None:
        _choice("cell", self.cell, CELLS)
        # Beyond these no network has been trained, and one that a file asks for would only fill the memory.
        check_number("layers", self.layers, 1, 100)
        check_number("hidden", self.hidden, 1, 100_000)
        check_number("embed", self.embed, 0, 100_000)
        check_number("vocab_size", self.vocab_size, 2, MAX_TOKENS)
        _share("dropout", self.dropout)
        _require(
            not (self.tie and self.embed == 0),
            *(Option("embed", 0), " (one-hot) has no embedding to tie: add ", Option("tie", False)),
        )


@dataclass(frozen=True)
class TrainConfig:
    """How to train; `epochs` or `max_minutes`, whichever ends first, is the budget (0: no such bound).

    `batch_size` counts rows and `seq_len` time steps of a window. Poem batches hold about
    ``batch_size * seq_len`` tokens, however long the poems are. Both are of the whole batch, of which every process
    computes its rows, in `accumulate` parts one after the other. `clip` 0 leaves gradients as they are. `init` is the
    folder of a checkpoint whose weights the run starts from; `init_embeddings` starts the embedding from skip-gram
    vectors of the corpus.
    """

    cell: str = "lstm"
    layers: int = 2
    hidden: int = 512
    embed: int = 256
    dropout: float = 0.0
    tie: bool = True
    batch_size: int = 32
    seq_len: int = 96
    accumulate: int = 1
    sampling: str = "poems"
    lr_steps: tuple[float, ...] = (0.003, 0.0027, 0.0024, 0.0021, 0.0018, 0.0015, 0.0012, 0.0009, 0.0006, 0.0003)
    warmup: int = 200
    weight_decay: float = 0.01
    clip: float = 1.0
    epochs: float = 0
    max_minutes: float = 0
    patience: int = 5
    eval_every: int = 0
    device: str = "auto"
    precision: str = "auto"
    seed: int = 1
    init: str = ""
    init_embeddings: bool = False

    def __post_init__(self) -> None:
        self.model(vocab_size=2)
        check_number("batch_size", self.batch_size, 1, 100_000)
        check_number("seq_len", self.seq_len, 1, 100_000)
        check_number("accumulate", self.accumulate, 1, 100_000)
        _choice("sampling", self.sampling, SAMPLINGS)
        _require(len(self.lr_steps) > 0, Option("lr_steps"), ": give at least one learning rate")
        for rate in self.lr_steps:
            positive = math.isfinite(rate) and rate > 0
            _require(positive, Option("lr_steps", rate), ": learning rates are positive numbers")
        check_number("warmup", self.warmup, 0)
        check_number("weight_decay", self.weight_decay, 0)
        check_number("clip", self.clip, 0)
        check_number("epochs", self.epochs, 0)
        check_number("max_minutes", self.max_minutes, 0)
        check_number("patience", self.patience, 1)
        check_number("eval_every", self.eval_every, 0)
        _choice("precision", self.precision, PRECISIONS)
        check_seed(self.seed)
        if self.init_embeddings:
            of_vectors, either = Option("init_embeddings"), "; leave one of them out"
            _require(self.embed > 0, of_vectors, ": ", Option("embed", 0), " (one-hot) has no embedding", either)
            _require(not self.init, of_vectors, ": ", Option("init"), " brings an embedding of its own", either)

    def model(self, vocab_size: int) -> ModelConfig:
        """The shape of the network for a vocabulary of `vocab_size` tokens."""
        return ModelConfig(
            vocab_size=vocab_size,
            cell=self.cell,
            layers=self.layers,
            hidden=self.hidden,
            embed=self.embed,
            dropout=self.dropout,
            tie=self.tie,
        )


#: Drafts that the commands and a Poet make of each poem where nothing else is said.
CANDIDATES = 8
#: Poems of one title that can be asked for.
MOST_POEMS = 1_000_000


@dataclass(frozen=True)
class SampleConfig:
    """How to choose each character.

    `length` counts characters with their punctuation, and bounds the poem where its form has no length of its own.
    `top_p` 1 cuts nothing; `temperature` 0 takes the likeliest. Of `candidates` drafts the best is kept.
    """

    length: int = 64
    top_k: int = 200
    top_p: float = 1.0
    temperature: float = 0.85
    seed: int = 0
    candidates: int = 1

    def __post_init__(self) -> None:
        check_number("length", self.length, 1, 100_000)
        check_number("top_k", self.top_k, 1, 1_000_000)
        _require(0 < self.top_p <= 1, Option("top_p", self.top_p), ": give a share above 0 and at most 1")
        check_number("temperature", self.temperature, 0)
        check_seed(self.seed)
        check_number("candidates", self.candidates, 1, 1_000)


@dataclass(frozen=True)
class EvaluateConfig:
    """What to measure of the poems that checkpoints write, `num` in each of the regulated `forms`, for held-out titles.

    Each is written as SampleConfig has it, with `top_k`, `temperature` and `candidates`; without `rules`, by the
    network alone. `held_to`, the only form, is what all poems of a file are held against; else each is by the form that
    its lines have. `critic` trains judges to tell poems from human ones. `seed` draws the titles, the poems, the folds
    of the judges, and the resamples of the intervals.
    """

    num: int = 1000
    forms: tuple[str, ...] = ("五绝", "七绝", "五律", "七律")
    top_k: int = SampleConfig.top_k
    temperature: float = SampleConfig.temperature
    candidates: int = CANDIDATES
    rules: bool = True
    held_to: str = ""
    critic: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        check_number("num", self.num, 0, 1_000_000)
        _require(len(self.forms) > 0, Option("forms"), ": give at least one form")
        _require(not self.held_to or self.forms == (self.held_to,), f"--as {self.held_to}: give one form")
        self.sampling()

    def sampling(self) -> SampleConfig:
        """How poems are written."""
        return SampleConfig(top_k=self.top_k, temperature=self.temperature, seed=self.seed, candidates=self.candidates)
