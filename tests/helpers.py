"""What the tests of several rooms share, besides the fixtures of conftest.py: poems, a tiny model, a port."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from importlib import import_module

import numpy as np
import torch

from poetgen.config import TrainConfig
from poetgen.corpus import keywords
from poetgen.data.dataset import FIELDS, POEM, Split
from poetgen.data.sequence import CONTROL, Layout
from poetgen.data.vocab import Vocab
from poetgen.plots import chinese_font


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


#: The vocabulary of made-up splits.
VOCAB = Vocab.build({chr(0x4E00 + index): 1 for index in range(200)}, CONTROL)


def make_split(count: int, longest: int = 90) -> Split:
    """Made-up poems in the ids of VOCAB, whose every field is known, with bodies of 10 to `longest` characters."""
    rng = np.random.default_rng(0)
    records = np.zeros(count, dtype=POEM)
    records["form"], records["dynasty"], records["rhyme"] = map(VOCAB.id, ("[七绝]", "[唐]", "七"))
    records["tune"], records["author"], records["keywords"], records["title"] = 3, 2, 5, 4
    records["body"] = rng.integers(10, longest + 1, size=count)
    sizes = sum(records[name].astype(np.int64) for name in FIELDS)
    records["start"] = np.cumsum(sizes) - sizes
    tokens = rng.integers(VOCAB.id("一"), len(VOCAB), size=int(sizes.sum())).astype(np.uint16)
    return Split(tokens, records, Layout(VOCAB))


#: Modules that commands load when they are called, loaded once for all.
_LOADED = (
    "poetgen.cli poetgen.poet poetgen.data.preprocess poetgen.judging.report poetgen.judging.surprisal "
    "poetgen.judging.checking poetgen.network.trainer poetgen.inspect.gates poetgen.inspect.memory "
    "poetgen.inspect.embedding poetgen.inspect.ablation poetgen.writing.titles poetgen.writing.output "
    "poetgen.corpus.poems poetgen.plots.training poetgen.plots.gates poetgen.plots.memory poetgen.plots.embedding "
    "rich.progress jieba opencc"
).split()


def load_commands() -> None:
    """Load what the commands load when they are called, once for all processes that this one forks."""
    torch.set_num_threads(1)
    for name in _LOADED:
        import_module(name)
    # What takes a second to be read, and is then the same for all: jieba's dictionary, and the fonts.
    keywords.cut(["月"])
    chinese_font()
