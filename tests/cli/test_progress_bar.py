"""Progress in lines, and as a bar on a terminal."""

import io
import re
import time

import pytest

from poetgen.cli.progress_bar import ProgressBar
from poetgen.cli.terminal import columns


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_quick_work_shows_no_progress() -> None:
    stream = io.StringIO()
    with ProgressBar(stream) as progress:
        progress.update("writing", 1, 2)
    assert stream.getvalue() == ""


def test_plain_progress_is_a_line_now_and_then() -> None:
    stream = io.StringIO()
    with ProgressBar(stream, delay=0, every=60) as progress:
        for done in range(5):
            progress.update("reading", done, 4, "x")
    assert stream.getvalue() == "reading: 0%, x\n"


def test_progress_estimates_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    stream = io.StringIO()
    with ProgressBar(stream, delay=0, every=10) as progress:
        progress.update("training", 0.5, 1.0)  # a resumed run does not count what was done before
        progress.update("training", 0.6, 1.0)
        progress.update("encoding", 0, 0)
    assert stream.getvalue().splitlines() == ["training: 50%", "training: 60%, 0:40 left", "encoding: "]


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        # (seconds, done of 100): what is loaded first does not count
        ([(0, 0), (10, 0), (20, 0), (30, 10)], "1:30 left"),
        # poems that come many at a time
        ([(0, 0), *((20, done) for done in range(1, 33))], "0:42 left"),
        # a first step that takes twenty times as long as the others
        ([(0, 0), (4, 1), *((4 + number / 5, 1 + number) for number in range(1, 31))], "0:14 left"),
        # the first poem of a file tells nothing yet
        ([(0, 0), (1, 1)], ""),
    ],
)
def test_the_estimate_holds_from_the_start(
    seen: list[tuple[int, int]], left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    stream = io.StringIO()
    with ProgressBar(stream, delay=0, every=0) as progress:
        for seconds, done in seen:
            now = float(seconds)
            progress.update("writing", done, 100)
    assert stream.getvalue().splitlines()[-1] == f"writing: {seen[-1][1]}%" + (f", {left}" if left else "")


def test_a_terminal_gets_a_bar_and_lines_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with ProgressBar(stream, delay=0) as progress:
        progress.update("reading", 1, 4, "1 of 4 [MB]")
        progress.say("a [line] of its own")
        progress.update("reading", 2, 4, "2 of 4 [MB]")
    assert "25% " in stream.getvalue()
    assert "1 of 4 [MB]" in stream.getvalue()
    assert "50% " in stream.getvalue()
    assert "a [line] of its own" in stream.getvalue()


#: How a training run looks on terminals of these widths, fifteen seconds after it began.
SCREENS = {
    60: "training ━━━━━━━━━━━━━━━  25% 0:45 left step 10 loss 5.000",
    80: "training ━━━━━━━━━━━━━━━━━━━━  25% 0:45 left step 10 loss 5.000 ppl 148.4",
    120: "training ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  25% 0:45 left "
    "step 10 loss 5.000 ppl 148.4 lr 0.001 norm 0.50 4,100 tokens/s",
}


@pytest.mark.parametrize("width", SCREENS)
def test_the_bar_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    stream = Terminal()
    figures = ("step 10", "loss 5.000", "ppl 148.4", "lr 0.001", "norm 0.50", "4,100 tokens/s")
    with ProgressBar(stream, delay=0) as progress:
        for seconds in range(16):
            clock[0] = float(seconds)
            progress.update("training", seconds / 60, 1.0, figures)
        progress.say("end of the frame")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    frames = [line.strip().replace("╸", "━").replace("╺", "━") for line in re.split(r"[\r\n]+", plain) if "25%" in line]
    assert frames and frames[-1] == SCREENS[width] and columns(frames[-1]) <= width
