"""The records of a training run and their log."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from poetgen.data.dataset import Dataset
from poetgen.errors import SaveError
from poetgen.network.records import (
    LOG,
    EndRecord,
    EvalRecord,
    RateRecord,
    StepRecord,
    TrainingRecord,
    VectorsRecord,
    append_record,
    cut_log,
    parse_record,
    read_log,
)
from poetgen.network.trainer import Trainer

from helpers import TINY

STAMP: dict[str, Any] = {"epoch": 0.5, "seconds": 1.5, "tokens": 9, "share": 0.25, "lr": 0.001}


def step(number: int, loss: float = 1.0) -> StepRecord:
    return StepRecord(
        step=number,
        **STAMP,
        loss=loss,
        perplexity=2.7,
        grad_norm=math.inf,
        grad_norm_max=2.0,
        clipped=0.1,
        tokens_per_second=9.0,
    )


def evaluation(number: int, loss: float = 1.0) -> EvalRecord:
    return EvalRecord(step=number, **STAMP, ppl_char=9.0, ppl_all=math.inf, valid_tokens=7, valid_loss=loss, best=True)


def rate(number: int, why: str) -> RateRecord:
    return RateRecord(step=number, **STAMP, why=why)


ALL = [
    VectorsRecord(step=0, **STAMP, characters=60),
    rate(10, "budget"),
    step(10),
    evaluation(10),
    rate(10, "plateau"),
    EndRecord(step=10, **STAMP, reason="interrupted"),
]


def write(path: Path, *records: TrainingRecord) -> Path:
    for record in records:
        append_record(path, record)
    return path


def test_records_come_back_from_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path / LOG, *ALL)
    assert read_log(path) == ALL
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no strict JSON"))


def test_a_line_is_what_it_has_always_been(tmp_path: Path) -> None:
    """Keys and their order are a contract: others read the log too."""
    stamp = '"step": 10, "epoch": 0.5, "seconds": 1.5, "tokens": 9, "share": 0.25, "lr": 0.001'
    path = write(tmp_path / LOG, step(10), evaluation(10), *ALL[1:2], ALL[0], ALL[-1])
    assert path.read_text().splitlines() == [
        f'{{"kind": "step", {stamp}, "loss": 1.0, "perplexity": 2.7, "grad_norm": null, "grad_norm_max": 2.0, '
        '"clipped": 0.1, "tokens_per_second": 9.0}',
        f'{{"kind": "eval", {stamp}, "ppl_char": 9.0, "ppl_all": null, "valid_tokens": 7, "valid_loss": 1.0, '
        '"best": true}',
        f'{{"kind": "rung", {stamp}, "why": "budget"}}',
        f'{{"kind": "vectors", {stamp.replace("10", "0", 1)}, "characters": 60}}',
        f'{{"kind": "end", {stamp}, "reason": "interrupted"}}',
    ]


def test_the_log_in_the_box_is_read_whole() -> None:
    path = Path(__file__).parents[2] / "checkpoints" / "tang-song" / LOG
    lines = path.read_text().splitlines()
    assert [record.facts() for record in read_log(path)] == [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "3", "null", '"step"', "{}", '{"kind": "step"}', '{"step": 3}', '{"kind": [], "step": 3}',
     '{"kind": "leap", "step": 3}', '{"kind": "step", "step": "3"}', '{"kind": "step", "step": true}',
     '{"kind": "step", "step": 3, "loss": "low"}', '{"kind": "eval", "step": 3, "best": 1}', "[" * 100_000],
    ids=lambda line: line[:40],
)  # fmt: skip
def test_what_is_no_record(line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        parse_record(line)
    path = tmp_path / LOG
    path.write_text(f"{line}\n", encoding="utf-8")
    write(path, step(10))
    assert read_log(path) == [step(10)]


def test_figures_of_other_versions() -> None:
    """What an older one did not write is not a number; what a newer one adds is left out."""
    facts = step(10).facts()
    del facts["grad_norm_max"]
    older = parse_record(json.dumps(facts | {"grad_norm": 1.0, "news": 3}))
    assert isinstance(older, StepRecord) and math.isnan(older.grad_norm_max) and older.loss == 1.0


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ([step(10), step(20), step(30)], [step(20, 2)]),
        ([step(10), step(20), evaluation(20)], [step(20, 2), evaluation(20, 2)]),
        ([step(10), step(20), evaluation(20)], [step(20, 2)]),
        ([step(10), rate(20, "budget"), step(20), evaluation(20)], [rate(20, "budget"), step(20, 2), evaluation(20)]),
        ([step(10), rate(20, "budget"), step(20), evaluation(20), rate(20, "jump")], [step(20, 2), evaluation(20)]),
        ([step(10), step(20), evaluation(20)], [step(13, 2), step(20)]),
        ([step(10), step(20), EndRecord(step=23, **STAMP, reason="diverged")], [step(15, 2)]),
    ],
)
def test_what_an_older_version_did_again_stands(
    first: list[TrainingRecord], again: list[TrainingRecord], tmp_path: Path
) -> None:
    assert read_log(write(tmp_path / LOG, *first, *again)) == [step(10), *again]


# Going on --------------------------------------------------------------------------------------------------------


def test_what_comes_after_the_place_where_a_run_goes_on_is_cut(tmp_path: Path) -> None:
    path = write(tmp_path / LOG, step(10), evaluation(10))
    kept = path.read_bytes()
    write(path, step(20), evaluation(20))
    with path.open("a") as file:
        file.write('{"kind": "step", "st')  # a kill in the middle of a line
    cut_log(path, 10)
    assert path.read_bytes() == kept
    cut_log(path, 10)
    assert path.read_bytes() == kept
    cut_log(tmp_path / "none.jsonl", 10)
    assert not (tmp_path / "none.jsonl").exists()


def test_a_log_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    (tmp_path / LOG).mkdir()
    for work in (lambda: cut_log(tmp_path / LOG, 1), lambda: append_record(tmp_path / LOG, step(1))):
        with pytest.raises(SaveError, match=r"log\.jsonl: cannot be"):
            work()


def test_a_run_killed_between_evaluation_and_saving_logs_no_step_twice(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(TINY, eval_every=10, epochs=3)
    dataset = Dataset.load(prepared)
    whole = [record.facts() for record in Trainer(dataset, config, tmp_path / "whole").run()]
    out = tmp_path / "killed"
    for record in Trainer(dataset, config, out).run():
        if isinstance(record, EvalRecord) and record.step == 20:
            break  # step 10 is saved, and step 20 is not
    assert [record.step for record in read_log(out / LOG)][-1] == 20
    assert list(Trainer(dataset, config, out, resume=True).run())
    timed = ("seconds", "tokens_per_second")
    logged = [json.loads(line) for line in (out / LOG).read_text().splitlines()]
    assert [{k: v for k, v in line.items() if k not in timed} for line in logged] == [
        {k: v for k, v in line.items() if k not in timed} for line in whole
    ]


def test_a_log_is_left_alone_until_a_resumed_run_begins(tiny: Path, prepared: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(tiny, tmp_path / "run"))
    write(out / LOG, step(10**6))
    before = (out / LOG).read_bytes()
    trainer = Trainer(Dataset.load(prepared), TINY, out, resume=True)
    assert (out / LOG).read_bytes() == before
    assert [record.kind for record in trainer.run()] == ["end"]
    assert (out / LOG).read_bytes() == (tiny / LOG).read_bytes()
