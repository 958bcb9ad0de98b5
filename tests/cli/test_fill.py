"""`poetgen fill`, and what is given to `poetgen sample`, as users type them."""

import json
from pathlib import Path

import pytest

from poetgen import cli
from poetgen.text import clauses


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        cli.main(args)
    out, err = capsys.readouterr()
    return int(exit.value.code or 0), out, err


def test_a_poem_is_filled(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("fill", "□□明月□，__________________", "--form", "free", "--seed", "1", "--checkpoint", str(tiny))
    code, out, err = run(capsys, *asked)
    assert code == 0 and out[2:4] == "明月" and "by tiny" in err
    assert run(capsys, *asked)[1] == out


def test_of_several_poems_the_bad_ones_are_named_and_the_others_written(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gaps.txt"
    path.write_text("春\n\n___明月，_____。\n\n__a__，\n\n秋\n____风，____。\n", encoding="utf-8")
    code, out, err = run(capsys, "fill", str(path), "--form", "free", "--json", "--checkpoint", str(tiny))
    first, last = map(json.loads, out.splitlines())
    assert code == 1 and first["title"] == "春" and last["title"] == "秋" and "明月" in first["text"]
    assert f"{path}:5: --pattern __a__，: 'a' is no character of verse" in err and "1 of 3 line was left out" in err


def test_a_poem_is_mended(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "poem.txt"
    path.write_text("春夜\n\n青山明夜月，白日近人情。\n江海孤舟客，春风旧酒心。\n", encoding="utf-8")
    code, out, err = run(capsys, "fill", str(path), "--mend", "--json", "--seed", "3", "--checkpoint", str(tiny))
    record = json.loads(out)
    assert code == 0 and record["left"] == [] and record["title"] == "春夜"
    assert [change["line"] for change in record["changes"]] in ([2], [4])
    code, out, err = run(capsys, "fill", str(path), "--mend", "--seed", "3", "--checkpoint", str(tiny))
    assert " → " in err and "(出韵)" in err


def test_what_is_given_stands_in_records_that_ask_again(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    poem = tmp_path / "like.txt"
    poem.write_text("青山明夜月，白日近人情。江海孤舟客，春风远近行。", encoding="utf-8")
    given = ("--keywords", "明月", "--hidden", "春夏", "--place", "2", "--rhyme-like", str(poem), "--form", "五绝")
    written = ("--json", "--tones", "off", "--seed", "1", "--checkpoint", str(tiny))
    code, out, _ = run(capsys, "sample", "春", *given, *written)
    record = json.loads(out)
    assert code == 0 and "明月" in record["text"] and record["options"]["rhyme"] == "八庚"
    assert [line[1] for line in clauses(record["text"])[:2]] == ["春", "夏"]
    path = tmp_path / "records.jsonl"
    path.write_text(
        out + '{"title": "春", "步韵": "心琴", "hidden": "春", "place": 2}\n{"feet": "心情", "form": "七绝"}\n'
    )
    code, out, err = run(capsys, "sample", "--input", str(path), *written)
    again, other = map(json.loads, out.splitlines())
    assert again["text"] == record["text"]
    assert other["text"][1] == "春" and [line[-1] for line in clauses(other["text"])[1::2]] == ["心", "琴"]
    assert code == 1 and ":3: --feet 心情: the lines end on 心 情, which do not rhyme by the 平水韵" in err


def test_a_beginning_needs_no_title(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "sample", "--begin", "春江花月夜，", "--length", "24", "--checkpoint", str(tiny))
    assert code == 0 and out.startswith("春江花月夜，")
