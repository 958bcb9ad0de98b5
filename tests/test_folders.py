"""Folders that change as one and are written by one process at a time."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from poetgen import folders
from poetgen.errors import PoetgenError, SaveError
from poetgen.folders import claimed, located, read_as_one, settle, switching

OLD = {"a": "old a", "b": "old b", "gone": "old"}
NEW = {"a": "new a", "b": "new b", "c": "new c"}
NAMES = sorted(OLD | NEW)


def fill(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def change(folder: Path) -> None:
    with switching(folder, ["gone", "never there"]) as beside:
        fill(beside, NEW)


def visible(folder: Path) -> dict[str, str]:
    """The files of a folder as anybody sees them; there may be nothing else."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def read(folder: Path) -> dict[str, str]:
    def whole(where: Callable[[str], Path]) -> dict[str, str]:
        return {name: where(name).read_text() for name in NAMES if where(name).exists()}

    return read_as_one(folder, NAMES, whole)


def test_files_change_together_and_what_is_not_theirs_stays(tmp_path: Path) -> None:
    fill(tmp_path, OLD | {"notes.txt": "mine"})
    with switching(tmp_path, ["gone"]) as beside:
        fill(beside, NEW)
        assert read(tmp_path) == OLD
    assert visible(tmp_path) == NEW | {"notes.txt": "mine"}


def test_an_error_leaves_all_as_it_was(tmp_path: Path) -> None:
    fill(tmp_path, OLD)
    with pytest.raises(ZeroDivisionError), switching(tmp_path, ["gone"]) as beside:
        fill(beside, {"a": "half"})
        raise ZeroDivisionError
    assert visible(tmp_path) == OLD


@pytest.mark.parametrize("name", ["a", "gone"])
def test_a_folder_in_the_way_is_named_before_anything_changes(name: str, tmp_path: Path) -> None:
    fill(tmp_path, {other: text for other, text in OLD.items() if other != name})
    (tmp_path / name).mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SaveError, match=f"{name}: cannot be written"):
        change(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="file/out: cannot be written"):
        change(tmp_path / "file" / "out")
    with pytest.raises(SaveError, match="file/out: cannot be written"), claimed(tmp_path / "file" / "out"):
        pass


#: Changes copies of a folder, each in a process that is killed before the n-th of its operations on files.
KILLED = """
import os, signal, shutil, sys
from pathlib import Path
from poetgen import folders
root, left = Path(sys.argv[1]), -1
def count(event, args):
    global left
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open") and str(root) in str(args[0]):
        left -= 1
        if left == -1:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
for number in range(1000):
    folder = Path(shutil.copytree(root / "old", root / str(number)))
    pid = os.fork()
    if not pid:
        left = number
        with folders.switching(folder, ["gone"]) as beside:
            for name in "abc":
                (beside / name).write_text(f"new {name}")
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != -signal.SIGKILL:
        break
print(number)
"""


def test_a_kill_at_any_operation_leaves_the_old_files_or_the_new(tmp_path: Path) -> None:
    fill(tmp_path / "old", OLD)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, check=True)
    seen = []
    for number in range(int(done.stdout) + 1):
        folder = tmp_path / str(number)
        copy = Path(shutil.copytree(folder, tmp_path / f"copy of {number}"))
        found = read(folder)
        assert found in (OLD, NEW), number
        seen.append(found == NEW)
        assert {path.name for path in folder.iterdir() if path.suffix != ".next"} == found.keys(), "it is moved out"
        # Where that cannot be, it is read where it lies.
        whole = {name: located(copy, name).read_text() for name in NAMES if located(copy, name).exists()}
        assert whole == found
        change(folder)
        assert visible(folder) == NEW, "nothing is left of what was killed"
    assert seen == sorted(seen) and 5 < sum(seen) < len(seen) - 5, "one instant, with some before it and some after it"


