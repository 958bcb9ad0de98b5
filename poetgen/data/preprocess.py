"""From sources to a prepared dataset: read, clean, tell forms apart, drop duplicates, split, encode.

    documents ──▶ worker processes: read, clean, recognise, cut words, hash clauses ──▶ parts, in order
    parts ──▶ duplicates, families, split, keywords, vocabulary ──▶ arrays ──▶ tunes, index of lines

The result depends on the sources and the options alone: not on the machine, nor on how many workers read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.config import PreprocessConfig
from poetgen.corpus import ColumnChoice, Counts, documents, duplicates, keywords, most_chars, paired
from poetgen.data.dataset import SPLITS, finish, write_dataset
from poetgen.data.encode import count_characters, encode_poems
from poetgen.data.reading import Poems, read_parts
from poetgen.data.sequence import CONTROL
from poetgen.data.vocab import UNK, Vocab
from poetgen.errors import SourceError, UsageError
from poetgen.files import to_json, write_atomic
from poetgen.progress import StageCallback, silent_stages
from poetgen.text import PUNCTUATION

#: A corpus of so many characters, and so many different ones, can do without those that it has seldom.
_LARGE, _DIVERSE = 1_000_000, 1_000
#: Files of which the report says what they were taken for.
_NOTES = 1_000


def preprocess(
    sources: Sequence[str | Path],
    out: Path,
    config: PreprocessConfig,
    progress: StageCallback = silent_stages,
    downloads: Path = Path("corpora"),
) -> dict[str, Any]:
    """Write a prepared dataset into `out` and return its report.

    `progress` is told bytes while it downloads and reads, then poems. Raises SourceError where a source cannot be read
    or holds no poem that can be kept, UsageError where `min_count` leaves no character, SaveError where `out` cannot be
    written. Nothing in `out` changes before every source has been read.
    """
    began = time.perf_counter()
    corpus = _read(sources, config, progress, downloads)
    poems = corpus.poems
    progress("comparing", 0, len(poems))
    choice = _choose(corpus, config)
    progress("encoding", 0, len(choice.indices))
    counts = count_characters(poems, choice.indices)
    characters = sum(len(poems.body[i]) for i in choice.indices.tolist())
    min_count = config.min_count or (5 if characters >= _LARGE and len(counts) >= _DIVERSE else 1)
    vocab = _vocabulary(counts, min_count)
    words = list(corpus.lexicon.keywords(choice.kept))
    splits = {}
    for name, side in zip(SPLITS, (~choice.valid, choice.valid), strict=True):
        chosen = np.flatnonzero(side)
        splits[name] = encode_poems(poems, choice.indices[chosen], [words[i] for i in chosen.tolist()], vocab)
        progress("encoding", len(chosen), len(choice.indices))
    fingerprint = write_dataset(out, vocab, splits)
    learned = finish(out)
    report = {
        "sources": [str(source) for source in sources],
        "options": asdict(config),
        "fingerprint": fingerprint,
        **_report_of_reading(corpus, choice),
        "most_chars": most_chars(config.max_chars),
        "characters": characters,
        "min_count": min_count,
        "vocabulary": len(vocab),
        "unknown_tokens": int(sum((tokens == UNK).sum() for tokens, _ in splits.values())),
        "tunes": learned["tunes"],
        "lines": learned["lines"],
        **{name: {"poems": len(records), "tokens": len(tokens)} for name, (tokens, records) in splits.items()},
        "leak_check": _leak_check(choice),
        "seconds": {
            "all": round(time.perf_counter() - began, 2),
            "workers": round(corpus.seconds, 2),
            "jieba": round(corpus.jieba_seconds, 2),
        },
    }
    write_atomic(out / "report.json", to_json(report, indent=2) + "\n")
    return report


# Reading ---------------------------------------------------------------------------------------------------------


@dataclass
class _Corpus:
    """What all workers made of the sources; seconds are those of all of them together."""

    poems: Poems = field(default_factory=Poems)
    clauses: list[duplicates.Clauses] = field(default_factory=list)  # a part each, numbered through
    lexicon: keywords.Lexicon = field(default_factory=keywords.Lexicon)
    counts: Counts = field(default_factory=Counts)
    documents: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    jieba_seconds: float = 0.0


def _read(sources: Sequence[str | Path], config: PreprocessConfig, progress: StageCallback, downloads: Path) -> _Corpus:
    """Read all sources; raises SourceError where no poem could be kept."""
    corpus = _Corpus()

    ColumnChoice.parse(config.columns)  # says now what is wrong with it
    downloading = partial(progress, "downloading")
    files = paired(documents(sources, downloads=downloads, passed_over=corpus.passed_over, progress=downloading))
    corpus.documents = len(files)
    for part in read_parts(files, config, progress):
        corpus.clauses.append(part.clauses.shift(len(corpus.poems)))
        corpus.lexicon.add(part.words)
        corpus.poems.extend(part.poems)
        corpus.counts += part.counts
        corpus.passed_over += part.passed_over
        corpus.notes += part.notes
        corpus.seconds += part.seconds
        corpus.jieba_seconds += part.jieba_seconds
        if config.limit and len(corpus.poems) >= config.limit:
            break
    if not len(corpus.poems):
        raise SourceError(
            f"{', '.join(map(str, sources))}: no poem in it could be kept ({_reasons(corpus.counts)}); "
            "see poetgen preprocess --help for the formats"
        )
    return corpus


def _reasons(counts: Counts) -> str:
    reasons = [f"{tally.poems} {name}" for name, tally in counts.dropped.items()]
    return ", ".join(reasons) or "nothing was found"


# Choosing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Choice:
    """Which of N poems stay: `kept` (N,), and the numbers of these K, `indices` (K,).

    `valid` (K,) says which of them are to validate, `family` (K,) numbers those that share lines, and `clauses` are
    those of the poems that stay.
    """

    kept: NDArray[np.bool_]
    indices: NDArray[np.int64]
    valid: NDArray[np.bool_]
    family: NDArray[np.int64]
    clauses: duplicates.Clauses


def _choose(corpus: _Corpus, config: PreprocessConfig) -> _Choice:
    """Drop duplicates, and part the poems that stay into the two splits, families together."""
    poems = corpus.poems
    clauses = duplicates.concatenate(corpus.clauses)
    corpus.clauses.clear()
    kept, keys = _without_duplicates(poems, clauses, corpus.counts, config.limit)
    clauses = duplicates.select(clauses, kept)
    renumber = np.cumsum(kept) - 1
    family = renumber[duplicates.kinships(clauses, len(poems))[kept]]
    clauses = duplicates.Clauses(clauses.hash, clauses.length, renumber[clauses.poem].astype(np.int32))
    indices = np.flatnonzero(kept)
    sides = np.array([poems.side[i] for i in indices.tolist()])
    valid = np.where(sides == "", duplicates.choose_valid(keys[kept], family, config.valid_share), sides == "valid")
    if valid.all():  # as may happen to a handful of poems
        valid[:] = False
    corpus.counts.kept = len(indices)
    return _Choice(kept, indices, valid, family, clauses)


def _without_duplicates(
    poems: Poems, clauses: duplicates.Clauses, counts: Counts, limit: int
) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
    """(N,) which poems stay, and (N,) their keys; what goes is counted with examples."""
    keys = duplicates.poem_keys(clauses, len(poems))
    exact = duplicates.exact_duplicates(keys)
    holder = duplicates.near_duplicates(duplicates.select(clauses, ~exact), len(poems))
    near = holder >= 0
    for reason, gone in (("exact duplicate", exact), ("near duplicate", near)):
        for index in np.flatnonzero(gone).tolist():
            counts.drop(reason, poems.origin[index], poems.body[index])
    kept = ~(exact | near)
    if limit:
        kept[np.flatnonzero(kept)[limit:]] = False
    return kept, keys


# Encoding --------------------------------------------------------------------------------------------------------


def _vocabulary(counts: dict[str, int], min_count: int) -> Vocab:
    """The vocabulary of the characters that come so often; raises UsageError where none does."""
    vocab = Vocab.build(counts, CONTROL, min_count)
    if vocab.chinese:
        # All marks of verse, also those that no poem here has: an unknown one would pass for a rare character.
        marks = {mark: max(counts.get(mark, 0), min_count) for mark in PUNCTUATION}
        vocab = Vocab.build(counts | marks, CONTROL, min_count)
    if len(vocab) == len(Vocab.build({}, CONTROL)):
        raise UsageError(f"--min-count {min_count}: no character comes as often; give a smaller number")
    return vocab


# The report ------------------------------------------------------------------------------------------------------


def _report_of_reading(corpus: _Corpus, choice: _Choice) -> dict[str, Any]:
    """What was read, what was dropped and why, and what the poems that stay are."""
    poems, indices = corpus.poems, choice.indices.tolist()
    return {
        "documents": corpus.documents,
        "passed_over": dict(sorted(corpus.passed_over.items())),
        "taken_for": corpus.notes[:_NOTES],
        **corpus.counts.as_dict(),
        "forms": dict(Counter(poems.form[i] or "text" for i in indices).most_common()),
        "dynasties": dict(Counter(poems.dynasty[i] or "unknown" for i in indices).most_common()),
    }


def _leak_check(choice: _Choice) -> dict[str, int]:
    """What the two splits have in common, counted anew from the clauses."""
    return {
        "shared_lines": duplicates.leaks(choice.clauses, choice.valid),
        "shared_short_phrases": duplicates.leaks(choice.clauses, choice.valid, least=1),
        "least_line": duplicates.LEAST_SHARED,
        "largest_family": int(np.bincount(choice.family).max()),
    }
