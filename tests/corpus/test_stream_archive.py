"""Packed files and .tar archives are read in place, and held to the rules of a well-meant archive."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import sys
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from poetgen.corpus import stream_archive
from poetgen.corpus.readers import read
from poetgen.corpus.sources import Document, documents
from poetgen.errors import SourceError

POEM = "静夜思:床前明月光，疑是地上霜。\n"

Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
TARS: dict[str, Pack] = {"tar": bytes, **{f"tar.{name}": pack for name, pack in PACKS.items()}}


def tar(members: dict[str, bytes], *others: tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in others:
            archive.addfile(info)
    return out.getvalue()


def other(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", PACKS)
@pytest.mark.parametrize("in_folder", [False, True])
def test_a_packed_file_is_as_good_as_the_file(tmp_path: Path, kind: str, in_folder: bool) -> None:
    path = write(tmp_path / f"poems.txt.{kind}", PACKS[kind](POEM.encode()))
    (document,) = documents([tmp_path if in_folder else path])
    assert (document.size, document.asked, document.packing) == (len(POEM.encode()), not in_folder, kind)
    (record,) = read(document)
    assert record.title == "静夜思" and record.origin.endswith(f"poems.txt.{kind}, line 1")


@pytest.mark.parametrize("kind", TARS)
def test_a_tar_is_read_in_its_order_whatever_it_is_called(tmp_path: Path, kind: str) -> None:
    members = {f"poems/{number}.txt": f"{number}{POEM}".encode() * 500 for number in (2, 1, 3)}
    data = tar(members | {"./d.txt": b"d"}, other("poems", tarfile.DIRTYPE), other("f", tarfile.FIFOTYPE))
    path = write(tmp_path / "poems.dat", TARS[kind](data))
    counts: Counter[str] = Counter()
    listed = documents([path], passed_over=counts)
    assert [document.name.partition(":")[2] for document in listed] == [*members, "d.txt"]
    assert [document.read() for document in listed] == [*members.values(), b"d"]
    # In any order, in other processes too.
    again: list[Document] = pickle.loads(pickle.dumps(listed))[::-1]
    assert [document.read() for document in again] == [b"d", *members.values()][:1] + [*members.values()][::-1]
    assert counts == {"link or device": 1}


def test_what_is_no_corpus_in_a_tar_is_counted(tmp_path: Path) -> None:
    names = ["a.txt", "README.md", ".hidden.txt", "x.png", "in.zip", "in.tar.gz", "__MACOSX/._a.txt"]
    links = [other("l.txt", tarfile.SYMTYPE, "/etc/passwd"), other("h.txt", tarfile.LNKTYPE, "a.txt")]
    path = write(tmp_path / "a.tgz", gzip.compress(tar(dict.fromkeys(names, b"x"), *links)))
    counts: Counter[str] = Counter()
    assert [document.name for document in documents([path], passed_over=counts)] == ["a.tgz:a.txt"]
    assert counts == {
        "readme or licence": 1,
        "hidden": 2,
        ".png file": 1,
        "archive in an archive": 2,
        "link or device": 2,
    }


def test_names_of_members_in_gbk(tmp_path: Path) -> None:
    data = tar({"nnnn.txt": b"x"}, format=tarfile.USTAR_FORMAT)
    header = bytearray(data[:512])
    header[:4] = "宋词".encode("gbk")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    (document,) = documents([write(tmp_path / "a.tar", bytes(header) + data[512:])])
    assert document.name == "a.tar:宋词.txt"


# ---- bad input


def refuse(path: Path, match: str, **options: int) -> None:
    with pytest.raises(SourceError, match=match) as caught:
        for document in documents([path], **options):
            document.read()
    assert path.name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../up.txt", "/etc/poem.txt", "a/../../up.txt", "C:/poem.txt"])
def test_members_whose_paths_climb_out(tmp_path: Path, name: str) -> None:
    refuse(write(tmp_path / "a.tar", tar({"good.txt": b"x", name: b"x"})), "leads out of the archive")


@pytest.mark.parametrize("kind", PACKS)
def test_bombs(tmp_path: Path, kind: str) -> None:
    zeros = bytes(20 << 20)
    refuse(write(tmp_path / "a.txt", PACKS[kind](zeros)), "expands more than 200 times")
    refuse(write(tmp_path / "b.tar", PACKS[kind](tar({"a.txt": zeros}))), "expands more than 200 times")
    refuse(write(tmp_path / "c.tar", PACKS[kind](os.urandom(5000))), "more than the limit", max_expanded=4999)


@pytest.mark.parametrize("kind", TARS)
def test_damage(tmp_path: Path, kind: str) -> None:
    data = TARS[kind](tar({"a.txt": os.urandom(5000), "b.txt": os.urandom(5000)}))
    refuse(write(tmp_path / "cut", data[: len(data) // 3]), "damaged")
    broken = bytearray(data)
    broken[6000:6700] = b"\xff" * 700
    refuse(write(tmp_path / "broken", bytes(broken)), "damaged")
    document = documents([write(tmp_path / "good", data)])[-1]
    document.path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match="good:b.txt"):
        document.read()


def test_zstd_without_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.txt.zst", b"\x28\xb5\x2f\xfd" + bytes(20))
    monkeypatch.setattr(stream_archive, "_zstd", lambda: None)
    refuse(path, r"packed by zstd. Unpack it \(zstd -d\), or install")
    write(tmp_path / "b.txt", b"b")
    counts: Counter[str] = Counter()
    assert len(documents([tmp_path], passed_over=counts)) == 1
    assert counts == {".zst file": 1}


@pytest.mark.skipif(sys.version_info < (3, 14), reason="zstd is a part of Python from 3.14 on")
def test_zstd(tmp_path: Path) -> None:
    from compression import zstd

    (document,) = documents([write(tmp_path / "a.txt.zst", zstd.compress(POEM.encode()))])
    assert document.read() == POEM.encode()
