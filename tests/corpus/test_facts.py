"""The tables beside the code."""

import tomllib
from pathlib import Path

from poetgen import corpus
from poetgen.corpus.dynasties import DYNASTIES
from poetgen.files import read_table

ROOM = Path(str(corpus.__file__)).parent


def test_a_name_stands_for_one_dynasty() -> None:
    names = [name for _, names in read_table("corpus", "dynasties.tsv", 2) for name in names.split(" ")]
    assert len(set(names)) == len(names) and "" not in names
    assert {dynasty for _, dynasty in read_table("corpus", "dynasty_places.tsv", 2)} <= set(DYNASTIES)


def test_nothing_in_a_table_is_said_twice() -> None:
    for table, separator in (("stop_words.tsv", " "), ("common_characters.tsv", None), ("surnames.tsv", " ")):
        rows = read_table("corpus", table, 1)
        cells = [cell for (row,) in rows for cell in (row.split(separator) if separator else row)]
        assert len(set(cells)) == len(cells), table


def test_tables_are_told_where_they_come_from_and_are_installed() -> None:
    tables = sorted(ROOM.glob("*.tsv"))
    assert len(tables) >= 4
    assert all(table.read_text(encoding="utf-8").startswith("# ") for table in tables)
    project = tomllib.loads((ROOM.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "*.tsv" in project["tool"]["setuptools"]["package-data"]["poetgen.corpus"]
