"""The prepared dataset on disk, and the batches that training draws from it."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poetgen.data import dataset as module
from poetgen.data.dataset import FIELDS, POEM, ROUND, SHOWN, Batch, Dataset, Group, Split, write_dataset
from poetgen.data.sequence import CONTROL, Layout
from poetgen.data.vocab import PAD, Vocab
from poetgen.errors import DatasetError, SaveError

VOCAB = Vocab.build({chr(0x4E00 + index): 1 for index in range(200)}, CONTROL)
FIRST = VOCAB.id("一")


def make_split(count: int, longest: int = 90) -> Split:
    """Poems whose every field is known, with bodies of 10 to `longest` characters."""
    rng = np.random.default_rng(0)
    records = np.zeros(count, dtype=POEM)
    records["form"], records["dynasty"] = VOCAB.id("[七绝]"), VOCAB.id("[唐]")
    records["tune"], records["author"], records["keywords"], records["title"] = 3, 2, 5, 4
    records["body"] = rng.integers(10, longest + 1, size=count)
    sizes = sum(records[name].astype(np.int64) for name in FIELDS)
    records["start"] = np.cumsum(sizes) - sizes
    tokens = rng.integers(FIRST, len(VOCAB), size=int(sizes.sum())).astype(np.uint16)
    return Split(tokens, records, Layout(VOCAB))


@pytest.fixture(scope="module")
def split() -> Split:
    return make_split(300)


def rows_of(split: Split, group: Group, seq_len: int) -> tuple[np.ndarray, np.ndarray, list[Batch]]:  # type: ignore[type-arg]
    batches = list(split.windows(group, seq_len))
    inputs, labels = (np.concatenate([getattr(b, side) for b in batches], axis=1) for side in ("inputs", "labels"))
    return inputs, labels, batches


# Poem batches ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seq_len", [1, 7, 24, 64, 200])
@pytest.mark.parametrize("seed", [None, (1, 0)])
def test_an_epoch_scores_every_body_and_its_end_once(split: Split, seq_len: int, seed: tuple[int, ...] | None) -> None:
    seen: Counter[int] = Counter()
    for group in split.groups(16 * seq_len, seq_len, seed):
        inputs, labels, _ = rows_of(split, group, seq_len)
        for row, index in enumerate(group.poems.tolist()):
            seen[index] += 1
            body = split.fields(index)["body"].tolist()
            places = np.flatnonzero(labels[row] != PAD)
            assert labels[row][places].tolist() == [*body, split.layout.end]
            # What is scored is what comes next: the body's first character at [BODY], [END] at its last.
            assert inputs[row][places].tolist() == [split.layout.body, *body]
            assert places.tolist() == list(range(places[0], places[-1] + 1))
            assert not inputs[row][places[-1] + 1 :].any(), "after the poem there is nothing but padding"
            shown = dict(zip(SHOWN, group.shown[row].tolist(), strict=True))
            assert inputs[row][: places[-1] + 1].tolist() == split.sequence(index, shown)[0][:-1]
    assert seen == Counter(range(len(split)))


def test_a_long_poem_goes_on_in_the_next_window_with_its_state(split: Split) -> None:
    group = max(split.groups(320, 32), key=lambda group: group.length)
    batches = list(split.windows(group, 32))
    assert len(batches) > 2
    assert [batch.carry for batch in batches] == [0] + [len(group.poems)] * (len(batches) - 1)
    assert all(batch.inputs.shape[1] <= 32 for batch in batches)


def test_batches_have_few_shapes_and_hold_about_what_was_asked(split: Split) -> None:
    for seed in (None, (3, 1)):
        groups = split.groups(32 * 64, 64, seed)
        for group in groups:
            assert group.length % ROUND == 0
            assert len(group.poems) * min(group.length, 64) <= 32 * 64
            assert len(group.poems) == 1 or len({len(split.fields(i)["body"]) // 40 for i in group.poems.tolist()}) <= 2
    assert len(split.groups(1, 64)) == len(split), "a poem longer than a batch makes one of its own"


def test_header_fields_are_dropped_at_their_rates() -> None:
    split = make_split(4000)
    marks = {
        "form": VOCAB.id("[七绝]"),
        "dynasty": VOCAB.id("[唐]"),
        "tune": split.layout.tune,
        "author": split.layout.author,
        "keywords": split.layout.keywords,
        "title": split.layout.title,
    }
    found: Counter[str] = Counter()
    for group in split.groups(64 * 64, 64, (1, 0)):
        inputs, _, _ = rows_of(split, group, 64)
        for name, mark in marks.items():
            found[name] += int((inputs == mark).any(axis=1).sum())
    for name, rate in SHOWN.items():
        deviation = np.sqrt(rate * (1 - rate) / len(split))
        assert abs(found[name] / len(split) - rate) < 4 * deviation, name


def test_an_epoch_follows_from_its_seed(split: Split) -> None:
    def plan(*seed: int) -> list[tuple[list[int], list[list[bool]]]]:
        return [(group.poems.tolist(), group.shown.tolist()) for group in split.groups(512, 64, seed)]

    assert plan(1, 0) == plan(1, 0)
    assert plan(1, 0) != plan(1, 1) and plan(1, 0) != plan(2, 0)


def test_validation_shows_form_tune_and_title(split: Split) -> None:
    for group in split.groups(512, 64):
        for index, shown in zip(group.poems.tolist(), group.shown.tolist(), strict=True):
            ids, start = split.sequence(index, dict(zip(SHOWN, shown, strict=True)))
            assert [VOCAB.tokens[i] for i in ids[:start] if i < FIRST] == ["[七绝]", "[TUNE]", "[TITLE]"]


def test_frequencies_count_what_poem_batches_score(split: Split) -> None:
    scored = Counter[int]()
    for group in split.groups(512, 16):
        for batch in split.windows(group, 16):
            scored.update(batch.labels[batch.labels != PAD].tolist())
    counts = split.frequencies()
    assert {token: count for token, count in enumerate(counts.tolist()) if count} == dict(scored)


def test_a_split_of_nothing_has_no_batches() -> None:
    split = make_split(0)
    assert split.groups(512, 64) == split.groups(512, 64, (1, 0)) == []
    assert len(split.stream) == 0


# Stream batches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_of_a_batch_are_its_rows_in_order(parts: int, split: Split) -> None:
    def joined(shards: list[list[Batch]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # type: ignore[type-arg]
        for windows in zip(*shards, strict=True):
            yield np.concatenate([b.inputs for b in windows]), np.concatenate([b.labels for b in windows])

    for group in split.groups(4 * 60, 60, (1, 0)):
        whole = list(split.windows(group, 60))
        shards = [list(split.windows(group.part(part, parts), 60)) for part in range(parts)]
        for batch, (inputs, labels) in zip(whole, joined(shards), strict=True):
            assert np.array_equal(batch.inputs, inputs) and np.array_equal(batch.labels, labels)
    for stream in (split.sequential(4, 50), split.random(4, 50, (1, 0))):
        shards = [list(stream.part(part, parts)) for part in range(parts)]
        for batch, (inputs, labels) in zip(stream, joined(shards), strict=True):
            assert np.array_equal(batch.inputs, inputs) and np.array_equal(batch.labels, labels)


@given(st.integers(0, 200), st.integers(1, 40))
def test_parts_are_as_even_as_can_be(rows: int, parts: int) -> None:
    sizes = [len(range(rows)[module.rows_of(part, parts, rows)]) for part in range(parts)]
    assert sum(sizes) == rows and max(sizes) - min(sizes) <= 1


def test_sequential_rows_run_through_the_stream(split: Split) -> None:
    batches = split.sequential(4, 50)
    columns = (len(split.stream) - 1) // 4
    rows = np.concatenate([batch.inputs for batch in batches], axis=1)
    assert rows.tolist() == split.stream[: 4 * columns].reshape(4, columns).tolist()
    labels = np.concatenate([batch.labels for batch in batches], axis=1)
    assert labels.tolist() == split.stream[1 : 4 * columns + 1].reshape(4, columns).tolist()
    assert batches[0].carry == 0, "an epoch starts from a zero state"
    assert {batch.carry for batch in list(batches)[1:]} == {4}
    assert {batch.inputs.shape for batch in list(batches)[:-1]} == {(4, 50)}


def test_the_stream_holds_every_poem_whole(split: Split) -> None:
    assert split.stream.tolist() == [token for index in range(len(split)) for token in split.sequence(index)[0]]
    assert split.stream.dtype == np.uint16


def test_random_windows_start_anywhere_and_from_nothing(split: Split) -> None:
    batches = split.random(4, 50, (1, 0))
    assert abs(len(batches) * 4 * 50 - len(split.stream)) < 4 * 50
    text = split.stream.astype(">u2").tobytes()
    starts = set()
    for batch in batches:
        assert batch.carry == 0
        assert (batch.inputs[:, 1:] == batch.labels[:, :-1]).all()
        for row in batch.inputs:
            at = text.find(row.astype(">u2").tobytes())
            assert at >= 0 and at % 2 == 0
            starts.add(at // 2 % 50)
    assert len(starts) > 30, "not on a grid"
    again, other = split.random(4, 50, (1, 0)), split.random(4, 50, (1, 1))
    assert all((a.inputs == b.inputs).all() for a, b in zip(batches, again, strict=True))
    assert any((a.inputs != b.inputs).any() for a, b in zip(batches, other, strict=True))


def test_every_position_of_a_short_stream_is_drawn() -> None:
    split = make_split(1, longest=10)
    length = len(split.stream)
    drawn = {tuple(row) for seed in range(200) for row in split.random(2, length - 3, (seed,))[0].labels.tolist()}
    assert drawn == {tuple(split.stream[at + 1 : at + length - 2].tolist()) for at in range(3)}


def test_a_window_longer_than_the_stream_takes_all_of_it() -> None:
    split = make_split(1)
    (batch,) = split.random(1, 10_000, (1, 0))
    assert batch.labels[0].tolist() == split.stream[1:].tolist()
    (batch,) = split.sequential(1, 10_000)
    assert batch.labels[0].tolist() == split.stream[1:].tolist()


def test_more_rows_than_tokens_is_an_error() -> None:
    with pytest.raises(DatasetError, match="too short for --batch-size 4000: give a smaller one"):
        make_split(2).sequential(4000, 8)


# On disk ---------------------------------------------------------------------------------------------------------


def test_what_was_written_is_mapped_and_not_read(prepared: Path) -> None:
    dataset = Dataset.load(prepared)
    for split in (dataset.train, dataset.valid):
        assert isinstance(split.tokens, np.memmap) and isinstance(split.poems, np.memmap)
        assert split.tokens.dtype == np.uint16, "ids that fit take two bytes"


def test_another_content_has_another_fingerprint(tmp_path: Path) -> None:
    splits = {name: (make_split(3).tokens, make_split(3).poems) for name in ("train", "valid")}
    first = write_dataset(tmp_path / "a", VOCAB, splits)
    assert first == write_dataset(tmp_path / "b", VOCAB, splits) == Dataset.load(tmp_path / "a").fingerprint
    tokens = splits["train"][0].copy()
    tokens[-1] += 1
    assert write_dataset(tmp_path / "b", VOCAB, splits | {"train": (tokens, splits["train"][1])}) != first


def broken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}, None], dtype=object), allow_pickle=True)


def scalar(path: Path) -> None:
    np.save(path, np.uint16(3))


def squared(path: Path) -> None:
    array = np.load(path)
    np.save(path, np.stack([array, array], axis=1))


def floats(path: Path) -> None:
    np.save(path, np.zeros(len(np.load(path)), dtype=np.float32))


def archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def a_longer_last_poem(path: Path) -> None:
    poems = np.load(path)
    poems["body"][-1] += 1
    np.save(path, poems)


@pytest.mark.parametrize("name", ["train.tokens.npy", "train.poems.npy", "valid.tokens.npy", "valid.poems.npy"])
@pytest.mark.parametrize("spoil", [Path.unlink, broken, empty, pickled, scalar, squared, floats, archive])
def test_a_spoilt_array_is_named(spoil: Callable[[Path], None], name: str, prepared: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(prepared, tmp_path / "data"))
    spoil(folder / name)
    with pytest.raises(DatasetError, match="preprocess again") as error:
        Dataset.load(folder)
    assert str(folder) in str(error.value) and name.split(".")[0] in str(error.value)


def test_poems_that_do_not_belong_to_the_tokens(prepared: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(prepared, tmp_path / "data"))
    a_longer_last_poem(folder / "train.poems.npy")
    with pytest.raises(DatasetError, match="train.poems.npy: of another dataset"):
        Dataset.load(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dataset.json", None, "no prepared dataset here; run poetgen preprocess --out"),
        ("dataset.json", "", "dataset.json: not a prepared dataset"),
        ("dataset.json", "[]", "dataset.json: not a prepared dataset"),
        ("dataset.json", "[" * 100_000, "dataset.json: not a prepared dataset"),
        ("dataset.json", '{"format": 1, "splits": {}}', "dataset.json: not a prepared dataset"),
        ("dataset.json", '{"format": 2, "splits": {}}', "dataset format 2; this poetgen reads format 1"),
        ("vocab.json", None, "vocab.json: missing"),
        ("vocab.json", "{", "vocab.json: not a vocabulary"),
        ("vocab.json", '{"format": 1, "tokens": ["[PAD]", "[UNK]"]}', "vocab.json: of another dataset"),
    ],
)
def test_a_spoilt_description_is_named(
    name: str, content: str | None, message: str, prepared: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(prepared, tmp_path / "data"))
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(DatasetError, match=message) as error:
        Dataset.load(folder)
    assert str(folder) in str(error.value)


def test_a_half_written_dataset_is_none(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(prepared, tmp_path / "data"))
    save = np.save
    calls = []

    def save_two(file: object, array: object, **options: object) -> None:
        calls.append(file)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        save(file, array, **options)  # type: ignore[arg-type,call-overload]

    monkeypatch.setattr(np, "save", save_two)
    splits = {name: (make_split(3).tokens, make_split(3).poems) for name in ("train", "valid")}
    with pytest.raises(SaveError, match="valid.tokens.npy: cannot be written"):
        write_dataset(folder, VOCAB, splits)
    with pytest.raises(DatasetError, match="no prepared dataset here"):
        Dataset.load(folder)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    splits = {name: (make_split(1).tokens, make_split(1).poems) for name in ("train", "valid")}
    with pytest.raises(SaveError, match="cannot be written"):
        write_dataset(tmp_path / "file" / "out", VOCAB, splits)
