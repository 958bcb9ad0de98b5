"""Build poetgen/corpus/variants.tsv, the shapes of characters that cleaning brings to the standard one.

    apt-get download unicode-data && dpkg -x unicode-data_*.deb unihan
    python scripts/variants.py unihan/usr/share/unicode dypytz-variants.txt

The first source is the Unihan database: the folder with Unihan_Variants.txt and Unihan_OtherMappings.txt, packed with
bzip2 or not, from the Unicode Character Database. The second is the 第一批异体字整理表 of 1955 with what was taken back
from it since, as digitised in dypytz-variants.txt of the public project cjkvi-variants. OpenCC is the third.

A shape is folded if the 通用规范汉字表 of 2013 (kTGH) lacks it, also once it is simplified, and if a source gives one
character of that list for it: the list of 1955, the regional shapes of OpenCC, or Unihan as z-variant or as variant of
the same meaning. Where the rhyme book knows both and no reading is shared, they are two words and stay. So does what
variants_additions.tsv bars; `+` adds what the sources lack. A row says why.

A row of the table is a shape, the standard character in traditional script, and 简 where a traditional text keeps the
shape, since books print it: Big5 has it. `=` in the corrections is `+` without that exception.
"""

from __future__ import annotations

import argparse
import bz2
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pingshui import FROM_SHAPES, SHAPES, converter

from poetgen.errors import PoetgenError
from poetgen.files import write_atomic
from poetgen.prosody.rhymes import rhymes
from poetgen.text import is_han

TABLE = Path(__file__).parents[1] / "poetgen" / "corpus" / "variants.tsv"
ADDITIONS = Path(__file__).with_name("variants_additions.tsv")
HEADER = """\
# Shapes of characters and the standard one, in traditional script; 简: folded in simplified script alone.
# Made by scripts/variants.py, do not edit: corrections go into scripts/variants_additions.tsv.
# Sources: the 第一批异体字整理表 of 1955, less what was restored since, as digitised in cjkvi-variants; Unihan
# (kSemanticVariant, kZVariant, kTraditionalVariant, kTGH: the 通用规范汉字表 of 2013); OpenCC; the corrections.
"""
#: The sources of a pair, the one that decides first.
LIST_1955, REGIONAL, MEANING = range(3)


@dataclass
class Evidence:
    """Shape -> character -> the best source of the pair; and the characters of the list of 2013."""

    standard: set[str] = field(default_factory=set)
    pairs: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, shape: str, char: str, source: int) -> None:
        known = self.pairs.setdefault(shape, {})
        known[char] = min(source, known.get(char, source))


def unihan(folder: Path, name: str) -> Iterator[tuple[str, str, str]]:
    """Character, property and value of each line of a file of Unihan."""
    try:
        packed = folder / f"{name}.bz2"
        text = bz2.decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
    except OSError as error:
        raise PoetgenError(f"{folder}: no {name} there ({error.strerror})") from error
    for line in text.decode("utf-8").splitlines():
        if line.startswith("U+"):
            code, key, value = line.split("\t")
            yield chr(int(code[2:], 16)), key, value


def gather(folder: Path, list_1955: Path) -> Evidence:
    """All that the sources say."""
    evidence = Evidence({char for char, key, _ in unihan(folder, "Unihan_OtherMappings.txt") if key == "kTGH"})
    for char, key, value in unihan(folder, "Unihan_Variants.txt"):
        for code in value.split():
            other = chr(int(code.partition("<")[0][2:], 16))
            if key in ("kSemanticVariant", "kZVariant"):
                evidence.add(char, other, MEANING)
                evidence.add(other, char, MEANING)
            elif key == "kTraditionalVariant":
                evidence.add(char, other, REGIONAL)
    for config in FROM_SHAPES[:-1]:
        convert = converter(config)
        for shape in (chr(code) for block in SHAPES for code in block):
            if len(other := convert(shape)) == 1:
                evidence.add(shape, other, REGIONAL)
    for line in list_1955.read_text(encoding="utf-8").splitlines():
        char, relation, shape, *_ = [*line.split(","), "", ""]
        if relation.startswith("dypytz/variant") and len(char) == len(shape) == 1:
            evidence.add(shape, char, LIST_1955)
    return evidence


def choose(evidence: Evidence) -> dict[str, str]:
    """Shape -> the one standard character, in traditional script, that the best source gives for it."""
    simplify, traditional = converter("t2s"), converter("s2t")
    standard = {char for char in {*evidence.pairs, *evidence.standard} if simplify(char) in evidence.standard}
    chosen = {}
    for shape, others in evidence.pairs.items():
        if shape in standard or not is_han(shape):
            continue
        ranked: dict[int, dict[str, list[str]]] = {}
        for char, source in others.items():
            if char in standard and (not rhymes(shape) or rhymes(shape) & rhymes(char)):
                ranked.setdefault(source, {}).setdefault(simplify(char), []).append(char)
        words = {*ranked[min(ranked)]} if ranked else set()
        if len(words) == 1:  # where several are meant, none is chosen
            chars = [char for by_word in ranked.values() for char in by_word.get(min(words), [])]
            best = min(chars, key=lambda char: (level_of_big5(char) != 1, simplify(char) == char, char))
            chosen[shape] = best if level_of_big5(best) else traditional(best)
    return {shape: char for shape, char in chosen.items() if shape != char}


def level_of_big5(char: str) -> int:
    """1 for the common characters of Big5, 2 for its others, 0 for those that it lacks."""
    try:
        return 1 if char.encode("big5") < b"\xc9\x40" else 2
    except UnicodeEncodeError:
        return 0


def correct(chosen: dict[str, str], path: Path) -> set[str]:
    """Apply the rows of the corrections (a mark, shapes, what they stand for); returns the shapes with `=`."""
    anywhere: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        mark, shapes, char, *_ = [*line.split("\t"), "", ""]
        if mark not in ("+", "=", "-") or not shapes or (mark != "-") != (len(char) == 1):
            raise PoetgenError(f"{path}:{number}: expected + or = with shapes and a character, or - with shapes")
        for shape in shapes:
            if mark == "-":
                chosen.pop(shape, None)
            else:
                chosen[shape] = char
        anywhere |= {*shapes} if mark == "=" else set()
    return anywhere


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("unihan", type=Path, help="folder with Unihan_Variants.txt and Unihan_OtherMappings.txt")
    parser.add_argument("list_1955", type=Path, help="dypytz-variants.txt")
    parser.add_argument("--out", type=Path, default=TABLE, help="where the table goes (default: into the package)")
    options = parser.parse_args()
    try:
        chosen = choose(gather(options.unihan, options.list_1955))
        anywhere = correct(chosen, ADDITIONS)
        if chains := sorted(shape for shape, char in chosen.items() if char in chosen):
            raise PoetgenError(f"{ADDITIONS}: {' '.join(chains)} stand for what is folded itself")
        printed = {shape for shape in chosen if level_of_big5(shape)} - anywhere
        rows = [f"{s}\t{char}" + ("\t简\n" if s in printed else "\n") for s, char in sorted(chosen.items())]
        write_atomic(options.out, HEADER + "".join(rows))
    except (OSError, PoetgenError) as error:
        raise SystemExit(f"variants: {error}") from None
    print(f"{options.out}: {len(rows):,} shapes")


if __name__ == "__main__":
    main()
