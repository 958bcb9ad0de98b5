"""Documents read by many processes: each reads, cleans, recognises forms, cuts words and hashes clauses."""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from poetgen.config import PreprocessConfig
from poetgen.corpus import Cleaner, ColumnChoice, Counts, Document, Poem, Record, duplicates, keywords, read
from poetgen.errors import SourceError
from poetgen.progress import StageCallback
from poetgen.prosody.forms import form_of
from poetgen.prosody.rhyme_sign import sign_of_poem

#: Bytes of a document handed to one task; small files travel together.
_TASK_BYTES = 4 << 20
#: Poems whose words are cut together, after which a worker says how far it is.
_GROUP: Final = 1000
#: Bytes of a record besides its text: names of fields, quotes, commas.
_AROUND: Final = 40
#: Seconds between two looks at how far the workers are.
_LOOK: Final = 0.2


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
    text: list[str] = field(default_factory=list)  # of a passage of plain text the document that it is of, else ""

    def __len__(self) -> int:
        return len(self.body)

    def extend(self, other: Poems) -> None:
        """Append the poems of another part."""
        for name, column in vars(other).items():
            getattr(self, name).extend(column)

    def add(self, record: Record, poem: Poem, document: str) -> None:
        """Append a poem as cleaning left it."""
        self.title.append("" if poem.title == poem.tune else poem.title)
        self.author.append(poem.author)
        self.dynasty.append(poem.dynasty)
        self.tune.append(poem.tune)
        form = form_of(poem.body, poem.tune) if record.verse and record.language != "other" else ""
        self.form.append(form)
        self.rhyme.append(sign_of_poem(poem.body, form) if form else "")
        self.body.append(poem.body)
        self.origin.append(record.origin)
        self.text.append("" if record.verse else document)

    def telling(self, index: int) -> str:
        """The text of a poem that its keywords come from; none of plain text or other languages, which have no form."""
        return "" if not self.form[index] else f"{self.title[index] or self.tune[index]}\n{self.body[index]}"


@dataclass
class Part:
    """What a worker makes of a task's documents."""

    poems: Poems = field(default_factory=Poems)
    clauses: list[duplicates.Clauses] = field(default_factory=list)
    words: list[keywords.Words] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    notes: list[str] = field(default_factory=list)  # what documents were taken for, where that is not plain
    seconds: float = 0.0
    jieba_seconds: float = 0.0


def read_parts(files: Sequence[Document], config: PreprocessConfig, progress: StageCallback) -> Iterator[Part]:
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

    def tell(done: int) -> None:
        progress("reading", done, total)

    tell(0)
    # Files are unlike, and like ones lie together. Mixed, the first of them tell how long all will take.
    order = list(range(len(tasks)))
    random.Random(0).shuffle(order)
    jobs = min(config.jobs or os.cpu_count() or 1, len(tasks))
    mixed = [tasks[number] for number in order]
    parts = _by_processes(mixed, config, jobs, tell) if jobs > 1 else _one_by_one(mixed, config, tell)
    early: dict[int, Part] = {}
    following = 0
    for place, part in parts:
        early[order[place]] = part
        while following in early:
            yield early.pop(following)
            following += 1


def _one_by_one(
    tasks: Sequence[list[Document]], config: PreprocessConfig, tell: Callable[[int], object]
) -> Iterator[tuple[int, Part]]:
    """Each part with the place of its task, made here."""
    done = 0

    def add(size: int) -> None:
        nonlocal done
        done += size
        tell(done)

    _load(config)
    tell(0)
    for place, task in enumerate(tasks):
        yield place, _work(task, config, add)


def _by_processes(
    tasks: Sequence[list[Document]], config: PreprocessConfig, jobs: int, tell: Callable[[int], object]
) -> Iterator[tuple[int, Part]]:
    """Each part with the place of its task, as workers finish them."""
    # Not "fork": a forked copy of a process that already runs threads may hang.
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    done = context.Value("q", 0)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_share, initargs=(done, config)) as pool:
        ahead = enumerate(tasks)
        waiting: dict[Future[Part], int] = {}
        try:
            while True:
                # A few tasks per worker at a time, so that an error or Ctrl-C need not wait for many.
                for place, task in islice(ahead, 3 * jobs - len(waiting)):
                    waiting[pool.submit(_work_shared, task, config)] = place
                if not waiting:
                    return
                finished, _ = wait(waiting, timeout=_LOOK, return_when=FIRST_COMPLETED)
                tell(done.value)
                for future in finished:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            raise SourceError(
                "a process that reads was killed, most likely for want of memory; give --jobs 1, or smaller sources"
            ) from error
        finally:
            for future in waiting:
                future.cancel()


#: In a worker process: the bytes that all workers have read, in shared memory.
_done: Any = None


def _share(done: Any, config: PreprocessConfig) -> None:
    global _done
    _done = done
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _load(config)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone: killed, it leaves workers that wait for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _load(config: PreprocessConfig) -> None:
    """Load what reading needs, so that the first poem takes no longer than another."""
    if not config.limit:
        keywords.cut(["明月"])
    for _ in Cleaner(config.script).clean_all([Record("", ("床前明月光，疑是地上霜。",))]):
        pass


def _work_shared(task: list[Document], config: PreprocessConfig) -> Part:
    """Read and clean the documents of a task, in a worker process."""

    def add(size: int) -> None:
        with _done.get_lock():
            _done.value += size

    return _work(task, config, add)


def _work(task: list[Document], config: PreprocessConfig, add: Callable[[int], None]) -> Part:
    """Read and clean the documents of a task; `add` is told the bytes that are done, by and by."""
    began = time.perf_counter()
    cleaner = Cleaner(config.script, config.min_chars, config.max_chars)
    columns = ColumnChoice.parse(config.columns)
    part = Part(counts=cleaner.counts)
    for document in task:
        left = document.size
        records = read(
            document, config.format, passed_over=part.counts.passed_over, columns=columns, say=part.notes.append
        )
        kept = cleaner.clean_all(records)
        while group := list(islice(kept, _GROUP)):
            _take(group, document.name, part, config)
            size = min(left, sum(_AROUND + len(f"{poem.title}{poem.author}{poem.body}".encode()) for _, poem in group))
            left -= size
            add(size)
        add(left)
    part.seconds = time.perf_counter() - began
    return part


def _take(group: Sequence[tuple[Record, Poem]], document: str, part: Part, config: PreprocessConfig) -> None:
    """Add poems of one document to a part; their words are cut later where it is not known yet which will stay."""
    first = len(part.poems)
    for record, poem in group:
        part.poems.add(record, poem, document)
    bodies = [poem.body if record.verse else _evenly_spaced(poem.body) for record, poem in group]
    part.clauses.append(duplicates.hash_clauses(bodies).shift(first))
    if config.limit:
        return
    cutting = time.perf_counter()
    telling = list(map(part.poems.telling, range(first, len(part.poems))))
    part.words.append(keywords.cut(telling, config.script))
    part.jieba_seconds += time.perf_counter() - cutting


def _evenly_spaced(passage: str) -> str:
    """Plain text as cleaning leaves verse, so that a line that stands in both is the same line."""
    return "\n".join(" ".join(line.split()) for line in passage.split("\n"))
