"""The processes that read: they end with the one that started them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

#: Reads each file in a task of its own, tells the workers' numbers, and is killed in the middle.
SCRIPT = """
import multiprocessing, os, signal, sys
from poetgen.config import PreprocessConfig
from poetgen.corpus import documents
from poetgen.data import reading

reading._TASK_BYTES = 1
parts = reading.read_parts(documents([sys.argv[1]]), PreprocessConfig(jobs=2, limit=1), lambda *args: None)
next(parts)
print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.skipif(os.name == "nt", reason="has no SIGKILL")
def test_workers_end_when_the_command_is_killed(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text("春夜:床前明月光，疑是地上霜。\n", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    workers = [int(number) for number in done.stdout.split()]
    assert done.returncode == -9 and len(workers) == 2
    began = time.monotonic()
    while any(map(is_alive, workers)):
        assert time.monotonic() - began < 20, f"{workers} live on"
        time.sleep(0.05)
