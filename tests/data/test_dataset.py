"""The prepared dataset, in memory and on disk."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poetgen.data.dataset import Dataset, Split, write_dataset
from poetgen.data.sequence import CONTROL, NEEDED
from poetgen.data.vocab import Vocab
from poetgen.errors import DatasetError, SaveError
from poetgen.folders import switching

from helpers import VOCAB, make_split


def test_bodies_are_gathered_from_any_poems_in_any_order() -> None:
    split = make_split(50)
    chosen = np.array([7, 3, 49, 0])
    expected = [token for index in chosen.tolist() for token in split.fields(index)["body"].tolist()]
    assert split.body_tokens(chosen).tolist() == expected
    some = Split(split.tokens, split.poems[::7], split.layout)  # which do not stand side by side
    texts = ["".join(VOCAB.tokens[id] for id in some.fields(index)["body"].tolist()) for index in range(len(some))]
    assert "".join(some.bodies(poems=3)) == "".join(f"{text}\n" for text in texts)
    assert some.frequencies().sum() == sum(map(len, texts)) + len(texts)


# On disk ---------------------------------------------------------------------------------------------------------


def test_a_dataset_stays_as_it_was_read_whatever_becomes_of_its_files(prepared: Path, tmp_path: Path) -> None:
    """A mapped array that is cut short in place kills the process that looks at it."""
    folder = Path(shutil.copytree(prepared, tmp_path / "data"))
    dataset = Dataset.load(folder)
    before = [dataset.train.tokens.tolist(), dataset.train.poems.tolist(), dict(dataset.learned or {})]
    for path in folder.iterdir():
        os.truncate(path, 10)
    assert [dataset.train.tokens.tolist(), dataset.train.poems.tolist(), dataset.learned] == before
    assert dataset.train.tokens.dtype == np.uint16, "ids that fit take two bytes"


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
    with pytest.raises(DatasetError, match="train.poems.npy: its poems are not those of train.tokens.npy"):
        Dataset.load(folder)


def values(name: str, change: Callable[[np.ndarray], object]) -> Callable[[Path], None]:
    """Other numbers in an array of the same shape."""

    def spoil(folder: Path) -> None:
        array = np.load(folder / name)
        change(array)
        np.save(folder / name, array)

    return spoil


def put(field: str, index: int, number: int) -> Callable[[np.ndarray], None]:
    def change(poems: np.ndarray) -> None:
        poems[field][index] = number

    return change


def header(old: bytes, new: bytes) -> Callable[[Path], None]:
    """Another header before the same numbers."""

    def spoil(folder: Path) -> None:
        path = folder / "train.tokens.npy"
        data = path.read_bytes()
        text = data[10 : data.index(b"\n")].rstrip().replace(old, new)
        path.write_bytes(data[:8] + (len(text) + 1).to_bytes(2, "little") + text + data[data.index(b"\n") :])

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (values("train.tokens.npy", lambda ids: ids.__setitem__(3, 60_000)), "tokens.npy: an id beyond the vocabulary"),
        (values("train.poems.npy", put("start", 1, 0)), "poems.npy: its poems are not those"),
        (values("train.poems.npy", put("start", 1, -(2**62))), "poems.npy: its poems are not those"),
        (values("valid.poems.npy", put("title", 0, 65_535)), "poems.npy: its poems are not those"),
        *(
            (values(f"{split}.poems.npy", put(field, 0, 65_535)), f"{split}.poems.npy: a form, dynasty or rhyme beyond")
            for split in ("train", "valid")
            for field in ("form", "dynasty", "rhyme")
        ),
        (values("train.poems.npy", put("rhyme", 1, 2**32 - 1)), "rhyme beyond the vocabulary"),
        (header(b"(", b"(99999999999999, "), "cut short or"),
        (header(b"(", b"((((("), "cut short or not an array"),
        (header(b"'<u2'", b"'|O'"), "cut short or"),
        (header(b"'<u2'", b"print(1)"), "cut short or not an array"),
        (header(b"'<u2'", b"'<u8'"), "cut short or of another dataset"),
    ],
)
def test_arrays_are_held_against_each_other_and_the_vocabulary(
    spoil: Callable[[Path], None], message: str, prepared: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(prepared, tmp_path / "data"))
    spoil(folder)
    with pytest.raises(DatasetError, match=message):
        Dataset.load(folder)


@pytest.mark.parametrize("name", ["forms.json", "lines.safetensors"])
def test_what_a_run_would_copy_beside_its_weights_is_looked_at_first(name: str, prepared: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(prepared, tmp_path / "data"))
    (folder / name).write_bytes(b"{}")
    with pytest.raises(DatasetError, match=name):
        Dataset.load(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dataset.json", None, "no prepared dataset here; run poetgen preprocess --out"),
        ("dataset.json", "", "dataset.json: not a prepared dataset"),
        ("dataset.json", "[]", "dataset.json: not a prepared dataset"),
        ("dataset.json", "[" * 100_000, "dataset.json: not a prepared dataset"),
        ("dataset.json", '{"format": 2, "splits": {}}', "dataset.json: not a prepared dataset"),
        ("dataset.json", '{"format": 1, "splits": {}}', "dataset format 1; this poetgen reads format 2"),
        ("vocab.json", None, "vocab.json: missing"),
        ("vocab.json", "{", "vocab.json: not a vocabulary"),
        ("vocab.json", Vocab.build({}, CONTROL).to_json(), "vocab.json: of another dataset"),
        *(
            ("vocab.json", Vocab.build({}, set(CONTROL) - {token}).to_json(), rf"vocab.json: .*without \{token}")
            for token in NEEDED
        ),
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


def test_where_there_is_no_room_the_old_dataset_stays(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(prepared, tmp_path / "data"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    save = np.save
    calls = []

    def save_two(file: object, array: object, **options: object) -> None:
        calls.append(file)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        save(file, array, **options)  # type: ignore[arg-type,call-overload]

    monkeypatch.setattr(np, "save", save_two)
    splits = {name: (make_split(3).tokens, make_split(3).poems) for name in ("train", "valid")}
    with pytest.raises(SaveError) as error, switching(folder) as beside:
        write_dataset(beside, VOCAB, splits)
    assert str(error.value).startswith(f"{folder / 'valid.tokens.npy'}: cannot be written (No space left")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    splits = {name: (make_split(1).tokens, make_split(1).poems) for name in ("train", "valid")}
    with pytest.raises(SaveError, match="cannot be written"):
        write_dataset(tmp_path / "file" / "out", VOCAB, splits)
