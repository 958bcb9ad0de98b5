"""Which lines stand in a corpus."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from poetgen.data import line_index as module
from poetgen.data.line_index import LineIndex
from poetgen.errors import CheckpointError, SaveError
from poetgen.text import clauses

from helpers import CHARACTERS, make_poem


def make_lines(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return list({"".join(draw.choices(CHARACTERS, k=draw.choice((5, 6, 7)))): None for _ in range(count)})


def test_every_line_of_the_corpus_is_known() -> None:
    bodies = [make_poem(number)["content"].replace("|", "") for number in range(400)]
    index = LineIndex.build(bodies)
    found = [line for body in bodies for line in clauses(body)]
    assert index.known(found).all() and found[7] in index
    assert index.lines == len(set(found))


def test_how_often_another_line_is_taken_for_known() -> None:
    own, others = make_lines(40_000, seed=1), make_lines(40_000, seed=2)
    index = LineIndex.build(own)
    strangers = sorted(set(others) - set(own))
    assert index.known(own).all()
    assert 0.005 < index.known(strangers).mean() < 0.02, "as the arithmetic has it: 0.013"


def test_how_texts_are_cut_makes_no_difference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bodies = [make_poem(number)["content"].replace("|", "") for number in range(50)]
    monkeypatch.setattr(module, "_CHUNK", 100)
    for name, texts in (
        ("bodies", bodies),
        ("again", bodies[::-1] + bodies[:9]),
        ("one", ["\n".join(bodies)]),
        ("lines", [line for body in bodies for line in clauses(body)]),
    ):
        LineIndex.build(iter(texts)).save(tmp_path / name)
    assert len({(tmp_path / name).read_bytes() for name in ("bodies", "again", "one", "lines")}) == 1


def test_pauses_do_not_count_and_short_lines_are_not_indexed() -> None:
    index = LineIndex.build(["中仄仄、平平仄，明月几时有？把酒。"])
    assert "中仄仄平平仄" in index and "中、仄仄平平仄" in index and "明月几时有？" in index
    assert "把酒" not in index and "" not in index and index.lines == 2
    assert index.known([]).shape == (0,)


def test_an_index_of_nothing_knows_nothing() -> None:
    index = LineIndex.build([])
    assert "白日依山尽" not in index and index.lines == 0


def test_one_file_on_every_machine(tmp_path: Path) -> None:
    """The bits are part of the format: an index must be read by later versions, and does not hang on PYTHONHASHSEED."""
    LineIndex.build(["白日依山尽，黄河入海流。", "欲穷千里目，更上一层楼。"]).save(tmp_path / "a")
    bits = load_file(tmp_path / "a")["bits"]
    code = (
        "import sys; from pathlib import Path; from poetgen.data.line_index import LineIndex\n"
        "LineIndex.build(['白日依山尽，黄河入海流。欲穷千里目，更上一层楼。']).save(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "b")], check=True)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    assert hashlib.sha256(bits.tobytes()).hexdigest()[:16] == "d0327f433ff52a3e"


def test_there_and_back(tmp_path: Path) -> None:
    own = make_lines(2_000, seed=3)
    index = LineIndex.build(own)
    index.save(tmp_path / "lines.safetensors")
    again = LineIndex.load(tmp_path / "lines.safetensors")
    assert again is not None and again.lines == index.lines
    asked = own + make_lines(2_000, seed=4)
    assert (again.known(asked) == index.known(asked)).all()
    assert (tmp_path / "lines.safetensors").stat().st_size < 1.2 * index.lines + 300, "a bit more than a byte a line"
    assert LineIndex.load(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"bits": np.zeros(8, np.uint8), "lines": np.array([1])}, {"format": "poetgen lines 2"}),
        ({"bits": np.zeros(8, np.uint8), "lines": np.array([1])}, None),
        ({"bits": np.zeros(8, np.uint8)}, {"format": module.LINE_INDEX_FORMAT}),
        ({"bits": np.zeros(0, np.uint8), "lines": np.array([1])}, {"format": module.LINE_INDEX_FORMAT}),
        ({"bits": np.zeros((2, 4), np.uint8), "lines": np.array([1])}, {"format": module.LINE_INDEX_FORMAT}),
        ({"bits": np.zeros(8, np.float32), "lines": np.array([1])}, {"format": module.LINE_INDEX_FORMAT}),
        ({"bits": np.zeros(8, np.uint8), "lines": np.array([1, 2])}, {"format": module.LINE_INDEX_FORMAT}),
        ({"bits": np.zeros(8, np.uint8), "lines": np.array([-1])}, {"format": module.LINE_INDEX_FORMAT}),
    ],
)
def test_a_foreign_file_is_named(
    tensors: dict[str, np.ndarray], metadata: dict[str, str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "lines.safetensors"
    save_file(tensors, path, metadata)
    with pytest.raises(CheckpointError, match=r"lines\.safetensors: (format|not an index)"):
        LineIndex.load(path)


@pytest.mark.parametrize("keep", [0, 4, 60, 2000])
def test_a_file_that_was_cut_is_named(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "lines.safetensors"
    LineIndex.build(make_lines(3_000, seed=5)).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="delete the file"):
        LineIndex.load(path)


def test_a_file_out_of_all_proportion_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines.safetensors"
    LineIndex.build(make_lines(3_000, seed=5)).save(path)
    monkeypatch.setattr(module, "_MAX_BYTES", 1_000)
    with pytest.raises(CheckpointError, match="more than"):
        LineIndex.load(path)


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError):
        LineIndex.build(["白日依山尽"]).save(tmp_path / "file" / "lines.safetensors")
