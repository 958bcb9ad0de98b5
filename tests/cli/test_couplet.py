"""`poetgen couplet` as people call it: lines, files of lines, and what is said of those that are of no use."""

import io
import json
from pathlib import Path

import pytest

from poetgen import cli

LINE = "春风花月夜"


class Shell:
    """Calls the command with a tiny checkpoint; holds what it said and how it ended."""

    def __init__(self, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._tiny, self._capsys = tiny, capsys
        self.out = self.err = ""

    def __call__(self, *args: object) -> int:
        with pytest.raises(SystemExit) as exit:
            cli.main(["couplet", *map(str, args), "--checkpoint", str(self._tiny), "--candidates", "8"])
        self.out, self.err = self._capsys.readouterr()
        assert isinstance(exit.value.code, int)
        return exit.value.code


@pytest.fixture
def shell(tiny: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tiny, capsys)


def test_lines_are_answered_one_below_the_other_and_the_seed_is_told(shell: Shell) -> None:
    assert shell(LINE, LINE + "，", "--num", 2, "--banner") == 0
    blocks = [block.split("\n") for block in shell.out.strip().split("\n\n")]
    assert len(blocks) == 4 and all(block[0] == LINE and [*map(len, block)] == [5, 5, 4] for block in blocks)
    assert blocks[:2] == blocks[2:], "a line is answered alike wherever it stands"
    assert ", seed " in shell.err


def test_what_is_wrong_with_one_line_is_said_before_any_is_answered(shell: Shell) -> None:
    assert shell(LINE, "海阔凭鱼跃，天高任鸟飞") == 2
    assert not shell.out and shell.err.count("\n") == 1 and "give one line without marks" in shell.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "no line: give one"),
        ((LINE, "--input", "lines.txt"), "LINES and --input: give one of them"),
        ((LINE, "--num", "0"), "--num 0: give a number from 1"),
        ((LINE, "--tones", "loose"), "--tones loose: choose strict or off"),
        ((LINE, "--reverse"), "leave out --reverse, or give --tones off"),
    ],
)
def test_options_that_do_not_go_are_refused(shell: Shell, args: tuple[str, ...], said: str) -> None:
    assert shell(*args) == 2 and said in shell.err and not shell.out


def test_a_file_is_answered_line_by_line_and_the_rest_is_told(shell: Shell, tmp_path: Path) -> None:
    lines, out = tmp_path / "lines.txt", tmp_path / "couplets.jsonl"
    lines.write_text(f'{LINE}\n春8\n\n{{"second": "明月白春风", "seed": 3, "x": 1}}\n', encoding="utf-8")
    assert shell("--input", lines, "--output", out, "--seed", 1) == 1
    records = [json.loads(row) for row in out.read_text(encoding="utf-8").splitlines()]
    assert [(row["line"], row["given"], row["seed"]) for row in records] == [(1, "first", 1), (4, "second", 3)]
    assert records[0]["first"] == LINE and records[1]["second"] == "明月白春风"
    assert (
        f"{lines}:2: 春8: 8 is no Chinese character" in shell.err and f"{lines}:4: passed over the field x" in shell.err
    )
    assert shell.err.endswith(f"{lines}: 1 of 3 lines was left out\n")
    again = tmp_path / "again.jsonl"
    assert shell("--input", out, "--output", again) == 0, "records ask for the same couplets"
    both = [[json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()] for path in (out, again)]
    assert [{**row, "line": 0} for row in both[0]] == [{**row, "line": 0} for row in both[1]]
    assert shell("--input", lines, "--output", out) == 2 and "there is something in it already" in shell.err


def test_lines_come_from_a_pipe(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{LINE}\n".encode())))
    assert shell("--input", "-", "--json", "--seed", 1) == 0
    assert json.loads(shell.out)["first"] == LINE and not shell.err
