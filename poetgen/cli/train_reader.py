"""`poetgen train --reader`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from poetgen.cli.root import claim, note


def teach_reader(out: Path, data: Path, device: str, seed: int) -> None:
    """Teach the checkpoint in a folder to choose among its drafts, and say how well it learned to."""
    from poetgen.cli.progress_bar import ProgressBar
    from poetgen.data.dataset import Dataset
    from poetgen.network.checkpoint import Checkpoint
    from poetgen.network.device import pick_device
    from poetgen.writing.teaching import teach

    with claim(out) if out.is_dir() else nullcontext():  # no run may change the weights in the meantime
        checkpoint, dataset = Checkpoint.load(out, pick_device(device)), Dataset.load(data)
        with ProgressBar() as progress:
            taught = teach(checkpoint, dataset, seed=seed, progress=progress.update)
        taught.reader.save(checkpoint)
    note(
        f"{out} has a reader, taught by {taught.poems:,} poems of people and as many drafts; of new ones it tells "
        f"{100 * taught.auc:.0f} pairs of 100 (50: a guess)"
    )
