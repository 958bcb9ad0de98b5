from pathlib import Path

import pytest

import poetgen.prosody
from poetgen.files import read_table

ROOM = Path(str(poetgen.prosody.__file__)).parent


def test_missing_fields_are_empty_and_those_beyond_left_out() -> None:
    rows = {row[0]: row[1:] for row in read_table("prosody", "cilin_divided.tsv", 5)}
    assert rows["九佳"][-1].startswith("涯") and rows["十灰"][-1] == ""
    assert {len(row) for row in read_table("prosody", "usual.tsv", 2)} == {2}


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.tsv")), ids=lambda path: path.name)
def test_a_table_says_what_it_holds_and_from_where(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert text.startswith("# ") and text.endswith("\n")
    assert "source" in " ".join(head).lower() or "chinese-poetry archive" in " ".join(head)
    assert all(len(line) <= 120 for line in head)
    assert not any(field != field.strip() for row in read_table("prosody", path.name, 5) for field in row)
