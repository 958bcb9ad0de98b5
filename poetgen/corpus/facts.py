"""Tables of facts (.tsv) beside the code: a row a line, fields parted by tabs; lines that begin with # are remarks."""

from __future__ import annotations

from importlib.resources import files


def read_facts(name: str) -> list[list[str]]:
    """The rows of a table of this room.

    >>> read_facts("dynasty_places.tsv")[0]
    ['poet\\\\.tang\\\\b|全唐[诗詩]|唐[诗詩]', '唐']
    """
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
