"""What the tests share: a tiny corpus, the dataset prepared from it, and a checkpoint trained on that for seconds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from poetgen.config import PreprocessConfig
from poetgen.data.dataset import Dataset
from poetgen.data.preprocess import preprocess
from poetgen.network.trainer import Trainer

from helpers import TINY, make_poem


def pytest_configure() -> None:
    """One thread: tiny models gain nothing from more, and tests may run beside each other."""
    import torch

    torch.set_num_threads(1)
    # For the processes that tests start.
    os.environ["OMP_NUM_THREADS"] = "1"
    # English, whoever runs the tests where.
    os.environ.pop("LC_ALL", None)
    os.environ["LC_MESSAGES"] = "C"
    # The same examples everywhere, and none that fails for being slow on a loaded machine.
    settings.register_profile(
        "poetgen",
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    settings.load_profile("poetgen")
    root = str(Path(__file__).parent.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JSON Lines file of 60 poems in the four regulated forms."""
    path = tmp_path_factory.mktemp("corpus") / "poems.jsonl"
    poems = (make_poem(number) for number in range(60))
    path.write_text("".join(json.dumps(poem, ensure_ascii=False) + "\n" for poem in poems), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def prepared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset that preprocess makes of `corpus`; read it, do not write into it."""
    out = tmp_path_factory.mktemp("data") / "prepared"
    preprocess([corpus], out, PreprocessConfig(min_count=1, valid_share=0.15, jobs=1))
    return out


@pytest.fixture(scope="session")
def tiny(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a tiny model trained on `prepared`, with its log; read it, do not write into it."""
    out = tmp_path_factory.mktemp("checkpoints") / "tiny"
    for _ in Trainer(Dataset.load(prepared), TINY, out).run():
        pass
    return out
