"""What a training run says while it goes on."""

from __future__ import annotations

import io
from typing import Any

import pytest

from poetgen.cli.progress_bar import ProgressBar
from poetgen.cli.training_view import RunView
from poetgen.network.records import EndRecord, EvalRecord, RateRecord, StepRecord

STAMP: dict[str, Any] = {"epoch": 0.5, "seconds": 61.0, "tokens": 9, "share": 0.25, "lr": 0.001}
STEP: dict[str, Any] = {
    "loss": 5.0,
    "perplexity": 148.4,
    "grad_norm": 0.5,
    "grad_norm_max": 0.6,
    "clipped": 0.0,
    "tokens_per_second": 4100.0,
}
EVAL: dict[str, Any] = {"valid_loss": 5.0, "ppl_char": 250.25, "ppl_all": 100.0, "valid_tokens": 9, "best": True}


def test_a_run_is_told_in_lines() -> None:
    stream = io.StringIO()
    with ProgressBar(stream, delay=0) as progress:
        view = RunView(progress, lambda: ["春眠不觉晓，", "处处闻啼鸟。"])
        view.show(StepRecord(step=10, **STAMP | STEP))
        view.show(EvalRecord(step=20, **STAMP | EVAL))
        view.show(RateRecord(step=20, **STAMP, why="plateau"))
        view.show(EndRecord(step=20, **STAMP, reason="budget"))
    assert stream.getvalue().splitlines() == [
        "training: 25%, step 10 loss 5.000 ppl 148.4 lr 0.001 norm 0.50 4,100 tokens/s",
        "step 20, epoch 0.50, 1:01: validation ppl_char 250.2, ppl_all 100.0, the best so far",
        "    春眠不觉晓，",
        "    处处闻啼鸟。",
        "step 20: learning rate 0.001, the validation loss stopped falling",
    ]


def test_a_run_that_goes_astray_is_told_in_short_lines() -> None:
    stream = io.StringIO()
    with ProgressBar(stream, delay=0) as progress:
        view = RunView(progress, lambda: pytest.fail("nothing can be written by a model that is no number"))
        view.show(StepRecord(step=10, **STAMP | STEP | {"loss": 123456.0, "perplexity": 1e304, "grad_norm": 2.5e19}))
        view.show(
            EvalRecord(
                step=20, **STAMP | EVAL | {"valid_loss": float("nan"), "ppl_char": 1e200, "ppl_all": float("inf")}
            )
        )
    assert stream.getvalue().splitlines() == [
        "training: 25%, step 10 loss 1.2e+05 ppl 1.0e+304 lr 0.001 norm 2.5e+19 4,100 tokens/s",
        "step 20, epoch 0.50, 1:01: validation ppl_char 1.0e+200, ppl_all inf, the best so far",
    ]
