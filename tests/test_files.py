"""Files that are the old one or the new one, whole."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from poetgen.errors import SaveError
from poetgen.files import atomic, ensure_writable, lock, parse_json, write_atomic


def test_a_file_appears_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "春.txt"
    write_atomic(path, "春眠\n")
    assert path.read_bytes() == "春眠\n".encode()
    write_atomic(path, b"\0\xff")
    assert path.read_bytes() == b"\0\xff"
    assert list(path.parent.iterdir()) == [path], "nothing is left beside it"


def test_to_ask_whether_a_place_can_be_written_leaves_nothing_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a"
    ensure_writable(path, tmp_path / "b")
    assert list(tmp_path.iterdir()) == [path.parent] and not list(path.parent.iterdir())
    write_atomic(path, "old")
    ensure_writable(path)
    assert path.read_text() == "old"


def test_until_the_end_the_old_file_stands(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "old")
    with atomic(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_failure_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "old")
    with pytest.raises(KeyboardInterrupt), atomic(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    with pytest.raises(SaveError, match="No space left") as error, atomic(path) as file:
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(path) in str(error.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "taken").mkdir(parents=True)
    for path in (
        tmp_path / "file" / "a",
        tmp_path / "file" / "b" / "a",
        tmp_path / "folder" / "taken",
        Path("/proc/a"),
    ):
        with pytest.raises(SaveError, match="cannot be written"):
            ensure_writable(path)
        with pytest.raises(SaveError, match="cannot be written") as error:
            write_atomic(path, "x")
        assert str(path) in str(error.value)
    with pytest.raises(SaveError):
        write_atomic(tmp_path / ("春" * 300), "x")


def test_a_read_only_file_system_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # There even removing what was never made is refused, and not as "no such file".
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(SaveError, match="Read-only file system"):
        write_atomic(tmp_path / "a", "x")


def in_a_process(code: str, *args: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE)


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "old")
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from poetgen.errors import SaveError\n"
        "from poetgen.files import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomic(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except SaveError as error: print(error)\n"
    )
    process = in_a_process(code, path)
    told = process.communicate()[0].decode()
    assert told == f"{path}: cannot be written (File too large); free some room, or choose another place\n"
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("wait", [0.0, 0.003, 0.01, 0.02, 0.03])
def test_a_kill_while_writing_leaves_a_whole_file(wait: float, tmp_path: Path) -> None:
    path = tmp_path / "a"
    size = 1_000_000
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from poetgen.files import write_atomic\n"
        "for turn in range(10**6):\n"
        f"    write_atomic(Path(sys.argv[1]), bytes([turn % 256]) * {size})\n"
        "    if turn == 1: print('on', flush=True)\n"
    )
    process = in_a_process(code, path)
    assert process.stdout is not None and process.stdout.readline() == b"on\n"
    time.sleep(wait)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    data = path.read_bytes()
    assert len(data) == size and len(set(data)) == 1
    write_atomic(path, "and what the kill left lying is no hindrance")
    assert list(tmp_path.iterdir()) == [path]


def test_the_caller_s_error_is_not_hidden(tmp_path: Path) -> None:
    def fail(write: Callable[[bytes], int]) -> None:
        write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), atomic(tmp_path / "a") as file:
        fail(file.write)
    assert list(tmp_path.iterdir()) == []


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))


def test_writers_at_once_publish_one_of_their_files_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from poetgen.files import atomic, ensure_writable\n"
        "sign = sys.argv[2].encode()\n"
        "for turn in range(60):\n"
        "    with atomic(Path(sys.argv[1])) as file:\n"
        "        for _ in range(20):\n"
        "            file.write(sign * 5000)\n"
        "            file.flush()\n"
        "    ensure_writable(Path(sys.argv[1]))\n"
    )
    writers = [in_a_process(code, path, sign) for sign in "abc"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            data = path.read_bytes()
            assert len(data) == 100_000 and len(set(data)) == 1, "of one writer alone, and whole"
            seen.add(data[:1])
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert len(seen) > 1 and list(tmp_path.iterdir()) == [path]


def test_a_second_writer_leaves_the_first_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with atomic(path) as first:
        first.write(b"first")
        ensure_writable(path)
        with atomic(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second" and len(leftovers(tmp_path)) == 1
    assert path.read_bytes() == b"first" and list(tmp_path.iterdir()) == [path]


def test_what_killed_writers_leave_does_not_pile_up(tmp_path: Path) -> None:
    path = tmp_path / "a"
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from poetgen.files import atomic\n"
        "with atomic(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'), file.flush()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    (tmp_path / ".a.part").write_text("of an earlier version")
    others = {".a.mine.part", ".b.0123abcd.part", "a.0123abcd.part", ".xa.0123abcd.part"}
    for name in others:
        (tmp_path / name).write_text("no part of a")
    for _ in range(3):
        process = in_a_process(code, path)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert len(set(leftovers(tmp_path)) - others) == 1, "that of the last alone"
        assert not path.exists()
    write_atomic(path, "whole")
    assert set(leftovers(tmp_path)) == others and path.read_text() == "whole"


def test_a_new_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    for mask in (0o022, 0o077):
        before = os.umask(mask)
        try:
            write_atomic(tmp_path / "a", "x")
            (tmp_path / "plain").unlink(missing_ok=True)
            (tmp_path / "plain").open("w").close()
        finally:
            os.umask(before)
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_gives_way_and_what_it_names_is_left(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "real").read_text() == "old" and (tmp_path / "link").read_text() == "new"
    assert not (tmp_path / "link").is_symlink()


def test_a_file_is_locked_by_one_alone(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as first, (tmp_path / "a").open("ab") as second:
        assert lock(first) and not lock(second)
        first.close()
        assert lock(second)


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a": ', "}")])
@pytest.mark.parametrize("depth", [*range(1, 80), *range(100, 12_000, 700), 100_000])
def test_json_of_any_depth_is_read_or_refused(opened: str, closed: str, depth: int) -> None:
    """Where json.loads itself gives up differs between versions of Python: around 1,000 on 3.11, at 10,000 on 3.12."""
    text = opened * depth + "1" + closed * depth
    if depth <= 64:
        assert parse_json(text) is not None
    else:
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_json(text)
