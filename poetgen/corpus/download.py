"""Downloading a corpus: once, whole or not at all, and onward from where a broken connection left it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from email.message import Message
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote, urlsplit

from poetgen.errors import SaveError, SourceError
from poetgen.files import open_alone, parse_json, to_json, write_atomic
from poetgen.progress import ProgressCallback, silent

if TYPE_CHECKING:
    import httpx

#: Bytes that a download may have.
MAX_BYTES: Final = 2 * 2**30

#: Seconds of silence after which a server is given up.
_TIMEOUT: Final = 30.0

#: Broken connections in a row, none of which brought a new byte, after which a download is given up.
_TRIES: Final = 3

#: Where a folder keeps the addresses of what was downloaded into it; hidden, so that no reader takes it for a corpus.
_LEDGER: Final = ".downloads.json"


def fetch(url: str, folder: Path, progress: ProgressCallback = silent, *, max_bytes: int = MAX_BYTES) -> Path:
    """The file at an address, downloaded into a folder, or the one kept there since an earlier call.

    What arrives goes to NAME.part and takes its name when it is complete, so that a file that stands in the folder is
    whole. A download that broke off goes on where it stopped, if the server can and its file is still the same.

    `progress` is told the bytes so far, and in all, 0 where the server does not say.

    Raises SourceError when the address cannot be fetched or holds more than `max_bytes` bytes, SaveError when the file
    cannot be written.
    """
    import httpx

    try:
        part = _Part(folder / f"{name_of(url)}.part", url)
    except ValueError as error:
        raise SourceError(f"{url}: not an address that can be downloaded ({error}).") from error
    if kept := _kept(url, folder):
        part.remove_leftover()
        return kept
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part:
            if kept := _kept(url, folder):  # another process has had it in the meantime
                return kept
            return part.take_name(_receive_whole(url, part, progress, max_bytes), folder)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise SourceError(f"{url}: not an address that can be downloaded ({error}).") from error
    except httpx.TooManyRedirects as error:
        raise SourceError(f"{url}: leads from address to address without end.") from error
    except httpx.HTTPError as error:
        raise SourceError(
            f"{url}: cannot be reached ({error or type(error).__name__}). Check the address and the network, or "
            "download the file by other means and give its path."
        ) from error
    except OSError as error:
        raise SaveError(f"{folder}: the download cannot be saved there ({error.strerror or error}).") from error


class _Broken(Exception):
    """The connection broke before the file was complete."""


class _Part:
    """What has arrived of a file, and by which mark the server will know whether its file is still the same.

    As a context it is this process's alone; raises SaveError where another one has it. An empty one goes at the end.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self.file: IO[bytes]  # in the context
        self._named = False
        self._notes = path.with_name(f".{path.name}.json")

    def __enter__(self) -> Self:
        try:
            self.file = open_alone(self.path)
        except BlockingIOError:
            raise SaveError(
                f"{self.path}: another process is downloading it; wait for its end, and give the same address again"
            ) from None
        return self

    def __exit__(self, *error: object) -> None:
        with self.file:
            if not (self._named or self.size):
                self._remove()

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def request_headers(self) -> dict[str, str]:
        """The headers that ask for the rest only, or none when there is nothing to go on from."""
        notes = _read_json(self._notes)
        validator = notes.get("validator")
        if not self.size or notes.get("url") != self.url or not isinstance(validator, str) or not validator:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": validator}

    def note(self, headers: Mapping[str, str]) -> None:
        """Remember what kind of file is being received. A weak ETag does not promise the same bytes."""
        etag = headers.get("etag", "")
        validator = etag if etag and not etag.startswith("W/") else headers.get("last-modified", "")
        write_atomic(self._notes, to_json({"url": self.url, "validator": validator}))

    def clear(self) -> None:
        """Throw away what has arrived."""
        self.file.truncate(0)
        self._notes.unlink(missing_ok=True)

    def remove_leftover(self) -> None:
        """Remove what a kill has left when all had arrived, unless it is of another address or in use."""
        with suppress(OSError):
            if self.path.exists() and _read_json(self._notes).get("url", self.url) == self.url:
                with open_alone(self.path):
                    self._remove()

    def take_name(self, name: str, folder: Path) -> Path:
        """Give a whole file its name, and note where it comes from; the path that it has then."""
        with open_alone(folder / _LEDGER, wait=True):  # two must not note at once
            ledger = _read_json(folder / _LEDGER)
            target = folder / _free_name(name, self.url, folder, ledger)
            # Noted first: a file that stands there without a note would pass for one that the user has put there.
            noted = {**ledger, target.name: {"url": self.url, "size": self.size}}
            write_atomic(folder / _LEDGER, to_json(noted, indent=1))
            if os.name == "nt":  # which renames no open file
                self.file.close()
            self.path.replace(target)
            self._named = True
            self._notes.unlink(missing_ok=True)
        return target

    def _remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)


