"""Files of poems for `check`, `score` and `evaluate --poems`: every format that preprocess reads, and plain text.

Reads what preprocess reads, and plain text with poems in it as people write them down:

    登鹳雀楼            a title, if the lines below have marks or another length
    王之涣              an author, likewise

    白日依山尽，        the poem, in lines of any cut; a blank line ends it. Where the first poem of a file has a title,
    黄河入海流。        verse without one goes on with the poem before (a second stanza).
    …
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from poetgen.corpus.clean import Cleaner, Script
from poetgen.corpus.counts import Counts, DropCount
from poetgen.corpus.couplets import paired
from poetgen.corpus.fields import ColumnChoice
from poetgen.corpus.poem import Poem, Record
from poetgen.corpus.readers import read
from poetgen.corpus.sources import Document, documents
from poetgen.errors import SourceError
from poetgen.files import STDIN
from poetgen.prosody.forms import SHAPES, form_of, recognise
from poetgen.prosody.rhymes import tones
from poetgen.text import CLAUSE_ENDS, PUNCTUATION

_MARK: Final = re.compile(rf"[{PUNCTUATION},.?!;|]")
_BREAKS: Final = re.compile(rf"[{CLAUSE_ENDS},.?!;|\s]+")


class _StandardInput(Document):
    """What comes in at standard input, as a document."""

    def read(self) -> bytes:
        return sys.stdin.buffer.read()


def read_poems(
    path: Path,
    script: Script = "keep",
    passages: bool = False,
    columns: ColumnChoice | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[list[Poem], Counts]:
    """The poems of a file in any format that preprocess reads, forms recognised, and what cleaning did to them.

    "-" is standard input. With `passages` plain text is read as preprocess reads it, as passages without form. What
    `columns` and `say` are, `read` says. Raises SourceError where there is no poem that `cleaned` keeps.
    """
    name = "standard input" if path == STDIN else str(path)
    passed_over: Counter[str] = Counter()
    sources = [_StandardInput(name, path, 0, asked=True)] if path == STDIN else paired(documents([path]))
    records = chain.from_iterable(
        _records(document, passages, read(document, passed_over=passed_over, columns=columns, say=say))
        for document in sources
    )
    poems, counts = cleaned(records, script, passages)
    # What was no poem at all is told like a poem that is left out.
    counts.read += passed_over.total()
    counts.dropped |= {kind: DropCount(poems=count) for kind, count in passed_over.items()}
    if not poems:
        reasons = ", ".join(f"{count.poems:,} {reason}" for reason, count in counts.dropped.items())
        left_out = f" (left out: {reasons})" if reasons else ""
        raise SourceError(
            f"{name}: no poem in it could be read{left_out}; give text, JSON, JSON Lines, CSV or a .zip of them"
        )
    return poems, counts


def cleaned(records: Iterable[Record], script: Script = "keep", passages: bool = False) -> tuple[list[Poem], Counts]:
    """The poems of some records, forms recognised, and what cleaning did to them.

    None is dropped for being short, long or a duplicate, but one with holes is, and one without a character that the
    rhyme book knows, unless there may be `passages`: it has no tones.
    """
    cleaner = Cleaner(script, min_chars=1, max_chars=10**9)
    poems = []
    for record, poem in cleaner.clean_all(records):
        if not passages and not any(map(tones, poem.body)):
            cleaner.counts.kept -= 1
            cleaner.counts.drop("without Chinese verse", record.origin, poem.body)
            continue
        poems.append(replace(poem, form=form_of(poem.body, poem.tune) if record.verse else ""))
    return poems, cleaner.counts


def _records(document: Document, passages: bool, records: Iterable[Record]) -> Iterator[Record]:
    """The records of a document, the poems of its text in place of passages, unless there may be `passages`."""
    text: list[str] = []
    for record in records:
        if record.verse or passages:
            yield record
        else:  # passages in a row give the text back
            text.append("\n".join(record.paragraphs))
    if text:
        yield from poems_of_text("".join(text), document.name)


def poems_of_text(text: str, name: str = "") -> Iterator[Record]:
    """The poems of a plain text.

    >>> [poem] = poems_of_text("登鹳雀楼\\n王之涣\\n\\n白日依山尽，黄河入海流。\\n欲穷千里目，更上一层楼。\\n")
    >>> poem.title, poem.author, poem.paragraphs
    ('登鹳雀楼', '王之涣', ('白日依山尽，黄河入海流。', '欲穷千里目，更上一层楼。'))
    >>> len(list(poems_of_text("白日依山尽\\n黄河入海流\\n\\n床前明月光\\n疑是地上霜\\n")))
    2
    """
    number = 0
    head: list[str] = []
    body: list[str] = []
    headed = False
    for heading, lines in _paragraphs(text):
        if body and (heading or not headed):
            number += 1
            yield _poem_of_text(name, number, head, body)
            head, body = [], []
        if heading:
            head, headed = heading, headed or not number
        # A file with one poem on each line.
        if not heading and not body and len(lines) > 1 and all(recognise(_clauses(line)) in SHAPES for line in lines):
            for line in lines:
                number += 1
                yield _poem_of_text(name, number, [], [line])
        else:
            body += lines
    if body:
        yield _poem_of_text(name, number + 1, head, body)


def _paragraphs(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """The lines between blank ones as (title and author, verse); a heading that stands alone joins what follows it."""
    waiting: list[str] = []
    blocks = [[line.strip() for line in block.splitlines()] for block in re.split(r"\n\s*\n", text) if block.strip()]
    for number, block in enumerate(blocks):
        below = blocks[number + 1] if number + 1 < len(blocks) else []
        if not waiting and len(block) <= 2 and not _marked(block) and _may_follow_a_title(block, below):
            waiting = block
            continue
        heading = waiting or block[: _headings(block)]
        yield heading, block if waiting else block[len(heading) :]
        waiting = []


def _marked(lines: Sequence[str]) -> bool:
    return any(map(_MARK.search, lines))


def _may_follow_a_title(block: Sequence[str], below: Sequence[str]) -> bool:
    """Whether lines without marks that stand alone are a heading: marks follow, or a whole poem without them."""
    if not below or _headings(below):
        return False
    return _marked(below) or (recognise(below) in SHAPES and recognise([*block, *below]) not in SHAPES)


def _headings(block: Sequence[str]) -> int:
    """How many lines at the head of a block (title, author) are no verse."""
    if _marked(block):
        bare = next(number for number, line in enumerate(block) if _MARK.search(line))
        return bare if bare <= 2 else 0
    for count in range(3):
        if recognise(block[count:]) in SHAPES:
            return count
    return 1 if len(block) > 2 and recognise(block[1:]) == "古体" != recognise(block) else 0


def _clauses(line: str) -> list[str]:
    return [clause for clause in _BREAKS.split(line) if clause]


def _poem_of_text(name: str, number: int, head: Sequence[str], body: Sequence[str]) -> Record:
    title, author = (*head, "", "")[:2]
    return Record(f"{name}, poem {number}", tuple(body), title=title, author=author)
