"""Downloading, against a server on localhost that can misbehave in the ways that servers do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from poetgen.corpus import download
from poetgen.corpus.download import fetch, name_of
from poetgen.corpus.sources import documents
from poetgen.errors import SaveError, SourceError

DATA = bytes(range(256)) * 2000


@dataclass
class Behaviour:
    """What the server does with the next requests, and what it was asked."""

    data: bytes = DATA
    ranges: bool = True
    etag: str = '"one"'
    length: int | None = None  # what Content-Length says, where that is not the truth
    cut_after: list[int] = field(default_factory=list)  # one number a request: bytes sent before the line goes dead
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def do_GET(self) -> None:
        todo = self.behaviour
        todo.asked.append(self.headers.get("Range"))
        if self.path == "/moved":
            return self.answer(302, {"Location": "/archive/poems.zip", "Content-Length": "0"}, b"")
        if self.path == "/loop":
            return self.answer(302, {"Location": "/loop", "Content-Length": "0"}, b"")
        if todo.status != 200:
            return self.answer(todo.status, {"Content-Length": "0"}, b"")
        start = 0
        if todo.ranges and (asked := self.headers.get("Range")) and self.headers.get("If-Range") == todo.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        body = todo.data[start:]
        if start >= len(todo.data):
            return self.answer(416, {"Content-Length": "0"}, b"")
        headers = {"Content-Length": str(len(body) if todo.length is None else todo.length), **todo.headers}
        if todo.etag:
            headers["ETag"] = todo.etag
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(todo.data) - 1}/{len(todo.data)}"
        self.answer(206 if start else 200, headers, body[: todo.cut_after.pop(0)] if todo.cut_after else body)

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, Behaviour]]:
    behaviour = Behaviour()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"behaviour": behaviour}))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}", behaviour
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_downloaded_once_and_kept(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    seen: list[tuple[int, int | None]] = []
    path = fetch(f"{base}/archive/poems.zip", tmp_path / "corpora", lambda size, total: seen.append((size, total)))
    assert path == tmp_path / "corpora" / "poems.zip"
    assert path.read_bytes() == DATA
    assert seen[0] == (0, len(DATA)) and seen[-1] == (len(DATA), len(DATA))
    assert seen == sorted(seen)
    assert fetch(f"{base}/archive/poems.zip", tmp_path / "corpora") == path
    assert len(todo.asked) == 1
    assert files(tmp_path / "corpora") == [".downloads.json", "poems.zip"]


def test_a_kept_file_that_was_cut_short_is_downloaded_again(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, _ = server
    path = fetch(f"{base}/poems.zip", tmp_path)
    path.write_bytes(b"short")
    assert fetch(f"{base}/poems.zip", tmp_path) == path
    assert path.read_bytes() == DATA
    path.unlink()
    assert fetch(f"{base}/poems.zip", tmp_path).read_bytes() == DATA


def test_a_file_put_there_by_hand_is_used(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    (tmp_path / "poems.zip").write_bytes(b"by hand")
    assert fetch(f"{base}/poems.zip", tmp_path).read_bytes() == b"by hand"
    assert todo.asked == []


def test_two_addresses_with_one_name_give_two_files(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    first = fetch(f"{base}/a/master.zip", tmp_path)
    todo.data = b"two"
    second = fetch(f"{base}/b/master.zip", tmp_path)
    assert first != second and first.read_bytes() == DATA and second.read_bytes() == b"two"
    assert second.suffix == ".zip"
    assert [fetch(f"{base}/{x}/master.zip", tmp_path) for x in "ab"] == [first, second]
    assert len(todo.asked) == 2


def test_a_second_download_of_an_address_is_refused(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, _ = server
    refused: list[str] = []

    def second(size: int, total: int) -> None:
        with pytest.raises(SaveError) as error:
            fetch(f"{base}/poems.zip", tmp_path)
        refused.append(str(error.value))

    assert fetch(f"{base}/poems.zip", tmp_path, second).read_bytes() == DATA
    assert refused and "poems.zip.part: another process is downloading it; wait for its end" in refused[0]
    assert files(tmp_path) == [".downloads.json", "poems.zip"]


def test_other_addresses_are_downloaded_meanwhile(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    kept = fetch(f"{base}/a/poems.zip", tmp_path)
    others: set[Path] = set()

    def meanwhile(size: int, total: int) -> None:
        others.add(fetch(f"{base}/other.zip", tmp_path))
        assert fetch(f"{base}/a/poems.zip", tmp_path) == kept  # of the same name as the part that is under way

    path = fetch(f"{base}/b/poems.zip", tmp_path, meanwhile)
    asked = len(todo.asked)
    assert others == {tmp_path / "other.zip"} and path != kept and path.read_bytes() == DATA
    assert fetch(f"{base}/other.zip", tmp_path) in others and fetch(f"{base}/b/poems.zip", tmp_path) == path
    assert len(todo.asked) == asked, "what was downloaded meanwhile is noted"


def test_old_bytes_never_go_with_the_mark_of_new_ones(
    server: tuple[str, Behaviour], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, todo = server
    todo.cut_after = [1000, 0, 0, 0]
    with pytest.raises(SourceError):
        fetch(f"{base}/poems.zip", tmp_path)
    todo.etag, todo.data, todo.cut_after = '"two"', DATA[::-1], []
    found: list[int] = []

    def killed(part: download._Part, headers: object) -> None:
        found.append(part.size)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(download._Part, "note", killed)
        fetch(f"{base}/poems.zip", tmp_path)
    assert found == [0]
    assert fetch(f"{base}/poems.zip", tmp_path).read_bytes() == DATA[::-1]


def test_redirects_are_followed(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, _ = server
    assert fetch(f"{base}/moved", tmp_path).read_bytes() == DATA
    with pytest.raises(SourceError, match="without end"):
        fetch(f"{base}/loop", tmp_path)


def test_a_cut_connection_is_resumed_at_once(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    todo.cut_after = [100_000, 50_000]
    assert fetch(f"{base}/poems.zip", tmp_path).read_bytes() == DATA
    assert todo.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_download_that_failed_goes_on_in_the_next_call(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    todo.cut_after = [100_000, 0, 0, 0]
    with pytest.raises(SourceError, match=r"broke off at 100,000 bytes.*same address again"):
        fetch(f"{base}/poems.zip", tmp_path)
    assert "poems.zip.part" in files(tmp_path) and "poems.zip" not in files(tmp_path)
    seen: list[int] = []
    assert fetch(f"{base}/poems.zip", tmp_path, lambda size, _: seen.append(size)).read_bytes() == DATA
    assert seen[0] == 100_000
    assert files(tmp_path) == [".downloads.json", "poems.zip"]


def test_a_file_that_changed_meanwhile_starts_anew(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    todo.cut_after = [100_000, 0, 0, 0]
    with pytest.raises(SourceError):
        fetch(f"{base}/poems.zip", tmp_path)
    todo.data, todo.etag = DATA[::-1], '"two"'
    assert fetch(f"{base}/poems.zip", tmp_path).read_bytes() == DATA[::-1]


@pytest.mark.parametrize("etag", ['"one"', 'W/"weak"', ""])
def test_a_server_without_ranges_is_asked_from_the_start(
    server: tuple[str, Behaviour], tmp_path: Path, etag: str
) -> None:
    base, todo = server
    todo.ranges, todo.etag, todo.cut_after = False, etag, [100_000]
    assert fetch(f"{base}/poems.zip", tmp_path).read_bytes() == DATA
    assert todo.asked == [None, "bytes=100000-" if etag == '"one"' else None]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_promises_more_than_it_has(server: tuple[str, Behaviour], tmp_path: Path, ranges: bool) -> None:
    base, todo = server
    todo.length, todo.ranges = len(DATA) + 5, ranges
    with pytest.raises(SourceError, match="broke off at"):
        fetch(f"{base}/poems.zip", tmp_path)
    assert "poems.zip" not in files(tmp_path)


def test_a_file_above_the_limit(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    with pytest.raises(SourceError, match="the limit is"):
        fetch(f"{base}/poems.zip", tmp_path, max_bytes=len(DATA) - 1)
    assert files(tmp_path) == []
    assert fetch(f"{base}/poems.zip", tmp_path, max_bytes=len(DATA)).read_bytes() == DATA


class Endless(Handler):
    def do_GET(self) -> None:
        self.send_response(200)  # HTTP/1.0 and no Content-Length: the size shows only while reading
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"0" * 10_000)
        except OSError:
            pass


def test_a_file_without_end(tmp_path: Path) -> None:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with pytest.raises(SourceError, match="the limit is"):
            fetch(f"http://127.0.0.1:{httpd.server_address[1]}/poems.txt", tmp_path, max_bytes=1_000_000)
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "no such file"), (403, "not give this file to everyone"), (503, "Try again later"), (418, "answered 418")],
)
def test_a_refusal(server: tuple[str, Behaviour], tmp_path: Path, status: int, words: str) -> None:
    base, todo = server
    todo.status = status
    with pytest.raises(SourceError, match=words) as caught:
        fetch(f"{base}/poems.zip", tmp_path)
    assert f"{base}/poems.zip" in str(caught.value) and "\n" not in str(caught.value)
    assert files(tmp_path) == []


def test_a_web_page_is_no_corpus(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    todo.headers = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(SourceError, match="is a web page"):
        fetch(f"{base}/project", tmp_path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/poems.zip", "http://", "http://[bad/poems.zip"])
def test_an_address_that_leads_nowhere(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match="cannot be reached|not an address"):
        fetch(url, tmp_path)


def test_a_folder_that_cannot_be_written(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    (tmp_path / "corpora").write_bytes(b"a file")
    with pytest.raises(SaveError, match="cannot be saved"):
        fetch(f"{server[0]}/poems.zip", tmp_path / "corpora")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="chinese-poetry-master.zip"', "chinese-poetry-master.zip"),
        ("attachment; filename=../../escape.zip", "escape.zip"),
        ('attachment; filename="C:\\\\up\\\\escape.zip"', "escape.zip"),
        ("attachment; filename*=UTF-8''%E5%85%A8%E5%94%90%E8%AF%97.json", "全唐诗.json"),
        ('attachment; filename="..."', "poems"),
        ("attachment", "poems"),
    ],
)
def test_the_name_that_the_server_gives(server: tuple[str, Behaviour], tmp_path: Path, header: str, name: str) -> None:
    base, todo = server
    todo.headers = {"Content-Disposition": header}
    assert fetch(f"{base}/poems", tmp_path / "in").relative_to(tmp_path) == Path("in") / name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/chinese-poetry/chinese-poetry/archive/refs/heads/master.zip", "chinese-poetry-master.zip"),
        ("https://github.com/o/repo/archive/refs/tags/v1.0.zip", "repo-v1.0.zip"),
        ("https://github.com/o/repo/archive/0123abc.zip", "repo-0123abc.zip"),
        ("https://codeload.github.com/o/repo/zip/refs/heads/fix/a", "repo-fix-a.zip"),
        ("https://example.org/%E8%AF%97/%E5%94%90.json?x=1#y", "唐.json"),
        ("https://example.org/..%2f..%2fetc%2fpasswd", "passwd"),
        ("https://example.org/", "download"),
        ("https://example.org/..", "download"),
        ("https://example.org/" + "a" * 500 + ".zip", "a" * 60 + ".zip"),
    ],
)
def test_names_of_addresses(url: str, name: str) -> None:
    assert name_of(url) == name


def test_an_address_is_a_source_like_any_other(server: tuple[str, Behaviour], tmp_path: Path) -> None:
    base, todo = server
    todo.data = "春:春眠不觉晓，处处闻啼鸟。\n".encode()
    (document,) = documents([f"{base}/poems.txt"], downloads=tmp_path / "corpora")
    assert document.read() == todo.data
