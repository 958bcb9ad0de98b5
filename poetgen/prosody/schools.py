"""Where schools differ: which licences one does not grant, and which faults another forgives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from poetgen.errors import Option, UsageError
from poetgen.language import Phrase
from poetgen.prosody.explanation import FAULT, LICENCE, Note

#: What a school may forbid. 拗救: nothing makes a wrong tone good. 孤平: nor in lines that end oblique. 邻韵: no foot
#: of a neighbouring rhyme, not even the first. The others are faults, where else they are licences or remarks.
STRICT: Final = ("拗救", "孤平", "三仄尾", "邻韵", "撞韵", "重字", "对仗")
#: What a school may forgive: names of faults.
ALLOWED: Final = ("孤平", "三平尾", "失粘", "失对", "重韵", "对仗", "合掌", "同字")
#: What a school forbids that wants both middle couplets parallel.
_LOOSE: Final = frozenset({"偷春格", "蜂腰格"})


@dataclass(frozen=True, slots=True)
class School:
    """The rules that one teacher holds: `strict` are some of STRICT, `allowed` some of ALLOWED."""

    strict: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, strict: str = "", allow: str = "") -> School:
        """From names parted by commas, as `check --strict` and `--allow` take them; raises UsageError.

        >>> sorted(School.parse("邻韵,拗救").strict)
        ['拗救', '邻韵']
        """
        return cls(_names("strict", strict, STRICT), _names("allow", allow, ALLOWED))

    def judged(self, notes: Iterable[Note]) -> list[Note]:
        """The notes as this school has them: what it forbids is a fault, what it forgives a licence.

        >>> School(allowed=frozenset({"孤平"})).judged([Note(FAULT, "孤平", "", 1)])[0].kind
        'licence'
        """
        forbidden = self.strict | (_LOOSE if "对仗" in self.strict else frozenset())
        return [
            replace(note, kind=FAULT)
            if note.name in forbidden
            else replace(note, kind=LICENCE)
            if note.kind == FAULT and note.name in self.allowed
            else note
            for note in notes
        ]


def _names(option: str, text: str, known: tuple[str, ...]) -> frozenset[str]:
    if text == "all":
        return frozenset(known)
    names = [name for part in re.split("[,，、]", text) if (name := part.strip())]
    for name in names:
        if name not in known:
            raise UsageError(Option(option, name), Phrase(": choose some of {choices}, or all", choices=known))
    return frozenset(names)
