"""Tables of facts (.tsv) beside the code: a row a line, fields parted by tabs; lines that begin with # are remarks."""

from importlib.resources import files


def read_table(name: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of a table of this room, each of `columns` fields: fields beyond are left out, missing ones are empty.

    >>> read_table("pingshui.tsv", 2)[:2]
    [('一东', '上平'), ('二冬', '上平')]
    """
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return [tuple((row + [""] * columns)[:columns]) for row in rows]