def _receive_whole(url: str, part: _Part, progress: ProgressCallback, max_bytes: int) -> str:
    """Receive the file, however often the connection breaks off; the name that it should have.

    Raises SourceError where no more of it comes.
    """
    import httpx

    failures, furthest = 0, -1
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}) as client:
        while True:
            try:
                return _receive(client, url, part, progress, max_bytes)
            except _Broken as error:
                failures = 0 if part.size > furthest else failures + 1
                furthest = max(furthest, part.size)
                if failures == _TRIES:
                    raise SourceError(
                        f"{url}: the connection broke off at {part.size:,} bytes ({error}). "
                        "Give the same address again to go on from there."
                    ) from error


def _receive(client: httpx.Client, url: str, part: _Part, progress: ProgressCallback, max_bytes: int) -> str:
    """Receive the file, or the rest of it, into its part; the name that it should have.

    Raises _Broken when the connection breaks off, SourceError when trying again would not help.
    """
    import httpx

    ask = part.request_headers()
    try:
        with client.stream("GET", url, headers=ask) as response:
            start = part.size if ask else 0
            if response.status_code == 416 or (
                response.status_code == 206 and not _continues(response.headers.get("content-range", ""), start)
            ):
                part.clear()
                raise _Broken("the server's file has changed")
            if response.status_code == 206 and not ask:
                raise SourceError(f"{url}: the server sent a part where the whole was asked for.")
            if response.status_code not in (200, 206):
                raise SourceError(_refused(url, response.status_code, response.reason_phrase))
            _check_kind(url, response.headers.get("content-type", ""))
            resumed = response.status_code == 206
            size = start if resumed else 0
            # A length counts the bytes on the wire, which are not the file's when the server compressed them.
            plain = response.headers.get("content-encoding", "identity") == "identity"
            length = response.headers.get("content-length", "")
            total = size + int(length) if plain and length.isdecimal() else None
            if total is not None and total > max_bytes:
                raise SourceError(_too_large(url, total, max_bytes))
            if not resumed:
                part.clear()  # first, or a kill could leave the old bytes with the mark of the new ones
                part.note(response.headers if plain else {})
            progress(size, total or 0)
            try:
                # As they arrive: chunks of a set size would lose the bytes before a break that do not fill one.
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > max_bytes:
                        break
                    part.file.write(chunk)
                    progress(size, total or 0)
            finally:
                part.file.flush()
            if size > max_bytes:
                part.clear()
                raise SourceError(_too_large(url, size, max_bytes))
            if total is not None and size < total:
                raise _Broken(f"{total:,} were promised")
            return _disposition_name(response.headers.get("content-disposition", "")) or name_of(url)
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.ReadTimeout) as error:
        raise _Broken(str(error) or type(error).__name__) from error


def _continues(content_range: str, start: int) -> bool:
    match = re.match(r"bytes (\d+)-", content_range)
    return match is not None and int(match[1]) == start


