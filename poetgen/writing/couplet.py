"""对联: what is asked of a couplet, and the couplet that comes of it.

A line asks for the other one: a first line (上联) for its second (下联), or the other way round. What a line can ask
for is checked before anything is written.
"""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

import numpy as np

from poetgen.config import SampleConfig
from poetgen.data.vocab import Vocab
from poetgen.errors import Option, UsageError
from poetgen.humanize import shortened
from poetgen.prosody.readings import Reader
from poetgen.prosody.rhymes import LEVEL, OBLIQUE, TONE_NAMES
from poetgen.text import CLAUSE_ENDS, PUNCTUATION, is_han
from poetgen.writing.fitting import in_script
from poetgen.writing.request import is_of_kind

#: Drafts of each answer, of which the best are kept.
DRAFTS: Final = 64
#: Answers to one line that can be asked for.
MOST_ANSWERS: Final = 1_000
#: Characters of the shortest and of the longest line that is answered.
SHORTEST, LONGEST = 3, 12
#: Marks that people set at the end of a line, or around it; they are taken off.
_AROUND: Final = CLAUSE_ENDS + ',.;:?!“”"「」《》 \t\r\n\u3000\ufeff'


class CoupletOptions(TypedDict, total=False):
    """What may be asked of a couplet besides its line; what is left out, or None, has its default.

    `reverse`: the line is the second one, and the first is looked for. `banner`: four characters more, to hang above.
    `tones`: "strict" (the default) or "off". `candidates`: drafts, of which the best is kept; 64. `temperature`: lower
    is safer; 1.0. `seed`: the same one gives the same couplet; drawn where there is none.
    """

    reverse: bool | None
    banner: bool | None
    tones: str | None
    candidates: int | None
    temperature: float | None
    seed: int | None


_SWITCH: Final = "true or false"
#: What each option has to be, in words for people.
COUPLET_KINDS: Final[Mapping[str, str]] = {
    "reverse": _SWITCH,
    "banner": _SWITCH,
    "tones": "text",
    "candidates": "a whole number",
    "temperature": "a number",
    "seed": "a whole number",
}


@dataclass(frozen=True)
class CoupletRequest:
    """A line that is to be answered, in the model's script, and how; see CoupletOptions."""

    line: str
    reverse: bool = False
    banner: bool = False
    tones: str = "strict"
    config: SampleConfig = field(default_factory=lambda: SampleConfig(temperature=1.0, candidates=DRAFTS))

    @classmethod
    def of(cls, line: str, vocab: Vocab, options: CoupletOptions) -> CoupletRequest:
        """The request of a line as people type it; raises UsageError that says what would do."""
        if not isinstance(line, str):
            raise UsageError(Option("line", line), ": give text")
        given = _checked(options)
        tones = given.get("tones", "strict")
        if tones not in ("strict", "off"):
            raise UsageError(Option("tones", tones), ": choose strict or off")
        config = SampleConfig(
            **{"temperature": 1.0, "candidates": DRAFTS} | {n: given[n] for n in _OF_DRAWS & {*given}}
        )
        known = in_script(line_of(line), vocab)
        if unknown := [char for char in dict.fromkeys(known) if char not in vocab]:
            raise UsageError(f"{line}: {' '.join(unknown)} is no character that the model knows; give another")
        reverse = given.get("reverse", False)
        if tones == "strict":
            _check_end(known, reverse)
        return cls(known, reverse, given.get("banner", False), tones, config)

    def stream(self, what: str) -> np.random.Generator:
        """The random numbers of its answers, or of its banners: those of what is asked, and of nothing else."""
        asked = [self.line, self.reverse, self.tones, self.config.temperature, self.config.seed, what]
        digest = hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest)))


