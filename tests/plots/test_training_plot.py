"""The picture of a training run."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from poetgen.network.records import EvalRecord, StepRecord, TrainingRecord, read_log
from poetgen.plots import training


def record(kind: str, step: int, **rest: object) -> dict[str, object]:
    stamp = {"kind": kind, "step": step, "epoch": 0.5, "seconds": 61.0, "tokens": 9, "share": 0.25, "lr": 0.001}
    return stamp | rest


STEP = {"loss": 5.0, "perplexity": 148.4, "grad_norm": 0.5, "clipped": 0.0, "tokens_per_second": 4100.0}
EVAL = {"valid_loss": 5.0, "ppl_char": 250.25, "ppl_all": 100.0, "best": True}


def write_log(path: Path, records: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.slow
def test_the_picture_of_a_run(tiny: Path, tmp_path: Path) -> None:
    paths = training.draw_run(tiny / "log.jsonl", tmp_path, clip=1.0)
    assert [path.name for path in paths] == ["run.png", "run.svg"]
    png, svg = (path.read_bytes() for path in paths)
    assert png.startswith(b"\x89PNG\r\n")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    comments = re.findall(rb"<!-- (.*?) -->", svg)
    for label in (b"loss (nats per token)", b"perplexity", b"learning rate", b"gradient norm", b"clipped above 1"):
        assert label in comments
    training.draw_run(tiny / "log.jsonl", tmp_path, clip=1.0)
    assert paths[1].read_bytes() == svg, "the same log gives the same picture"


def test_the_curves_are_those_of_the_log(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(training, "save", lambda figure, stem: figures.append(figure) or [])
    training.draw_run(tiny / "log.jsonl", tmp_path, clip=1.0)
    records = read_log(tiny / "log.jsonl")
    steps = [record for record in records if isinstance(record, StepRecord)]
    evals = [record for record in records if isinstance(record, EvalRecord)]
    assert len(steps) > 1 and len(evals) > 1
    loss, perplexity, rate, norm = (
        {line.get_label(): line.get_xydata().tolist() for line in axes.lines if len(line.get_xdata()) == len(shown)}
        for axes, shown in zip(figures[0].axes, (steps, steps, records, steps), strict=True)
    )

    def curve(shown: Sequence[TrainingRecord], name: str) -> list[list[float]]:
        return [[record.step, getattr(record, name)] for record in shown]

    assert loss["training"] == curve(steps, "loss")
    assert perplexity["training"] == curve(steps, "perplexity")
    assert list(rate.values()) == [curve(records, "lr")]
    assert norm["mean of ten steps"] == curve(steps, "grad_norm")
    assert norm["greatest of ten"] == curve(steps, "grad_norm_max")
    drawn = [{line.get_label(): line.get_xydata().tolist() for line in axes.lines} for axes in figures[0].axes]
    assert drawn[0]["validation"] == curve(evals, "valid_loss")
    assert drawn[1]["validation, all tokens"] == curve(evals, "ppl_all")
    assert drawn[1]["validation, Chinese characters"] == curve(evals, "ppl_char")


def test_legends_do_not_cover_curves(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(training, "save", lambda figure, stem: figures.append(figure) or [])
    training.draw_run(tiny / "log.jsonl", tmp_path, clip=1.0)
    figures[0].savefig(tmp_path / "run.png")  # lays it out
    panels = [axes for axes in figures[0].axes if axes.get_legend()]
    assert len(panels) == 3
    for axes in panels:
        assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1


def test_the_picture_shows_gradients_go_through_the_roof(tmp_path: Path) -> None:
    norms = [0.5, 0.6, 2.0, 40.0, 1e3, 1e6]
    steps = [
        record(
            "step",
            10 * (n + 1),
            **STEP | {"grad_norm": norm / 3, "grad_norm_max": norm, "perplexity": 10.0 ** (50 * n)},
        )
        for n, norm in enumerate(norms)
    ]
    last = record("step", 63, loss=None, perplexity=None, grad_norm=None, grad_norm_max=3e6, clipped=0.1)
    end = record("end", 63, reason="diverged")
    path = write_log(tmp_path / "log.jsonl", [*steps, last, end])
    svg = training.draw_run(path, tmp_path, clip=0)[1].read_bytes()
    comments = re.findall(rb"<!-- (.*?) -->", svg)
    assert b"greatest of ten" in comments and b"1e+06" in comments
    assert not any(comment.startswith(b"clipped") for comment in comments)


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 300])
def test_pictures_of_runs_of_any_length(count: int, tmp_path: Path) -> None:
    steps = [record("step", 10 * (n + 1), **STEP | {"loss": 5 + 15 / (n + 1)}) for n in range(count)]
    evals = [record("eval", 10 * (n + 1), **EVAL | {"ppl_char": float("inf")}) for n in range(count // 50)]
    path = write_log(tmp_path / "log.jsonl", sorted(steps + evals, key=lambda r: int(str(r["step"]))))
    assert all(path.stat().st_size > 1000 for path in training.draw_run(path, tmp_path))


def test_a_step_that_was_made_again_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the evaluation at step 20 and saving it, and resumed from step 10 by an older version."""
    figures: list[Any] = []
    monkeypatch.setattr(training, "save", lambda figure, stem: figures.append(figure) or [])

    def at(step: int, loss: float) -> list[dict[str, object]]:
        return [record("step", step, **STEP | {"loss": loss}), record("eval", step, **EVAL | {"valid_loss": loss})]

    path = write_log(tmp_path / "log.jsonl", at(10, 5.0) + at(20, 4.0) + at(20, 3.0) + at(30, 2.0))
    training.draw_run(path, tmp_path)
    lines = {line.get_label(): line.get_xydata().tolist() for line in figures[0].axes[0].lines}
    assert lines["training"] == lines["validation"] == [[10, 5.0], [20, 3.0], [30, 2.0]]
