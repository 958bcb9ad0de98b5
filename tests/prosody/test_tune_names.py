from poetgen.files import read_table
from poetgen.prosody.tune_names import listed, tune_names


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
