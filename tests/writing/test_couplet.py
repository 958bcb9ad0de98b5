"""Couplets: what a line may be, what its answer must be, and that the order of the answers means something."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poetgen
from poetgen.errors import SourceError, UsageError
from poetgen.network.checkpoint import Checkpoint
from poetgen.prosody.explain_parallel import explain_couplet
from poetgen.prosody.readings import Reader
from poetgen.prosody.schools import School
from poetgen.writing.couplet import LONGEST, SHORTEST, Couplet, line_of
from poetgen.writing.couplet_lines import read_couplet_lines
from poetgen.writing.couplet_writer import CoupletWriter

#: Lines of characters that the tiny checkpoint knows; each ends oblique.
FIRSTS = ["春风花月夜", "秋江明月白", "天地春风短", "山高明月坐春夜", "春山日日雨"]
CARELESS = School(allowed=frozenset({"对仗"}))


@pytest.fixture(scope="module")
def writer(tiny: Path) -> CoupletWriter:
    return CoupletWriter(Checkpoint.load(tiny))


def faults(couplet: Couplet) -> list[str]:
    explained = explain_couplet((couplet.first, couplet.second), Reader(), CARELESS)
    return [note.name for note in explained.faults]


@pytest.mark.parametrize("line", FIRSTS)
def test_an_answer_has_no_fault_and_no_character_of_its_line(writer: CoupletWriter, line: str) -> None:
    for couplet in writer.answers(writer.request(line, seed=1), 5):
        assert couplet.first == line and len(couplet.second) == len(line)
        assert not faults(couplet) and not set(line) & set(couplet.second)


def test_the_first_line_is_found_for_a_second(writer: CoupletWriter) -> None:
    couplets = writer.answers(writer.request("明月白春风", reverse=True, seed=1), 5)
    assert couplets and all(couplet.second == "明月白春风" and not faults(couplet) for couplet in couplets)


def test_what_is_repeated_is_answered_by_what_is_repeated(writer: CoupletWriter) -> None:
    for couplet in writer.answers(writer.request("春山日日雨", seed=1), 5):
        assert couplet.second[2] == couplet.second[3] and len(set(couplet.second)) == 4


def test_tones_off_takes_any_line_and_any_answer(writer: CoupletWriter) -> None:
    with pytest.raises(UsageError, match="add --reverse, or give --tones off"):
        writer.request("春花秋月明")
    answers = writer.answers(writer.request("春花秋月明", tones="off", seed=1), 40)
    ends = {Reader().signs(couplet.second)[-1] for couplet in answers}
    assert {"平", "仄"} <= ends


def test_the_same_seed_gives_the_same_couplet_and_another_another(writer: CoupletWriter) -> None:
    first, same, other = (
        [couplet.text for couplet in writer.answers(writer.request(FIRSTS[0], seed=seed, banner=True), 9)]
        for seed in (1, 1, 2)
    )
    assert first == same != other


def test_answers_are_ranked_and_different(writer: CoupletWriter) -> None:
    answers = writer.answers(writer.request(FIRSTS[0], seed=1), 20)
    scores = [couplet.scores["score"] for couplet in answers]
    assert scores == sorted(scores, reverse=True)
    assert len({couplet.second for couplet in answers}) == len(answers) > 5


def test_the_gain_is_what_the_other_line_is_worth(writer: CoupletWriter) -> None:
    """log p(second | first) − log p(second), by the network's own figures of either."""
    request = writer.request(FIRSTS[0], seed=1)
    couplet = writer.answers(request)[0]
    plain = writer.header(request, held=False)
    second = np.array([writer.vocab.encode(couplet.second)])
    alone = writer.costs(plain, second)[0]
    behind = writer.costs(plain + writer.vocab.encode(FIRSTS[0] + "，"), second)[0]
    assert couplet.scores["gain"] == pytest.approx((alone - behind) / 5, abs=1e-4)
    assert couplet.scores["likelihood"] == pytest.approx(-behind / 5, abs=1e-4)
    whole = writer.costs(plain, np.array([writer.vocab.encode(FIRSTS[0])]), writer.vocab.encode("，" + couplet.second))
    assert whole[0] == pytest.approx(behind, abs=1e-3)


def test_a_second_line_is_told_in_the_header(writer: CoupletWriter) -> None:
    request = writer.request("明月白春风", reverse=True)
    told = writer.vocab.decode(writer.header(request, held=True))
    assert told.startswith("[五律][HELD][SEP]明月白春风")
    assert "[HELD]" not in writer.vocab.decode(writer.header(request, held=False))