def _check_kind(url: str, content_type: str) -> None:
    """Refuse a web page: what newcomers paste is often the page of a project, not its archive."""
    if not content_type.startswith("text/html"):
        return
    hint = "Give the address of a file"
    parts = urlsplit(url).path.strip("/").split("/")
    if urlsplit(url).hostname == "github.com" and len(parts) >= 2:
        hint = f"Give https://github.com/{parts[0]}/{parts[1]}/archive/refs/heads/master.zip (or main.zip)"
    raise SourceError(f"{url}: is a web page, not a corpus. {hint}.")


def _refused(url: str, status: int, reason: str) -> str:
    if status in (404, 410):
        return f"{url}: the server has no such file ({status}). Check the address."
    if status in (401, 403):
        return f"{url}: the server does not give this file to everyone ({status}). Download it in a browser instead."
    if status == 429 or status >= 500:
        return f"{url}: the server cannot serve it now ({status} {reason}). Try again later."
    return f"{url}: the server answered {status} {reason}."


def _too_large(url: str, size: int, limit: int) -> str:
    return (
        f"{url}: has {size / 2**30:.1f} GB or more, and the limit is {limit / 2**30:.1f} GB. "
        "Download it by other means and give its path."
    )


# ---- names


def name_of(url: str) -> str:
    """The file name that an address implies, the same each time and free of anything that leads to another folder.

    >>> name_of("https://github.com/chinese-poetry/chinese-poetry/archive/refs/heads/master.zip")
    'chinese-poetry-master.zip'
    >>> name_of("https://example.org/a/%2e%2e%2fpoems.jsonl?version=2")
    'poems.jsonl'
    """
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.hostname in ("github.com", "codeload.github.com"):
        archive = re.fullmatch(r"/[^/]+/([^/]+)/(?:archive|zip)/(?:refs/(?:heads|tags)/)?(.+?)(?:\.zip)?", path)
        if archive:
            return _safe_name(f"{archive[1]}-{archive[2].replace('/', '-')}.zip")
    return _safe_name(path) or "download"


def _disposition_name(header: str) -> str:
    """The file name in a Content-Disposition header, or ""."""
    if not header:
        return ""
    message = Message()
    message["content-disposition"] = header
    name = message.get_filename("")
    # Servers send UTF-8 where the standard wants Latin-1.
    try:
        name = name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        pass
    return _safe_name(name)


def _safe_name(name: str) -> str:
    name = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    name = re.sub(r'[\x00-\x1f\x7f:*?"<>|]', "", name).strip(" .")
    # Most file systems allow 255 bytes; a Chinese character takes three.
    stem, dot, suffix = name.rpartition(".")
    return f"{stem[:60]}{dot}{suffix[:16]}" if dot else name[:60]


def _free_name(name: str, url: str, folder: Path, ledger: Mapping[str, Any]) -> str:
    """The name, or one made different by the address when a file from elsewhere bears it."""
    entry = ledger.get(name)
    if isinstance(entry, dict) and entry.get("url") == url:
        return name
    if not entry and not (folder / name).exists():  # what is noted may be about to take its name
        return name
    mark = hashlib.sha256(url.encode()).hexdigest()[:8]
    path = Path(name)
    return f"{path.stem}-{mark}{path.suffix}"


# ---- what is kept


def _kept(url: str, folder: Path) -> Path | None:
    """The file that an earlier call downloaded from an address, or that the user put in its place by hand."""
    ledger = _read_json(folder / _LEDGER)
    for name, entry in ledger.items():
        path = folder / _safe_name(name)
        if isinstance(entry, dict) and entry.get("url") == url and path.is_file():
            return path if path.stat().st_size == entry.get("size") else None
    path = folder / name_of(url)
    return path if path.is_file() and path.name not in ledger else None


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON object that poetgen wrote, or an empty one where it is missing or damaged: only a download is lost."""
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
