"""Poems with gaps, as people write them down: blocks with an empty line between them, each with its title or without.

秋思

□□□明月，_____。
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from poetgen.corpus.contents import refuse_other_than_text
from poetgen.corpus.encoding import encoding_of
from poetgen.corpus.poems import looks_like_verse
from poetgen.errors import SourceError
from poetgen.files import STDIN, read_bounded
from poetgen.text import HAN_RANGES, LOST, PUNCTUATION
from poetgen.writing.titles import TitleLine

#: The largest file that is read, in bytes.
_MOST: Final = 16 << 20
_GAP: Final = re.compile(f"[{LOST}_＿]")
#: What is no name of a file, though it has gaps.
_ONLY_VERSE: Final = re.compile(rf"[{LOST}_＿{HAN_RANGES}{PUNCTUATION},.?!;:\s]+")


def read_gapped(path: Path) -> tuple[str, list[TitleLine]]:
    """The name of a file, and its poems as patterns with their titles; raises SourceError where there are none.

    In the place of a file may stand a poem itself.
    """
    given = str(path)
    if path != STDIN and not _is_file(path) and (looks_like_verse(given) or _ONLY_VERSE.fullmatch(given)):
        name, text = "the poem", given
    else:
        name = "standard input" if path == STDIN else given
        try:
            data = sys.stdin.buffer.read(_MOST) if path == STDIN else read_bounded(path, _MOST)
        except OSError as error:
            raise SourceError(f"{name}: cannot be read ({error.strerror or error})") from error
        refuse_other_than_text(data, name)
        text = data.decode(encoding_of(data, name), "replace").lstrip("\ufeff")
    poems = list(patterns_in(text))
    if not poems:
        raise SourceError(f"{name}: no poem in it; give verse, with {LOST} or _ where it is to be written")
    return name, poems


def patterns_in(text: str) -> Iterator[TitleLine]:
    r"""Each poem of a text as the pattern and the title of a request, with the number of its first line.

    A line without marks and gaps that stands above others which have some is the title.

    >>> [(line.number, line.title, line.options["pattern"]) for line in patterns_in("秋思\n□□明月，\n\n__酒。")]
    [(2, '秋思', '□□明月，'), (4, '', '__酒。')]
    """
    title, block, first = "", list[str](), 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        line = line.strip()
        if line:
            if len(block) == 1 and not _is_verse(block[0]) and _is_verse(line):
                title, block = block[0], []
            first = first if block else number
            block.append(line)
        elif len(block) == 1 and not _is_verse(block[0]) and not title:
            title, block = block[0], []  # above an empty line
        elif block:
            yield TitleLine(first, title, {"pattern": "\n".join(block)})
            title, block = "", []
    if title and not block:
        yield TitleLine(first, "", {"pattern": title})


def _is_file(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no name of a file
        return False


def _is_verse(line: str) -> bool:
    return bool(_GAP.search(line)) or any(mark in line for mark in PUNCTUATION + ",.?!;")
