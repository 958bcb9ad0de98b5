"""The prepared dataset on disk, and batches from it.

    prepared/
      train.tokens.npy    every poem's fields, end to end: tune, author, keywords, title, body
      train.poems.npy     one POEM record a poem: where it starts and how long each field is
      valid.tokens.npy, valid.poems.npy
      vocab.json, dataset.json (format, counts, fingerprint), report.json
      forms.json          templates of the tunes that the training split has enough poems of, if any
      lines.safetensors   which lines stand in either split, to know a borrowed line by

The arrays are memory-mapped: a corpus never becomes Python objects. Control tokens are not stored; a sequence
is put together when it is drawn (see sequence.py), with header fields dropped at random.

Shapes: B rows, T time steps, N poems.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poetgen.corpus.poem import Poem
from poetgen.data.line_index import LineIndex
from poetgen.data.sequence import Layout, control
from poetgen.data.vocab import PAD, Vocab
from poetgen.errors import CheckpointError, DatasetError, SaveError
from poetgen.files import atomic, write_atomic
from poetgen.prosody.tune_learning import learn_tunes
from poetgen.prosody.tunes import tunes_json
from poetgen.text import LOST

FORMAT = 1
SPLITS = ("train", "valid")
FORMS, LINES = "forms.json", "lines.safetensors"

Ids = NDArray[np.integer[Any]]

#: One poem: its first token, the ids of its form and dynasty (0: none), and the lengths of its fields.
POEM = np.dtype(
    [
        ("start", "<i8"),
        ("form", "<u2"),
        ("dynasty", "<u2"),
        ("tune", "<u2"),
        ("author", "<u2"),
        ("keywords", "<u2"),
        ("title", "<u2"),
        ("body", "<u4"),
    ]
)
FIELDS = ("tune", "author", "keywords", "title", "body")

#: How often a known field of the header is shown in training. What is shown rarely costs few tokens and still
#: teaches the network to follow it; what evaluation and sampling always give is shown nearly always.
SHOWN = {"form": 0.9, "dynasty": 0.4, "tune": 0.9, "author": 0.25, "keywords": 0.2, "title": 0.9}


#: The header fields that evaluation and sampling always give.
GIVEN = ("form", "tune", "title")
#: Poem batches have row and step counts in multiples of this.
ROUND = 8


def rows_of(part: int, parts: int, rows: int) -> slice:
    """The rows that one of some parts has, of `rows` in all: contiguous, in order, as even as can be, perhaps none.

    >>> [rows_of(part, 2, 5) for part in range(2)]
    [slice(0, 2, None), slice(2, 5, None)]
    """
    return slice(rows * part // parts, rows * (part + 1) // parts)


@dataclass(frozen=True)
class Group:
    """Poems that are batched together: their numbers (B,), the header fields each shows (B, fields), time steps."""

    poems: NDArray[np.int64]
    shown: NDArray[np.bool_]
    length: int

    def part(self, part: int, parts: int) -> Group:
        """The poems of one of some parts, by rows_of."""
        rows = rows_of(part, parts, len(self.poems))
        return Group(self.poems[rows], self.shown[rows], self.length)


@dataclass(frozen=True)
class Batch:
    """`inputs` and `labels`, both (B, T) int64; [PAD] in the labels is not scored.

    `carry` rows go on from the state that the batch before left (its first `carry` rows); 0 means a zero state.
    """

    inputs: NDArray[np.int64]
    labels: NDArray[np.int64]
    carry: int = 0


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

    def sequence(self, index: int, shown: Mapping[str, bool] | None = None) -> tuple[list[int], int]:
        """A poem's ids from header to [END], and the position of [BODY].

        `shown` says which header fields appear; by default all that are known.
        """
        poem, parts = self.poems[index], self.fields(index)
        body = parts.pop("body")
        header: dict[str, Any] = {"form": int(poem["form"]), "dynasty": int(poem["dynasty"]), **parts}
        if shown is not None:
            header = {name: value for name, value in header.items() if shown[name]}
        ids = self.layout.prefix(**header)
        start = len(ids) - 1
        ids.extend(body.tolist())
        ids.append(self.layout.end)
        return ids, start

    def frequencies(self) -> NDArray[np.int64]:
        """(V,) how often each token comes in the bodies and after them, where poem batches are scored."""
        in_a_body = _in_a_body(self.poems)
        counts = np.zeros(len(self.layout.vocab), dtype=np.int64)
        for at in range(0, len(in_a_body), 1 << 20):  # a piece at a time, for bincount makes int64 of what it counts
            part = slice(at, at + (1 << 20))
            counts += np.bincount(self.tokens[part][in_a_body[part]], minlength=len(counts))
        counts[self.layout.end] += len(self)
        return counts

    def bodies(self, poems: int = 20_000) -> Iterator[str]:
        """The bodies as text, each closed by a line feed, some poems at a time; □ stands for an unknown character."""
        points = _code_points(self.layout.vocab)
        at = 0
        for first in range(0, len(self), poems):
            some = self.poems[first : first + poems]
            inside = _in_a_body(some)
            text = points[self.tokens[at : at + len(inside)][inside]]
            closed = np.insert(text, np.cumsum(some["body"].astype(np.int64)), ord("\n"))
            yield closed.tobytes().decode("utf-32-le", "replace")
            at += len(inside)

    def sung(self) -> Iterator[tuple[str, str]]:
        """The tune and the body of every poem that has a tune."""
        texts = [token if len(token) == 1 else LOST for token in self.layout.vocab.tokens]
        for index in np.flatnonzero(self.poems["tune"]).tolist():
            fields = self.fields(index)
            tune, body = ("".join([texts[id] for id in fields[name].tolist()]) for name in ("tune", "body"))
            yield tune, body

    # Poem batches ------------------------------------------------------------------------------------------------
    #
    #     row 0   [七绝] [TITLE] 春 晓 [BODY] 春 眠 不 觉 晓 ， … 。 [END]
    #     row 1   [七绝] [BODY] 白 日 依 山 尽 ， … 。 [END] [PAD] [PAD]
    #     label   ·      ·      ·  ·  春     眠 不 …       (header and padding are not scored)

    def groups(self, batch_tokens: int, seq_len: int, seed: tuple[int, ...] | None = None) -> list[Group]:
        """An epoch's plan: poems of like length together, about `batch_tokens` tokens a window.

        `seed` draws the order and which header fields each poem shows; without it the order is fixed and every poem
        shows its form, tune and title, which is what validation measures. Lengths and rows come in multiples of
        ROUND: the kernels of a recurrent layer are prepared once per shape, and that costs more than the padding.
        """
        shown = np.ones((len(self), len(SHOWN)), dtype=np.bool_) * [name in GIVEN for name in SHOWN]
        order = np.arange(len(self))
        rng = np.random.default_rng(seed)
        if seed is not None:
            shown = rng.random(shown.shape) < list(SHOWN.values())
            order = rng.permutation(len(self))
        lengths = -(-self._lengths(shown)[order] // ROUND) * ROUND
        groups: list[Group] = []
        for length in np.unique(lengths).tolist():
            bucket = order[lengths == length]
            rows = max(1, batch_tokens // min(length, seq_len))
            rows = rows // ROUND * ROUND or rows
            parts = [bucket[first : first + rows] for first in range(0, len(bucket), rows)]
            groups.extend(Group(part, shown[part], length) for part in parts)
        return [groups[index] for index in rng.permutation(len(groups))] if seed is not None else groups

    def _lengths(self, shown: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(N,) time steps of each poem's sequence, given which header fields it shows (N, fields)."""
        steps = self.poems["body"].astype(np.int64) + 1
        for column, name in enumerate(SHOWN):
            size = self.poems[name].astype(np.int64)
            steps += ((size > 0) if name in ("form", "dynasty") else np.where(size > 0, size + 1, 0)) * shown[:, column]
        return steps

    def windows(self, group: Group, seq_len: int) -> Iterator[Batch]:
        """Batches of one group: usually one; poems longer than `seq_len` go on in the next with their state."""
        inputs = np.full((len(group.poems), group.length), PAD, dtype=np.int64)
        labels = np.full_like(inputs, PAD)
        for row, (index, shown) in enumerate(zip(group.poems.tolist(), group.shown.tolist(), strict=True)):
            ids, start = self.sequence(index, dict(zip(SHOWN, shown, strict=True)))
            inputs[row, : len(ids) - 1] = ids[:-1]
            labels[row, start : len(ids) - 1] = ids[start + 1 :]
        for at in range(0, group.length, seq_len):
            columns = slice(at, at + seq_len)
            yield Batch(inputs[:, columns], labels[:, columns], carry=len(inputs) if at else 0)

    # Stream batches ----------------------------------------------------------------------------------------------
    #
    #     one stream      a b c d e f g h i j k l …
    #     sequential      a b c d │ e f g h │ …        row 0, its state carried from window to window
    #                     i j k l │ m n o p │ …        row 1
    #     random          windows of T at random offsets, each from a zero state

    @cached_property
    def stream(self) -> Ids:
        """Every sequence, end to end, as one array of ids."""
        if not len(self):
            return np.zeros(0, dtype=self.tokens.dtype)
        return np.concatenate([np.array(self.sequence(i)[0], dtype=self.tokens.dtype) for i in range(len(self))])

    def sequential(self, batch_size: int, seq_len: int) -> Windows:
        """Contiguous rows, left to right, the state carried; a remainder shorter than one column is left out."""
        columns = (len(self.stream) - 1) // batch_size
        if columns < 1:
            raise DatasetError(
                f"a stream of {len(self.stream)} tokens is too short for --batch-size {batch_size}: give a smaller one"
            )
        steps = range(0, columns, seq_len)
        offsets = [np.arange(batch_size, dtype=np.int64) * columns + at for at in steps]
        return Windows(self.stream, offsets, [min(seq_len, columns - at) for at in steps], carry=True)

    def random(self, batch_size: int, seq_len: int, seed: tuple[int, ...]) -> Windows:
        """As many windows as cover the stream once on average, at random offsets, each from a zero state."""
        steps = min(seq_len, len(self.stream) - 1)
        count = max(1, len(self.stream) // (batch_size * steps))
        offsets = np.random.default_rng(seed).integers(0, len(self.stream) - steps, size=(count, batch_size))
        return Windows(self.stream, list(offsets), [steps] * count, carry=False)


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
        for name, value in (("form", poem.form), ("dynasty", poem.dynasty)):
            # What a vocabulary has no token for is not mentioned.
            records[row][name] = vocab.id(control(value)) if value and control(value) in vocab else 0
        for name in FIELDS:
            records[row][name] = len(parts[name])
            ids.extend(parts[name])
    return Split(np.array(ids, dtype=np.uint32), records, Layout(vocab))


def poems_of(split: Split) -> list[Poem]:
    """The poems of a split as text, which any vocabulary can encode; □ stands for a character that its own lacks."""
    tokens = split.layout.vocab.tokens
    texts = [token if len(token) == 1 else LOST for token in tokens]
    poems = []
    for number in range(len(split)):
        parts = {name: "".join([texts[id] for id in ids.tolist()]) for name, ids in split.fields(number).items()}
        ids = {name: int(split.poems[number][name]) for name in ("form", "dynasty")}
        del parts["keywords"]
        poems.append(Poem(**parts, **{name: tokens[id].strip("[]") if id else "" for name, id in ids.items()}))
    return poems


def _in_a_body(poems: NDArray[np.void]) -> NDArray[np.bool_]:
    """Of the tokens of some poems in a row, which stand in a body."""
    body = poems["body"].astype(np.int64)
    before = sum((poems[name].astype(np.int64) for name in FIELDS[:-1]), start=np.zeros_like(body))
    return np.repeat(np.tile([False, True], len(poems)), np.stack((before, body), axis=1).ravel())


def _code_points(vocab: Vocab) -> NDArray[np.uint32]:
    """(V,) the code point of every token; that of □ for [PAD], [UNK] and control tokens."""
    return np.array([ord(token if len(token) == 1 else LOST) for token in vocab.tokens], dtype="<u4")


class Windows(Sequence[Batch]):
    """Stream batches by number: `offsets` holds the first position of each row, `steps` the length of each batch."""

    def __init__(self, stream: Ids, offsets: list[NDArray[np.int64]], steps: list[int], carry: bool) -> None:
        self._stream, self._offsets, self._steps, self._carry = stream, offsets, steps, carry

    def __len__(self) -> int:
        return len(self._steps)

    def part(self, part: int, parts: int) -> Windows:
        """The same batches, each with the rows of one of some parts, by rows_of."""
        offsets = [rows[rows_of(part, parts, len(rows))] for rows in self._offsets]
        return Windows(self._stream, offsets, self._steps, self._carry)

    def __getitem__(self, index: Any) -> Any:
        position = self._offsets[index][:, None] + np.arange(self._steps[index])
        inputs, labels = (self._stream[position + shift].astype(np.int64) for shift in (0, 1))
        return Batch(inputs, labels, carry=len(inputs) if self._carry and index else 0)


class Dataset:
    """A prepared dataset: its vocabulary and its two splits; `folder` is where it lies, None if only in memory."""

    def __init__(self, vocab: Vocab, train: Split, valid: Split, fingerprint: str, folder: Path | None = None) -> None:
        self.vocab = vocab
        self.train = train
        self.valid = valid
        self.fingerprint = fingerprint
        self.folder = folder

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Open a folder that `poetgen preprocess` wrote; raises DatasetError where it is missing, cut or foreign."""
        meta = _read_meta(folder)
        try:
            vocab = Vocab.load(folder / "vocab.json")
        except CheckpointError as error:
            raise DatasetError(str(error)) from None
        if len(vocab) != meta["vocab_size"]:
            raise DatasetError(f"{folder / 'vocab.json'}: of another dataset; run poetgen preprocess again")
        layout = Layout(vocab)
        splits = [Split(*_read_split(folder, name, meta), layout) for name in SPLITS]
        return cls(vocab, splits[0], splits[1], str(meta["fingerprint"]), folder)


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.json"
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        version, counts = meta["format"], meta["splits"]
        if version == FORMAT:
            _ = [(counts[name]["poems"], counts[name]["tokens"]) for name in SPLITS], meta["vocab_size"]
            _ = meta["fingerprint"]
    except FileNotFoundError:
        raise DatasetError(f"{folder}: no prepared dataset here; run poetgen preprocess --out {folder}") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(f"{path}: not a prepared dataset ({error}); run poetgen preprocess again") from error
    if version != FORMAT:
        raise DatasetError(f"{path}: dataset format {version}; this poetgen reads format {FORMAT}: preprocess again")
    return dict(meta)


def _read_split(folder: Path, name: str, meta: dict[str, Any]) -> tuple[Ids, NDArray[np.void]]:
    arrays = []
    for kind in ("tokens", "poems"):
        path = folder / f"{name}.{kind}.npy"
        try:
            array = np.lib.format.open_memmap(path, mode="r")  # never unpickles
        except FileNotFoundError:
            raise DatasetError(f"{path}: missing; run poetgen preprocess again") from None
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path}: cut short or not an array ({error}); run poetgen preprocess again") from error
        if array.shape != (meta["splits"][name][kind],):
            raise DatasetError(f"{path}: cut short or of another dataset; run poetgen preprocess again")
        arrays.append(array)
    tokens, poems = arrays
    if poems.dtype != POEM or tokens.dtype.kind != "u":
        raise DatasetError(f"{folder}: {name} arrays are of another version; run poetgen preprocess again")
    end = int(poems[-1]["start"]) + sum(int(poems[-1][field]) for field in FIELDS) if len(poems) else 0
    if end != len(tokens):
        raise DatasetError(f"{folder / name}.poems.npy: of another dataset; run poetgen preprocess again")
    return tokens, poems


def write_dataset(folder: Path, vocab: Vocab, splits: dict[str, tuple[Ids, NDArray[np.void]]]) -> str:
    """Write the arrays, the vocabulary and, last, dataset.json; returns the fingerprint.

    A folder without its dataset.json does not load, so a kill leaves no half dataset that looks whole. What `finish`
    wrote for an older dataset goes with it.
    """
    try:
        for name in ("dataset.json", FORMS, LINES):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise SaveError(f"{folder}: cannot be written ({error.strerror}); choose another place") from error
    digest = hashlib.sha256()
    vocab_json = vocab.to_json()
    write_atomic(folder / "vocab.json", vocab_json)
    digest.update(vocab_json.encode())
    for name in SPLITS:
        for kind, array in zip(("tokens", "poems"), splits[name], strict=True):
            with atomic(folder / f"{name}.{kind}.npy") as file:
                np.save(file, array, allow_pickle=False)
            digest.update(np.ascontiguousarray(array).tobytes())
    fingerprint = digest.hexdigest()[:16]
    counts = {name: {"poems": len(splits[name][1]), "tokens": len(splits[name][0])} for name in SPLITS}
    meta = {"format": FORMAT, "fingerprint": fingerprint, "vocab_size": len(vocab), "splits": counts}
    write_atomic(folder / "dataset.json", json.dumps(meta, indent=2) + "\n")
    return fingerprint


def finish(folder: Path) -> dict[str, int]:
    """Write what the poems of a prepared dataset show on a second look: its tunes and its index of lines.

    Returns how many tunes and lines there are. The arrays and the fingerprint stay as they are. Raises DatasetError
    where `folder` holds no dataset, SaveError where it cannot be written.
    """
    dataset = Dataset.load(folder)
    learned = learn_tunes(dataset.train.sung())
    if learned:
        write_atomic(folder / FORMS, tunes_json(learned))
    else:
        (folder / FORMS).unlink(missing_ok=True)
    index = LineIndex.build(chain(dataset.train.bodies(), dataset.valid.bodies()))
    index.save(folder / LINES)
    return {"tunes": len(learned), "lines": index.lines}
