"""Every kind of file that a user may be given, made worse, and every command that reads it.

    python -m tests.fuzz.files --inputs 5000 --seed 1

Says how often what came out: tracebacks, hangs, signals, too much memory, control characters, invalid JSON. With --keep
what failed stays in a folder, an input a folder, with the command that reads it in command.txt. See docs/security.md.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fuzz import mutations
from tests.fuzz.campaign import Case, main
from tests.fuzz.mutations import BYTES, Mutation

#: Options that make a command quick; what they are is another script's matter.
_QUICK: Final = (
    "--epochs",
    "0.2",
    "--hidden",
    "16",
    "--embed",
    "16",
    "--lr-steps",
    "0.01",
    "--eval-every",
    "5",
    "--precision",
    "fp32",
)
_CPU: Final = ("--device", "cpu")
_POEM: Final = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"

_OF_CHECKPOINT: Final[tuple[tuple[str, ...], ...]] = (
    ("sample", "春夜", "--seed", "1", "--candidates", "2", "--checkpoint", "@"),
    ("sample", "春夜", "--seed", "1", "--form", "浣溪沙", "--candidates", "1", "--json", "--checkpoint", "@"),
    ("sample", "春夜", "--seed", "1", "--form", "free", "--temperature", "0", "--candidates", "1", "--checkpoint", "@"),
    ("sample", "--list-forms", "--checkpoint", "@"),
    ("sample", "--list-forms", "--json", "--checkpoint", "@"),
    ("check", "poems.jsonl", "--form", "浣溪沙", "--checkpoint", "@"),
    ("score", "few.jsonl", "--json", "--checkpoint", "@", *_CPU),
    ("score", "few.jsonl", "--checkpoint", "@", *_CPU),
    ("evaluate", "--poems", "few.jsonl", "--human", "poems.jsonl", "--no-critic", "--json", "--checkpoint", "@", *_CPU),
    ("inspect", "neighbours", "春", "月", "--analogy", "春 月 山", "--json", "--checkpoint", "@"),
    ("inspect", "gates", _POEM, "--poems", "poems.jsonl", "--units", "2", "--json", "--checkpoint", "@"),
    ("inspect", "memory", "--poems", "poems.jsonl", "--form", "五绝", "--num", "3", "--checkpoint", "@", *_CPU),
    ("train", "--data", "prepared", "--out", "new", "--init", "@", *_QUICK, *_CPU),
)
_OF_RUN: Final = (
    ("train", "--resume", "--data", "prepared", "--out", "@", "--epochs", "2.2", *_CPU),
    ("train", "--resume", "--data", "prepared", "--out", "@", "--epochs", "2.2", "--batch-size", "8", *_CPU),
)
_OF_DATASET: Final = (
    ("train", "--data", "@", "--out", "new", *_QUICK, *_CPU),
    ("train", "--data", "@", "--out", "new", "--sampling", "sequential", *_QUICK, *_CPU),
    ("train", "--data", "@", "--out", "new", "--init-embeddings", *_QUICK, *_CPU),
    ("train", "--resume", "--data", "@", "--out", "run", "--epochs", "2.2", *_CPU),
    ("evaluate", "--data", "@", "--num", "0", "--no-critic", "--json", "--checkpoint", "run", *_CPU),
    ("evaluate", "--data", "@", "--poems", "few.jsonl", "--no-critic", "--checkpoint", "run", *_CPU),
    ("inspect", "memory", "--data", "@", "--form", "五绝", "--num", "3", "--json", "--checkpoint", "run", *_CPU),
)
_OF_TEXT: Final = (
    ("preprocess", "@", "--out", "new", "--jobs", "1"),
    ("preprocess", "@", "--out", "new", "--jobs", "1", "--script", "keep", "--min-count", "1"),
    ("check", "@", "--checkpoint", "run"),
    ("check", "@", "--json", "--checkpoint", "run"),
    ("score", "@", "--checkpoint", "run", *_CPU),
    ("score", "@", "--json", "--checkpoint", "run", *_CPU),
    ("evaluate", "--poems", "@", "--human", "poems.jsonl", "--no-critic", "--json", "--checkpoint", "run", *_CPU),
    ("inspect", "gates", "@", "--poems", "poems.jsonl", "--units", "2", "--checkpoint", "run"),
    ("sample", "--input", "@", "--seed", "1", "--candidates", "1", "--checkpoint", "run"),
)
_OF_TITLES: Final = (
    ("sample", "--input", "@", "--seed", "1", "--candidates", "1", "--checkpoint", "run"),
    ("sample", "--input", "@", "--seed", "1", "--candidates", "1", "--json", "--num", "2", "--checkpoint", "run"),
    ("sample", "--input", "@", "--seed", "1", "--candidates", "1", "--output", "o.jsonl", "--checkpoint", "run"),
)
_OF_LINES: Final = (
    ("couplet", "--input", "@", "--seed", "1", "--candidates", "2", "--checkpoint", "run"),
    ("couplet", "--input", "@", "--seed", "1", "--candidates", "2", "--json", "--checkpoint", "run"),
)
_OF_NAMED: Final = (
    ("models", "list"),
    ("models", "list", "--json"),
    ("models", "show", "mine"),
    ("models", "export", "mine", "new.zip"),
    ("sample", "春夜", "--seed", "1", "--candidates", "1"),
)
_OF_PACKED: Final = (("models", "import", "@"), ("models", "import", "@", "--name", "new"))
_OF_POEMS: Final = (
    ("sample", "--input", "titles.txt", "--seed", "1", "--output", "@", "--resume", "--checkpoint", "run"),
)


@dataclass(frozen=True)
class Kind:
    """Files of one kind: what they are called in the material, how they are made worse, and what reads them.

    Of a `folder` one file is changed, and the folder is given; the good file may be one `of` another folder.
    """

    name: str
    files: Sequence[str]
    changes: Sequence[Mutation]
    commands: Sequence[Sequence[str]]
    folder: str = ""
    of: str = ""


_JSON: Final = (mutations.json_value,) * 8 + BYTES
_TENSORS: Final = (mutations.tensors_header,) * 5 + (mutations.tensors_retyped,) * 5 + BYTES
_NPY: Final = (mutations.npy_header,) * 4 + (mutations.npy_values,) * 6 + BYTES
_LINES: Final = (mutations.json_lines,) * 8 + BYTES
_CARD: Final = BYTES

KINDS: Final = (
    Kind("checkpoint, config.json", ("config.json",), _JSON, _OF_CHECKPOINT, "run"),
    Kind("checkpoint, vocab.json", ("vocab.json",), _JSON, _OF_CHECKPOINT, "run"),
    Kind("checkpoint, forms.json", ("forms.json",), _JSON, _OF_CHECKPOINT, "run"),
    Kind("checkpoint, weights", ("model.safetensors",), _TENSORS, _OF_CHECKPOINT, "run"),
    Kind("checkpoint, weights in 8 bits", ("model.safetensors",), _TENSORS, _OF_CHECKPOINT, "run", "small"),
    Kind("checkpoint, reader", ("reader.safetensors",), _TENSORS, _OF_CHECKPOINT[:3], "run", "small"),
    Kind("checkpoint, lines", ("lines.safetensors",), _TENSORS, _OF_CHECKPOINT, "run"),
    Kind("checkpoint, card", ("README.md",), _CARD, _OF_RUN, "run"),
    Kind("checkpoint by name", ("config.json",), _JSON, _OF_NAMED, "checkpoints/mine", "run"),
    Kind("checkpoint by name", ("model.safetensors",), _TENSORS, _OF_NAMED, "checkpoints/mine", "run"),
    Kind("packed checkpoint", ("packed.zip",), (mutations.zip_members,) * 4 + BYTES, _OF_PACKED),
    Kind("run, train.state", ("train.state",), _TENSORS, _OF_RUN, "run"),
    Kind("run, train.state", ("train.state",), (mutations.tensors_header,), _OF_RUN, "run"),
    Kind("run, log.jsonl", ("log.jsonl",), _LINES, _OF_RUN, "run"),
    Kind("run, the rest", ("config.json", "vocab.json", "forms.json"), _JSON, _OF_RUN, "run"),
    Kind("dataset, JSON", ("dataset.json", "vocab.json", "forms.json", "report.json"), _JSON, _OF_DATASET, "prepared"),
    Kind("dataset, tokens", ("train.tokens.npy", "valid.tokens.npy"), _NPY, _OF_DATASET, "prepared"),
    Kind("dataset, poems", ("train.poems.npy", "valid.poems.npy"), _NPY, _OF_DATASET, "prepared"),
    Kind("dataset, lines", ("lines.safetensors",), _TENSORS, _OF_DATASET, "prepared"),
    Kind("text", ("lines.txt", "layout.txt", "gbk.txt", "utf16.txt", "page.html"), BYTES, _OF_TEXT),
    Kind("table", ("table.csv", "table.tsv"), BYTES, _OF_TEXT),
    Kind("JSON of poems", ("classic.json", "dict.json"), _JSON, _OF_TEXT),
    Kind("JSON Lines of poems", ("poems.jsonl",), _LINES, _OF_TEXT),
    Kind("packed file", ("packed.txt.gz",), (mutations.packed(mutations.insert), *BYTES), _OF_TEXT),
    Kind("archive", ("archive.zip", "word.docx"), (mutations.zip_members,) * 4 + BYTES, _OF_TEXT),
    Kind("archive", ("archive.tar",), (mutations.tar_members,) * 3 + BYTES, _OF_TEXT),
    Kind("titles", ("titles.txt", "titles.csv"), BYTES, _OF_TITLES),
    Kind("titles", ("titles.json",), _JSON, _OF_TITLES),
    Kind("titles", ("titles.jsonl",), _LINES, _OF_TITLES),
    Kind("lines to answer", ("titles.jsonl",), _LINES, _OF_LINES),
    Kind("lines to answer", ("lines.txt",), BYTES, _OF_LINES),
    Kind("poems to go on with", ("out.jsonl",), _LINES, _OF_POEMS),
)


def case(draw: random.Random, good: Path, folder: Path) -> Case:
    """One bad file in `folder`, and the command that reads it."""
    kind = draw.choice(KINDS)
    name = draw.choice(kind.files)
    command = draw.choice(kind.commands)
    if kind.folder:
        source, given = good / (kind.of or kind.folder) / name, kind.folder
        target = folder / given / name
    else:
        source = next(place / name for place in (good, good / "texts", good / "titles") if (place / name).exists())
        given = name
        target = folder / name
    change = draw.choice(kind.changes)
    try:
        data = change(draw, source.read_bytes())
    except (
        ValueError,
        KeyError,
        IndexError,
        UnicodeError,
        RecursionError,
    ):  # what cannot be changed so is changed at random
        data = draw.choice(BYTES)(draw, source.read_bytes())
    target.unlink(missing_ok=True)
    target.write_bytes(data)
    if name == "log.jsonl":
        (folder / "run" / ".draw").touch()
    return Case(kind.name, tuple(given if part == "@" else part for part in command), name)


def place(good: Path, folder: Path) -> None:
    """Copy what commands read besides into a fresh folder."""
    for name in ("run", "prepared"):
        shutil.copytree(good / name, folder / name)
    shutil.copytree(good / "small", folder / "checkpoints" / "mine")
    for path in (good / "poems.jsonl", good / "few.jsonl", good / "out.jsonl", good / "titles" / "titles.txt"):
        shutil.copy(path, folder)


Maker = Callable[[random.Random, Path, Path], Case]

if __name__ == "__main__":
    main(__doc__, case, place)
