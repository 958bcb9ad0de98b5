"""What all commands share: options in groups, from the environment, and completed; and saying nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from poetgen import cli
from poetgen.cli.options import GROUPS, complete_dynasty, complete_form

COMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", GROUPS)
def test_every_option_has_its_group(command: str) -> None:
    grouped = [name for names in GROUPS[command].values() for name in names.split()]
    options = {param.name for param in COMMANDS[command].params if param.param_type_name == "option"}
    assert len(grouped) == len(set(grouped)) and set(grouped) <= options


def shown(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    with pytest.raises(SystemExit):
        cli.main(args)
    out, err = capsys.readouterr()
    return out, err


def test_help_is_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(["sample", "--help"], capsys)
    in_order = ("Arguments:", "What to write:", "--length <", "How to choose:", "--seed")
    places = [out.index(heading) for heading in in_order]
    assert places == sorted(places) and "POETGEN" not in out


def test_options_come_from_the_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    poem = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
    monkeypatch.setenv("POETGEN_CHECK_FORM", "七律")
    assert "七律" in shown(["check", poem], capsys)[0]
    assert "七律" not in shown(["check", poem, "--form", "古体"], capsys)[0]
    monkeypatch.setenv("POETGEN_LANG", "zh")
    assert "没有这个文件" in shown(["check", poem], capsys)[1]
    monkeypatch.setenv("POETGEN_CHECK_JSON", "1")
    assert shown(["check", poem], capsys)[0].startswith("{")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_quiet_says_nothing_but_errors(
    place: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ["check", "床前明月光，疑是地上霜。举头望明月，低头思故乡。"]
    assert shown(args, capsys)[1] != ""
    out, err = shown([*args[:place], "-q", *args[place:]], capsys)
    assert out and err == ""
    assert shown(args, capsys)[1] != "", "the next one speaks again"
    monkeypatch.setenv("POETGEN_QUIET", "1")
    assert shown(args, capsys)[1] == ""
    assert "no such file" in shown(["check", "nowhere.txt", "--quiet"], capsys)[1]


def test_what_is_completed() -> None:
    assert complete_form("七")[:2] == ["七绝", "七律"] and complete_form("水调歌") == ["水调歌头"]
    assert complete_dynasty("南") == ["南北朝"] and complete_form("x") == []


@pytest.mark.slow
def test_the_tab_key_completes_and_loads_no_torch(tmp_path: Path) -> None:
    code = "import sys\nfrom poetgen.cli import main\ntry: main([])\nfinally: assert 'torch' not in sys.modules"

    def completed(words: str) -> list[str]:
        asked = {"_POETGEN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.stderr == ""
        return done.stdout.split()

    assert completed("poetgen mo") == ["models"]
    assert completed("poetgen sample --form 水调歌") == ["水调歌头"]
    assert completed("poetgen score 春 --checkpoint ") == ["box"]
    assert "--acrostic" in completed("poetgen sample --ac")
