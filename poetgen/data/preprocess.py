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

from poetgen.config import PreprocessConfig
from poetgen.corpus import ColumnChoice, Counts, documents, duplicates, keywords, most_chars, paired
from poetgen.corpus.script import Script
from poetgen.corpus.sources import is_address
from poetgen.data.choosing import Choice, choose
from poetgen.data.dataset import DATASET_FILES, REPORT_FILE, SPLITS, finish, write_dataset
from poetgen.data.encode import count_characters, encode_poems
from poetgen.data.reading import Poems, read_parts
from poetgen.data.sequence import CONTROL
from poetgen.data.vocab import UNK, Vocab
from poetgen.errors import SourceError, UsageError
from poetgen.files import parse_json, to_json, write_atomic
from poetgen.folders import settle, switching
from poetgen.progress import StageCallback, silent_stages
from poetgen.prosody.tune_book import is_a_character_off
from poetgen.text import PUNCTUATION, clauses

#: A corpus of so many characters, and so many different ones, can do without those that it has seldom.
_LARGE, _DIVERSE = 1_000_000, 1_000
#: Characters of a poem that the report shows as an example.
_EXAMPLE = 120
#: Files of which the report says what they were taken for.
_NOTES = 1_000


def preprocess(
    sources: Sequence[str | Path],
    out: Path,
    config: PreprocessConfig,
    progress: StageCallback = silent_stages,
    downloads: Path = Path("corpora"),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a prepared dataset into `out` and return its report.

    A dataset of the same sources that is there is replaced, one of others only with `overwrite`. `progress` is told
    bytes while it downloads and reads, then poems. Raises SourceError where a source cannot be read or holds no poem
    that can be kept, UsageError where `out` holds something else or `min_count` leaves no character, SaveError where
    `out` cannot be written. What is in `out` is replaced at the very end, as one
    (poetgen/folders.py).
    """
    began = time.perf_counter()
    _check_place(out, sources, overwrite)
    corpus = _read(sources, config, progress, downloads)
    poems = corpus.poems
    progress("comparing", 0, len(poems))
    choice = choose(poems, corpus.clauses, corpus.counts, config)
    corpus.clauses.clear()
    if config.limit:
        _cut_words(corpus, choice, config.script)
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
    progress("learning tunes and lines", 0, 0)
    with switching(out, DATASET_FILES) as beside:
        fingerprint = write_dataset(beside, vocab, splits)
        learned = finish(beside)
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
            "leak_check": choice.leak_check(),
            "seconds": corpus.times(began),
        }
        write_atomic(beside / REPORT_FILE, to_json(report, indent=2) + "\n")
    return report


# Where to -------------------------------------------------------------------------------------------------------

#: What shows that a folder is a checkpoint, of whose files some have the names of ours.
_OF_A_CHECKPOINT = ("model.safetensors", "config.json", "train.state")


def _check_place(out: Path, sources: Sequence[str | Path], overwrite: bool) -> None:
    """Raise UsageError where a dataset in `out` would overwrite a checkpoint, or that of another corpus unasked."""
    settle(out)
    if any((out / name).exists() for name in _OF_A_CHECKPOINT):
        raise UsageError(f"{out} holds a checkpoint: give --out another folder")
    if overwrite or not (out / "dataset.json").exists():
        return
    try:
        meta, report = (parse_json((out / name).read_text(encoding="utf-8")) for name in ("dataset.json", REPORT_FILE))
        # A report of another dataset is left by a run that was killed.
        held = [str(source) for source in report["sources"]] if meta["fingerprint"] == report["fingerprint"] else []
    except (OSError, ValueError, KeyError, TypeError):
        held = []
    if sorted(map(_whereabouts, held)) != sorted(map(_whereabouts, sources)):
        of = f" of {', '.join(held)}" if held else ""
        raise UsageError(f"{out} holds a dataset{of}: --out DIR writes elsewhere, --overwrite replaces it")


def _whereabouts(source: str | Path) -> str:
    """A source by the same name wherever it is named from: an address, or a whole path."""
    return source if isinstance(source, str) and is_address(source) else str(Path(source).resolve())


# Reading ---------------------------------------------------------------------------------------------------------


@dataclass
class _Corpus:
    """What all workers made of the sources; seconds are those of all of them together."""

    poems: Poems = field(default_factory=Poems)
    clauses: list[duplicates.Clauses] = field(default_factory=list)  # a part each, numbered through
    lexicon: keywords.Lexicon = field(default_factory=keywords.Lexicon)
    counts: Counts = field(default_factory=Counts)
    documents: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    jieba_seconds: float = 0.0

    def times(self, began: float) -> dict[str, float]:
        """What the report says of the time since the clock stood at `began`."""
        seconds = {"all": time.perf_counter() - began, "workers": self.seconds, "jieba": self.jieba_seconds}
        return {name: round(value, 2) for name, value in seconds.items()}


def _read(sources: Sequence[str | Path], config: PreprocessConfig, progress: StageCallback, downloads: Path) -> _Corpus:
    """Read all sources; raises SourceError where no poem could be kept."""
    corpus = _Corpus()

    ColumnChoice.parse(config.columns)  # says now what is wrong with it
    downloading = partial(progress, "downloading")
    files = paired(documents(sources, downloads=downloads, passed_over=corpus.counts.passed_over, progress=downloading))
    corpus.documents = len(files)
    for part in read_parts(files, config, progress):
        corpus.clauses += [clauses.shift(len(corpus.poems)) for clauses in part.clauses]
        for words in part.words:
            corpus.lexicon.add(words)
        corpus.poems.extend(part.poems)
        corpus.counts += part.counts
        corpus.notes += part.notes
        corpus.seconds += part.seconds
        corpus.jieba_seconds += part.jieba_seconds
    if not len(corpus.poems):
        reasons = ", ".join(corpus.counts.reasons() + corpus.counts.kinds_passed_over())
        raise SourceError(
            f"{', '.join(map(str, sources))}: no poem in it could be kept ({reasons or 'nothing was found'}); "
            "see poetgen preprocess --help for the formats"
        )
    return corpus


def _cut_words(corpus: _Corpus, choice: Choice, script: Script) -> None:
    """Cut the words of the poems that stay: of those that are not drawn it would be most of the work, for nothing."""
    began = time.perf_counter()
    poems = corpus.poems
    telling = [poems.telling(number) if kept else "" for number, kept in enumerate(choice.kept.tolist())]
    corpus.lexicon.add(keywords.cut(telling, script))
    corpus.jieba_seconds += time.perf_counter() - began


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


def _report_of_reading(corpus: _Corpus, choice: Choice) -> dict[str, Any]:
    """What was read, what was dropped and why, and what the poems that stay are."""
    poems, indices = corpus.poems, choice.indices.tolist()
    off = [
        i for i in indices if poems.tune[i] and is_a_character_off(poems.tune[i], sum(map(len, clauses(poems.body[i]))))
    ]
    return {
        "documents": corpus.documents,
        "taken_for": corpus.notes[:_NOTES],
        **corpus.counts.as_dict(),
        "forms": dict(Counter(poems.form[i] or "text" for i in indices).most_common()),
        "a_character_off_tune": {
            "poems": len(off),
            "examples": [
                {"origin": poems.origin[i], "tune": poems.tune[i], "text": poems.body[i][:_EXAMPLE]} for i in off[:3]
            ],
        },
        "dynasties": dict(Counter(poems.dynasty[i] or "unknown" for i in indices).most_common()),
    }
