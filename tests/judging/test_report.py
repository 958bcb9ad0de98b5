"""Everything that evaluate says, from human poems, a checkpoint and a dataset of known content."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poetgen.cli.evaluate import evaluation_text
from poetgen.config import EvaluateConfig
from poetgen.corpus import Poem
from poetgen.data.dataset import Dataset, poems_of, split_of
from poetgen.judging import bootstrap, judges, novelty, report
from poetgen.judging.critic import JudgeVerdict, MachineLikeLine
from poetgen.judging.definitions import DEFINITIONS
from poetgen.judging.evaluation import HUMAN, NGRAM, Row
from poetgen.judging.gathering import poems_by_column
from poetgen.judging.judges import auc_estimate, judged_rows
from poetgen.judging.likelihood import poem_costs
from poetgen.judging.perplexities import UNSHARED, perplexity_tables
from poetgen.judging.report import Report
from poetgen.network.checkpoint import Checkpoint

CONFIG = EvaluateConfig(num=8, forms=("五绝", "七绝"), candidates=1, critic=False)


@pytest.fixture(scope="module")
def dataset(prepared: Path) -> Dataset:
    return Dataset.load(prepared)


@pytest.fixture(scope="module")
def loaded(tiny: Path) -> Checkpoint:
    return Checkpoint.load(tiny)


@pytest.fixture(scope="module")
def whole(loaded: Checkpoint, dataset: Dataset) -> tuple[Report, list[Row]]:
    """A report of the tiny checkpoint beside the poems it was trained on, which are no secret to it."""
    found = Report({"tiny": loaded}, CONFIG, poems_of(dataset.train), dataset=dataset)
    return found, list(found.rows())


def value(rows: list[Row], figure: str, scope: str, column: str) -> float:
    (estimate,) = [row.estimate for row in rows if row[:3] == (figure, scope, column)]
    return estimate.value


def test_every_figure_stands_beside_that_of_people(whole: tuple[Report, list[Row]]) -> None:
    _, rows = whole
    assert {row.column for row in rows if row.scope == HUMAN} == {"tiny", NGRAM}
    for form in CONFIG.forms:
        columns = {name: {row.figure for row in rows if row[1:3] == (form, name)} for name in (HUMAN, "tiny")}
        assert columns[HUMAN] >= {"rhyme", "meter", "novelty", "distinct-2", "repeats"}
        assert columns["tiny"] - columns[HUMAN] == {"form"}, "people's poems were chosen by their form"
    assert {row.figure for row in rows} <= set(DEFINITIONS)


def test_perplexity_is_that_of_the_poems(whole: tuple[Report, list[Row]], loaded: Checkpoint, dataset: Dataset) -> None:
    _, rows = whole
    tally = poem_costs(loaded, split_of(poems_of(dataset.train), loaded.vocab)).tally
    assert value(rows, "ppl_char", HUMAN, "tiny") == pytest.approx(tally.ppl_char)
    assert value(rows, "ppl_all", HUMAN, "tiny") == pytest.approx(tally.ppl_all)
    assert value(rows, "characters", HUMAN, "tiny") == tally.han
    # An n-gram model that has seen these very poems knows them nearly by heart.
    assert value(rows, "ppl_all", HUMAN, NGRAM) < 5 < value(rows, "ppl_all", HUMAN, "tiny")


def test_what_was_seen_in_training_is_not_new(whole: tuple[Report, list[Row]]) -> None:
    _, rows = whole
    assert value(rows, "novelty", "五绝", HUMAN) == 0
    assert value(rows, "copied, median", "五绝", HUMAN) == 20
    assert value(rows, "copied, median", "七绝", HUMAN) == 28
    assert value(rows, "novelty", "五绝", "tiny") > 0.9


def test_poems_are_written_for_the_titles_of_people(whole: tuple[Report, list[Row]]) -> None:
    found, rows = whole
    columns = dict(poems_by_column(found, "七绝"))
    titles = [poem.title for poem in columns[HUMAN]]
    assert [poem.title for poem in columns["tiny"]] == titles and len(titles) == 8
    assert all(poem.form == "七绝" for poem in [*columns["tiny"], *columns[HUMAN]])
    assert value(rows, "form", "七绝", "tiny") == 1


def test_without_rules_the_network_is_on_its_own(whole: tuple[Report, list[Row]]) -> None:
    """The tiny one has hardly learned where lines end; what it writes is as long as the form, and that is all."""
    found, rows = whole
    alone = replace(found, config=replace(CONFIG, rules=False, forms=("七绝",)))
    written = dict(poems_by_column(alone, "七绝"))["tiny"]
    assert {len(poem.body) for poem in written} == {32}
    free = list(alone.rows())
    assert value(free, "form", "七绝", "tiny") < 1 and value(rows, "meter", "七绝", "tiny") == 1
    assert value(free, "meter", "七绝", "tiny") < 0.5


def test_poems_are_written_as_asked(whole: tuple[Report, list[Row]]) -> None:
    """The likeliest characters every time make one poem of one title, and no more."""
    found, _ = whole
    title = [Poem("春夏秋冬风，花雪月山水。云雨江河湖，海天地日夜。", title="春", form="五绝")]
    bold, safe = (
        replace(found, human=title, config=replace(CONFIG, temperature=temperature)) for temperature in (1.0, 0.0)
    )
    assert len({poem.body for poem in dict(poems_by_column(safe, "五绝"))["tiny"]}) == 1
    assert len({poem.body for poem in dict(poems_by_column(bold, "五绝"))["tiny"]}) == 8


def test_tables_come_as_their_figures_are_found(loaded: Checkpoint, dataset: Dataset) -> None:
    """The perplexity is read before any poem is written, and a form before the next one."""
    told: list[str] = []
    found = Report(
        {"tiny": loaded}, CONFIG, poems_of(dataset.train), dataset=dataset, progress=lambda what, *_: told.append(what)
    )
    parts = evaluation_text(found.tables(), found.sources(), found.lines)
    columns, every = next(parts), next(parts)
    assert columns.splitlines()[0].startswith("human") and every.split()[:3] == [HUMAN, "tiny", NGRAM]
    assert not any(what.startswith("writing") for what in told)
    assert next(parts).split()[:3] == ["五绝", "human", "tiny"]
    assert "writing 五绝 by tiny" in told and "writing 七绝 by tiny" not in told
    seven, meanings = parts
    assert seven.split()[0] == "七绝" and DEFINITIONS["bpc"] in meanings


@pytest.mark.slow
def test_a_seed_gives_the_same_report(whole: tuple[Report, list[Row]]) -> None:
    found, rows = whole
    again = Report(found.checkpoints, CONFIG, found.human, dataset=found.dataset)
    assert again.record(list(again.rows())) == found.record(rows)
    other = replace(again, config=replace(CONFIG, seed=2))
    assert other.record(list(other.rows()))["distinct-2"] != found.record(rows)["distinct-2"]


def test_the_record_is_strict_json_under_the_names_of_the_definitions(whole: tuple[Report, list[Row]]) -> None:
    found, rows = whole
    record = json.loads(json.dumps(found.record(rows), allow_nan=False))
    assert set(record["definitions"]) == {row.figure for row in rows} <= set(record)
    rhyme = record["rhyme"]["五绝"]["tiny"]
    assert rhyme["low"] <= rhyme["value"] <= rhyme["high"] and rhyme["poems"] == 8
    assert record["unknown"][HUMAN]["tiny"]["low"] is None, "a count has no interval"
    assert set(record["columns"]) == {HUMAN, "tiny", NGRAM}


def test_poems_of_another_source_are_judged(loaded: Checkpoint, dataset: Dataset) -> None:
    poems = [replace(poem, form="五绝", title="") for poem in poems_of(dataset.valid) if poem.form == "五绝"]
    found = Report({"tiny": loaded}, replace(CONFIG, num=0), poems=poems, source="theirs")
    rows = list(found.rows())
    assert {row.column for row in rows if row.scope == "五绝"} == {"theirs"}
    assert value(rows, "ppl_char", "theirs", "tiny") == pytest.approx(
        poem_costs(loaded, split_of(poems, loaded.vocab)).tally.ppl_char
    )
    # Without the dataset the checkpoint's own index tells what is new.
    assert value(rows, "novelty", "五绝", "theirs") == 0
    assert not [row for row in rows if row.figure.startswith("copied")]


def test_what_is_left_out_is_told(loaded: Checkpoint, dataset: Dataset) -> None:
    human = [poem for poem in poems_of(dataset.train) if poem.form == "七绝"]
    theirs = [replace(poem, form="杂言", body=f"春{poem.body}") for poem in human] + human[:3]
    found = Report({"tiny": loaded}, replace(CONFIG, num=0, critic=True), human, theirs, "theirs", dataset=dataset)
    list(found.rows())
    told = "\n".join(found.notes)
    assert "no poems in the forms 五绝" in told
    assert f"theirs: {len(human)} of {len(theirs)} poems do not have the lines of 五绝 or 七绝" in told
    assert "relevance of 七绝, theirs: not measured" in told and "critic of 七绝, theirs: not measured" in told
    assert f"{len(human)} of {len(human)} poems by people share a line with the training data" in told


def test_poems_that_share_lines_are_left_out_of_a_second_figure(loaded: Checkpoint, dataset: Dataset) -> None:
    seen = [poem for poem in poems_of(dataset.train) if poem.form == "五绝"][:3]
    unseen = [Poem("花夏春冬秋，月山水风雪。江河湖云雨，日夜海天地。", title="春", form="五绝")]
    found = Report({"tiny": loaded}, replace(CONFIG, num=0), poems=[*seen, *unseen], source="theirs", dataset=dataset)
    rows = list(found.rows())
    assert value(rows, "characters", "theirs", "tiny") == 80
    assert value(rows, "characters", "theirs" + UNSHARED, "tiny") == 20
    alone = poem_costs(loaded, split_of(unseen, loaded.vocab)).tally
    assert value(rows, "ppl_char", "theirs" + UNSHARED, "tiny") == pytest.approx(alone.ppl_char)
    without = replace(found, dataset=None)
    assert {row.scope for row in without.rows()} == {"theirs", "五绝"}, "an index is not sure enough"


def test_people_s_poems_cost_something_beside_those_of_a_file(loaded: Checkpoint, dataset: Dataset) -> None:
    """Each source has a table, and its figures are its own."""
    theirs = [Poem("花夏春冬秋，月山水风雪。江河湖云雨，日夜海天地。", title="春", form="五绝")] * 2
    human = poems_of(dataset.valid)
    found = Report({"tiny": loaded}, replace(CONFIG, num=0), human, theirs, "theirs")
    tables = list(perplexity_tables(found))
    assert [rows[0].scope for rows in tables] == ["theirs", HUMAN]
    for rows, poems in zip(tables, (theirs, human), strict=True):
        tally = poem_costs(loaded, split_of(poems, loaded.vocab)).tally
        assert value(rows, "ppl_char", rows[0].scope, "tiny") == pytest.approx(tally.ppl_char)
        assert value(rows, "characters", rows[0].scope, "tiny") == tally.han


def test_poems_of_a_file_are_drawn_as_human_ones_are(loaded: Checkpoint, dataset: Dataset) -> None:
    """A file may have its poets one after the other, and some figures are of the first so many."""
    poems = [poem for poem in poems_of(dataset.train) if poem.form == "七绝"]
    columns = dict(
        poems_by_column(Report({"tiny": loaded}, replace(CONFIG, num=0), poems=poems, source="theirs"), "七绝")
    )
    bodies = [poem.body for poem in columns["theirs"]]
    assert bodies != [poem.body for poem in poems] and sorted(bodies) == sorted(poem.body for poem in poems)


def test_short_lines_are_anybodys(loaded: Checkpoint, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    poems = [Poem("春，秋。"), Poem("花夏春冬秋，月山水风雪。")]
    monkeypatch.setattr(novelty, "lines_of_training", lambda evaluation, bodies: frozenset({"春", "秋"}))
    rows = Report({"tiny": loaded}, replace(CONFIG, num=0), poems=poems, source="theirs", dataset=dataset).rows()
    assert {row.scope for row in rows if row.figure == "ppl_char"} == {"theirs"}


def test_variety_is_over_as_many_poems_in_each_column() -> None:
    columns = {HUMAN: [Poem("春江，花月。")] * 4, "tiny": [Poem("春江，花月。")]}
    rows = list(report._variety("五绝", columns))
    assert {(row.estimate.value, row.estimate.poems) for row in rows} == {(1.0, 1)}


# Judges ----------------------------------------------------------------------------------------------------------


def test_judges_have_rows_and_lines(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = JudgeVerdict(
        scores=np.array([0.0, 1.0, 0.0, 1.0]),
        machine=np.array([False, True, False, True]),
        poems=np.arange(4),
        fold=np.array([0, 0, 1, 1]),
        lines=(MachineLikeLine("春江", 1.0, 0),),
    )
    for name in ("judge", "ngram_judge"):
        monkeypatch.setattr(judges, name, lambda *args, **more: verdict)
    monkeypatch.setattr(judges, "find_spec", lambda name: name)
    found = Report({"tiny": loaded}, CONFIG)
    poems = [Poem("春江。", form="五绝")] * 2
    rows = list(judged_rows(found, "五绝", {HUMAN: poems, "tiny": poems}, found.lines))
    assert {row.figure: tuple(row.estimate) for row in rows} == {
        # Of two poems a side, none might have been taken for the other's by chance.
        "critic": (1.0, pytest.approx(0.158, abs=1e-3), 1.0, 2),
        "n-gram judge": (1.0, pytest.approx(0.158, abs=1e-3), 1.0, 2),
    }
    assert found.record(rows)["machine-like"] == [{"column": "tiny", "form": "五绝", "lines": ["春江"]}]


@pytest.mark.slow
def test_judges_tell_poems_of_odd_characters(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real judges: they are told which poems are whose and under which titles, and whose lines give them away."""
    pytest.importorskip("sklearn")
    told: list[Any] = []
    for name in ("judge", "ngram_judge"):
        plain = getattr(judges, name)
        monkeypatch.setattr(
            judges, name, lambda *args, plain=plain, **more: told.append(more["titles"]) or plain(*args, **more)
        )
    draw = np.random.default_rng(1)
    usual, odd = "春夏秋冬风花雪月山水云雨江河", "湖海天地日夜星光明白青红黄绿"
    human, machine = (
        [
            Poem("，".join("".join(draw.choice(list(chars), 5)) for _ in range(4)) + "。", title=str(number))
            for number in range(25)
        ]
        for chars in (usual, odd)
    )
    found = Report({"tiny": loaded}, CONFIG)
    rows = list(judged_rows(found, "五绝", {HUMAN: human, "tiny": machine}, found.lines))
    assert {row.figure for row in rows} == {"critic", "n-gram judge"}
    assert all(row.estimate.value > 0.9 and row.estimate.low < row.estimate.high for row in rows)
    assert set("".join(found.lines["tiny", "五绝"])) <= set(odd)
    titles = [poem.title for poem in human]
    assert told == [(titles, titles)] * 2


@pytest.mark.slow
def test_the_interval_of_an_auc_holds_the_truth_about_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of both sides from normals a standard deviation apart, for which the AUC is known."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    truth, draw, held = 0.7602, np.random.default_rng(2), 0
    for trial in range(60):
        scores = np.concatenate([draw.normal(size=100), draw.normal(size=100) + 1])
        machine, fold = np.repeat([False, True], 100), np.arange(200) % 5
        estimate = auc_estimate(JudgeVerdict(scores, machine, np.arange(200), fold, ()), trial)
        held += estimate.low <= truth <= estimate.high
        assert estimate.low < estimate.value < estimate.high
    assert held >= 50
