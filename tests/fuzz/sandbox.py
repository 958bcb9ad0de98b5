"""A command run on a bad input in a process of its own, with bounds, and what was wrong with how it ended.

The process is a fork of one in which everything is loaded, so that an input takes tenths of a second. POSIX only.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: What docs/security.md promises: seconds of work, and bytes beyond what a command takes for good files.
SECONDS = 60
MEMORY = 1 << 30
#: What no terminal may be sent: control characters but for tab and line feed, and marks that turn the direction.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CODES = (0, 1, 2, 130)
#: All that may go wrong.
FAULTS = (
    "traceback",
    "signal",
    "hang",
    "out of memory",
    "other exit code",
    "no message",
    "warning",
    "control character",
    "invalid JSON",
)


@dataclass
class Outcome:
    """How a command ended: `faults` are of FAULTS, none where all is well."""

    args: Sequence[str]
    code: int
    out: str
    err: str
    seconds: float
    memory: int
    faults: list[str] = field(default_factory=list)


def run(args: Sequence[str], folder: Path, stdin: bytes = b"") -> Outcome:
    """Run a command with `folder` as the working folder; its output stays there in files."""
    names = [folder / f".{name}" for name in ("in", "out", "err")]
    names[0].write_bytes(stdin)
    began = time.monotonic()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _child(args, folder, names)
    hung = _wait_or_kill(pid, 2 * SECONDS)
    _, status, used = os.wait4(pid, 0)
    raw_out, raw_err = (name.read_bytes() for name in names[1:])
    outcome = Outcome(
        args,
        os.waitstatus_to_exitcode(status),
        raw_out.decode("utf-8", "replace"),
        raw_err.decode("utf-8", "replace"),
        time.monotonic() - began,
        used.ru_maxrss * 1024,
    )
    outcome.faults = list(_faults(outcome, hung or outcome.code == -signal.SIGXCPU, raw_out + raw_err))
    return outcome


def _child(args: Sequence[str], folder: Path, names: Sequence[Path]) -> None:
    """What the forked process does; never returns."""
    code = 70
    try:
        os.chdir(folder)
        for number, name in enumerate(names):
            os.dup2(os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        for bound, most in (
            (resource.RLIMIT_AS, size + MEMORY),
            (resource.RLIMIT_CPU, SECONDS),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 1 << 28),
        ):
            resource.setrlimit(bound, (most, most))
        from poetgen.cli import main
        from poetgen.plots import training
        from tests.fuzz.options import call_python

        if not (Path("run") / ".draw").exists():  # a picture takes longer than all else, and shows the log alone
            training.draw_run = lambda *args: []

        try:
            (call_python if args[0] == "python" else main)(list(args))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 71
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _wait_or_kill(pid: int, seconds: float) -> bool:
    """Wait for a process to end; whether it had to be killed."""
    end, pause = time.monotonic() + seconds, 0.001
    while time.monotonic() < end:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return False
        time.sleep(pause)
        pause = min(0.05, pause * 1.5)
    os.kill(pid, signal.SIGKILL)
    return True


def _faults(outcome: Outcome, hung: bool, raw: bytes) -> Iterator[str]:
    if hung:
        yield "hang"
    elif outcome.code < 0:
        yield "signal"
    elif "Traceback (most recent call last)" in outcome.err:
        yield "out of memory" if "MemoryError" in outcome.err else "traceback"
    elif outcome.code not in _CODES:
        yield "other exit code"
    elif outcome.code in (1, 2) and not re.search(r"^(poetgen: |Error: |Usage: |Warning: )", outcome.err, re.MULTILINE):
        yield "no message"
    if "Warning: " in outcome.err:
        yield "warning"
    if _CONTROL.search(outcome.out + outcome.err) or b"\x1b" in raw:
        yield "control character"
    if "--json" in outcome.args and outcome.code == 0 and not _is_json(outcome.out):
        yield "invalid JSON"


def _is_json(text: str) -> bool:
    def refuse(name: str) -> Any:
        raise ValueError(name)

    try:
        for line in text.splitlines():
            json.loads(line, parse_constant=refuse)
    except ValueError:
        try:
            json.loads(text, parse_constant=refuse)
        except ValueError:
            return False
    return True
