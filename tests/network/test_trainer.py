"""The training loop. What a kill leaves is in test_kill.py, what a full disk leaves in test_checkpoint.py."""

import itertools
import json
import math
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from poetgen.config import PreprocessConfig, TrainConfig
from poetgen.data.batches import batch_groups
from poetgen.data.dataset import Dataset
from poetgen.data.preprocess import preprocess
from poetgen.errors import CheckpointError, DatasetError, DivergedError, SaveError, UsageError
from poetgen.network import budget, gradients, skipgram
from poetgen.network import trainer as module
from poetgen.network.checkpoint import CONFIG, STATE, WEIGHTS, Checkpoint, read_tensors, write_tensors
from poetgen.network.feed import ahead
from poetgen.network.perplexity import Tally
from poetgen.network.trainer import Trainer

from helpers import TINY, make_poem

Record = dict[str, Any]


@pytest.fixture(scope="session")
def dataset(prepared: Path) -> Dataset:
    return Dataset.load(prepared)


def run(trainer: Trainer) -> list[Record]:
    """The records of a run, each as its line of the log has it."""
    return [record.facts() for record in trainer.run()]


def of(records: list[Record], kind: str) -> list[Record]:
    return [record for record in records if record["kind"] == kind]


def logged(out: Path) -> list[Record]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def timeless(records: list[Record]) -> list[Record]:
    return [{k: v for k, v in r.items() if k not in ("seconds", "tokens_per_second")} for r in records]


def same_tensors(one: Path, two: Path) -> None:
    """Every number in both files of weights is the same to the bit."""
    for name in (WEIGHTS, STATE):
        first, second = read_tensors(one / name)[0], read_tensors(two / name)[0]
        assert first.keys() == second.keys()
        for key, tensor in first.items():
            assert torch.equal(tensor, second[key]), f"{name}: {key}"


def stop_after(steps: int) -> Callable[[], bool]:
    """A `stop` that says so at that step and from then on."""
    asked = iter(range(1, 10**9))
    return lambda: next(asked) >= steps


# Learning --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["poems", "sequential", "random"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_loss_falls(cell: str, sampling: str, dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, cell=cell, sampling=sampling, epochs=4, eval_every=10**6, lr_steps=(0.03,))
    steps = of(run(Trainer(dataset, config, tmp_path)), "step")
    uniform = math.log(len(dataset.vocab))
    assert steps[0]["loss"] < uniform + 0.5
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.2
    assert steps[-1]["perplexity"] == pytest.approx(math.exp(steps[-1]["loss"]))


@pytest.mark.slow
def test_a_few_poems_are_learned_by_heart(tmp_path: Path) -> None:
    source = tmp_path / "poems.jsonl"
    source.write_text("".join(json.dumps(make_poem(number)) + "\n" for number in range(4)), encoding="utf-8")
    preprocess([source], tmp_path / "data", PreprocessConfig(min_count=1, valid_share=0, jobs=1))
    data = Dataset.load(tmp_path / "data")
    config = replace(TINY, hidden=48, embed=48, dropout=0, epochs=60, lr_steps=(0.03, 0.01), eval_every=10**6)
    records = run(Trainer(data, config, tmp_path / "run"))
    assert of(records, "eval")[-1]["ppl_all"] < 1.3, "scored on what it was trained on, where there is nothing else"


def test_every_epoch_scores_every_poem(dataset: Dataset, tmp_path: Path) -> None:
    tokens = int(dataset.train.poems["body"].sum()) + len(dataset.train)
    records = run(Trainer(dataset, replace(TINY, epochs=3), tmp_path))
    assert records[-1]["tokens"] == 3 * tokens
    assert records[-1]["epoch"] == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"tie": False, "embed": 0}, {"seq_len": 1, "batch_size": 30}, {"seq_len": 5}], ids=str
)
def test_other_shapes_train_too(options: dict[str, Any], dataset: Dataset, tmp_path: Path) -> None:
    """A window of one step holds at times nothing but header."""
    records = run(Trainer(dataset, replace(TINY, epochs=0.5, **options), tmp_path))
    assert math.isfinite(records[-2]["valid_loss"])
    Checkpoint.load(tmp_path)


# Records ---------------------------------------------------------------------------------------------------------


def test_records_are_yielded_and_logged(dataset: Dataset, tmp_path: Path) -> None:
    records = run(Trainer(dataset, replace(TINY, eval_every=15), tmp_path))
    assert records == logged(tmp_path)
    assert [record["step"] for record in of(records, "step")][:4] == [10, 15, 20, 30]
    assert [record["step"] for record in of(records, "eval")][:2] == [15, 30]
    assert of(records, "eval")[-1]["step"] == records[-1]["step"], "a run ends on an evaluation"
    assert (records[-1]["kind"], records[-1]["reason"], records[-1]["share"]) == ("end", "budget", 1.0)
    for record in of(records, "step"):
        assert 0 <= record["clipped"] <= 1 and record["tokens_per_second"] > 0
        assert 0 < record["grad_norm"] <= record["grad_norm_max"]
    json.loads((tmp_path / CONFIG).read_text(), parse_constant=lambda name: pytest.fail(name))


