"""Documents read by many processes: each reads, cleans, recognises forms, cuts words and hashes clauses."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from poetgen.config import PreprocessConfig
from poetgen.corpus import Cleaner, ColumnChoice, Counts, Document, duplicates, keywords, read
from poetgen.errors import SourceError
from poetgen.progress import StageCallback
from poetgen.prosody.forms import form_of
from poetgen.prosody.rhyme_sign import sign_of_poem

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
    rhyme: list[str] = field(default_factory=list)  # its sign
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
    notes: list[str] = field(default_factory=list)  # what documents were taken for, where that is not plain
    seconds: float = 0.0
    jieba_seconds: float = 0.0


def read_parts(files: list[Document], config: PreprocessConfig, progress: StageCallback) -> Iterator[Part]:
    """Parts in the order of the documents, made by `config.jobs` processes."""
    tasks: list[list[Document]] = []
    size = 0
    for document in files:
        if not tasks or size + document.size > _TASK_BYTES:
            tasks.append([])
            size = 0
        tasks[-1].append(document)
        size += document.size
    total = sum(document.size for document in files)
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
    notes: list[str] = []
    columns = ColumnChoice.parse(config.columns)
    words_from, clauses_from = [], []
    for document in task:
        first = len(poems)
        records = read(document, config.format, passed_over=passed_over, columns=columns, say=notes.append)
        for record, poem in cleaner.clean_all(records):
            poems.title.append("" if poem.title == poem.tune else poem.title)
            poems.author.append(poem.author)
            poems.dynasty.append(poem.dynasty)
            poems.tune.append(poem.tune)
            chinese = record.language != "other"
            form = form_of(poem.body, poem.tune) if record.verse and chinese else ""
            poems.form.append(form)
            poems.rhyme.append(sign_of_poem(poem.body, form) if form else "")
            poems.body.append(poem.body)
            poems.origin.append(record.origin)
            words_from.append(f"{poem.title}\n{poem.body}" if record.verse and chinese else "")
            # Lines of prose come again (who speaks in a play) and make no kin: a passage counts as one clause.
            clauses_from.append(poem.body if record.verse else duplicates.as_one_clause(poem.body))
            poems.side.append("" if record.verse else "train")
        _hold_out_end(poems.side, first, config.valid_share)
    hashes = duplicates.hash_clauses(clauses_from)
    cutting = time.perf_counter()
    words = keywords.cut(words_from)
    ended = time.perf_counter()
    return Part(poems, hashes, words, cleaner.counts, passed_over, notes, ended - began, ended - cutting)


def _hold_out_end(side: list[str], first: int, share: float) -> None:
    """Put the last passages of a text, which begins at `first`, into validation; short texts are left to their hash."""
    passages = [index for index in range(first, len(side)) if side[index]]
    held = max(1, round(share * len(passages))) if share and len(passages) >= _LONG_TEXT else 0
    for index in passages:
        side[index] = "" if len(passages) < _LONG_TEXT else "train"
    for index in passages[len(passages) - held :]:
        side[index] = "valid"
