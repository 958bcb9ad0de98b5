import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from poetgen.prosody import check, recognise, shared_rhyme

STARTER = Path(__file__).parents[2] / "corpora" / "starter.jsonl"
COUPLET = re.compile(r"([\u4e00-\u9fff]+)，([\u4e00-\u9fff]+)。")


@pytest.fixture(scope="module")
def poems() -> list[dict[str, Any]]:
    return [json.loads(line) for line in STARTER.read_bytes().decode("utf-8").splitlines()]


def lines_of(poem: dict[str, Any]) -> list[str]:
    return [line for couplet in poem["paragraphs"] for line in COUPLET.fullmatch(couplet).groups()]  # type: ignore[union-attr]


def test_there_are_enough_poems_of_each_form(poems: list[dict[str, Any]]) -> None:
    forms = Counter(poem["form"] for poem in poems)
    assert len(poems) >= 200
    assert set(forms) == {"五绝", "七绝", "五律", "七律"}
    assert min(forms["五绝"], forms["七绝"]) >= 60
    assert min(forms["五律"], forms["七律"]) >= 30


def test_every_record_is_whole_and_written_alike(poems: list[dict[str, Any]]) -> None:
    for poem in poems:
        assert list(poem) == ["title", "author", "dynasty", "form", "paragraphs"]
        assert re.fullmatch(r"[\u4e00-\u9fff]+", poem["title"])
        for couplet in poem["paragraphs"]:
            assert COUPLET.fullmatch(couplet), couplet


def test_every_poem_keeps_form_rhyme_and_meter(poems: list[dict[str, Any]]) -> None:
    for poem in poems:
        lines = lines_of(poem)
        assert recognise(lines) == poem["form"], poem["title"]
        verdict = check(lines, poem["form"])
        assert verdict.ok, (poem["title"], verdict)


def test_no_rhyme_word_comes_twice_in_a_poem(poems: list[dict[str, Any]]) -> None:
    for poem in poems:
        ends = [line[-1] for line in lines_of(poem)[1::2]]
        assert len(set(ends)) == len(ends), poem["title"]


def test_the_rhymes_are_varied(poems: list[dict[str, Any]]) -> None:
    used = Counter(shared_rhyme(lines_of(poem)) for poem in poems)
    assert len(used) >= 25
    assert max(used.values()) <= len(poems) // 10


def test_no_line_and_no_titled_form_comes_twice(poems: list[dict[str, Any]]) -> None:
    lines = Counter(line for poem in poems for line in lines_of(poem))
    assert lines.most_common(1)[0][1] == 1
    titles = Counter((poem["title"], poem["form"]) for poem in poems)
    assert titles.most_common(1)[0][1] == 1
    assert {"春", "春日"} <= {title for title, _ in titles}


def test_the_file_is_plain_utf_8() -> None:
    data = STARTER.read_bytes()
    text = data.decode("utf-8")
    assert not data.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in data
    assert text.endswith("}\n")
    assert unicodedata.is_normalized("NFC", text)
