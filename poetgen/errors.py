"""The errors that poetgen raises on purpose, and how their messages name options.

    PoetgenError
    ├── UsageError        an option or argument that cannot be honoured
    ├── SourceError       a corpus file, archive or address that cannot be read
    ├── DatasetError      a prepared dataset that is missing, cut short or foreign
    ├── CheckpointError   a checkpoint that is missing, cut short or foreign
    ├── SaveError         a file that could not be written
    ├── DivergedError     a training run whose loss is no longer a number
    └── RankError         another process of the same training run that is gone

Each carries one line for a person: what is wrong, where, and what to do about it. The command line
catches the base class, prints that line on stderr and exits: with 2 after a UsageError, as after any
wrong usage, and with 1 after every other.

An option has two spellings, `--top-k 0` on the command line and `top_k=0` in Python. A message holds both,
and whoever speaks to a person takes the one that this person has used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from poetgen.text import escaped

_NOTHING: Final = object()


@dataclass(frozen=True)
class Option:
    """An option in a message, by the name of its argument, with its value or without.

    >>> str(Option("top_k", 0)), Option("top_k", 0).argument, str(Option("form"))
    ('--top-k 0', 'top_k=0', '--form')
    >>> str(Option("tie", False)), Option("form", "十四行诗").argument
    ('--no-tie', "form='十四行诗'")
    """

    name: str
    value: object = _NOTHING

    def __str__(self) -> str:
        """As a flag."""
        flag = self.name.replace("_", "-")
        if isinstance(self.value, bool):
            return f"--{flag}" if self.value else f"--no-{flag}"
        if self.value is _NOTHING:
            return f"--{flag}"
        blank = isinstance(self.value, str) and self.value.isspace()
        return f"--{flag} {self._number() or (repr(self.value) if blank else self.value)}"

    @property
    def argument(self) -> str:
        """As an argument in Python."""
        if self.value is _NOTHING:
            return self.name
        text = float.__repr__(self.value) if isinstance(self.value, float) else self._number() or repr(self.value)
        return f"{self.name}={text}"

    def _number(self) -> str:
        """A number in short; empty for what is none."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            return ""
        if isinstance(self.value, int) and abs(self.value) < 10**20:
            return str(self.value)
        try:
            return f"{self.value:g}"
        except OverflowError:
            return "a number beyond all bounds"


class Message(str):
    """Text for people, made of parts of which some may be options; as a str it has them as flags.

    >>> message = Message(Option("length", 0), ": give a number of at least ", 1)
    >>> message
    '--length 0: give a number of at least 1'
    >>> message.for_python()
    'length=0: give a number of at least 1'
    """

    flags: str
    arguments: str

    def __new__(cls, *parts: object) -> Message:
        message = super().__new__(cls, "".join(map(str, parts)))
        message.flags = "".join(part.flags if isinstance(part, Message) else str(part) for part in parts)
        message.arguments = "".join(
            part.argument if isinstance(part, Option) else part.arguments if isinstance(part, Message) else str(part)
            for part in parts
        )
        return message

    def for_python(self) -> Message:
        """The same message, which as a str has options as arguments."""
        message = Message(self.arguments)
        message.flags = self.flags
        return message


class PoetgenError(Exception):
    """Base of every error that poetgen raises on purpose.

    Its text may name what a stranger wrote, and Python prints it as it is: so it is escaped (poetgen.text.escaped).
    """

    def __str__(self) -> str:
        return escaped(super().__str__())


class UsageError(PoetgenError):
    """An option or argument that cannot be honoured; made of the parts of a Message, which names it."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts
        self.message = Message(*parts)
        super().__init__(self.message)

    def __str__(self) -> str:
        return escaped(self.message)

    def speak_python(self) -> None:
        """From now on, name arguments instead of flags."""
        self.message = self.message.for_python()


class SourceError(PoetgenError):
    """A corpus file, archive or address that cannot be read; the message names it."""


class DatasetError(PoetgenError):
    """A prepared dataset that is missing, incomplete or of another version."""


class CheckpointError(PoetgenError):
    """A checkpoint that is missing, incomplete, foreign or of another version."""


class SaveError(PoetgenError):
    """A file that could not be written, for want of room or of permission."""


class DivergedError(PoetgenError):
    """A training run whose loss is infinite or not a number; what it saved before is whole."""


class RankError(PoetgenError):
    """Another process of the same training run that has ended, does not answer or was never found."""
