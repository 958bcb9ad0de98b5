"""English and Chinese: the table has every phrase of the package, with the same gaps, and no other."""

import ast
import pickle
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import poetgen
from poetgen.cli.root import speaking
from poetgen.corpus.contents import _REFUSED
from poetgen.errors import SourceError, UsageError
from poetgen.files import read_table
from poetgen.language import Phrase, language_of_locale, translated

TABLE: dict[str, str] = {row[0]: row[1] for row in read_table(".", "chinese.tsv", 2)}


FILES = Path(str(poetgen.__file__)).parent.rglob("*.py")
NODES = [node for path in FILES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
STRINGS = {node.value for node in NODES if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def sentences() -> Iterator[str]:
    """The sentence of every Phrase that the package makes, but of those that stand in a table of the code."""
    for node in NODES:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Phrase":
            assert isinstance(node.args[0], ast.Constant), f"line {node.lineno}: write the sentence out"
            yield node.args[0].value


def gaps(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_the_table_has_every_phrase_and_no_other() -> None:
    articles = {f"{article} {kind}" for kind in STRINGS for article in ("a", "an")}  # of kinds of office files
    assert set(sentences()) <= set(TABLE) <= STRINGS | articles


def test_what_files_are_and_why_poems_are_left_out_is_in_the_table() -> None:
    for _, _, kind, way_out in _REFUSED:
        assert {kind, way_out} <= set(TABLE)
    for node in NODES:
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in (
            "Dropped",
            "drop",
        ):
            if node.args and isinstance(reason := node.args[0], ast.Constant):
                assert reason.value in TABLE


def test_a_phrase_goes_from_process_to_process() -> None:
    error = SourceError(Phrase("{file}: cannot be read ({reason}).", file="a{b}.txt", reason="{}"))
    back = pickle.loads(pickle.dumps(error))
    assert (
        str(back) == "a{b}.txt: cannot be read ({})." and back.args[0].translated("zh") == "a{b}.txt：无法读取（{}）。"
    )


@pytest.mark.parametrize("english", TABLE)
def test_both_languages_have_the_same_gaps(english: str) -> None:
    assert gaps(english) == gaps(TABLE[english]) and TABLE[english]


def test_a_phrase_is_english_until_it_is_translated_and_so_are_its_values() -> None:
    inner = Phrase("{count} lines", count=3)
    outer = Phrase("{found}, where {form} has {asked}", found=inner, form="五绝", asked=4)
    assert outer == "3 lines, where 五绝 has 4" and f"{outer}" == outer
    assert outer.translated("zh") == "全诗3句，五绝应有4句"
    assert translated("plain", "zh") == "plain"
    marked = Phrase(
        "comes more than once: {each}", each=[Phrase("{char} (lines {lines})", char="春", lines=[1, 2])] * 2
    )
    assert marked == "comes more than once: 春 (lines 1, 2), 春 (lines 1, 2)"
    assert marked.translated("zh") == "重复的字：“春”（第1、2句），“春”（第1、2句）"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
    ],
)
def test_the_locale_says_the_language(environment: dict[str, str], language: str) -> None:
    assert language_of_locale(environment) == language


def test_errors_are_spoken_too() -> None:
    text = Phrase("{count} lines", count=3)
    with pytest.raises(SourceError, match="^3句$"), speaking("zh"):
        raise SourceError(text)
    with pytest.raises(UsageError, match="^3句!$"), speaking("zh"):
        raise UsageError(text, "!")
    with pytest.raises(SourceError, match="^3 lines$"), speaking("en"):
        raise SourceError(text)