def test_a_vocabulary_without_that_field_finds_first_lines_too(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = CoupletWriter(Checkpoint.load(tiny))
    monkeypatch.setattr(CoupletWriter, "_knows_held", property(lambda self: False))
    couplets = writer.answers(writer.request("明月白春风", reverse=True, seed=1), 3)
    assert len(couplets) == 3 and not any(map(faults, couplets))
    assert len({couplet.scores["gain"] for couplet in couplets}) == 3


def test_lines_of_the_corpus_are_no_answers(tiny: Path) -> None:
    checkpoint = Checkpoint.load(tiny)

    class All:
        def __contains__(self, line: str) -> bool:
            return True

    checkpoint.lines = All()  # type: ignore[assignment]
    writer = CoupletWriter(checkpoint)
    with pytest.raises(UsageError, match="no draft answers it without fault"):
        writer.answers(writer.request(FIRSTS[0], seed=1, candidates=4))


def test_a_banner_has_four_characters_that_the_couplet_has_not(writer: CoupletWriter) -> None:
    for couplet in writer.answers(writer.request(FIRSTS[0], banner=True, seed=1), 3):
        assert len(set(couplet.banner)) == 4 and not set(couplet.banner) & set(couplet.text)
        assert Reader().signs(couplet.banner)[3] in "平通"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no line: give one"),
        ("，。", "no line: give one"),
        ("海阔凭鱼跃，天高任鸟飞", "there is ， inside; give one line without marks, such as 海阔凭鱼跃"),
        ("海阔, 凭鱼跃", "inside; give one line without marks"),
        ("海阔 凭鱼跃", "there is a blank inside"),
        ("海阔\n凭鱼跃", "there is a blank inside"),
        ("海阔凭8跃", "8 is no Chinese character; write numbers in Chinese"),
        ("海阔凭鱼⑧", "⑧ is no Chinese character; write numbers"),
        ("海阔凭fish跃", "f i s h is no Chinese character; write the line in Chinese"),
        ("海阔凭鱼跃😀", "😀 is no Chinese character"),
        ("海阔\x00鱼跃", "U+0000 is no Chinese character"),
        ("海" * (SHORTEST - 1), f"give a line of {SHORTEST} to {LONGEST}"),
        ("海" * (LONGEST + 1), f"give a line of {SHORTEST} to {LONGEST}"),
        ("海阔" * 5000, "10,000 characters; give a line of"),
    ],
)
def test_what_is_no_line_is_refused_in_one_short_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        line_of(text)
    message = str(refused.value)
    assert said in message and "\n" not in message and len(message) < 200


def test_marks_around_a_line_are_taken_off() -> None:
    assert {line_of(text) for text in ("海阔凭鱼跃，", " “海阔凭鱼跃。” ", "海阔凭鱼跃\n", "海阔凭鱼跃")} == {
        "海阔凭鱼跃"
    }


def test_traditional_lines_are_read_in_the_script_of_the_model(writer: CoupletWriter) -> None:
    assert writer.request("春風花月夜").line == "春风花月夜"
    with pytest.raises(UsageError, match="阔 is no character that the model knows"):
        writer.request("海阔春花雪")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tones": "loose"}, "tones='loose': choose strict or off"),
        ({"reverse": 1}, "reverse=1: give true or false"),
        ({"candidates": 0}, "candidates=0: give"),
        ({"candidates": "many"}, "candidates='many': give a whole number"),
        ({"temperature": float("nan")}, "temperature=nan: give"),
        ({"form": "七律"}, "form: no such option; choose of reverse, banner"),
        ({"num": 0}, "num=0: give a whole number from 1"),
    ],
)
def test_python_is_told_what_is_wrong_by_name(tiny: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(poetgen.PoetgenError, match="^" + said.replace("(", r"\(")):
        poetgen.load(tiny).couplets(FIRSTS[0], **options)


def test_a_couplet_shows_itself(tiny: Path) -> None:
    couplet = poetgen.load(tiny).couplet(FIRSTS[0], seed=1, banner=True, candidates=8)
    assert str(couplet) == f"{couplet.first}\n{couplet.second}\n{couplet.banner}"
    assert couplet.text == f"{couplet.first}，{couplet.second}。"
    page = couplet._repr_html_()
    assert page.index(couplet.banner) < page.index(couplet.second) < page.index(couplet.first)
    record = couplet.record()
    assert json.loads(json.dumps(record)) == record and record["given"] == "first"


def test_files_ask_by_lines_or_by_records(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    own = {"first": "a", "second": "b", "banner": "春满人间", "given": "second", "scores": {}}
    rows = ["春", "", '{"first": "花", "banner": true}', '{"下联": "月", "x": 1}', json.dumps(own), '["雪"]', "{", "{}"]
    path.write_text("\n".join([*rows, '{"first": 1}', '{"first": "a", "second": "b"}']), encoding="gb18030")
    asked = list(read_couplet_lines(path))
    assert [(line.number, line.text) for line in asked if not line.error] == [(1, "春"), (3, "花"), (4, "月"), (5, "b")]
    assert asked[1].options == {"banner": True, "reverse": False}
    assert asked[2].options == {"reverse": True} and asked[2].ignored == ("x",)
    assert asked[3].options == {"banner": True, "reverse": True}
    reasons = {line.number: line.error for line in asked if line.error}
    assert sorted(reasons) == [6, 7, 8, 9, 10] and "both lines" in reasons[10] and "no line" in reasons[8]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"\n \n"), "no lines in it"),
        (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" * 9), "an image"),
        (lambda path: None, "cannot be read"),
    ],
)
def test_files_without_lines_are_refused(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    path = tmp_path / "lines.txt"
    make(path)
    with pytest.raises(SourceError, match=said):
        list(read_couplet_lines(path))
