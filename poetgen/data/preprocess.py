"""From sources to a prepared dataset: read, clean, tell forms apart, drop duplicates, split, encode.

    documents ──▶ worker processes: read, clean, recognise, cut words, hash clauses ──▶ parts, in order
    parts ──▶ duplicates, families, split, keywords, vocabulary ──▶ arrays ──▶ tunes, index of lines

The result depends on the sources and the options alone: not on the machine, nor on how many workers read.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.config import PreprocessConfig
from poetgen.corpus import Cleaner, Counts, Document, documents, duplicates, keywords, read
from poetgen.data.dataset import FIELDS, POEM, finish, write_dataset
from poetgen.data.sequence import CONTROL, SEP, control
from poetgen.data.vocab import UNK, Vocab
from poetgen.errors import SourceError, UsageError
from poetgen.files import write_atomic
from poetgen.prosody.forms import form_of
from poetgen.text import PUNCTUATION

#: Told the stage, what is done and what there is to do (bytes or poems).
ProgressCallback = Callable[[str, int, int], None]

#: Stands for [SEP] between keywords until they are encoded; cleaning leaves no private-use characters.
_SEP_CHAR = "\ue000"
_CODE_POINTS = 0x110000
#: Poems encoded at a time, which bounds the memory of their UTF-32 form.
_CHUNK = 20_000
#: A corpus of so many characters, and so many different ones, can do without those that it has seldom.
_LARGE, _DIVERSE = 1_000_000, 1_000
#: Passages from which on a text is long enough for its end to be held out.
_LONG_TEXT = 10
#: Bytes of a document handed to one task; small files travel together.
_TASK_BYTES = 4 << 20


@dataclass
class Poems:
    """N poems in columns, which take a third of the memory that as many objects would."""

    title: list[str] = field(default_factory=list)
    author: list[str] = field(default_factory=list)
    dynasty: list[str] = field(default_factory=list)
    tune: list[str] = field(default_factory=list)
    form: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    origin: list[str] = field(default_factory=list)
    side: list[str] = field(default_factory=list)  # "train" or "valid" where its place in a text decides, else ""

    def __len__(self) -> int:
        return len(self.body)

    def extend(self, other: Poems) -> None:
        """Append the poems of another part."""
        for name, column in vars(other).items():
            getattr(self, name).extend(column)


@dataclass
class Part:
    """What a worker makes of a task's documents."""

    poems: Poems
    clauses: duplicates.Clauses
    words: keywords.Words
    counts: Counts
    passed_over: Counter[str]
    seconds: float = 0.0
    jieba_seconds: float = 0.0


