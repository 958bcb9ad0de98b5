"""Couplets in two parallel files, one of upper and one of lower lines, and characters set apart by spaces.

in.txt     晚 风 摇 树 树 还 挺          out.txt    晨 露 润 花 花 更 红
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePath
from typing import Final

from poetgen.corpus.encoding import decode
from poetgen.corpus.fields import FieldNames, RecordBuilder, couplet, lines_of_field
from poetgen.corpus.poem import Record
from poetgen.corpus.sources import Document
from poetgen.errors import SourceError
from poetgen.language import Phrase

#: What the two files are called, but for what stands before or behind it in both: train.in and train.out.
_PAIRS: Final = {"in": "out", "input": "output", "source": "target", "src": "tgt", "upper": "lower", "上联": "下联"}
_PARTS: Final = re.compile(r"([^\W_]+)")
#: What lies beside such files: the list of their characters.
_VOCABULARIES: Final = frozenset({"vocabs", "vocab", "vocab.txt", "vocabs.txt"})

#: Characters by which it is told whether a text sets its characters apart, how many pairs of them must be, and which
#: share.
_SAMPLE, _LEAST, _MOST = 2000, 4, 0.8
_WIDE: Final = r"[^\s\x00-\u02ff]"
_APART: Final = re.compile(f"{_WIDE}(?= {_WIDE})")
_TOGETHER: Final = re.compile(f"{_WIDE}(?={_WIDE})")
_SPACE: Final = re.compile(f"(?<={_WIDE}) (?={_WIDE})")


@dataclass(frozen=True, slots=True)
class CoupletDocument(Document):
    """The file of the upper lines of couplets, with that of the lower ones."""

    lower: Document | None = None


def paired(documents: Sequence[Document]) -> list[Document]:
    """The documents, of which two parallel files of couplets are one; a list of characters beside them is left out.

    Both are in the same folder, or both were named, and their names differ in in and out alone, in source and target,
    or in 上联 and 下联.
    """
    by_name = {(str(PurePath(document.name).parent), PurePath(document.name).name): document for document in documents}
    lower_of: dict[Document, Document] = {}
    folders = set()
    for (folder, name), document in by_name.items():
        for match in _PARTS.finditer(name):
            if other := _PAIRS.get(match[1].lower()):
                lower = by_name.get((folder, name[: match.start()] + other + name[match.end() :]))
                if lower:
                    lower_of[document] = lower
                    folders.add(folder)
    gone = set(lower_of.values())
    gone |= {document for (folder, name), document in by_name.items() if folder in folders and name in _VOCABULARIES}
    return [
        CoupletDocument(one.name, one.path, one.size + lower.size, one.member, one.asked, one.packing, lower)
        if (lower := lower_of.get(one))
        else one
        for one in documents
        if one not in gone
    ]


def couplet_records(
    document: CoupletDocument, upper_text: str, builder: RecordBuilder, say: Callable[[str], None] = lambda text: None
) -> Iterator[Record]:
    """A couplet for each line of the upper file and the line of the lower one that has its number.

    Where the two are not of one length the first file is taken for titles, of the poems in the second. Raises
    SourceError where they have not as many lines.
    """
    lower = document.lower
    assert lower is not None
    uppers, lowers = (
        ["".join(line.split()) for line in text.rstrip("\n").split("\n")]
        for text in (upper_text, decode(lower.read(), lower.name, say))
    )
    at = next(
        (at for at, (first, second) in enumerate(zip_longest(uppers, lowers), 1) if bool(first) != bool(second)), 0
    )
    if at:
        raise SourceError(
            Phrase(
                "{file}, line {line}: {lower} has not the same lines ({count:,} and {others:,}). "
                "Mend them, or read them one at a time.",
                file=document.name,
                line=at,
                lower=lower.name,
                count=len(uppers),
                others=len(lowers),
            )
        )
    pairs = list(zip(uppers, lowers, strict=True))
    are_couplets = sum(len(first) == len(second) for first, second in pairs) >= _MOST * len(pairs)
    if are_couplets:
        builder.say(Phrase("couplets, with {lower} for the lower lines", lower=lower.name))
    else:
        builder.say(Phrase("titles, with {lower} for the verse", lower=lower.name))
    for number, (first, second) in enumerate(pairs):
        builder.number = number
        if are_couplets and first:
            yield builder.record({}, FieldNames(), couplet(first, second))
        elif first:
            yield builder.record({"title": first}, FieldNames(title=("title",)), lines_of_field(second))


def unspaced(text: str) -> str:
    """A text without the spaces between its characters, where it sets nearly all of them apart, else as it is.

    >>> unspaced("床 前 明 月 光 ， 疑 是 地 上 霜 。\\n举 头 望 明 月 ，\\n")
    '床前明月光，疑是地上霜。\\n举头望明月，\\n'
    >>> unspaced("登鹳雀楼 王之涣\\n")
    '登鹳雀楼 王之涣\\n'
    """
    if " " not in (head := text[:_SAMPLE]):
        return text
    apart, together = len(_APART.findall(head)), len(_TOGETHER.findall(head))
    if apart < _LEAST or together > (1 - _MOST) * (apart + together):
        return text
    return _SPACE.sub("", text)
