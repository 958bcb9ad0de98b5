"""Sources: what is listed, in which order, what is passed over, and what is refused."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import struct
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from poetgen.corpus.sources import Document, documents
from poetgen.errors import SourceError

POEM = "床前明月光，疑是地上霜。"


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def names(listed: list[Document]) -> list[str]:
    return [document.name for document in listed]


def test_a_folder_is_read_in_the_order_of_names_with_its_archives_in_place(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    (corpus / "b").mkdir(parents=True)
    (corpus / "c.txt").write_bytes(b"c")
    (corpus / "b" / "2.txt").write_bytes(b"b2")
    (corpus / "b" / "1.txt").write_bytes(b"b1")
    write_zip(corpus / "a.zip", {"y.json": b"[]y", "x/z.json": b"[]z"})
    listed = documents([corpus])
    assert names(listed) == [
        "corpus/a.zip:x/z.json",
        "corpus/a.zip:y.json",
        "corpus/b/1.txt",
        "corpus/b/2.txt",
        "corpus/c.txt",
    ]
    assert [document.read() for document in listed] == [b"[]z", b"[]y", b"b1", b"b2", b"c"]
    assert [document.size for document in listed] == [3, 3, 2, 2, 1]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1.txt", "2.txt", "a.zip", "b", "c.txt", "corpus"]


def test_sources_keep_their_order_and_a_file_reached_twice_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text(POEM, encoding="utf-8")
    (tmp_path / "a.txt").write_text(POEM, encoding="utf-8")
    listed = documents([tmp_path / "b.txt", tmp_path])
    assert [document.path.name for document in listed] == ["b.txt", "a.txt"]
    assert [document.asked for document in listed] == [True, False]


def test_an_archive_is_known_by_its_content(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "poems.dat", {"a.txt": b"a"})
    assert names(documents([path])) == ["poems.dat:a.txt"]


def test_what_is_no_corpus_is_passed_over_and_counted(tmp_path: Path) -> None:
    for name in ("LICENSE", "README.md", "cover.png", ".hidden.txt", "poems.txt", "poems.zip.part"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "prepared").mkdir()
    for name in ("report.json", "vocab.json", "train.json"):
        (tmp_path / "prepared" / name).write_bytes(b"{}")
    write_zip(tmp_path / "z.zip", {"readme.txt": b"x", "in.zip": b"x", "__MACOSX/._a": b"x", "a.txt": b"x"})
    counts: Counter[str] = Counter()
    listed = documents([tmp_path], passed_over=counts)
    assert [document.name.split("/", 1)[1] for document in listed] == ["poems.txt", "z.zip:a.txt"]
    assert counts == {
        "readme or licence": 3,
        ".png file": 1,
        ".part file": 1,
        "prepared dataset": 1,
        "archive in an archive": 1,
        "hidden": 2,
        "link to a folder, or to nothing": 1,
    }


def test_a_name_that_is_no_text_can_be_shown(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_bytes(b"x")
    except OSError:
        pytest.skip("names are text on this file system")
    (document,) = documents([tmp_path])
    assert document.name.endswith("/\\xff.txt") and document.read() == b"x"


def test_a_damaged_member_of_any_packing_is_told(tmp_path: Path) -> None:
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        path = write_zip(tmp_path / f"{compression}.zip", {"a.txt": os.urandom(2000)}, compression)
        data = bytearray(path.read_bytes())
        data[60:900] = bytes(840)
        path.write_bytes(data)
        (document,) = documents([path])
        with pytest.raises(SourceError, match=f"{compression}.zip:a.txt"):
            document.read()


def test_a_link_that_leads_back_up_does_not_go_round_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(documents([tmp_path])) == 1


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_member_names_without_a_utf8_flag_are_read_as_their_writer_meant(tmp_path: Path, encoding: str) -> None:
    # zipfile cannot write such names; the bytes of an ASCII name of the same length are exchanged for them.
    raw = "宋词.json".encode(encoding)
    stand_in = b"n" * len(raw)
    path = write_zip(tmp_path / "a.zip", {stand_in.decode(): b"[]"})
    path.write_bytes(path.read_bytes().replace(stand_in, raw))
    assert names(documents([path])) == ["a.zip:宋词.json"]
    assert documents([path])[0].read() == b"[]"


def _read(document: Document) -> bytes:
    return document.read()


def test_documents_travel_to_other_processes(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{i:03}.txt": bytes([i]) * 5000 for i in range(100)})
    listed = documents([path])
    listed[0].read()  # the archive is open here before the workers start
    assert pickle.loads(pickle.dumps(listed)) == listed
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_read, listed, chunksize=1) == [bytes([i]) * 5000 for i in range(100)]


# ---- bad input: one line that names the file


def refuse(*sources: Path | str, match: str, **options: int) -> str:
    with pytest.raises(SourceError, match=match) as caught:
        for document in documents(list(sources), **options):
            document.read()
    message = str(caught.value)
    assert "\n" not in message
    assert Path(sources[0]).name in message
    return message


def test_a_missing_source(tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", match="no such file or folder")


@pytest.mark.parametrize("call", ["open", "read_bytes"])
def test_an_unreadable_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    # Tests may run as root, whom no permission stops.
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.txt").write_bytes(b"x")
    monkeypatch.setattr(Path, call, denied)
    refuse(tmp_path / "secret.txt", match=r"cannot be read \(Permission denied\)")


def test_a_source_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refuse(tmp_path / "pipe", match="neither a file nor a folder")


def test_a_file_that_went_away(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    document = documents([tmp_path])[0]
    document.path.unlink()
    with pytest.raises(SourceError, match=r"a\.txt: cannot be read"):
        document.read()


def test_no_sources_at_all() -> None:
    with pytest.raises(SourceError, match="no sources"):
        documents([])


@pytest.mark.parametrize("member", [None, "LICENSE"])
def test_an_empty_folder_and_one_without_anything_usable(tmp_path: Path, member: str | None) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    if member:
        (folder / member).write_bytes(b"x")
    refuse(folder, match="nothing in it can be a corpus")


def test_a_corrupt_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"no archive")
    refuse(path, match="not a .zip archive")
    whole = write_zip(tmp_path / "b.zip", {"a.txt": POEM.encode() * 100}).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refuse(path, match="not a .zip archive, or a damaged one")


def test_a_bad_checksum(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"poem.txt": POEM.encode()}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace("明".encode(), "日".encode()))
    assert "poem.txt" in refuse(path, match="damaged in the archive")


def test_a_broken_stream(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"poem.txt": os.urandom(3000).hex().encode()})
    data = bytearray(path.read_bytes())
    data[200:1200] = b"\xff" * 1000
    path.write_bytes(data)
    assert "poem.txt" in refuse(path, match="damaged in the archive")


@pytest.mark.parametrize("name", ["../up.txt", "/etc/poem.txt", "a/../../up.txt", "C:/poem.txt", "..\\up.txt"])
def test_members_whose_paths_climb_out(tmp_path: Path, name: str) -> None:
    refuse(write_zip(tmp_path / "a.zip", {"good.txt": b"x", name: b"x"}), match="leads out of the archive")


def test_a_bomb_by_ratio(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"zeros.txt": b"0" * (20 << 20)})
    assert path.stat().st_size < 50_000
    refuse(path, match="would expand")


def test_a_bomb_by_sum(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{i}.txt": os.urandom(500) for i in range(10)})
    refuse(path, match="expands to", max_expanded=4999)
    assert len(documents([path], max_expanded=5000)) == 10


def test_a_bomb_by_overlap(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.txt": os.urandom(5000), "b.txt": os.urandom(5000)})
    data = path.read_bytes()
    # Let the directory's second entry point at the first member as well, and call it as large as the file.
    entry = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data = data[: entry + 20] + struct.pack("<II", 9000, 9000) + data[entry + 28 :]
    path.write_bytes(data)
    refuse(path, match="overlap")


def test_a_member_that_lies_about_its_size(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.txt": POEM.encode() * 100})
    data = path.read_bytes()
    size = struct.pack("<I", len(POEM.encode() * 100))
    for lie in (struct.pack("<I", 36), struct.pack("<I", 9999)):
        path.write_bytes(data.replace(size, lie))
        refuse(path, match="damaged in the archive|cut short")


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.txt": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refuse(path, match="encrypted")


def test_an_unknown_compression(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.txt": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 10] = 99
    path.write_bytes(data)
    refuse(path, match="packed by a method unknown")
