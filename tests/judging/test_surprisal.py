"""What each character of a poem costs, and how `poetgen score` shows it."""

import io
import json
import math
from pathlib import Path

import pytest
import torch

from poetgen import cli
from poetgen.cli.score import marked
from poetgen.cli.terminal import BOLD, PLAIN, RED, YELLOW
from poetgen.corpus import Poem
from poetgen.data.dataset import split_of
from poetgen.data.sequence import Header, Layout
from poetgen.judging import surprisal
from poetgen.judging.likelihood import tally_poems
from poetgen.judging.surprisal import ScoredCharacter, ScoredPoem, SurprisingPlace, score_poems
from poetgen.network.checkpoint import Checkpoint
from poetgen.network.perplexity import Tally

POEM = "春夏秋冬风，花雪月山水。云雨江河湖，海天地日夜。"


@pytest.fixture(scope="module")
def loaded(tiny: Path) -> Checkpoint:
    return Checkpoint.load(tiny)


def by_hand(loaded: Checkpoint, poem: Poem) -> tuple[torch.Tensor, list[int]]:
    """The log-probabilities (T, V) of all tokens at the places of a body and its end, and the ids that stand there."""
    layout = Layout(loaded.vocab)
    header = layout.encode(Header(form=poem.form, tune=poem.tune, title=poem.title))
    ids = [*header, *loaded.vocab.encode(poem.body), layout.end]
    with torch.no_grad():
        logits, _ = loaded.model(torch.tensor([ids[:-1]]))
    return logits[0, len(header) - 1 :].log_softmax(-1), ids[len(header) :]


def scored(loaded: Checkpoint, *poems: Poem) -> list[ScoredPoem]:
    return list(score_poems(loaded, poems))


# The computation -------------------------------------------------------------------------------------------------

POEMS = (
    Poem(POEM * 15, title="长"),  # longer than a window
    Poem("春夏，秋。"),
    Poem(POEM, title="春夜", author="李白", form="五绝"),
)


def test_every_character_costs_what_the_model_says_in_the_order_of_the_file(loaded: Checkpoint) -> None:
    found = scored(loaded, *POEMS)
    assert [one.poem for one in found] == list(POEMS)
    for one in found:
        chances, ids = by_hand(loaded, one.poem)
        assert "".join(char.char for char in one.characters) == f"{one.poem.body}[END]"
        expected = (-chances[torch.arange(len(ids)), ids]).tolist()
        assert [char.nats for char in one.characters] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_surprises_are_the_costliest_places_and_tell_what_was_likeliest(loaded: Checkpoint) -> None:
    for one in scored(loaded, *POEMS):
        costs = sorted((char.nats for char in one.characters), reverse=True)
        assert [one.characters[found.place].nats for found in one.surprises] == costs[:3]
        chances, _ = by_hand(loaded, one.poem)
        for found in one.surprises:
            best = int(chances[found.place].argmax())
            assert found.expected == loaded.vocab.tokens[best]
            assert found.probability == pytest.approx(math.exp(chances[found.place, best]), rel=1e-4)


def test_figures_of_poems_sum_up_to_those_of_evaluation(loaded: Checkpoint) -> None:
    poems = [*POEMS, Poem("春龘。")]
    total = Tally()
    for one in scored(loaded, *poems):
        total += one.tally
    assert total.figures() == pytest.approx(tally_poems(loaded, split_of(poems, loaded.vocab)).figures(), rel=1e-6)
    assert total.unknown == 1


def test_a_character_that_the_vocabulary_lacks(loaded: Checkpoint) -> None:
    [one] = scored(loaded, Poem("春龘。"))
    chances, ids = by_hand(loaded, one.poem)
    assert [char.known for char in one.characters] == [True, False, True, True]
    expected = -float(chances[1, ids[1]]) + math.log(20992 - loaded.vocab.han)
    assert one.characters[1].nats == pytest.approx(expected, rel=1e-5)
    assert one.surprises[0].place == 1


def test_poems_come_as_they_are_scored(loaded: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surprisal, "_AT_ONCE", 2)
    seen: list[tuple[float, int]] = []
    found = score_poems(loaded, POEMS, lambda *told: seen.append(told))
    first = [next(found), next(found)]
    assert [one.poem for one in first] == list(POEMS[:2]) and seen[-1] == (2, 3)
    assert [one.poem for one in found] == [POEMS[2]] and seen[-1] == (3, 3)
    assert seen == sorted(seen) and seen[0] < (2, 3)
    monkeypatch.undo()
    assert [[char.nats for char in one.characters] for one in first] == [
        pytest.approx([char.nats for char in one.characters], rel=1e-4, abs=1e-5) for one in scored(loaded, *POEMS[:2])
    ]