@pytest.mark.slow
@pytest.mark.processes
def test_a_reader_never_sees_a_mixture(tmp_path: Path) -> None:
    fill(tmp_path, dict.fromkeys("abc", "0"))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from poetgen.folders import switching\n"
        "for turn in range(1, 200):\n"
        "    with switching(Path(sys.argv[1])) as beside:\n"
        "        for name in 'abc': (beside / name).write_text(str(turn))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    seen = set()
    while writer.poll() is None:
        texts = read_as_one(tmp_path, list("abc"), lambda where: [where(name).read_text() for name in "abc"])
        assert len(set(texts)) == 1, texts
        seen |= set(texts)
    assert writer.returncode == 0 and len(seen) > 10


def test_what_changes_without_end_is_told(tmp_path: Path) -> None:
    def touch(where: Callable[[str], Path]) -> None:
        with where("a").open("a") as file:
            file.write("x")

    with pytest.raises(PoetgenError, match="changes all the time"):
        read_as_one(tmp_path, ["a"], touch)


@pytest.mark.slow
@pytest.mark.processes
def test_two_that_change_a_folder_do_so_one_after_the_other(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from poetgen.folders import switching\n"
        "for turn in range(60):\n"
        "    with switching(Path(sys.argv[1])) as beside:\n"
        "        for name in 'abc': (beside / name).write_text(sys.argv[2])\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), sign]) for sign in "xyz"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert sorted(visible(tmp_path)) == ["a", "b", "c"] and len(set(visible(tmp_path).values())) == 1


# What strangers may have put there -------------------------------------------------------------------------------


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    fill(tmp_path, {"precious": "mine"})
    folder = tmp_path / "folder"
    fill(folder, OLD)
    fill(folder / ".switch", {"a": "new a"})
    for gone in (["../precious", "..", ".", "", "b/../../precious", str(tmp_path / "precious"), 7, "gone"], 5, {}, "x"):
        (folder / ".switch" / ".gone").write_text(json.dumps(gone))
        assert located(folder, "a").read_text() == "new a"
        settle(folder)
        fill(folder / ".switch", {"a": "new a"})
    settle(folder)
    assert (tmp_path / "precious").read_text() == "mine"
    assert visible(folder) == {"a": "new a", "b": "old b"}


def test_a_link_is_no_switch(tmp_path: Path) -> None:
    """Or the files of another folder would be moved away."""
    fill(tmp_path / "documents", {"precious": "mine"})
    fill(tmp_path / "folder", OLD)
    (tmp_path / "folder" / ".switch").symlink_to(tmp_path / "documents")
    settle(tmp_path / "folder")
    assert visible(tmp_path / "documents") == {"precious": "mine"}
    with pytest.raises(SaveError, match="cannot be written"):
        change(tmp_path / "folder")
    assert visible(tmp_path / "documents") == {"precious": "mine"}


# One at a time ---------------------------------------------------------------------------------------------------


def test_a_folder_is_claimed_by_one_alone_and_given_back(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    with claimed(folder) as sure:
        assert sure
        with pytest.raises(SaveError, match="folder: another process is writing it"), claimed(folder):
            pass
        assert folder.is_dir(), "which the refused one does not take away"
    assert not folder.exists(), "made for the claim alone"
    with claimed(folder):
        fill(folder, OLD)
    with claimed(folder):
        pass
    assert visible(folder) == OLD


def test_a_claim_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from poetgen.folders import claimed\n"
        "with claimed(Path(sys.argv[1])):\n"
        "    print('on', flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"on\n"
    with pytest.raises(SaveError), claimed(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with claimed(tmp_path) as sure:
        assert sure


def test_where_folders_have_no_locks_a_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on network file systems; and where that has none either, it is said, and all else works."""
    plain = fcntl.flock

    def flock(file: int, how: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{file}") or not files:
            raise OSError(9, "Bad file descriptor")
        plain(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    files = True
    with claimed(tmp_path) as sure:
        assert sure
        with pytest.raises(SaveError, match="another process is writing it"), claimed(tmp_path):
            pass
    files = False
    with claimed(tmp_path) as sure, claimed(tmp_path):
        assert not sure
        fill(tmp_path, OLD)
        change(tmp_path)
    (tmp_path / ".lock").unlink()
    assert visible(tmp_path) == NEW
    fill(tmp_path / folders._SWITCH, {"a": "newer"})
    assert read(tmp_path) == NEW | {"a": "newer"}
