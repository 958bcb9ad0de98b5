"""The prepared dataset: poems as arrays of ids, in memory and on disk.

    prepared/
      train.tokens.npy    every poem's fields, end to end: tune, author, keywords, title, body
      train.poems.npy     one POEM record a poem: where it starts and how long each field is
      valid.tokens.npy, valid.poems.npy
      vocab.json, dataset.json (format, counts, fingerprint), report.json
      forms.json          templates of the tunes that the training split has enough poems of, if any
      lines.safetensors   which lines stand in either split, to know a borrowed line by

A folder is written as one (poetgen/folders.py) and read as one, and read whole: a run keeps what it was started with,
whatever becomes of the folder. In memory too the poems are arrays and never become Python objects. Control tokens are
not stored; a sequence is put together when it is drawn (see sequence.py), with header fields dropped at random.

Shapes: N poems, C characters of bodies, V vocabulary.
"""

from __future__ import annotations

import hashlib
import os
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus.poem import Poem
from poetgen.data.line_index import LineIndex
from poetgen.data.profile import CorpusProfile
from poetgen.data.sequence import NEEDED, RHYME, Column, Ids, Layout, control
from poetgen.data.vocab import Vocab
from poetgen.errors import CheckpointError, DatasetError
from poetgen.files import atomic, read_json, to_json, write_atomic
from poetgen.folders import read_as_one
from poetgen.humanize import shortened
from poetgen.prosody.rhyme_sign import sign_of_poem
from poetgen.prosody.tune_learning import learn_tunes
from poetgen.prosody.tunes import load_tunes, tunes_json
from poetgen.text import LOST

DATASET_FORMAT = 2
SPLITS = ("train", "valid")
#: What was read, what was done to it and what was dropped.
REPORT_FILE = "report.json"
#: What the poems taught besides: the templates of tunes, and the index of lines.
TUNES_FILE, LINES_FILE = "forms.json", "lines.safetensors"
_META, _VOCAB = "dataset.json", "vocab.json"
_ARRAYS = tuple(f"{split}.{kind}.npy" for split in SPLITS for kind in ("tokens", "poems"))
#: All that a prepared dataset may have.
DATASET_FILES = (_META, _VOCAB, *_ARRAYS, TUNES_FILE, LINES_FILE, REPORT_FILE)

#: One poem: its first token, the ids of its form, dynasty and rhyme (0: none), and the lengths of its fields.
POEM = np.dtype(
    [
        ("start", "<i8"),
        ("form", "<u2"),
        ("dynasty", "<u2"),
        ("rhyme", "<u4"),
        ("tune", "<u2"),
        ("author", "<u2"),
        ("keywords", "<u2"),
        ("title", "<u2"),
        ("body", "<u4"),
    ]
)
#: The fields of a poem that are one token, or none: 0.
_TOKEN_FIELDS = ("form", "dynasty", "rhyme")
#: The fields of a poem in the order in which their tokens are stored.
FIELDS = ("tune", "author", "keywords", "title", "body")
#: Poems whose bodies are gathered at a time, which bounds the memory.
_CHUNK = 20_000
#: Tokens that are looked at in one go.
_TOKENS = 1 << 20
#: Bytes of a dataset.json, a hundred times what it has.
_MOST_META = 1 << 16


