"""Weights in eight bits."""

from pathlib import Path

import pytest
import torch

from poetgen.errors import CheckpointError
from poetgen.network import checkpoint
from poetgen.network.checkpoint import WEIGHTS, Checkpoint, export, write_tensors
from poetgen.network.eight_bits import SCALES, from_eight_bits, to_eight_bits


def test_no_weight_is_off_by_more_than_half_a_step_of_its_row() -> None:
    torch.manual_seed(1)
    matrix = torch.randn(7, 300) * torch.logspace(-6, 3, 7)[:, None]
    matrix[3] = 0
    vector = torch.randn(5)
    found = from_eight_bits(to_eight_bits({"a": matrix, "b": vector}))
    assert ((found["a"] - matrix).abs() <= matrix.abs().amax(1, keepdim=True) / 127 / 2 * 1.001 + 1e-12).all()
    assert torch.equal(found["a"][3], torch.zeros(300))
    assert torch.equal(found["b"], vector.half())


def test_a_checkpoint_in_eight_bits_is_a_quarter_and_writes(tiny: Path, tmp_path: Path) -> None:
    id = export(tiny, tmp_path / "small", torch.int8)
    small, whole = Checkpoint.load(tmp_path / "small"), Checkpoint.load(tiny)
    assert small.id == id != whole.id
    weights = sum(parameter.numel() for parameter in whole.model.parameters() if parameter.dim() == 2)
    assert (tmp_path / "small" / WEIGHTS).stat().st_size < 1.5 * weights + 8000
    ids = torch.randint(len(whole.vocab), (2, 9))
    one, two = (model(ids)[0].softmax(-1) for model in (small.model, whole.model))
    assert (one - two).abs().max() < 0.01


def test_matrices_without_scales_are_refused(tiny: Path, tmp_path: Path) -> None:
    export(tiny, tmp_path / "small", torch.int8)
    path = tmp_path / "small" / WEIGHTS
    with checkpoint.safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        metadata = {key: value for key, value in file.metadata().items() if key != "format"}
    name = next(name for name in tensors if name.endswith(SCALES))
    for scales in (None, tensors[name][:-1], tensors[name].half()):
        broken = {key: value for key, value in tensors.items() if key != name}
        write_tensors(path, broken if scales is None else {**broken, name: scales}, metadata)
        with pytest.raises(CheckpointError, match="has no scales"):
            Checkpoint.load(tmp_path / "small")


@pytest.mark.parametrize("shape", [(), (4,), (2, 2, 2)])
def test_what_is_no_matrix_has_no_scales(shape: tuple[int, ...], tiny: Path, tmp_path: Path) -> None:
    export(tiny, tmp_path / "small", torch.int8)
    tensors = {"a": torch.ones(shape, dtype=torch.int8), f"a{SCALES}": torch.ones(shape[:1])}
    write_tensors(tmp_path / "small" / WEIGHTS, tensors, {})
    with pytest.raises(CheckpointError, match="or is no matrix"):
        Checkpoint.load(tmp_path / "small")
