"""Kills and two writers, a few of each kind; kills.py and writers.py say how to make them many."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kills.py", ["--kills", "2", "train --overwrite", "sample --output poems.jsonl", "inspect digits"]),
        ("writers.py", ["--tries", "1", "train, preprocess", "sample, sample, into .txt", "download, download"]),
    ],
)
def test_what_is_left_is_whole(script: str, words: list[str]) -> None:
    done = subprocess.run([sys.executable, str(HERE / script), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "FAILED" not in done.stdout, done.stdout + done.stderr
