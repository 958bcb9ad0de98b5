"""The one recurrent model."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from poetgen.config import ModelConfig
from poetgen.data.vocab import PAD
from poetgen.network.model import LockedDropout, PoetModel, State

SHAPES = [
    {"cell": cell, "tie": tie, "embed": embed, "residual": residual}
    for cell in ("lstm", "gru", "rnn")
    for tie, embed in ((True, 12), (True, 16), (False, 12), (False, 0))
    for residual in (True, False)
]


def make(seed: int = 0, **options: Any) -> PoetModel:
    torch.manual_seed(seed)
    return PoetModel(ModelConfig(**({"vocab_size": 30, "layers": 3, "hidden": 16, "embed": 12} | options))).eval()


def some(rows: int, steps: int) -> Tensor:
    return torch.randint(2, 30, (rows, steps), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("options", SHAPES, ids=str)
def test_step_by_step_gives_what_one_go_gives(options: dict[str, Any]) -> None:
    model, ids = make(**options), some(3, 7)
    with torch.no_grad():
        whole, end = model(ids)
        assert whole.shape == (3, 7, 30)
        state: State | None = None
        for step in range(7):
            logits, state = model(ids[:, step : step + 1], state)
            torch.testing.assert_close(logits[:, 0], whole[:, step], rtol=1e-4, atol=1e-5)
    assert state is not None and len(state) == len(end) == (2 if options["cell"] == "lstm" else 1)
    for part, expected in zip(state, end, strict=True):
        assert part.shape == (3, 3, 16)
        torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", SHAPES, ids=str)
def test_the_past_counts_and_the_future_does_not(options: dict[str, Any]) -> None:
    model, ids = make(**options), some(1, 6)
    changed = ids.clone()
    changed[0, 3] = (ids[0, 3] - 1) % 28 + 2
    with torch.no_grad():
        before, after = model(ids)[0][0], model(changed)[0][0]
    assert torch.equal(before[:3], after[:3])
    for step in range(3, 6):
        assert not torch.allclose(before[step], after[step])


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_rows_do_not_see_each_other_nor_padding_behind_them(cell: str) -> None:
    model, ids = make(cell=cell), some(4, 9)
    padded = torch.full((4, 14), PAD)
    padded[:, :9] = ids
    with torch.no_grad():
        whole = model(ids)[0]
        torch.testing.assert_close(model(padded)[0][:, :9], whole, rtol=1e-4, atol=1e-5)
        for row in range(4):
            torch.testing.assert_close(model(ids[row : row + 1])[0][0], whole[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", SHAPES, ids=str)
def test_gradients_flow_everywhere(options: dict[str, Any]) -> None:
    model = make(**options).train()
    logits, _ = model(some(3, 7))
    torch.autograd.backward(logits.square().mean())
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and float(parameter.grad.abs().sum()) > 0, name


def test_gradients_flow_through_the_state() -> None:
    model = make(cell="gru")
    state = (torch.zeros(3, 2, 16, requires_grad=True),)
    logits, _ = model(some(2, 4), state)
    torch.autograd.backward(logits[:, -1].sum())
    assert state[0].grad is not None and (state[0].grad.abs().sum((1, 2)) > 0).all()


def test_tied_weights_are_one_and_counted_once() -> None:
    tied, loose = make(tie=True), make(tie=False)
    assert tied.embedding is not None and tied.output.weight is tied.embedding.weight
    assert loose.embedding is not None and loose.output.weight is not loose.embedding.weight
    lstm = 4 * 16 * (12 + 16 + 2) + 2 * 4 * 16 * (16 + 16 + 2)
    norms = 2 * (12 + 16 + 16 + 16)
    assert tied.parameters_count == 30 * 12 + lstm + norms + 16 * 12 + 30
    assert loose.parameters_count == 30 * 12 + lstm + norms + 30 * 16 + 30
    with torch.no_grad():
        before = tied(some(1, 1))[0]
        tied.output.weight[5] += 1
        after = tied(some(1, 1))[0]
    assert not torch.equal(before[0, 0, 5], after[0, 0, 5])


def test_one_hot_vectors_need_no_embedding() -> None:
    model = make(embed=0, tie=False)
    assert model.embedding is None
    assert model.cells[0].weight_ih_l0.shape == (64, 30)
    with torch.no_grad():
        a, b = (model(torch.tensor([[token]]))[0] for token in (2, 3))
    assert not torch.allclose(a, b)


def test_a_new_model_knows_nothing() -> None:
    for options in ({}, {"hidden": 64, "embed": 64}, {"tie": False, "cell": "gru"}):
        with torch.no_grad():
            logits, _ = make(vocab_size=500, **options)(torch.randint(2, 500, (8, 20)))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(2, 500, (160,)))
        assert abs(float(loss) - math.log(500)) < 1
        assert 0.3 < float(logits.std()) < 2


def test_forget_gates_start_open() -> None:
    for cell in make(cell="lstm").cells:
        gates = (cell.bias_ih_l0 + cell.bias_hh_l0).chunk(4)
        assert [float(gate.detach().mean()) for gate in gates] == [0, 1, 0, 0]


def test_dropout_is_for_training_alone() -> None:
    model, ids = make(dropout=0.5), some(2, 5)
    assert torch.equal(model(ids)[0], model(ids)[0])
    model.train()
    assert not torch.equal(model(ids)[0], model(ids)[0])
    torch.manual_seed(3)
    first = model(ids)[0]
    torch.manual_seed(3)
    assert torch.equal(first, model(ids)[0])


def test_dropout_switches_off_the_same_features_at_every_step() -> None:
    torch.manual_seed(0)
    y = LockedDropout(0.25).train()(torch.ones(50, 40, 100))
    assert torch.equal(y, y[:1].expand_as(y))
    assert not torch.equal(y[:, 0], y[:, 1]), "each row has its own"
    assert abs(float((y == 0).float().mean()) - 0.25) < 0.03
    assert abs(float(y.mean()) - 1) < 0.05, "what is left makes up for what is gone"


def test_logits_of_some_positions_are_those_of_all() -> None:
    model, ids = make(), some(2, 6)
    with torch.no_grad():
        features, _ = model.features(ids)
        torch.testing.assert_close(model.logits(features[:, ::2]), model(ids)[0][:, ::2])


def test_a_model_told_what_to_expect_starts_from_it() -> None:
    model, ids = make(), some(64, 20)
    counts = torch.zeros(model.config.vocab_size)
    counts[7], counts[11] = 3000, 1000
    model.expect(counts)
    with torch.no_grad():
        mean = model.eval()(ids)[0].softmax(-1).mean((0, 1))
    assert 0.5 < float(mean[7]) < 0.9 and 0.1 < float(mean[11]) < 0.4
    assert float(mean.min()) > 0, "what was never seen stays possible"


def test_the_loss_is_the_cross_entropy_of_the_logits() -> None:
    for model in (make(), make(embed=7, tie=True), make(tie=False)):
        ids = some(3, 9)
        labels = some(3, 9)
        labels[:, :4] = PAD
        features, _ = model.features(ids)
        expected = F.cross_entropy(
            model.logits(features).flatten(0, 1), labels.flatten(), ignore_index=PAD, reduction="sum"
        )
        torch.testing.assert_close(model.loss(features, labels), expected, rtol=1e-5, atol=1e-4)


def test_the_model_works_in_bfloat16_too() -> None:
    model, ids = make(layers=1), some(2, 6)
    with torch.no_grad():
        expected = model(ids)[0]
        try:
            found, state = model.to(torch.bfloat16)(ids)
        except RuntimeError as error:
            pytest.skip(f"no bfloat16 here: {error}")
    assert found.dtype == state[0].dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("embed", "tie"), [(12, True), (0, False)])
def test_a_step_is_what_features_gives_for_one(cell: str, embed: int, tie: bool) -> None:
    torch.manual_seed(0)
    model = PoetModel(ModelConfig(30, cell=cell, layers=3, hidden=16, embed=embed, tie=tie)).eval()
    ids = torch.randint(30, (5, 4))
    state: State | None = None
    stepped: State = tuple(torch.zeros(3, 5, 16) for _ in range(2 if cell == "lstm" else 1))
    with torch.no_grad():
        for column in ids.t():
            features, state = model.features(column[:, None], state)
            own, stepped = model.step(column, stepped)
            torch.testing.assert_close(own, features[:, 0])
            for one, other in zip(stepped, state, strict=True):
                torch.testing.assert_close(one, other)
