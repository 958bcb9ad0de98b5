"""Build poetgen/prosody/modern.tsv: how characters are read today, by final and tone, for the rhyme books of today.

    pip install pypinyin pypinyin-dict
    python scripts/modern_rhymes.py

The readings are those of the 通用规范汉字字典 (2013) for the 8,105 characters of the national table, as the package
pypinyin-dict (MIT) has them. A traditional or regional shape is read as the simplified one that OpenCC makes of it; any
other character of pingshui.tsv as the package pypinyin (MIT) reads it first. A light tone stands only for characters
that have no other.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from pingshui import converter

from poetgen.files import write_atomic
from poetgen.prosody import categories, characters
from poetgen.prosody.modern import final_of

TABLE = Path(__file__).parents[1] / "poetgen" / "prosody" / "modern.tsv"
HEADER = """\
# How characters are read today: final and tone (0: light), characters. A character of several readings stands in
# several rows; -i is the final of zhi, chi, shi, ri, zi, ci and si.
# Made by scripts/modern_rhymes.py, do not edit. Source: the 通用规范汉字字典 (2013), by the package pypinyin-dict
# (MIT); rarer characters by the package pypinyin (MIT); traditional shapes after OpenCC.
"""


def standard() -> dict[int, str]:
    """The readings of the dictionary: code point -> syllables with marks, parted by commas."""
    from pypinyin_dict.pinyin_data import ktghz2013

    return dict(ktghz2013.pinyin_dict)


def readings(char: str, known: Mapping[int, str], simplify: str) -> list[str]:
    """The finals and tones of a character."""
    from pypinyin import Style, pinyin

    marked = known.get(ord(char)) or (known.get(ord(simplify)) if len(simplify) == 1 else None)
    if marked:
        syllables = marked.split(",")
    else:
        syllables = [one for one in pinyin(char, style=Style.TONE)[0] if one != char]
    found = [final for syllable in syllables if len(final := final_of(syllable)) > 1]
    toned = [final for final in found if final[-1] != "0"]
    return list(dict.fromkeys(toned or found))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=TABLE, help="where the table goes (default: into the package)")
    options = parser.parse_args()
    known, simplify = standard(), converter("t2s")
    rows: dict[str, list[str]] = {}
    for char in dict.fromkeys((*map(chr, sorted(known)), *"".join(map(characters, categories())))):
        for final in readings(char, known, simplify(char)):
            rows.setdefault(final, []).append(char)
    write_atomic(options.out, HEADER + "".join(f"{final}\t{''.join(rows[final])}\n" for final in sorted(rows)))
    count = len({char for chars in rows.values() for char in chars})
    print(f"{options.out}: {count:,} characters, {sum(map(len, rows.values())):,} readings")


if __name__ == "__main__":
    main()
