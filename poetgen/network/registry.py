"""Which checkpoints there are, by name, and which one is meant where none is named. Loads no torch.

A checkpoint is called by its folder, or by a name: `box` is the one that comes with the package, and any other that of
a folder in checkpoints/. docs/models.md tells users of both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from poetgen.data.profile import CorpusProfile
from poetgen.errors import CheckpointError
from poetgen.files import parse_json, read_json
from poetgen.folders import located
from poetgen.humanize import nearest, way_out

#: The files of a checkpoint that this room writes (see checkpoint.py).
WEIGHTS, CONFIG, VOCAB, STATE, CARD = "model.safetensors", "config.json", "vocab.json", "train.state", "README.md"
#: The name of the checkpoint that comes with the package.
BOX: Final = "box"
#: Where checkpoints are looked for by their names.
CHECKPOINTS: Final = Path("checkpoints")
#: Bytes of a config.json, a hundred times what it has.
MOST_CONFIG: Final = 1 << 20
#: A checkpoint whose perplexity is so many times that of another writes next to gibberish beside it. The two are of
#: different validation poems, so that less of a difference says little.
_FAR_BEHIND: Final = 2.0
#: The options of training that give a network its shape.
_SHAPE: Final = ("cell", "layers", "hidden", "embed", "tie")
#: Bytes of the header of a safetensors file that are read to learn its id.
_MOST_HEADER: Final = 1 << 20


@dataclass(frozen=True)
class CheckpointSummary:
    """What can be said of a checkpoint without opening its network: `date` in seconds, `size` in bytes of all files."""

    name: str
    path: Path
    config: dict[str, Any]
    date: float
    size: int

    @property
    def perplexity(self) -> float:
        """Its ppl_char, over the poems that it was validated with; nan where that is not known."""
        return _number(self.figures.get("ppl_char"))

    @property
    def figures(self) -> dict[str, Any]:
        figures = self.config.get("figures")
        return figures if isinstance(figures, dict) else {}

    @property
    def shape(self) -> dict[str, Any]:
        """What its config says of --cell, --layers, --hidden, --embed and --tie."""
        model = self.config.get("model")
        return {name: model[name] for name in _SHAPE if name in model} if isinstance(model, dict) else {}

    @property
    def profile(self) -> CorpusProfile | None:
        return CorpusProfile.parse(self.config.get("corpus"))

    @property
    def id(self) -> str:
        """The hash of its weights, "" where their file does not tell."""
        with suppress(OSError, ValueError, TypeError, AttributeError), located(self.path, WEIGHTS).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length <= _MOST_HEADER:
                return str(parse_json(file.read(length)).get("__metadata__", {}).get("id", ""))
        return ""

    def is_far_behind(self, other: CheckpointSummary) -> bool:
        """Whether the other one, of the same dataset or of Chinese verse as well, has learned far more."""
        dataset = self.config.get("dataset")
        same = dataset is not None and dataset == other.config.get("dataset")
        alike = same or (_classical(self) and _classical(other))
        return alike and self.perplexity > _FAR_BEHIND * other.perplexity


def _classical(summary: CheckpointSummary) -> bool:
    return summary.profile is None or summary.profile.regulated


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:  # an integer of hundreds of digits
        return math.inf


def boxed() -> Path:
    """The checkpoint that comes with the package: poetgen/box where installed, checkpoints/tang-song in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / BOX
    return installed if installed.is_dir() else package.parent / "checkpoints" / "tang-song"


def is_checkpoint(path: Path) -> bool:
    """Whether a folder holds a checkpoint, by the names of its files."""
    try:
        return located(path, CONFIG).exists() and located(path, WEIGHTS).exists()
    except (OSError, ValueError):  # no name that a file may have
        return False


def checkpoint_name(path: Path) -> str:
    """What a checkpoint is called."""
    return BOX if _same_folder(path, boxed()) else path.resolve().name


def summarised(path: Path) -> CheckpointSummary:
    """What can be said of the checkpoint in a folder; raises CheckpointError where it does not tell."""
    try:
        config = read_json(located(path, CONFIG), MOST_CONFIG)
        date = located(path, WEIGHTS).stat().st_mtime
        size = sum(file.stat().st_size for file in path.iterdir() if file.is_file() and file.name != STATE)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: no whole checkpoint ({error}); copy it again, or train again") from error
    return CheckpointSummary(checkpoint_name(path), path, config if isinstance(config, dict) else {}, date, size)


def summaries(folder: Path = CHECKPOINTS) -> list[CheckpointSummary]:
    """The checkpoints in a folder, the newest first, and behind them the one in the box."""
    found = []
    for path in _checkpoints_in(folder):
        with suppress(CheckpointError):
            found.append(summarised(path))
    found.sort(key=lambda summary: (summary.name == BOX, -summary.date))
    if all(summary.name != BOX for summary in found) and is_checkpoint(boxed()):
        found.append(summarised(boxed()))
    return found


def names(folder: Path = CHECKPOINTS) -> list[str]:
    """The names of all checkpoints that can be called by one."""
    return [BOX, *sorted({checkpoint_name(path) for path in _checkpoints_in(folder)} - {BOX})]


def named(given: str | Path, folder: Path = CHECKPOINTS) -> Path:
    """The folder of a checkpoint that is given by its folder or by its name; raises CheckpointError."""
    path = Path(given)
    if is_checkpoint(path):
        return path
    if str(given) == BOX:
        return boxed()
    if path.name == str(given) and is_checkpoint(folder / path):
        return folder / path
    if _is_dir(path):
        return path  # half a checkpoint, of which the loading says what is missing
    choose = "poetgen models lists those that there are"
    near = nearest(str(given), names(folder))
    raise CheckpointError(f"{given}: no such checkpoint folder, nor the name of one; {way_out(near, choose)}")


def find(
    given: str | Path | None = None, folder: Path = CHECKPOINTS, say: Callable[[str], object] = lambda text: None
) -> Path:
    """The checkpoint to use: the one given, else the newest in `folder`, else the one in the box.

    One that has learned far less than another that there is, such as after a run of some steps, is passed over: `say`
    is told. Raises CheckpointError where there is none of the name that is given.
    """
    if given is not None:
        return named(given, folder)
    found = summaries(folder)
    for place, summary in enumerate(found):
        better = next((other for other in found if summary.is_far_behind(other)), None)
        if better is None or place == len(found) - 1:
            return summary.path
        say(
            f"{summary.path} is newer, but far behind: ppl_char {summary.perplexity:,.1f} on its own validation poems, "
            f"{better.name} {better.perplexity:,.1f}; to take it all the same: --checkpoint {summary.name}"
        )
    return boxed()


def _checkpoints_in(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir() if _is_dir(folder) else ():
        if not path.name.startswith(".") and is_checkpoint(path):
            yield path


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _same_folder(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False
