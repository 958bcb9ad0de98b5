"""A run for TensorBoard: the figures of its records, and the lines by the model, in event files.

    tensorboard --logdir checkpoints

PyTorch's writer needs the package tensorboard, which is an extra; both are imported when a run asks for them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from poetgen.errors import SaveError, UsageError
from poetgen.network.records import EvalRecord, StepRecord, TrainingRecord

if TYPE_CHECKING:
    from poetgen.network.trainer import Trainer

#: The folder beside a run's files, and the event files in it.
FOLDER, FILES = "tensorboard", "events.out.tfevents.*"

#: The tag of each figure that a kind of record has.
TAGS: dict[type[TrainingRecord], dict[str, str]] = {
    StepRecord: {
        "loss": "train/loss",
        "perplexity": "train/perplexity",
        "grad_norm": "train/grad_norm",
        "clipped": "train/clipped",
        "tokens_per_second": "train/tokens_per_second",
        "lr": "train/learning_rate",
    },
    EvalRecord: {"valid_loss": "valid/loss", "ppl_char": "valid/ppl_char", "ppl_all": "valid/ppl_all"},
}


def summary_writer() -> Any:
    """PyTorch's class that writes event files; raises UsageError where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            f'--tensorboard: cannot be loaded here ({error}); install it: pip install "poetgen[tensorboard]"'
        ) from error
    return SummaryWriter


class Events:
    """What TensorBoard is shown of a run, if that is `wanted`; a context, which closes the files.

    Until a new run has taken the place of an earlier one, its records wait; then the events of the earlier one go.
    """

    def __init__(self, trainer: Trainer, wanted: bool) -> None:
        self._trainer, self._wanted = trainer, wanted
        self._new, self._step = not trainer.folder.begun, trainer.position.step
        self._waiting: list[TrainingRecord] = []
        self._board: Board | None = None
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._closing.__exit__(*error)

    def show(self, record: TrainingRecord) -> None:
        """Write the figures of a record, now or when the folder is the run's own; raises SaveError."""
        self._waiting.append(record)
        board = self._open()
        if board:
            for waiting in self._waiting:
                board.show(waiting)
        if self._trainer.folder.begun:
            self._waiting.clear()

    def write(self, lines: Sequence[str]) -> None:
        """Write some lines by the model as it stands; raises SaveError."""
        if board := self._open():
            board.write(lines, self._trainer.position.step, self._trainer.position.seconds)

    def _open(self) -> Board | None:
        """The board, if there is to be one and it is time."""
        if self._trainer.folder.begun and self._new:
            _remove_events(self._trainer.out)
            self._new = False
        if self._trainer.folder.begun and self._wanted and self._board is None:
            board = Board(self._trainer.out, self._step, self._trainer.position.seconds)
            self._board = self._closing.enter_context(board)
        return self._board


def _remove_events(out: Path) -> None:
    """Remove what an earlier run wrote for TensorBoard; raises SaveError."""
    for path in (out / FOLDER).glob(FILES):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SaveError(f"{path}: cannot be removed ({error.strerror})") from error
    with suppress(OSError):  # what else may lie in there is not the run's
        (out / FOLDER).rmdir()


class Board:
    """Writes the records of a run into OUT/tensorboard as they come; a context, which closes the files.

    `step` and `seconds` say where the run stands: what an earlier process wrote of later steps no longer counts.
    Raises SaveError where the folder cannot be written or is full.
    """

    def __init__(self, out: Path, step: int = 0, seconds: float = 0.0) -> None:
        self._folder, self._began = out / FOLDER, time.time() - seconds
        with self._saving():
            self._writer = summary_writer()(str(self._folder), purge_step=step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        # After an error, another one in closing is the same trouble once more.
        with suppress(SaveError) if kind else nullcontext(), self._saving():
            self._writer.close()

    def show(self, record: TrainingRecord) -> None:
        """Write the figures of a record; what is not finite is left out, as in log.jsonl."""
        with self._saving():
            for name, tag in TAGS.get(type(record), {}).items():
                if math.isfinite(value := getattr(record, name)):
                    self._writer.add_scalar(tag, value, record.step, self._began + record.seconds)
            if not isinstance(record, StepRecord):
                self._writer.flush()

    def write(self, lines: Sequence[str], step: int, seconds: float) -> None:
        """Write some lines by the model, in Markdown's form for text that stays as it is."""
        with self._saving():
            text = "\n".join(f"    {line}" for line in lines)
            self._writer.add_text("lines", text, step, self._began + seconds)

    @contextmanager
    def _saving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise SaveError(
                f"{self._folder}: cannot be written ({reason}); free some room, or go on without --tensorboard"
            ) from error