@dataclass(frozen=True)
class Couplet:
    """A couplet: its `first` line (上联), its `second` one (下联) and the `banner` (横批), empty where none was asked.

    `scores` are the figures by which this answer was chosen among the drafts (couplet_writer.py), `checkpoint` is the
    id of the one that wrote it.
    """

    first: str
    second: str
    banner: str = ""
    request: CoupletRequest = field(default_factory=lambda: CoupletRequest(""))
    scores: Mapping[str, float] = field(default_factory=dict)
    checkpoint: str = ""

    @property
    def text(self) -> str:
        """Both lines with their marks, as verse has them."""
        return f"{self.first}，{self.second}。"

    def __str__(self) -> str:
        return f"{self.first}\n{self.second}" + (f"\n{self.banner}" if self.banner else "")

    def _repr_html_(self) -> str:
        """The couplet as it hangs beside a door: the first line on the right, upright, the banner above."""
        line = '<div style="writing-mode:vertical-rl;letter-spacing:.25em">{}</div>'
        pair = "".join(line.format(html.escape(text)) for text in (self.second, self.first))
        above = f'<div style="letter-spacing:.25em">{html.escape(self.banner)}</div>' if self.banner else ""
        return (
            '<div style="display:inline-block;text-align:center;font-size:1.2em;font-family:serif">'
            f'{above}<div style="display:flex;gap:3em;justify-content:center;margin-top:.5em">{pair}</div></div>'
        )

    def record(self) -> dict[str, Any]:
        """The JSON Lines record of a couplet."""
        return {
            "first": self.first,
            "second": self.second,
            "banner": self.banner,
            "given": "second" if self.request.reverse else "first",
            "seed": self.request.config.seed,
            "checkpoint": self.checkpoint,
            "scores": {name: round(value, 4) for name, value in self.scores.items()},
        }


_OF_DRAWS: Final = {"temperature", "candidates", "seed"}


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the right names and types, without those that are None; raises UsageError for others."""
    if unknown := options.keys() - COUPLET_KINDS.keys():
        raise UsageError(f"{', '.join(sorted(unknown))}: no such option; choose of {', '.join(COUPLET_KINDS)}")
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        kind = COUPLET_KINDS[name]
        if not (isinstance(value, bool) if kind == _SWITCH else is_of_kind(value, kind)):
            raise UsageError(Option(name, value), f": give {kind}")
    return given


def line_of(text: str) -> str:
    """The characters of a line as people type it; raises UsageError for what is not one line of verse.

    >>> line_of("海阔凭鱼跃，")
    '海阔凭鱼跃'
    """
    line = text.strip(_AROUND)
    shown = shortened(" ".join(text.split()), 40)
    if not line:
        raise UsageError('no line: give one, as in poetgen couplet "海阔凭鱼跃"')
    odd = [char for char in dict.fromkeys(line) if not is_han(char)]
    marks = [char for char in odd if char in PUNCTUATION + ",.;:?!" or char.isspace()]
    if marks:
        first = line[: min(map(line.index, marks))]
        raise UsageError(
            f"{shown}: there is {_named(marks[0])} inside; give one line without marks, such as {shortened(first, 40)}"
        )
    if odd:
        way_out = "write numbers in Chinese" if any(char.isdigit() for char in odd) else "write the line in Chinese"
        raise UsageError(f"{shown}: {' '.join(map(_named, odd[:5]))} is no Chinese character; {way_out}")
    if not SHORTEST <= len(line) <= LONGEST:
        raise UsageError(f"{shown}: {len(line):,} characters; give a line of {SHORTEST} to {LONGEST}")
    return line


def _named(char: str) -> str:
    """A character as it is shown to people, by its number where there is nothing to see.

    >>> _named("，"), _named(" ")
    ('，', 'a blank')
    """
    return "a blank" if char.isspace() else char if char.isprintable() else f"U+{ord(char):04X}"


def _check_end(line: str, reverse: bool) -> None:
    """Raise UsageError where a line ends on the tone of the other one."""
    wanted = LEVEL if reverse else OBLIQUE
    known = Reader().tones(line)[-1]
    if known and wanted not in known:
        which = "second" if reverse else "first"
        raise UsageError(
            f"{line}: ends on {line[-1]}, which is {TONE_NAMES[next(iter(known))]}, and a {which} line ends "
            f"{TONE_NAMES[wanted]}; {'leave out' if reverse else 'add'} ",
            Option("reverse", True),
            ", or give ",
            Option("tones", "off"),
        )