def preprocess(
    sources: Sequence[str | Path],
    out: Path,
    config: PreprocessConfig,
    progress: ProgressCallback = lambda stage, done, total: None,
    downloads: Path = Path("corpora"),
) -> dict[str, Any]:
    """Write a prepared dataset into `out` and return its report.

    Raises SourceError where a source cannot be read or holds no poem that can be kept, UsageError where `min_count`
    leaves no character, SaveError where `out` cannot be written. Nothing in `out` changes before every source has
    been read.
    """
    began = time.perf_counter()
    passed_over: Counter[str] = Counter()
    found = documents(
        sources,
        downloads=downloads,
        passed_over=passed_over,
        progress=lambda done, total: progress("downloading", int(done), int(total)),
    )
    poems, counts, lexicon = Poems(), Counts(), keywords.Lexicon()
    hashes: list[duplicates.Clauses] = []
    seconds = jieba_seconds = 0.0
    for part in _parts(found, config, progress):
        hashes.append(part.clauses.shift(len(poems)))
        lexicon.add(part.words)
        poems.extend(part.poems)
        counts += part.counts
        passed_over += part.passed_over
        seconds += part.seconds
        jieba_seconds += part.jieba_seconds
        if config.limit and len(poems) >= config.limit:
            break
    if not len(poems):
        raise SourceError(
            f"{', '.join(map(str, sources))}: no poem in it could be kept ({_reasons(counts)}); "
            "see poetgen preprocess --help for the formats"
        )
    progress("comparing", 0, len(poems))
    all_clauses = duplicates.concatenate(hashes)
    del hashes
    kept, keys = _without_duplicates(poems, all_clauses, counts, config.limit)
    all_clauses = duplicates.select(all_clauses, kept)
    family = duplicates.kinships(all_clauses, len(poems))[kept]
    renumber = np.cumsum(kept) - 1
    family = renumber[family]
    keys = keys[kept]
    all_clauses = duplicates.Clauses(all_clauses.hash, all_clauses.length, renumber[all_clauses.poem].astype(np.int32))
    indices = np.flatnonzero(kept)
    sides = np.array([poems.side[i] for i in indices.tolist()])
    valid = np.where(sides == "", duplicates.choose_valid(keys, family, config.valid_share), sides == "valid")
    if valid.all():  # as may happen to a handful of poems
        valid[:] = False
    counts.kept = len(indices)

    progress("encoding", 0, len(indices))
    keys_of = list(lexicon.keywords(kept))
    characters = sum(len(poems.body[i]) for i in indices.tolist())
    seen = _count(poems, indices)
    min_count = config.min_count or (5 if characters >= _LARGE and len(seen) >= _DIVERSE else 1)
    vocab = Vocab.build(seen, CONTROL, min_count)
    if vocab.chinese:
        # All marks of verse, also those that no poem here has: an unknown one would pass for a rare character.
        marks = {mark: max(seen.get(mark, 0), min_count) for mark in PUNCTUATION}
        vocab = Vocab.build(seen | marks, CONTROL, min_count)
    if len(vocab) == len(Vocab.build({}, CONTROL)):
        raise UsageError(f"--min-count {min_count}: no character comes as often; give a smaller number")
    table = _id_table(vocab)
    splits = {}
    for name, side in (("train", ~valid), ("valid", valid)):
        chosen = np.flatnonzero(side)
        splits[name] = _encode(poems, indices[chosen], [keys_of[i] for i in chosen.tolist()], vocab, table)
        progress("encoding", len(chosen), len(indices))
    fingerprint = write_dataset(out, vocab, splits)
    learned = finish(out)
    report = {
        "sources": [str(source) for source in sources],
        "options": asdict(config),
        "fingerprint": fingerprint,
        "documents": len(found),
        "passed_over": dict(sorted(passed_over.items())),
        **counts.as_dict(),
        "forms": dict(Counter(poems.form[i] or "text" for i in indices.tolist()).most_common()),
        "dynasties": dict(Counter(poems.dynasty[i] or "unknown" for i in indices.tolist()).most_common()),
        "characters": characters,
        "min_count": min_count,
        "vocabulary": len(vocab),
        "unknown_tokens": int(sum((tokens == UNK).sum() for tokens, _ in splits.values())),
        "tunes": learned["tunes"],
        "lines": learned["lines"],
        "train": {"poems": int((~valid).sum()), "tokens": len(splits["train"][0])},
        "valid": {"poems": int(valid.sum()), "tokens": len(splits["valid"][0])},
        "leak_check": {
            "shared_lines": duplicates.leaks(all_clauses, valid),
            "shared_short_phrases": duplicates.leaks(all_clauses, valid, least=1),
            "least_line": duplicates.LEAST_SHARED,
            "largest_family": int(np.bincount(family).max()),
        },
        "seconds": {
            "all": round(time.perf_counter() - began, 2),
            "workers": round(seconds, 2),
            "jieba": round(jieba_seconds, 2),
        },
    }
    write_atomic(out / "report.json", json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    return report


# Reading ---------------------------------------------------------------------------------------------------------


def _parts(found: list[Document], config: PreprocessConfig, progress: ProgressCallback) -> Iterator[Part]:
    """Parts in the order of the documents, made by `config.jobs` processes."""
    tasks: list[list[Document]] = []
    size = _TASK_BYTES
    for document in found:
        if size + document.size > _TASK_BYTES:
            tasks.append([])
            size = 0
        tasks[-1].append(document)
        size += document.size
    total = sum(document.size for document in found)
    jobs = min(config.jobs or os.cpu_count() or 1, len(tasks))
    done = 0
    progress("reading", 0, total)
    if jobs == 1:
        for task in tasks:
            yield _work(task, config)
            done += sum(document.size for document in task)
            progress("reading", done, total)
        return
    # Not "fork": a forked copy of a process that already runs threads may hang.
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting: list[tuple[list[Document], Future[Part]]] = []
        try:
            ahead = iter(tasks)
            # A few tasks per worker under way at a time, so that results wait in workers and not in memory here.
            for task in ahead:
                waiting.append((task, pool.submit(_work, task, config)))
                if len(waiting) < 3 * jobs:
                    continue
                yield waiting[0][1].result()
                done += sum(document.size for document in waiting.pop(0)[0])
                progress("reading", done, total)
            while waiting:
                yield waiting[0][1].result()
                done += sum(document.size for document in waiting.pop(0)[0])
                progress("reading", done, total)
        except BrokenProcessPool as error:
            raise SourceError(
                "a process that reads was killed, most likely for want of memory; give --jobs 1, or smaller sources"
            ) from error
        finally:
            for _, future in waiting:
                future.cancel()


def _work(task: list[Document], config: PreprocessConfig) -> Part:
    """Read and clean the documents of a task; runs in a worker process."""
    began = time.perf_counter()
    cleaner = Cleaner(config.script, config.min_chars, config.max_chars)
    poems, passed_over = Poems(), Counter[str]()
    words_from, clauses_from = [], []
    for document in task:
        first = len(poems)
        for record, poem in cleaner.clean_all(read(document, config.format, passed_over=passed_over)):
            poems.title.append("" if poem.title == poem.tune else poem.title)
            poems.author.append(poem.author)
            poems.dynasty.append(poem.dynasty)
            poems.tune.append(poem.tune)
            poems.form.append(form_of(poem.body, poem.tune) if record.verse else "")
            poems.body.append(poem.body)
            poems.origin.append(record.origin)
            words_from.append(f"{poem.title}\n{poem.body}" if record.verse else "")
            # Lines of prose come again (who speaks in a play) and make no kin: a passage counts as one clause.
            clauses_from.append(poem.body if record.verse else duplicates.as_one_clause(poem.body))
            poems.side.append("" if record.verse else "train")
        _hold_out_end(poems.side, first, config.valid_share)
    hashes = duplicates.hash_clauses(clauses_from)
    cutting = time.perf_counter()
    words = keywords.cut(words_from)
    ended = time.perf_counter()
    return Part(poems, hashes, words, cleaner.counts, passed_over, ended - began, ended - cutting)


def _hold_out_end(side: list[str], first: int, share: float) -> None:
    """Put the last passages of a text, which begins at `first`, into validation; short texts are left to their hash."""
    passages = [index for index in range(first, len(side)) if side[index]]
    held = max(1, round(share * len(passages))) if share and len(passages) >= _LONG_TEXT else 0
    for index in passages:
        side[index] = "" if len(passages) < _LONG_TEXT else "train"
    for index in passages[len(passages) - held :]:
        side[index] = "valid"


# Choosing --------------------------------------------------------------------------------------------------------


def _without_duplicates(
    poems: Poems, found: duplicates.Clauses, counts: Counts, limit: int
) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
    """(N,) which poems stay, and (N,) their keys; what goes is counted with examples."""
    keys = duplicates.poem_keys(found, len(poems))
    exact = duplicates.exact_duplicates(keys)
    holder = duplicates.near_duplicates(duplicates.select(found, ~exact), len(poems))
    near = holder >= 0
    for reason, gone in (("exact duplicate", exact), ("near duplicate", near)):
        for index in np.flatnonzero(gone).tolist():
            counts.drop(reason, poems.origin[index], poems.body[index])
    kept = ~(exact | near)
    if limit:
        kept[np.flatnonzero(kept)[limit:]] = False
    return kept, keys


def _reasons(counts: Counts) -> str:
    reasons = [f"{tally.poems} {name}" for name, tally in counts.dropped.items()]
    return ", ".join(reasons) or "nothing was found"


# Encoding --------------------------------------------------------------------------------------------------------


def _count(poems: Poems, indices: NDArray[np.int64]) -> dict[str, int]:
    """How often each character stands in titles, authors, tunes and bodies of both splits."""
    counts = np.zeros(_CODE_POINTS, dtype=np.int64)
    for chunk in _chunks(indices):
        text = "".join(poems.title[i] + poems.author[i] + poems.tune[i] + poems.body[i] for i in chunk)
        counts += np.bincount(_code_points(text), minlength=_CODE_POINTS)
    return {chr(point): int(counts[point]) for point in np.flatnonzero(counts).tolist()}


def _id_table(vocab: Vocab) -> NDArray[np.uint32]:
    """The id of every code point; [UNK]'s where the vocabulary has none."""
    table = np.full(_CODE_POINTS, vocab.id("[UNK]"), dtype=np.uint32)
    for index, token in enumerate(vocab.tokens):
        if len(token) == 1:
            table[ord(token)] = index
    table[ord(_SEP_CHAR)] = vocab.id(SEP)
    return table


def _encode(
    poems: Poems,
    indices: NDArray[np.int64],
    words: list[tuple[str, ...]],
    vocab: Vocab,
    table: NDArray[np.uint32],
) -> tuple[NDArray[Any], NDArray[np.void]]:
    """The arrays of one split: tokens, uint16 where ids fit, and POEM records."""
    records = np.zeros(len(indices), dtype=POEM)
    pieces, at = [], 0
    for chunk in _chunks(indices):
        columns: dict[str, list[str]] = {
            name: [getattr(poems, name)[i] for i in chunk] for name in FIELDS if name != "keywords"
        }
        columns["keywords"] = [_SEP_CHAR.join(keys) for keys in words[at : at + len(chunk)]]
        rows = slice(at, at + len(chunk))
        for name in FIELDS:
            records[name][rows] = [len(text) for text in columns[name]]
        for name in ("form", "dynasty"):
            values = [getattr(poems, name)[i] for i in chunk]
            records[name][rows] = [vocab.id(control(value)) if value else 0 for value in values]
        text = "".join("".join(fields) for fields in zip(*(columns[name] for name in FIELDS), strict=True))
        pieces.append(table[_code_points(text)].astype(np.uint16 if len(vocab) <= 1 << 16 else np.uint32))
        at += len(chunk)
    sizes = sum((records[name].astype(np.int64) for name in FIELDS), start=np.zeros(len(indices), np.int64))
    records["start"] = np.cumsum(sizes) - sizes
    return np.concatenate(pieces) if pieces else np.zeros(0, np.uint16), records


def _chunks(indices: NDArray[np.int64]) -> Iterator[list[int]]:
    for first in range(0, len(indices), _CHUNK):
        yield indices[first : first + _CHUNK].tolist()


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
