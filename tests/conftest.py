"""What the tests share: a tiny corpus, the dataset prepared from it, and a checkpoint trained on that for seconds."""

from __future__ import annotations

import json
import os
import random
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from poetgen.config import PreprocessConfig, TrainConfig
from poetgen.dataset import Dataset
from poetgen.preprocess import preprocess
from poetgen.train import Trainer


def pytest_configure() -> None:
    """One thread: tiny models gain nothing from more, and tests may run beside each other."""
    import torch

    torch.set_num_threads(1)
    # For the processes that tests start.
    os.environ["OMP_NUM_THREADS"] = "1"
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


def free_port() -> int:
    """A port that nothing listens on, below those that the system hands out to whoever asks for any."""
    for port in random.SystemRandom().sample(range(10_000, 30_000), 100):
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")


#: What the poems are made of: enough characters for verse, few enough to be learned in a few steps.
CHARACTERS = (
    "春夏秋冬风花雪月山水云雨江河湖海天地日夜星光明白青红黄绿人心情意思归来去行坐看听松竹梅兰"
    "鸟虫鱼鹤高低远近长短新旧清寒孤独客舟灯书剑酒茶梦诗歌琴"
)
SHAPES = ((4, 5), (4, 7), (8, 5), (8, 7))


def make_poem(number: int) -> dict[str, str]:
    """A poem of no meaning and good shape; the same number gives the same poem."""
    draw = random.Random(number)
    lines, chars = SHAPES[number % len(SHAPES)]
    clauses = ["".join(draw.choices(CHARACTERS, k=chars)) for _ in range(lines)]
    content = "|".join(f"{first}，{second}。" for first, second in zip(clauses[::2], clauses[1::2], strict=True))
    return {
        "title": "".join(draw.sample(CHARACTERS, draw.choice((1, 2, 2, 3, 4)))),
        "author": draw.choice(("李白", "杜甫", "苏轼")),
        "dynasty": draw.choice(("唐", "宋")),
        "content": content,
    }


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


#: A model that trains in a second.
TINY = TrainConfig(
    hidden=16,
    embed=16,
    batch_size=8,
    seq_len=32,
    lr_steps=(0.01, 0.003),
    warmup=0,
    epochs=2,
    eval_every=10,
    device="cpu",
    precision="fp32",
)


@pytest.fixture(scope="session")
def tiny(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a tiny model trained on `prepared`, with its log; read it, do not write into it."""
    out = tmp_path_factory.mktemp("checkpoints") / "tiny"
    for _ in Trainer(Dataset.load(prepared), TINY, out).run():
        pass
    return out