@pytest.mark.slow
def test_what_is_saved_is_the_best(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the fifth evaluation on things look worse and worse; what was best by then stays."""
    config = replace(TINY, epochs=8, lr_steps=(0.003,), patience=10**6, eval_every=5)
    trainer, turns = Trainer(dataset, config, tmp_path), itertools.count()
    validate = trainer.validate

    def soured() -> Tally:
        tally = validate()
        tally.all_nats += max(0, next(turns) - 4) * tally.all
        return tally

    monkeypatch.setattr(trainer, "validate", soured)
    evaluations = of(run(trainer), "eval")
    best = min(evaluations, key=lambda record: record["valid_loss"])
    assert best is not evaluations[-1] and len(evaluations) > 8
    assert [record["best"] for record in evaluations[evaluations.index(best) :]] == [True] + [False] * (
        len(evaluations) - evaluations.index(best) - 1
    )
    figures = Checkpoint.load(tmp_path).config["figures"]
    assert figures["step"] == best["step"] and figures["ppl_char"] == best["ppl_char"]
    assert read_tensors(tmp_path / WEIGHTS)[1]["step"] == str(best["step"])
    kept = Trainer(dataset, config, tmp_path / "again")
    kept.model.load_state_dict(Checkpoint.load(tmp_path).model.state_dict())
    assert kept.validate().ppl_char == pytest.approx(best["ppl_char"])


def test_a_dataset_without_validation_is_scored_on_itself(dataset: Dataset, tmp_path: Path) -> None:
    empty = Dataset(
        dataset.vocab,
        dataset.train,
        type(dataset.valid)(dataset.valid.tokens, dataset.valid.poems[:0], dataset.train.layout),
        "none",
    )
    (record,) = of(run(Trainer(empty, replace(TINY, epochs=1, eval_every=10**6), tmp_path)), "eval")
    assert record["valid_tokens"] == int(dataset.train.poems["body"].sum()) + len(dataset.train)


def test_a_dataset_without_training_is_an_error(dataset: Dataset, tmp_path: Path) -> None:
    empty = type(dataset.valid)(dataset.valid.tokens, dataset.valid.poems[:0], dataset.train.layout)
    with pytest.raises(DatasetError, match="training split is empty"):
        Trainer(Dataset(dataset.vocab, empty, dataset.valid, "none"), TINY, tmp_path)


# The schedule and the budget -------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [0.1, 0.5, 1, 2.5])
def test_a_run_spends_its_epochs_and_ends_on_the_last_rate(epochs: float, dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, epochs=epochs, lr_steps=(0.01, 0.005, 0.001), patience=10**6)
    trainer = Trainer(dataset, config, tmp_path)
    records = run(trainer)
    assert records[-1]["reason"] == "budget" and records[-1]["lr"] == 0.001
    groups = trainer._groups
    assert epochs <= records[-1]["epoch"] <= epochs + 1 / groups + 1e-3
    rungs = of(records, "rung")
    assert rungs and {record["why"] for record in rungs} <= {"budget", "plateau", "jump"}
    assert all(record["share"] >= 0.3333 for record in rungs if record["why"] == "budget")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
        self.now = 1000.0
        monkeypatch.setattr(budget, "time", SimpleNamespace(monotonic=lambda: self.now))
        for name, cost in seconds.items():
            monkeypatch.setattr(trainer, name, self.slow(getattr(trainer, name), cost))

    def slow(self, work: Callable[..., Any], cost: float) -> Callable[..., Any]:
        def slowly(*args: Any) -> Any:
            self.now += cost
            return work(*args)

        return slowly


@pytest.mark.parametrize("eval_every", [7, 30])
def test_minutes_are_kept_with_all_that_ends_a_run(
    eval_every: int, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last evaluation and the last saving lie within the budget, and no more than a step is given away."""
    config = replace(TINY, epochs=0, max_minutes=2, eval_every=eval_every, patience=10**6)
    trainer = Trainer(dataset, config, tmp_path)
    clock = Clock(trainer, monkeypatch, _step=1, validate=9, save=4)
    records = run(trainer)
    assert 1000 + 120 - 2 <= clock.now <= 1000 + 120
    assert (records[-1]["reason"], records[-1]["share"]) == ("budget", 1.0)
    assert records[-1]["lr"] == TINY.lr_steps[-1]
    again = run(Trainer(dataset, config, tmp_path, resume=True))
    assert [record["kind"] for record in again] == ["end"], "its budget is spent"


def test_a_run_shorter_than_its_end_is_one_all_the_same(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an evaluation to go by, the end is guessed from the speed so far, at no more than half the budget."""
    trainer = Trainer(dataset, replace(TINY, epochs=0, max_minutes=0.2, eval_every=10**6), tmp_path)
    clock = Clock(trainer, monkeypatch, _step=1, validate=100)
    records = run(trainer)
    assert 6 <= records[-1]["step"] <= 12 and clock.now == 1000 + 100 + records[-1]["step"]


def test_whichever_budget_ends_first(dataset: Dataset, tmp_path: Path) -> None:
    records = run(Trainer(dataset, replace(TINY, epochs=1, max_minutes=1000), tmp_path))
    assert records[-1]["epoch"] == 1
    assert Trainer(dataset, replace(TINY, epochs=0), tmp_path).budget.epochs == budget.DEFAULT_EPOCHS


def test_patience_ends_a_run_that_does_not_get_better(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(dataset, replace(TINY, epochs=1000, eval_every=1, patience=3), tmp_path)
    same = trainer.validate()
    monkeypatch.setattr(trainer, "validate", lambda: same)
    records = run(trainer)
    assert records[-1]["reason"] == "patience"
    assert [record["why"] for record in of(records, "rung")] == ["plateau"]
    assert len(of(records, "eval")) == 1 + 2 + 3


def test_a_jump_is_seen_and_logged(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(dataset, replace(TINY, epochs=1, eval_every=1, patience=10**6), tmp_path)
    losses = iter([5.0, 4.0, 6.0] + [3.0] * 10**4)
    plain = trainer.validate

    def validate() -> Any:
        tally = plain()
        tally.all_nats = next(losses) * tally.all
        return tally

    monkeypatch.setattr(trainer, "validate", validate)
    records = run(trainer)
    (rung, *_) = of(records, "rung")
    assert (rung["why"], rung["step"], rung["lr"]) == ("jump", 3, TINY.lr_steps[1])


def test_warming_up_raises_the_rate(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(dataset, replace(TINY, warmup=10, epochs=100), tmp_path)
    monkeypatch.setattr(trainer, "stop", stop_after(20))
    rates = []
    step = trainer.optimizer.step
    monkeypatch.setattr(
        trainer.optimizer, "step", lambda: (rates.append(trainer.optimizer.param_groups[0]["lr"]), step())
    )
    run(trainer)
    assert rates[:10] == pytest.approx([0.001 * (turn + 1) for turn in range(10)])
    assert set(rates[10:]) == {0.01}


# Gradients -------------------------------------------------------------------------------------------------------


def test_clipping_bounds_the_gradient(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    norms = []

    def trained(clip: float, out: Path) -> list[Record]:
        trainer = Trainer(dataset, replace(TINY, clip=clip, epochs=1), out)
        step = trainer.optimizer.step

        def watched() -> None:
            grads = [parameter.grad for parameter in trainer.model.parameters()]
            norms.append(float(torch.stack([grad.norm() for grad in grads if grad is not None]).norm()))
            step()

        monkeypatch.setattr(trainer.optimizer, "step", watched)
        return of(run(trainer), "step")

    records = trained(0.1, tmp_path / "tight")
    assert max(norms) <= 0.1 * (1 + 1e-4) and max(norms) > 0.099
    assert all(record["clipped"] == 1 for record in records)
    assert all(record["grad_norm"] > 0.1 for record in records), "the norm before clipping is told"
    norms.clear()
    records = trained(1000.0, tmp_path / "loose")
    assert max(norms) > 0.1 and all(record["clipped"] == 0 for record in records)


def test_a_broken_gradient_is_skipped(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(dataset, replace(TINY, epochs=1, eval_every=10**6), tmp_path)
    loss, steps = trainer.worker.loss, iter(range(10**6))
    before: list[torch.Tensor] = []

    def broken(*args: Any) -> torch.Tensor:
        turn = next(steps)
        if turn == 4:
            before.extend(parameter.detach().clone() for parameter in trainer.model.parameters())
        if turn == 5:
            assert all(torch.equal(a, b) for a, b in zip(before, trainer.model.parameters(), strict=True))
        total: torch.Tensor = loss(*args)
        if turn == 4:
            total.register_hook(lambda gradient: gradient * math.nan)
        return total

    monkeypatch.setattr(trainer.worker, "loss", broken)
    records = run(trainer)
    assert before, "there was no such step"
    assert all(bool(torch.isfinite(parameter).all()) for parameter in trainer.model.parameters())
    first = of(logged(tmp_path), "step")[0]
    assert first["grad_norm"] is None and first["clipped"] >= 0.1, "and it is seen in the log"
    assert first["grad_norm_max"] > 0, "of those that were numbers"
    assert records[-1]["reason"] == "budget"


ASTRAY = replace(TINY, cell="rnn", layers=1, clip=0, lr_steps=(1000.0,), epochs=5, dropout=0, patience=10**6)


def test_without_clipping_gradients_are_left_alone(dataset: Dataset, tmp_path: Path) -> None:
    free = run(Trainer(dataset, replace(TINY, clip=0, epochs=1), tmp_path / "free"))
    loose = run(Trainer(dataset, replace(TINY, clip=10.0**6, epochs=1), tmp_path / "loose"))
    assert timeless(free) == timeless(loose)
    assert {record["clipped"] for record in of(free, "step")} == {0}


def test_a_run_that_goes_astray_ends_with_what_to_do(dataset: Dataset, tmp_path: Path) -> None:
    records = []
    with pytest.raises(DivergedError) as error:
        records.extend(Trainer(dataset, replace(ASTRAY, eval_every=10**6), tmp_path).run())
    message = str(error.value)
    (step,) = [int(word.rstrip(":")) for word in message.split() if word.rstrip(":").isdigit()][:1]
    assert message.startswith(f"the run diverged at step {step}: its loss or its gradient is no number any more (")
    assert "learning rate 1000, last gradient norm" in message
    assert "give --clip 1, or a lower first rate in --lr-steps, with --overwrite: nothing is saved yet" in message
    assert not (tmp_path / WEIGHTS).exists() and not (tmp_path / STATE).exists()
    *_, last, end = logged(tmp_path)
    assert (end["kind"], end["reason"], end["step"]) == ("end", "diverged", step)
    assert (last["kind"], last["step"], last["loss"]) == ("step", step, None)
    assert last["grad_norm_max"] > 10**6, "through the roof, and seen"


def test_a_run_whose_gradients_are_all_broken_is_given_up(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(dataset, replace(TINY, epochs=100), tmp_path)
    intact = trainer.worker.loss

    def broken(features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        total = intact(features, labels)
        total.register_hook(lambda gradient: gradient * math.nan)
        return total

    monkeypatch.setattr(trainer.worker, "loss", broken)
    with pytest.raises(DivergedError):
        run(trainer)
    assert trainer.position.step == module.HOPELESS


@pytest.mark.slow
def test_what_was_good_is_kept_when_a_run_goes_astray(dataset: Dataset, tmp_path: Path) -> None:
    records = []
    with pytest.raises(DivergedError, match=f"with --resume: {tmp_path} holds the last good checkpoint"):
        for record in Trainer(dataset, replace(ASTRAY, eval_every=2), tmp_path).run():
            records.append(record.facts())
    good = [record for record in of(records, "eval") if math.isfinite(record["valid_loss"])]
    assert good and records[-1]["reason"] == "diverged"
    assert Checkpoint.load(tmp_path).config["figures"]["step"] in [record["step"] for record in good]
    state = read_tensors(tmp_path / STATE)[0]
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state.values())
    tamed = replace(ASTRAY, clip=1, lr_steps=(0.001,), epochs=10)
    assert run(Trainer(dataset, tamed, tmp_path, resume=True))[-1]["reason"] == "budget"


def test_an_evaluation_without_a_number_ends_a_run_too(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(dataset, TINY, tmp_path)
    plain = trainer.validate

    def validate() -> Any:
        tally = plain()
        tally.all_nats = math.nan
        return tally

    monkeypatch.setattr(trainer, "validate", validate)
    with pytest.raises(DivergedError, match="nothing is saved yet"):
        run(trainer)
    assert [record["kind"] for record in logged(tmp_path)] == ["step", "eval", "end"]


# Parts of a batch ------------------------------------------------------------------------------------------------


def assert_alike(found: list[Record], expected: list[Record]) -> None:
    """Records of the same run but for rounding."""
    for one, two in zip(timeless(found), timeless(expected), strict=True):
        words = [name for name, value in two.items() if isinstance(value, str)]
        assert [one.pop(name) for name in words] == [two.pop(name) for name in words]
        assert one == pytest.approx(two, rel=1e-3)


def test_a_run_can_start_from_a_checkpoint(tiny: Path, prepared: Path, tmp_path: Path) -> None:
    """Of the same vocabulary, and of another: what both know keeps its weights."""
    before = Checkpoint.load(tiny)
    config = replace(TINY, init=str(tiny))
    same = Trainer(Dataset.load(prepared), config, tmp_path / "same")
    for name, parameter in before.model.named_parameters():
        assert torch.equal(parameter, dict(same.model.named_parameters())[name])
    corpus = tmp_path / "another.jsonl"
    poems = [make_poem(number) for number in range(30)] + [{"title": "登", "content": "白日依山尽，黄河入海流。"}]
    corpus.write_text("".join(json.dumps(poem) + "\n" for poem in poems), encoding="utf-8")
    preprocess([corpus], tmp_path / "data", PreprocessConfig(min_count=1, valid_share=0, jobs=1))
    dataset = Dataset.load(tmp_path / "data")
    other = Trainer(dataset, config, tmp_path / "other")
    shared = [token for token in dataset.vocab.tokens if token in before.vocab]
    new = [token for token in dataset.vocab.tokens if token not in before.vocab]
    ids, old = ([vocab.id(token) for token in shared] for vocab in (dataset.vocab, before.vocab))
    assert len(shared) > 20 and new
    assert torch.equal(other.model.output.weight[ids], before.model.output.weight[old])
    fresh = Trainer(dataset, TINY, tmp_path / "fresh")
    places = [dataset.vocab.id(token) for token in new]
    assert torch.equal(other.model.output.weight[places], fresh.model.output.weight[places])
    assert torch.equal(other.model.cells[0].weight_hh_l0, before.model.cells[0].weight_hh_l0)
    with pytest.raises(UsageError, match="--init .*--hidden 16, not 24"):
        Trainer(dataset, replace(config, hidden=24), tmp_path / "wider")


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["poems", "sequential", "random"])
def test_parts_of_a_batch_do_what_the_whole_does(sampling: str, dataset: Dataset, tmp_path: Path) -> None:
    """More parts than some batches have rows, and poems longer than a window."""
    config = replace(TINY, sampling=sampling, dropout=0.0, seq_len=16, lr_steps=(0.01,), epochs=1)
    whole = run(Trainer(dataset, config, tmp_path / "whole"))
    parts = run(Trainer(dataset, replace(config, accumulate=5), tmp_path / "parts"))
    assert_alike(parts, whole)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (3, 2)])
def test_a_resumed_run_may_use_other_parts(before: int, after: int, dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, sampling="sequential", dropout=0.0, seq_len=16, lr_steps=(0.01,), epochs=1, eval_every=10**6)
    whole = run(Trainer(dataset, config, tmp_path / "whole"))
    run(Trainer(dataset, replace(config, accumulate=before), tmp_path / "parts", stop=stop_after(10)))
    rest = run(Trainer(dataset, replace(config, accumulate=after), tmp_path / "parts", resume=True))
    assert rest[-1]["step"] > 15
    assert_alike(rest[-2:], whole[-2:])
    states = [read_tensors(tmp_path / name / STATE)[0] for name in ("whole", "parts")]
    for name in ("state.0", "state.1"):
        assert states[0][name].shape == states[1][name].shape == (2, 8, 16)


def test_each_step_and_each_shard_has_dropout_of_its_own() -> None:
    seeds = {gradients.mixed_seed(seed, step, shard) for seed in range(3) for step in range(20) for shard in range(3)}
    assert len(seeds) == 3 * 20 * 3


# Batches made ahead ----------------------------------------------------------------------------------------------


def test_batches_are_made_ahead_and_in_order() -> None:
    made = []

    def make() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    taken = []
    for number in ahead(make(), depth=2):
        taken.append(number)
        assert len(made) <= number + 1 + 2
    assert taken == made == list(range(10))


def test_an_error_in_making_a_batch_is_raised_where_it_is_used() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ValueError("no second one")

    batches = ahead(make())
    assert next(batches) == 1
    with pytest.raises(ValueError, match="no second one"):
        next(batches)


def test_no_thread_outlives_its_run(dataset: Dataset, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    records = Trainer(dataset, replace(TINY, epochs=10**6), tmp_path).run()
    next(records)
    makers = set(threading.enumerate()) - before
    assert makers
    records.close()
    for maker in makers:  # the plan of the next epoch may have to be finished
        maker.join(10)
        assert not maker.is_alive()


# Weights ---------------------------------------------------------------------------------------------------------


def test_biases_and_norms_do_not_decay(dataset: Dataset, tmp_path: Path) -> None:
    decayed, free = Trainer(dataset, TINY, tmp_path).optimizer.param_groups
    assert decayed["weight_decay"] == TINY.weight_decay and free["weight_decay"] == 0
    assert {parameter.dim() for parameter in decayed["params"]} == {2}
    assert {parameter.dim() for parameter in free["params"]} == {1}
    count = sum(parameter.numel() for group in (decayed, free) for parameter in group["params"])
    assert count == Trainer(dataset, TINY, tmp_path).model.parameters_count


def test_padding_and_headers_teach_nothing(dataset: Dataset, tmp_path: Path) -> None:
    """The gradient of a batch is that of its scored positions, one by one."""
    trainer = Trainer(dataset, replace(TINY, dropout=0), tmp_path)
    (batch,), _ = next(trainer._batches())
    inputs, labels = torch.from_numpy(batch.inputs.copy()), torch.from_numpy(batch.labels.copy())
    logits, _ = trainer.model(inputs)
    nats = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    want = float((nats * (labels.flatten() != 0)).detach().sum())
    features, _ = trainer.model.features(inputs)
    assert float(trainer.worker.loss(features, labels).detach()) == pytest.approx(want, rel=1e-5)


# Stopping and going on -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampling", "steps"),
    [*(("poems", steps) for steps in (1, 10, 13, 20)), ("sequential", 10), ("sequential", 13), ("random", 13)],
)
def test_stopped_and_resumed_is_bit_for_bit_unbroken(
    sampling: str, steps: int, dataset: Dataset, tmp_path: Path
) -> None:
    """Before the first evaluation, at an evaluation, between two, again at one."""
    config = replace(
        TINY, sampling=sampling, dropout=0.2, seq_len=16, eval_every=10, epochs=2, lr_steps=(0.02, 0.01, 0.003)
    )
    whole = run(Trainer(dataset, config, tmp_path / "whole"))
    assert whole[-1]["step"] > 25
    stopped = run(Trainer(dataset, config, tmp_path / "parts", stop=stop_after(steps)))
    assert (stopped[-1]["reason"], stopped[-1]["step"]) == ("interrupted", steps)
    Checkpoint.load(tmp_path / "parts")
    resumed = run(Trainer(dataset, config, tmp_path / "parts", resume=True))
    same_tensors(tmp_path / "whole", tmp_path / "parts")
    together = timeless(stopped[:-1] + resumed)
    for kind in ("eval", "rung", "end"):
        assert of(together, kind) == of(timeless(whole), kind)
    if steps % 10 == 0:
        assert of(together, "step") == of(timeless(whole), "step")


def test_a_run_stopped_at_every_step_is_the_same_run(dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, dropout=0.2, seq_len=16, eval_every=4, epochs=0.5)
    run(Trainer(dataset, config, tmp_path / "whole"))
    trainer = Trainer(dataset, config, tmp_path / "parts", stop=lambda: True)
    for _ in range(100):
        records = run(trainer)
        if records[-1]["reason"] != "interrupted":
            break
        trainer = Trainer(dataset, config, tmp_path / "parts", resume=True, stop=lambda: True)
    assert records[-1]["reason"] == "budget"
    same_tensors(tmp_path / "whole", tmp_path / "parts")


def test_a_resumed_run_stands_where_it_stood(dataset: Dataset, tmp_path: Path) -> None:
    def batches(seed: int, epoch: int) -> int:
        return len(batch_groups(dataset.train, TINY.batch_size * TINY.seq_len, TINY.seq_len, (seed, epoch)))

    # Which header fields are dropped changes how many batches an epoch has, and so how much of the budget one takes.
    seed = next(seed for seed in range(1000) if batches(seed, 0) != batches(seed, 1))
    config = replace(TINY, seed=seed, epochs=5, eval_every=10**6)
    trainer = Trainer(dataset, config, tmp_path)
    trainer.stop = lambda: trainer.position.epoch == 1 and trainer.position.group > 0
    run(trainer)
    trainer.schedule.level, trainer.schedule.idle = 1, 1
    trainer.save()
    resumed = Trainer(dataset, config, tmp_path, resume=True)
    assert resumed.share == trainer.share
    assert resumed.schedule == trainer.schedule and resumed.position == trainer.position


def test_stopping_saves_a_model_even_before_the_first_evaluation(dataset: Dataset, tmp_path: Path) -> None:
    run(Trainer(dataset, replace(TINY, eval_every=10**6, epochs=100), tmp_path, stop=stop_after(3)))
    loaded = Checkpoint.load(tmp_path)
    assert loaded.config["figures"]["step"] == 3


def test_a_finished_run_is_not_trained_any_further(dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, epochs=2)
    whole = run(Trainer(dataset, config, tmp_path))
    before = {name: (tmp_path / name).read_bytes() for name in (WEIGHTS, STATE, CONFIG)}
    again = run(Trainer(dataset, config, tmp_path, resume=True))
    assert [(record["kind"], record["step"], record["reason"]) for record in again] == [
        ("end", whole[-1]["step"], "budget")
    ]
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_finished_run_goes_on_with_a_greater_budget(dataset: Dataset, tmp_path: Path) -> None:
    first = run(Trainer(dataset, replace(TINY, epochs=1), tmp_path))
    second = run(Trainer(dataset, replace(TINY, epochs=2), tmp_path, resume=True))
    assert second[-1]["epoch"] == 2 and second[-1]["step"] > first[-1]["step"]
    assert second[-1]["tokens"] == 2 * first[-1]["tokens"]
    assert second[-1]["seconds"] > first[-1]["seconds"]


def test_another_dataset_is_refused(tiny: Path, tmp_path: Path) -> None:
    source = tmp_path / "poems.jsonl"
    source.write_text("".join(json.dumps(make_poem(number)) + "\n" for number in range(61)), encoding="utf-8")
    preprocess([source], tmp_path / "data", PreprocessConfig(min_count=1, valid_share=0.15, jobs=1))
    with pytest.raises(CheckpointError, match=r"train\.state: the run was trained on another dataset"):
        Trainer(Dataset.load(tmp_path / "data"), TINY, tiny, resume=True)


@pytest.mark.parametrize(
    "options",
    [{"hidden": 8}, {"cell": "gru"}, {"layers": 1}, {"tie": False}, {"batch_size": 4}, {"seq_len": 16}, {"seed": 2},
     {"sampling": "random"}],
    ids=str,
)  # fmt: skip
def test_what_a_run_cannot_change_is_named(options: dict[str, Any], tiny: Path, dataset: Dataset) -> None:
    ((name, value),) = options.items()
    before = {path: path.read_bytes() for path in tiny.iterdir()}
    with pytest.raises(
        UsageError, match=f"--{name.replace('_', '-')}: the run in .* has {getattr(TINY, name)}, not {value}"
    ):
        Trainer(dataset, replace(TINY, **options), tiny, resume=True)
    assert {path: path.read_bytes() for path in tiny.iterdir()} == before


def spoil_metadata(out: Path, change: Callable[[Record], object]) -> None:
    tensors, metadata = read_tensors(out / STATE)
    facts = json.loads(metadata["run"])
    change(facts)
    write_tensors(out / STATE, tensors, {"run": json.dumps(facts)})


def without(key: str) -> Callable[[Path], None]:
    def spoil(out: Path) -> None:
        tensors, metadata = read_tensors(out / STATE)
        write_tensors(out / STATE, {k: v for k, v in tensors.items() if k != key}, {"run": metadata["run"]})

    return spoil


def with_tensor(key: str, value: torch.Tensor | None) -> Callable[[Path], None]:
    """Another tensor in a train.state; None negates the one that is there."""

    def spoil(out: Path) -> None:
        tensors, metadata = read_tensors(out / STATE)
        changed = -1 - tensors[key].abs() if value is None else value
        write_tensors(out / STATE, tensors | {key: changed}, {"run": metadata["run"]})

    return spoil


def with_fact(part: str, name: str, value: object) -> Callable[[Path], None]:
    return lambda out: spoil_metadata(out, lambda facts: facts[part].update({name: value}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda out: (out / STATE).unlink(), "missing"),
        (lambda out: (out / STATE).write_bytes(b""), "cut short or not a weights file"),
        (lambda out: (out / STATE).write_bytes((out / STATE).read_bytes()[:-100]), "cut short or not a weights file"),
        (lambda out: shutil.copy(out / WEIGHTS, out / STATE), "not the state of a run"),
        (lambda out: spoil_metadata(out, lambda facts: facts.pop("progress")), "not the state of a run"),
        (lambda out: spoil_metadata(out, lambda facts: facts["progress"].update(extra=1)), "not the state of a run"),
        (lambda out: spoil_metadata(out, lambda facts: facts["ladder"].pop("rates")), "not the state of a run"),
        (lambda out: spoil_metadata(out, lambda facts: facts["ladder"].update(extra=1)), "not the state of a run"),
        (lambda out: spoil_metadata(out, lambda facts: facts.update(train=None)), "not the state of a run"),
        (without("model.output.bias"), "output.bias does not fit"),
        (without("optimizer.0.exp_avg"), "optimizer.0.exp_avg is not of a run"),
        (with_tensor("optimizer.0.exp_avg", torch.zeros(1)), "optimizer.0.exp_avg is not of a run"),
        (with_tensor("optimizer.1.exp_avg_sq", None), "optimizer.1.exp_avg_sq is not of a run"),
        (with_tensor("optimizer.0.step", torch.tensor(-1.0)), "optimizer.0.step is not of a run"),
        (with_tensor("optimizer.99.step", torch.tensor(1.0)), "optimizer.99.step is not of a run"),
        (with_tensor("state.0", torch.zeros(2, 3, 5)), "is not of a run"),
        (with_tensor("state.0", torch.zeros(0)), "is not of a run"),
        *(
            (with_fact("progress", name, value), "not the state of a run")
            for name, value in (("step", -1), ("group", 1.5), ("tokens", 2**60), ("seconds", math.inf), ("epoch", "1"))
        ),
        (with_fact("progress", "group", 9_999), "its place in the data is none of this dataset"),
        (with_fact("progress", "window", 1), "its place in the data is none of this dataset"),
        *(
            (with_fact("ladder", name, value), "not the state of a run")
            for name, value in (("rung", 9), ("rung", -1), ("rates", []), ("rates", [math.inf]), ("idle", None))
        ),
        *(
            (with_fact("train", name, value), "not the state of a run")
            for name, value in (("hidden", 10**9), ("lr_steps", "0.1"), ("clip", -1), ("tie", 1))
        ),
    ],
)
def test_a_spoilt_state_is_named(
    spoil: Callable[[Path], object], message: str, tiny: Path, dataset: Dataset, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(tiny, tmp_path / "run"))
    spoil(out)
    with pytest.raises(CheckpointError, match=message) as error:
        Trainer(dataset, TINY, out, resume=True)
    assert str(error.value).startswith(str(out / STATE))


# Where and how precisely -----------------------------------------------------------------------------------------


def has_bf16() -> bool:
    try:
        with torch.no_grad():
            torch.nn.LSTM(8, 8).to(torch.bfloat16)(torch.zeros(2, 1, 8, dtype=torch.bfloat16))
    except RuntimeError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(not has_bf16(), reason="this processor has no LSTM in bfloat16")
@pytest.mark.parametrize("sampling", ["poems", "sequential"])
def test_bf16_stays_near_fp32(sampling: str, dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, sampling=sampling, dropout=0.0, epochs=2, precision="bf16")
    half = Trainer(dataset, config, tmp_path / "bf16")
    assert half.worker is not half.model
    assert {p.dtype for p in half.worker.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}, "master weights stay exact"
    records = of(run(half), "eval")
    full = of(run(Trainer(dataset, replace(config, precision="fp32"), tmp_path / "fp32")), "eval")
    for one, two in zip(records, full, strict=True):
        assert one["valid_loss"] == pytest.approx(two["valid_loss"], abs=0.05)
    for master, worker in zip(half.model.parameters(), half.worker.parameters(), strict=True):
        assert torch.equal(master.to(torch.bfloat16), worker)
    assert {t.dtype for t in read_tensors(tmp_path / "bf16" / WEIGHTS)[0].values()} == {torch.float32}


@pytest.mark.slow
@pytest.mark.skipif(not has_bf16(), reason="this processor has no LSTM in bfloat16")
@pytest.mark.parametrize("sampling", ["poems", "sequential"])
def test_bf16_resumes_bit_for_bit(sampling: str, dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, sampling=sampling, dropout=0.2, seq_len=16, epochs=1, precision="bf16")
    run(Trainer(dataset, config, tmp_path / "whole"))
    run(Trainer(dataset, config, tmp_path / "parts", stop=stop_after(12)))
    run(Trainer(dataset, config, tmp_path / "parts", resume=True))
    same_tensors(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.slow
@pytest.mark.skipif(not has_bf16(), reason="this processor has no LSTM in bfloat16")
def test_parts_are_summed_in_fp32(dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, dropout=0.0, precision="bf16")
    whole, parts = (run(Trainer(dataset, replace(config, accumulate=count), tmp_path / str(count))) for count in (1, 3))
    for one, two in zip(of(whole, "eval"), of(parts, "eval"), strict=True):
        assert one["valid_loss"] == pytest.approx(two["valid_loss"], abs=0.05)


@pytest.mark.slow
@pytest.mark.skipif(not has_bf16(), reason="this processor has no LSTM in bfloat16")
@pytest.mark.parametrize("sampling", ["poems", "sequential"])
def test_a_run_goes_on_in_another_precision(sampling: str, dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, sampling=sampling, seq_len=16, epochs=1)
    for first, second in (("fp32", "bf16"), ("bf16", "fp32")):
        out = tmp_path / first
        run(Trainer(dataset, replace(config, precision=first), out, stop=stop_after(12)))
        records = run(Trainer(dataset, replace(config, precision=second), out, resume=True))
        assert records[-1]["reason"] == "budget"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gpu_learns_like_the_cpu(precision: str, dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, dropout=0.0, epochs=2, precision=precision)
    cpu = of(run(Trainer(dataset, replace(config, precision="fp32"), tmp_path / "cpu")), "eval")
    gpu = of(run(Trainer(dataset, replace(config, device="cuda"), tmp_path / "gpu")), "eval")
    for one, two in zip(cpu, gpu, strict=True):
        assert one["valid_loss"] == pytest.approx(two["valid_loss"], abs=0.05)
    Checkpoint.load(tmp_path / "gpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_resumes(dataset: Dataset, tmp_path: Path) -> None:
    config = replace(TINY, sampling="sequential", device="cuda", precision="fp32", dropout=0.2)
    whole = of(run(Trainer(dataset, config, tmp_path / "whole")), "eval")
    run(Trainer(dataset, config, tmp_path / "parts", stop=stop_after(12)))
    parts = of(run(Trainer(dataset, config, tmp_path / "parts", resume=True)), "eval")
    assert parts[-1]["valid_loss"] == pytest.approx(whole[-1]["valid_loss"], abs=1e-3)


def test_the_same_seed_gives_the_same_run(dataset: Dataset, tmp_path: Path) -> None:
    config: TrainConfig = replace(TINY, dropout=0.2, epochs=0.5)
    runs = [timeless(run(Trainer(dataset, config, tmp_path / str(turn)))) for turn in range(2)]
    assert runs[0] == runs[1]
    assert timeless(run(Trainer(dataset, replace(config, seed=2), tmp_path / "other"))) != runs[0]


def test_where_there_is_no_room_the_last_best_model_stays_whole(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(Trainer(dataset, TINY, tmp_path))
    grows = ("log.jsonl", STATE)  # at evaluations that are not the best, for which there is room
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name not in grows}

    def full(*args: object, **more: object) -> None:
        raise SaveError("no room")

    monkeypatch.setattr("poetgen.network.checkpoint.save_weights", full)
    with pytest.raises(SaveError, match="no room"):
        run(Trainer(dataset, replace(TINY, epochs=2 * TINY.epochs, patience=10**6), tmp_path, resume=True))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


# Starting from vectors -------------------------------------------------------------------------------------------

VECTORS = replace(TINY, init_embeddings=True)


@pytest.mark.parametrize("tie", [True, False])
def test_the_embedding_starts_from_skip_gram_vectors(tie: bool, dataset: Dataset, tmp_path: Path) -> None:
    """Moved and scaled as one to where it would have started; all else is as in a run without."""
    config = replace(VECTORS, tie=tie)
    trainer = Trainer(dataset, config, tmp_path / "run")
    record = next(trainer.run()).facts()
    fresh = Trainer(dataset, replace(config, init_embeddings=False), tmp_path / "fresh")
    found, plain = dict(trainer.model.named_parameters()), dict(fresh.model.named_parameters())
    table, start = found.pop("embedding.weight").detach(), plain.pop("embedding.weight").detach()
    vectors = skipgram.vectors(dataset.train, config.embed, config.seed)
    known = vectors.any(1)
    assert record["characters"] == int(known.sum()) > 50
    assert torch.equal(table[~known], start[~known]) and not known[: len(dataset.vocab.special)].any()
    rows = vectors[known] - vectors[known].mean(0)
    torch.testing.assert_close(table[known] / table[known].std(), rows / rows.std())
    assert float(table[known].std()) == pytest.approx(float(start.std()), rel=1e-3)
    if tie:
        assert trainer.model.output.weight is trainer.model.get_parameter("embedding.weight")
        assert float(table[known].std()) == pytest.approx(1 / math.sqrt(TINY.embed), rel=0.1)
    for name, parameter in plain.items():
        assert torch.equal(found[name], parameter), name


def test_stopped_before_the_vectors_are_done_a_run_leaves_nothing(dataset: Dataset, tmp_path: Path) -> None:
    asked = iter([False, True])
    trainer = Trainer(dataset, VECTORS, tmp_path, stop=lambda: next(asked))
    (end,) = run(trainer)
    assert (end["kind"], end["reason"], end["step"]) == ("end", "interrupted", 0)
    assert not any((tmp_path / name).exists() for name in ("log.jsonl", STATE, WEIGHTS))


def test_vectors_are_logged_and_shown(dataset: Dataset, tmp_path: Path) -> None:
    heard: list[tuple[float, float]] = []
    records = [r.facts() for r in Trainer(dataset, VECTORS, tmp_path).run(lambda *place: heard.append(place))]
    assert records == logged(tmp_path)
    assert [record["kind"] for record in records][:2] == ["vectors", "step"]
    assert records[0]["step"] == 0 and records[0]["share"] == 0 and records[0]["seconds"] > 0
    assert heard and heard[-1][0] == heard[-1][1]


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 13])
def test_a_run_from_vectors_is_resumed_bit_for_bit(
    steps: int, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(VECTORS, dropout=0.2, epochs=1)
    whole = run(Trainer(dataset, config, tmp_path / "whole"))
    parts = Trainer(dataset, config, tmp_path / "parts")
    parts.stop = lambda: parts.position.vectors > 0 and parts.position.step + 1 >= steps
    run(parts)
    monkeypatch.setattr(skipgram, "vectors", lambda *args: pytest.fail("not again"))
    resumed = run(Trainer(dataset, config, tmp_path / "parts", resume=True))
    same_tensors(tmp_path / "whole", tmp_path / "parts")
    assert of(timeless(resumed), "eval")[-1] == of(timeless(whole), "eval")[-1]


@pytest.mark.skipif(not has_bf16(), reason="this processor has no LSTM in bfloat16")
def test_vectors_reach_the_network_that_computes(dataset: Dataset, tmp_path: Path) -> None:
    trainer = Trainer(dataset, replace(VECTORS, precision="bf16"), tmp_path)
    next(trainer.run())
    for master, worker in trainer.gradients.pairs():
        assert torch.equal(master.to(torch.bfloat16), worker)


def test_the_minutes_of_vectors_are_of_the_budget(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the schedule starts at its first rate all the same, and spends the rest evenly."""
    config = replace(VECTORS, epochs=0, max_minutes=2, eval_every=30, patience=10**6, lr_steps=(0.01,) * 4)
    trainer = Trainer(dataset, config, tmp_path)
    asked: list[float] = []
    plain = skipgram.vectors

    def slow(*args: Any) -> Any:
        asked.append(args[3])
        clock.now += 40
        return plain(*args)

    monkeypatch.setattr(skipgram, "vectors", slow)
    clock = Clock(trainer, monkeypatch, _step=1, validate=2)
    records = run(trainer)
    assert asked == [module.VECTORS_SHARE * 120], "no more than that share is asked for"
    assert 1000 + 120 - 2 <= clock.now <= 1000 + 120
    assert (records[0]["seconds"], records[0]["share"]) == (40, 0)
    (first, second, third) = [record["seconds"] for record in of(records, "rung") if record["why"] == "budget"]
    assert [first, second, third] == pytest.approx([60, 80, 100], abs=6)
    trainer = Trainer(dataset, replace(config, max_minutes=4), tmp_path, resume=True)
    assert trainer.position.vectors == 40
    assert trainer.share == pytest.approx(80 / 200, abs=0.05)


def test_a_run_without_a_bound_on_minutes_has_none_on_vectors(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    plain = skipgram.vectors
    monkeypatch.setattr(skipgram, "vectors", lambda *args: (asked.append(args[3]), plain(*args))[1])
    next(Trainer(dataset, VECTORS, tmp_path).run())
    assert asked == [math.inf]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embed": 0, "tie": False}, "--embed 0"),
        ({"init": "checkpoints/poet"}, "--init brings an embedding of its own"),
    ],
    ids=str,
)
def test_what_does_not_go_with_vectors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"--init-embeddings: {message}"):
        replace(VECTORS, **options)


def test_a_run_from_before_there_were_vectors(tiny: Path, dataset: Dataset, tmp_path: Path) -> None:
    """It goes on as it is, and does not start from vectors after the fact."""
    out = Path(shutil.copytree(tiny, tmp_path / "run"))

    def older(facts: Record) -> None:
        del facts["train"]["init_embeddings"], facts["progress"]["vectors"]

    spoil_metadata(out, older)
    assert Trainer(dataset, TINY, out, resume=True).position.vectors == 0
    with pytest.raises(UsageError, match="--init-embeddings: the run in .* has False, not True, and keeps it"):
        Trainer(dataset, VECTORS, out, resume=True)
