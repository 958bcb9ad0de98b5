"""A short run of the scripts that try bad files and odd options; by hand they run for long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import mutations, options

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first script leaves the good files, for the second to take."""
    return tmp_path_factory.mktemp("fuzz") / "good"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork") or not Path("/proc/self/statm").exists(), reason="needs fork and /proc")
@pytest.mark.parametrize(("script", "inputs"), [("files", 15), ("options", 12)])
def test_bad_input_ends_in_a_line_that_says_so(script: str, inputs: int, good: Path) -> None:
    command = [sys.executable, "-m", f"tests.fuzz.{script}", "--inputs", str(inputs), "--seed", "1"]
    command += ["--good", str(good)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert f"{inputs} inputs, 0 faults" in done.stdout


def test_every_command_has_a_call_that_its_options_are_added_to() -> None:
    assert options.CALLS.keys() == options.commands().keys()


def test_json_is_made_worse_and_not_only_rewritten() -> None:
    import random

    good = b'{"format": 1, "tokens": ["[PAD]", "[UNK]"]}'
    made = {mutations.json_value(random.Random(seed), good) for seed in range(50)}
    assert len(made - {good}) > 40
