"""The rhyme book beside others: tables of characters on which they differ.

    python benchmarks/rhyme_tables.py ../shared/prosody

reads rhyme_missing.tsv, rhyme_spurious.tsv, trad_diff.tsv and cilin_diff.tsv of a folder, prints how many of their
rows now agree with the other books, and lists those that do not.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterator
from pathlib import Path

from poetgen.prosody.cilin import group_names, groups_of
from poetgen.prosody.rhymes import is_level, rare, rhymes


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def listed(text: str) -> set[str]:
    """Rhymes that stand with their tones behind them, as 二萧平 does.

    >>> sorted(listed("二萧平 十七筱上"))
    ['二萧', '十七筱']
    """
    return {re.sub("[平上去入]$", "", name) for name in text.split()}


def groups(char: str, usual: bool) -> set[str]:
    """The tones and numbers of the groups of the 词林正韵 of a character: 平1, 仄17."""
    names = rhymes(char) - rare(char) if usual else rhymes(char)
    number = {name: at for at, name in enumerate(group_names(), start=1)}
    return {
        ("平" if is_level(name) else "仄") + str(number[group]) for name in names for group in groups_of(char, name)
    }


def told(what: str, outcome: dict[str, bool]) -> None:
    left = " ".join(key for key, agrees in outcome.items() if not agrees)
    good = sum(outcome.values())
    print(f"{what}: {good} of {len(outcome)} ({good / len(outcome):.1%})" + (f"; not {left}" if left else ""))


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    missing = [(row["char"], listed(f"{row['jkak']} {row['couyun']}")) for row in rows(folder / "rhyme_missing.tsv")]
    told("without a reading before, with one now", {char: bool(rhymes(char)) for char, _ in missing})
    told("  of those that other books have, as they do", {c: bool(names & rhymes(c)) for c, names in missing if names})
    told(
        "readings that no other book has, and that are not usual",
        {
            f"{row['char']}{row['reading_in_poetgen']}": row["reading_in_poetgen"]
            not in rhymes(row["char"]) - rare(row["char"])
            for row in rows(folder / "rhyme_spurious.tsv")
        },
    )
    told(
        "traditional shapes with all that both other books have",
        {
            row["trad"]: listed(row["couyun"]) & listed(row["guangyun"]) <= rhymes(row["trad"])
            for row in rows(folder / "trad_diff.tsv")
        },
    )
    others = [
        (row["char"], set(row["couyun"].split()), set(row["songciapp"].split()))
        for row in rows(folder / "cilin_diff.tsv")
    ]
    told("词林正韵: all groups that both others have", {c: a & (b or a) <= groups(c, False) for c, a, b in others})
    told("词林正韵: usual in no group that neither has", {c: groups(c, True) <= a | b for c, a, b in others})


if __name__ == "__main__":
    main()
