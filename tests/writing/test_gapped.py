"""Files of poems with gaps."""

from pathlib import Path

import pytest

from poetgen.errors import SourceError
from poetgen.writing.gapped import patterns_in, read_gapped


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("□□明月，____。", [(1, "", "□□明月，____。")]),
        ("秋思\n\n□□明月，\n____。\n\n\n冬\n__雪", [(3, "秋思", "□□明月，\n____。"), (8, "冬", "__雪")]),
        ("春夜\n春□，花。\n\n月_。", [(2, "春夜", "春□，花。"), (4, "", "月_。")]),
        ("白日依山尽\n黄河入海流", [(1, "", "白日依山尽\n黄河入海流")]),
        ("白日依山尽", [(1, "", "白日依山尽")]),
        (" \n\n", []),
    ],
)
def test_poems_are_parted_by_empty_lines_and_have_titles(text: str, found: list[tuple[int, str, str]]) -> None:
    assert [(line.number, line.title, line.options["pattern"]) for line in patterns_in(text)] == found


def test_a_poem_may_stand_in_the_place_of_a_file(tmp_path: Path) -> None:
    assert read_gapped(Path("□□明月"))[1][0].options == {"pattern": "□□明月"}
    path = tmp_path / "poem.txt"
    path.write_bytes("□□明月，花好。".encode("gb18030"))
    name, (line,) = read_gapped(path)
    assert name == str(path) and line.options == {"pattern": "□□明月，花好。"}


def test_what_is_no_poem_is_said(tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("\n")
    with pytest.raises(SourceError, match=r"empty\.txt: no poem in it; give verse, with □ or _"):
        read_gapped(path)
    with pytest.raises(SourceError, match=r"missing\.txt: cannot be read"):
        read_gapped(tmp_path / "missing.txt")