class Split:
    """One side of a dataset: `tokens` (all fields, end to end) and `poems` (N POEM records)."""

    def __init__(self, tokens: Ids, poems: NDArray[np.void], layout: Layout) -> None:
        self.tokens = tokens
        self.poems = poems
        self.layout = layout

    def __len__(self) -> int:
        return len(self.poems)

    def fields(self, index: int) -> dict[str, Ids]:
        """The ids of each field of a poem."""
        poem = self.poems[index]
        at, parts = int(poem["start"]), {}
        for name in FIELDS:
            end = at + int(poem[name])
            parts[name] = self.tokens[at:end]
            at = end
        return parts

    @cached_property
    def header(self) -> dict[str, Column]:
        """What is known of every poem besides its body, a column of N poems for each field."""
        parts: dict[str, Column] = {}
        rows, start = np.arange(len(self)), self.poems["start"].astype(np.int64)
        for name in _TOKEN_FIELDS:
            ids = self.poems[name].astype(np.int64)
            parts[name] = Column(ids, rows, (ids > 0).astype(np.int64))
        for name in FIELDS[:-1]:
            sizes = self.poems[name].astype(np.int64)
            parts[name] = Column(self.tokens, start, sizes)
            start = start + sizes
        return parts

    @cached_property
    def body(self) -> Column:
        """The bodies of all poems."""
        starts = self.poems["start"].astype(np.int64)
        for name in FIELDS[:-1]:
            starts += self.poems[name]
        return Column(self.tokens, starts, self.body_sizes)

    def sequence(self, index: int, header: Mapping[str, Column] | None = None) -> tuple[list[int], int]:
        """A poem's ids from header to [END], and the position of [BODY].

        `header` are columns of all poems: by default all fields that are known.
        """
        row = slice(index, index + 1)
        parts = {name: part.take(row) for name, part in (header or self.header).items()}
        ids, starts, _ = self.layout.rows(parts, self.body.take(row))
        return ids[0].tolist(), int(starts[0])

    @property
    def body_sizes(self) -> NDArray[np.int64]:
        """(N,) how many characters each body has."""
        sizes: NDArray[np.int64] = self.poems["body"].astype(np.int64)
        return sizes

    def body_tokens(self, poems: slice | NDArray[np.int64] = slice(None)) -> Ids:
        """(C,) the ids of the bodies of some poems, one body after the other."""
        bodies = self.body.take(poems)
        before = np.cumsum(bodies.sizes) - bodies.sizes  # characters of the bodies before each
        tokens: Ids = self.tokens[np.repeat(bodies.starts - before, bodies.sizes) + np.arange(bodies.sizes.sum())]
        return tokens

    def frequencies(self) -> NDArray[np.int64]:
        """(V,) how often each token comes in the bodies and after them, where poem batches are scored."""
        counts = np.zeros(len(self.layout.vocab), dtype=np.int64)
        for first in range(0, len(self), _CHUNK):
            counts += np.bincount(self.body_tokens(slice(first, first + _CHUNK)), minlength=len(counts))
        counts[self.layout.end] += len(self)
        return counts

    def bodies(self, poems: int = _CHUNK) -> Iterator[str]:
        """The bodies as text, each closed by a line feed, `poems` at a time; □ stands for an unknown character."""
        points = np.array([ord(text) for text in _texts(self.layout.vocab)], dtype="<u4")
        for first in range(0, len(self), poems):
            chunk = slice(first, first + poems)
            closed = np.insert(points[self.body_tokens(chunk)], np.cumsum(self.body_sizes[chunk]), ord("\n"))
            yield closed.tobytes().decode("utf-32-le", "replace")

    @cached_property
    def stream(self) -> Ids:
        """Every sequence, end to end, as one array of ids."""
        if not len(self):
            return np.zeros(0, dtype=self.tokens.dtype)
        chunks = []
        for first in range(0, len(self), _CHUNK):
            rows = slice(first, first + _CHUNK)
            parts = {name: part.take(rows) for name, part in self.header.items()}
            ids, _, sizes = self.layout.rows(parts, self.body.take(rows))
            chunks.append(ids[np.arange(ids.shape[1]) < sizes[:, None]].astype(self.tokens.dtype))
        return np.concatenate(chunks)

    def sung(self) -> Iterator[tuple[str, str]]:
        """The tune and the body of every poem that has a tune."""
        texts = _texts(self.layout.vocab)
        for index in np.flatnonzero(self.poems["tune"]).tolist():
            fields = self.fields(index)
            tune, body = ("".join([texts[id] for id in fields[name].tolist()]) for name in ("tune", "body"))
            yield tune, body


def split_of(poems: Sequence[Poem], vocab: Vocab) -> Split:
    """Poems as a split of a dataset in the ids of `vocab`, with their titles, tunes and forms."""
    records = np.zeros(len(poems), dtype=POEM)
    ids: list[int] = []
    for row, poem in enumerate(poems):
        parts = {
            "tune": vocab.encode(poem.tune),
            "author": vocab.encode(poem.author),
            "keywords": [],
            "title": vocab.encode(poem.title),
            "body": vocab.encode(poem.body),
        }
        records[row]["start"] = len(ids)
        rhyme = sign_of_poem(poem.body, poem.form) if RHYME in vocab and poem.form else ""
        for name, value in (("form", control(poem.form)), ("dynasty", control(poem.dynasty)), ("rhyme", rhyme)):
            # What a vocabulary has no token for is not mentioned.
            records[row][name] = vocab.id(value) if value in vocab else 0
        for name in FIELDS:
            records[row][name] = len(parts[name])
            ids.extend(parts[name])
    return Split(np.array(ids, dtype=np.uint32), records, Layout(vocab))


