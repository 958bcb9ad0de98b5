from poetgen.files import read_table
from poetgen.prosody.tune_names import fits_tune, listed, tune_in_title, tune_names


def test_names_lead_to_names_that_are_listed() -> None:
    rows = read_table("prosody", "tune_aliases.tsv", 2)
    assert all(listed(alias) == name for name, aliases in rows for alias in aliases.split())
    assert all(listed(name) == name for name, _ in rows), "in one step"
    assert listed("金缕曲") == "贺新郎" and listed("一剪梅") == "一翦梅"


def test_a_name_stands_once_in_its_table() -> None:
    names = [name for (name,) in read_table("prosody", "tune_names.tsv", 1)]
    assert len(names) == len(tune_names()) > 300
    aliases = [alias for _, aliases in read_table("prosody", "tune_aliases.tsv", 2) for alias in aliases.split()]
    assert len(set(aliases)) == len(aliases) > 150


def test_a_tune_stands_at_the_head_of_a_title_in_either_script() -> None:
    titles = ["浣溪沙", "浣溪沙 其一", "浣溪沙（一曲新词）", "木兰花/玉楼春", "臨江仙·夜飲", "水調歌頭", "好事近其二"]
    assert [tune_in_title(title) for title in titles] == "浣溪沙 浣溪沙 浣溪沙 木兰花 临江仙 水调歌头 好事近".split()
    assert [tune_in_title(title) for title in ("静夜思", "浣溪沙上月", "", "浣")] == [""] * 4


def test_lengths_are_those_of_tunes_by_their_listed_names() -> None:
    rows = read_table("prosody", "tune_lengths.tsv", 3)
    assert len(rows) > 200 and all(listed(name) == name for name, _, _ in rows)
    assert fits_tune("玉楼春", [7] * 8) and not fits_tune("如梦令", [7] * 8) and not fits_tune("满江红", [7] * 13)
    assert not fits_tune("静夜思", [5] * 4) and not fits_tune("浣溪沙", [])