# What people see -------------------------------------------------------------------------------------------------


def odds(*zeros: float) -> list[float]:
    """The costs of characters that were held as likely as 1 in 10 to the power of `zeros`, and a little less."""
    return [math.log(10) * power + 1e-6 for power in zeros]


def shown(terminal: bool = False) -> str:
    poem = Poem("春山，龘a夜。", title="登楼", author="李白", form="五绝")
    costs = odds(3, 2.9, 0, 12, 4, 5, 0, 0)
    chars = [ScoredCharacter(char, cost, char != "龘") for char, cost in zip([*poem.body, "[END]"], costs, strict=True)]
    told = (SurprisingPlace(3, "[END]", 0.5), SurprisingPlace(5, "月", 0.125))
    return "".join(marked([ScoredPoem(poem, tuple(chars), Tally(8.0, 4, 9.0, 8), told)], terminal))


def test_digits_below_a_character_say_how_rare_it_was_held() -> None:
    lines = shown().splitlines()
    assert lines[0] == "登楼  李白  五绝"
    assert lines[1:3] == ["  春山，龘a夜。", "  ３　　９4５"]  # columns keep their width
    assert lines[3] == "ppl_char 7.4 (2.00 nats), ppl_all 3.1 (1.12 nats)"
    assert lines[4].split() == "line 2 龘 (not in the vocabulary) 1 in 1e+12 likeliest: [END] 50.0%".split()
    assert lines[5].split() == "line 2 夜 1 in 100,000 likeliest: 月 12.5%".split()
    assert "10³" in lines[-1] and not set(BOLD + RED + YELLOW + PLAIN) & set(shown())


def test_a_text_without_chinese_has_no_figure_of_it() -> None:
    chars = tuple(map(ScoredCharacter, ["a", "[END]"], [0.5, 0.5]))
    lines = "".join(marked([ScoredPoem(Poem("a"), chars, Tally(0, 0, 1.0, 2), ())])).splitlines()
    assert lines[:2] == ["  a", "ppl_all 1.6 (0.50 nats)"]


def test_colours_in_place_of_digits_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = shown(terminal=True)
    assert f"{YELLOW}春{PLAIN}山，{BOLD}{RED}龘{PLAIN}" in text
    assert "３" not in text and "1 in 10,000" in text
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(terminal=True) == shown()


# The command -----------------------------------------------------------------------------------------------------


def run(*args: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        cli.main(["score", *map(str, args)])
    out, err = capsys.readouterr()
    return int(exit.value.code or 0), out, err


def test_poems_as_people_write_them(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "poems.txt"
    path.write_text(f"春夜\n李白\n\n{POEM * 2}\n\n秋\n\n{POEM}\n\n月\n\n春□夏，秋冬。\n", encoding="utf-8")
    code, out, err = run(path, "--checkpoint", tiny, "--device", "cpu", capsys=capsys)
    assert code == 0
    assert "left out 1 of 3 poems: 1 lost characters" in err
    assert out.index("春夜  李白  五律") < out.index("秋  五绝"), "in the order of the file"
    assert [line for line in out.splitlines() if line.strip() == "春夏秋冬风，花雪月山水。"]
    assert out.count("likeliest: ") == 6


def test_json_lines(
    tiny: Path, loaded: Checkpoint, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = "".join(json.dumps({"title": "春夜", "content": text}) + "\n" for text in (POEM, "春龘。"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    code, out, _ = run("-", "--json", "--checkpoint", tiny, "--device", "cpu", capsys=capsys)
    assert code == 0
    first, second = map(json.loads, out.splitlines())
    assert (first["title"], first["form"], first["text"]) == ("春夜", "五绝", POEM)
    chars = first["characters"]
    assert [char["char"] for char in chars] == [*POEM, "[END]"]
    han = [char["nats"] for char in chars if char["char"] not in ("，", "。", "[END]")]
    assert first["ppl_char"] == pytest.approx(math.exp(sum(han) / len(han)), rel=1e-3)
    assert first["ppl_all"] == pytest.approx(math.exp(sum(c["nats"] for c in chars) / len(chars)), rel=1e-3)
    assert [char["known"] for char in second["characters"]] == [True, False, True, True]
    assert first["checkpoint"] == loaded.id and len(first["surprises"]) == 3


def test_what_cannot_be_scored(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("hello\n", encoding="utf-8")
    code, out, err = run(path, "--checkpoint", tiny, capsys=capsys)
    assert (code, out) == (1, "") and "no poem in it could be read" in err