def poems_of(split: Split) -> list[Poem]:
    """The poems of a split as text, which any vocabulary can encode; □ stands for a character that its own lacks."""
    tokens, texts = split.layout.vocab.tokens, _texts(split.layout.vocab)
    poems = []
    for number in range(len(split)):
        parts = {name: "".join([texts[id] for id in ids.tolist()]) for name, ids in split.fields(number).items()}
        ids = {name: int(split.poems[number][name]) for name in ("form", "dynasty")}
        del parts["keywords"]
        poems.append(Poem(**parts, **{name: tokens[id].strip("[]") if id else "" for name, id in ids.items()}))
    return poems


def _texts(vocab: Vocab) -> list[str]:
    """(V,) the character of every token; □ for [PAD], [UNK] and control tokens."""
    return [token if len(token) == 1 else LOST for token in vocab.tokens]


class Dataset:
    """A prepared dataset: its vocabulary and its two splits.

    `folder` is where it lies, None if only in memory. `learned` are the files of what the poems taught besides, by
    their names, and None where nothing is known of that.
    """

    def __init__(
        self,
        vocab: Vocab,
        train: Split,
        valid: Split,
        fingerprint: str,
        folder: Path | None = None,
        learned: Mapping[str, bytes] | None = None,
    ) -> None:
        self.vocab = vocab
        self.train = train
        self.valid = valid
        self.fingerprint = fingerprint
        self.folder = folder
        self.learned = learned

    @cached_property
    def profile(self) -> CorpusProfile:
        """What the poems to train on are like."""
        poems, vocab = self.train.poems, self.vocab
        ids, counts = np.unique(poems["form"], return_counts=True)
        shares = (counts / max(1, len(poems))).round(4).tolist()
        forms = {vocab.tokens[id].strip("[]") if id else "": share for id, share in zip(ids, shares, strict=True)}
        sizes = self.train.body_sizes
        line_ends = 0.0
        if vocab.has_lines and sizes.sum():
            line_ends = float((self.train.body_tokens() == vocab.id("\n")).mean())
        length = float(np.quantile(sizes, 0.95)) * (1 - line_ends) if len(sizes) else 1
        titled = float((poems["title"] > 0).mean()) if len(sizes) else 0
        return CorpusProfile(forms, round(titled, 4), max(1, round(length)))

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read a folder that `poetgen preprocess` wrote; raises DatasetError where it is missing, cut or foreign."""
        return read_as_one(folder, DATASET_FILES, lambda where: cls._read(folder, where))

    @classmethod
    def _read(cls, folder: Path, where: Callable[[str], Path]) -> Dataset:
        meta = _read_meta(folder, where(_META))
        try:
            vocab = Vocab.load(where(_VOCAB), NEEDED)
        except CheckpointError as error:
            raise DatasetError(str(error)) from None
        if len(vocab) != meta["vocab_size"]:
            raise DatasetError(f"{where(_VOCAB)}: of another dataset; run poetgen preprocess again")
        layout = Layout(vocab)
        splits = [Split(*_read_split(folder, where, name, meta["splits"][name], vocab), layout) for name in SPLITS]
        try:  # what a run writes beside its weights
            load_tunes(where(TUNES_FILE))
            LineIndex.load(where(LINES_FILE))
        except CheckpointError as error:
            raise DatasetError(str(error)) from None
        learned = {name: where(name).read_bytes() for name in (TUNES_FILE, LINES_FILE) if where(name).exists()}
        return cls(vocab, splits[0], splits[1], meta["fingerprint"], folder, learned)


def _read_meta(folder: Path, path: Path) -> dict[str, Any]:
    try:
        meta = read_json(path, _MOST_META)
        version = meta["format"]
        if version == DATASET_FORMAT:
            counts = [meta["splits"][name][kind] for name in SPLITS for kind in ("poems", "tokens")]
            if any(type(count) is not int or not 0 <= count < 2**48 for count in [*counts, meta["vocab_size"]]):
                raise ValueError("splits and vocab_size must be counts")
            if not isinstance(meta["fingerprint"], str) or not re.fullmatch(r"[0-9a-f]{1,64}", meta["fingerprint"]):
                raise ValueError("fingerprint must be that of a dataset")
    except FileNotFoundError:
        raise DatasetError(f"{folder}: no prepared dataset here; run poetgen preprocess --out {folder}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: not a prepared dataset ({error}); run poetgen preprocess again") from error
    if version != DATASET_FORMAT:
        message = f"dataset format {version}; this poetgen reads format {DATASET_FORMAT}: preprocess again"
        raise DatasetError(f"{path}: {message}")
    return dict(meta)


def _read_split(
    folder: Path, where: Callable[[str], Path], name: str, counts: Mapping[str, int], vocab: Vocab
) -> tuple[Ids, NDArray[np.void]]:
    """The arrays of a split; raises DatasetError unless all they say of each other and of `vocab` holds."""
    paths = {kind: where(f"{name}.{kind}.npy") for kind in ("tokens", "poems")}
    tokens, poems = (_read_array(path, counts[kind]) for kind, path in paths.items())
    if poems.dtype != POEM or tokens.dtype.kind != "u":
        raise DatasetError(f"{folder}: {name} arrays are of another version; run poetgen preprocess again")
    end = 0
    for first in range(0, len(poems), _CHUNK):
        part = poems[first : first + _CHUNK]
        sizes = sum((part[field].astype(np.int64) for field in FIELDS), np.zeros(len(part), np.int64))
        ends = end + np.cumsum(sizes)
        if not np.array_equal(part["start"], ends - sizes) or ends[-1] > len(tokens) or not part["body"].all():
            raise DatasetError(
                f"{paths['poems']}: its poems are not those of {paths['tokens'].name}; run poetgen preprocess again"
            )
        if any(int(part[field].max()) >= len(vocab) for field in _TOKEN_FIELDS):
            raise DatasetError(f"{paths['poems']}: a form, dynasty or rhyme beyond the vocabulary; preprocess again")
        end = int(ends[-1])
    if end != len(tokens):
        raise DatasetError(f"{paths['poems']}: of another dataset; run poetgen preprocess again")
    if any(int(tokens[first : first + _TOKENS].max()) >= len(vocab) for first in range(0, len(tokens), _TOKENS)):
        raise DatasetError(f"{paths['tokens']}: an id beyond the vocabulary of {len(vocab):,}; preprocess again")
    return tokens, poems


def _read_array(path: Path, count: int) -> Any:
    """A .npy of one dimension and `count` entries, in memory; raises DatasetError.

    Not mapped: the first look at what somebody has cut off kills a process. What its header says is held against the
    size of the file before anything is read; numpy's own way parses any header, and multiplies what it says.
    """
    try:
        if not path.is_file() and path.exists():
            raise ValueError("not a file")
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"format {version}")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            size = os.fstat(file.fileno()).st_size - file.tell()
            if shape != (count,) or dtype.hasobject or size != count * dtype.itemsize:
                raise DatasetError(f"{path}: cut short or of another dataset; run poetgen preprocess again")
            return np.frombuffer(file.read(size), dtype, count) if size else np.zeros(0, dtype)
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing; run poetgen preprocess again") from None
    except (OSError, ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
        reason = shortened(str(error).partition("\n")[0], 200)
        raise DatasetError(f"{path}: cut short or not an array ({reason}); run poetgen preprocess again") from error


def write_dataset(folder: Path, vocab: Vocab, splits: dict[str, tuple[Ids, NDArray[np.void]]]) -> str:
    """Write the arrays, the vocabulary and dataset.json, and return the fingerprint.

    One after the other: to replace a dataset, give a folder of `switching`. Raises SaveError.
    """
    digest = hashlib.sha256()

    vocab_json = vocab.to_json()
    write_atomic(folder / _VOCAB, vocab_json)
    digest.update(vocab_json.encode())
    for name in SPLITS:
        for kind, array in zip(("tokens", "poems"), splits[name], strict=True):
            with atomic(folder / f"{name}.{kind}.npy") as file:
                np.save(file, array, allow_pickle=False)
            digest.update(np.ascontiguousarray(array).tobytes())
    fingerprint = digest.hexdigest()[:16]
    counts = {name: {"poems": len(splits[name][1]), "tokens": len(splits[name][0])} for name in SPLITS}
    meta = {"format": DATASET_FORMAT, "fingerprint": fingerprint, "vocab_size": len(vocab), "splits": counts}
    write_atomic(folder / _META, to_json(meta, indent=2) + "\n")
    return fingerprint


def finish(folder: Path) -> dict[str, int]:
    """Write what the poems of a prepared dataset show on a second look: its tunes and its index of lines.

    Returns how many tunes and lines there are. The arrays and the fingerprint stay as they are. Raises DatasetError
    where `folder` holds no dataset, SaveError where it cannot be written.
    """
    dataset = Dataset.load(folder)
    learned = learn_tunes(dataset.train.sung())
    if learned:
        write_atomic(folder / TUNES_FILE, tunes_json(learned))
    else:
        (folder / TUNES_FILE).unlink(missing_ok=True)
    index = LineIndex.build(chain(dataset.train.bodies(), dataset.valid.bodies()))
    index.save(folder / LINES_FILE)
    return {"tunes": len(learned), "lines": index.lines}
