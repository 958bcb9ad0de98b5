"""Which checkpoints there are, by name, and which one is taken."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poetgen.errors import CheckpointError, PoetgenError, SourceError
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.packing import pack, packed_name, unpack
from poetgen.network.registry import CONFIG, WEIGHTS, boxed, find, named, names, summaries, summarised


def make(folder: Path, age: float = 0, **config: Any) -> Path:
    """What the registry looks at of a checkpoint, so many seconds old."""
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    (folder / WEIGHTS).write_bytes(b"")
    os.utime(folder / WEIGHTS, (10**9 - age, 10**9 - age))
    return folder


CLASSICAL = {"forms": {"七绝": 1.0}, "titled": 1.0, "length": 64}
MODERN = {"forms": {"": 1.0}, "titled": 1.0, "length": 300}


def test_the_newest_checkpoint_is_taken(tmp_path: Path) -> None:
    for age, name in enumerate(("c", "a", "b")):
        make(tmp_path / name, age)
    (tmp_path / "half").mkdir()
    (tmp_path / "file").write_text("")
    assert [summary.name for summary in summaries(tmp_path)] == ["c", "a", "b", "box"]
    assert find(folder=tmp_path) == tmp_path / "c"
    (tmp_path / "c" / CONFIG).unlink()
    assert find(folder=tmp_path) == tmp_path / "a", "half a checkpoint is none"
    assert find(tmp_path / "b", tmp_path) == tmp_path / "b"
    assert find(folder=tmp_path / "nowhere") == boxed()


@pytest.mark.parametrize(
    ("new", "old", "taken"),
    [
        # a run of forty steps beside a good poet of the same kind, whatever its dataset
        ({"figures": {"ppl_char": 1139.0}, "corpus": CLASSICAL}, {"figures": {"ppl_char": 120.0}}, "old"),
        ({"figures": {"ppl_char": 1139.0}}, {"figures": {"ppl_char": 1300.0}}, "box"),
        # figures of different poems tell little that are near each other
        ({"figures": {"ppl_char": 202.0}, "corpus": CLASSICAL}, {"figures": {"ppl_char": 120.0}}, "new"),
        # those of another kind of text tell nothing, unless it is the same text
        ({"figures": {"ppl_char": 1139.0}, "corpus": MODERN}, {"figures": {"ppl_char": 120.0}}, "new"),
        (
            {"figures": {"ppl_char": 1139.0}, "corpus": MODERN, "dataset": "d"},
            {"figures": {"ppl_char": 300.0}, "corpus": MODERN, "dataset": "d"},
            "old",
        ),
        # what is not known is no reason
        ({"figures": {}}, {"figures": {"ppl_char": 120.0}}, "new"),
        ({"figures": {"ppl_char": None}}, {"figures": {"ppl_char": "low"}}, "new"),
        ({"figures": 3}, {"figures": []}, "new"),
    ],
)
def test_gibberish_does_not_take_the_place_of_a_good_poet(
    new: dict[str, Any], old: dict[str, Any], taken: str, tmp_path: Path
) -> None:
    make(tmp_path / "new", 0, **new)
    make(tmp_path / "old", 1, **old)
    told: list[str] = []
    found = find(folder=tmp_path, say=told.append)
    assert found == (boxed() if taken == "box" else tmp_path / taken)
    assert bool(told) == (taken != "new") and all("far behind: ppl_char 1,139.0" in line for line in told[:1])
    assert find(tmp_path / "new", tmp_path) == tmp_path / "new", "who asks for it gets it"


def test_checkpoints_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "checkpoints"
    make(home / "tang")
    assert named("tang", home) == home / "tang" and named(home / "tang", home) == home / "tang"
    assert named("box", home) == boxed() and names(home) == ["box", "tang"]
    with pytest.raises(CheckpointError, match="did you mean tang"):
        named("tagn", home)
    with pytest.raises(CheckpointError, match="poetgen models lists"):
        named("宋", home)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        named("x" * 5000, home)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "box").mkdir()
    assert named("box", home) == boxed(), "a folder of that name which is none"


def test_a_summary_opens_no_network() -> None:
    code = (
        "import sys; from poetgen.network.registry import boxed, summarised; print(summarised(boxed()).id)\n"
        "print([name for name in ('torch', 'numpy', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{Checkpoint.load(boxed()).id}\n[]\n"


@pytest.mark.parametrize("data", [b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0[]", b"\x03\0\0\0\0\0\0\0{}x"])
def test_an_id_that_cannot_be_read(data: bytes, tmp_path: Path) -> None:
    make(tmp_path / "odd")
    (tmp_path / "odd" / WEIGHTS).write_bytes(data)
    assert summarised(tmp_path / "odd").id == ""


# As one file -----------------------------------------------------------------------------------------------------


def test_a_checkpoint_goes_into_one_file_and_back(tiny: Path, tmp_path: Path) -> None:
    packed, again = tmp_path / "a.zip", tmp_path / "b.zip"
    id = pack(tiny, "tiny", packed)
    pack(tiny, "tiny", again)
    assert packed.read_bytes() == again.read_bytes() and packed_name(packed) == "tiny"
    shutil.copytree(tiny, tmp_path / "home")
    (tmp_path / "home" / "run.png").write_bytes(b"of another")
    (tmp_path / "home" / "mine.txt").write_bytes(b"of a person")
    assert unpack(packed, tmp_path / "home") == id == Checkpoint.load(tiny).id
    left = {path.name for path in (tmp_path / "home").iterdir()}
    assert "mine.txt" in left and not left & {"run.png", "train.state", "log.jsonl"}
    assert (tmp_path / "home" / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            if changed := change(member, old.read(member)):
                new.writestr(*changed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name, data: None if name.endswith(WEIGHTS) else (name, data), "not a checkpoint"),
        (lambda name, data: (name + ".py", data), "it holds tiny/"),
        (lambda name, data: (f"../{name}", data), "leads out of the archive"),
        (lambda name, data: (f"/etc/{name}", data), "leads out of the archive"),
        (lambda name, data: (f"{name[:4]}{len(data)}{name[4:]}", data), "not a checkpoint"),
        (lambda name, data: (name, data + b" " * (2 << 20) if name.endswith(CONFIG) else data), "more than it may"),
        (lambda name, data: (name, data + b" " * (30 << 20) if name.endswith("vocab.json") else data), "would expand"),
        (lambda name, data: (name, data[:-9] if name.endswith(WEIGHTS) else data), "cut short"),
        (lambda name, data: (name, b"[]" if name.endswith("vocab.json") else data), "vocab.json"),
    ],
)
def test_a_file_that_is_none_of_ours_changes_nothing(
    change: Callable[[str, bytes], tuple[str, bytes] | None], said: str, tiny: Path, tmp_path: Path
) -> None:
    pack(tiny, "tiny", tmp_path / "good.zip")
    rewritten(tmp_path / "good.zip", tmp_path / "bad.zip", change)
    shutil.copytree(tiny, tmp_path / "home")
    before = {path.name: path.read_bytes() for path in (tmp_path / "home").iterdir()}
    with pytest.raises(PoetgenError, match=said) as raised:
        unpack(tmp_path / "bad.zip", tmp_path / "home")
    assert ".next" not in str(raised.value)
    assert {path.name: path.read_bytes() for path in (tmp_path / "home").iterdir()} == before
    with pytest.raises(SourceError):
        packed_name(tiny / CONFIG)


@pytest.mark.parametrize(
    ("figure", "header"), [("1" + "0" * 400, "{}"), ('"much"', "[" * 100_000), ("NaN", "[]"), ("null", '"春"')]
)
def test_what_a_stranger_wrote_into_a_checkpoint_breaks_no_list(figure: str, header: str, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / CONFIG).write_text(f'{{"figures": {{"ppl_char": {figure}}}}}', encoding="utf-8")
    (folder / WEIGHTS).write_bytes(len(header.encode()).to_bytes(8, "little") + header.encode())
    os.utime(folder / WEIGHTS, (2**40, 2**40))
    found = {summary.name: summary for summary in summaries(tmp_path)}
    assert found["theirs"].id == ""
    assert find(folder=tmp_path)
