"""What is given of a poem before it is written: lines with a □ at each place that is free.

    --begin 床前明月光，      ("床前明月光，",)
    --pattern "□□明□□ 疑□"    ("□□明□□", "疑□")         what is not there is free: places, lines, marks
    --acrostic 春夏           ("春", "夏")

Each option is a layer; one over the other they say what stands where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from poetgen.errors import Message, Option, UsageError
from poetgen.prosody.template import Template
from poetgen.text import CLAUSE_ENDS, LOST, PAUSE, is_han
from poetgen.writing.request import MOST_LINES

#: What people write for a free place, and marks of half width.
_FREE: Final = str.maketrans(dict.fromkeys("_＿○▢", LOST) | dict(zip(",.?!;:､﹒", "，。？！；：、。", strict=True)))
_LINE: Final = re.compile(rf"([^{CLAUSE_ENDS}\s]+)([{CLAUSE_ENDS}]?)")
#: Places of a poem, by the number of its characters, that is written without a mark: lines, and characters of each.
_UNMARKED: Final = {20: 5, 40: 5, 28: 7, 56: 7}
#: The most characters of a line that is given, its mark counted.
LONGEST_LINE_GIVEN: Final = 50
#: Where the characters of an acrostic may stand besides a number.
LAST, DIAGONAL = "last", "diagonal"


class Layer(NamedTuple):
    """What one option gives: its name, its value, and the lines that come of it."""

    option: str
    value: str
    lines: tuple[str, ...]

    @property
    def named(self) -> Option:
        """The option with its value, for a message."""
        return Option(self.option, self.value)


def characters_of(line: str) -> str:
    """The characters of a line, free ones too.

    >>> characters_of("床□明，")
    '床□明'
    """
    return line.rstrip(CLAUSE_ENDS)


def is_given(line: str) -> bool:
    """Whether anything of a line is."""
    return bool(line.strip(LOST))


def parse_pattern(option: str, text: str) -> Layer:
    """The lines of a text, which end with a mark, a space or a line; □ and _ are free. Raises UsageError.

    >>> parse_pattern("pattern", "床前__光，疑是□□霜。").lines
    ('床前□□光，', '疑是□□霜。')
    >>> len(parse_pattern("pattern", "床前明月光" + "_" * 15).lines)
    4
    """
    plain = text.strip().translate(_FREE).replace(PAUSE, "")
    if strange := [c for c in dict.fromkeys(plain) if c not in CLAUSE_ENDS + LOST and not (is_han(c) or c.isspace())]:
        free = f", and {LOST} or _ where the poem is free" if option == "pattern" else ""
        raise UsageError(
            Option(option, text), f": {' '.join(map(repr, strange))} is no character of verse; give characters{free}"
        )
    lines = [chars + mark for chars, mark in _LINE.findall(plain)]
    if not lines:
        raise UsageError(Option(option, text), ": nothing is in it; give lines of verse, or leave it out")
    if len(lines) == 1 and (size := _UNMARKED.get(len(plain))):
        lines = [plain[start : start + size] for start in range(0, len(plain), size)]
    if len(lines) > MOST_LINES or max(map(len, lines)) > LONGEST_LINE_GIVEN:
        most = f"at most {MOST_LINES} lines of {LONGEST_LINE_GIVEN} characters"
        raise UsageError(Option(option, text), f": too much for a poem; give {most}")
    return Layer(option, text, tuple(lines))


def acrostic_layer(chars: str, place: str, lengths: Sequence[int]) -> Layer:
    """A character for each line, at a place from 1, the last place, or one further on in each line.

    Raises UsageError where a line is too short.

    >>> acrostic_layer("春夏", "2", [5] * 4).lines, acrostic_layer("春夏", "last", [5] * 4).lines
    (('□春', '□夏'), ('□□□□春', '□□□□夏'))
    """
    lines = []
    for number, (char, length) in enumerate(zip(chars, lengths, strict=False)):
        at = length if place == LAST else number + 1 if place == DIAGONAL else int(place)
        if at > length:
            raise UsageError(
                Option("place", place), f": line {number + 1} has {length} characters; give a smaller number, or {LAST}"
            )
        lines.append(LOST * (at - 1) + char)
    return Layer("acrostic", chars, tuple(lines))


def overlaid(layers: Sequence[Layer]) -> tuple[str, ...]:
    """What all layers give together; raises UsageError where two want another character at one place.

    >>> overlaid([Layer("begin", "床前", ("床前",)), Layer("acrostic", "床疑", ("床", "疑"))])
    ('床前', '疑')
    """
    held: tuple[str, ...] = ()
    for number, layer in enumerate(layers):
        lines = []
        for line, (under, over) in enumerate(zip_longest(held, layer.lines, fillvalue=""), start=1):
            both = _joined(under, over)
            if both is None:
                others = [part for other in layers[:number] for part in (other.named, ", ")]
                raise UsageError(*others, layer.named, f": they give line {line} other characters at one place")
            lines.append(both)
        held = tuple(lines)
    return held


def _joined(under: str, over: str) -> str | None:
    """Two versions of a line as one; None where they do not agree."""
    marks = [line[len(characters_of(line)) :] for line in (under, over)]
    pairs = list(zip_longest(characters_of(under), characters_of(over), fillvalue=LOST))
    if any(LOST not in pair and pair[0] != pair[1] for pair in pairs):
        return None
    return "".join(first if second == LOST else second for first, second in pairs) + (marks[1] or marks[0])


def longer_than(lines: Sequence[str], lengths: Sequence[int], whole: bool = False) -> int:
    """The first line, from 1, that does not fit into a form of these lengths; 0 where all do.

    A line that ends, with its mark or because another one follows, is as long as that of the form; all are that are
    `whole`.

    >>> longer_than(["床前明月光，", "疑是"], [5] * 4), longer_than(["床前明月，", "疑是"], [5] * 4)
    (0, 1)
    """
    for number, line in enumerate(lines):
        count = len(characters_of(line))
        ends = whole or count < len(line) or number + 1 < len(lines)
        if number >= len(lengths) or count > lengths[number] or (ends and count < lengths[number]):
            return number + 1
    return 0


def runs(line: str) -> Iterator[tuple[int, str]]:
    """The characters of a line that are given, with their places from 0."""
    return ((place, char) for place, char in enumerate(characters_of(line)) if char != LOST)


def wrong_length(layer: Layer, form: str, lengths: Sequence[int], ways_out: Message) -> UsageError | None:
    """The error for a layer of whole lines that do not fit the lengths of a form; None where they do."""
    number = longer_than(layer.lines, lengths, whole=layer.option == "pattern")
    if not number:
        return None
    count = len(characters_of(layer.lines[number - 1]))
    has = f"line {number} of {form} has {lengths[number - 1]}" if number <= len(lengths) else f"{form} has no such line"
    return UsageError(layer.named, f": line {number} has {count} characters, and {has}; ", ways_out)


def laid_out(template: Template, held: Sequence[str]) -> tuple[str, list[bool]]:
    """A whole poem of a form with □ where it is free, and which of its characters are given.

    >>> from poetgen.prosody.template import regulated
    >>> laid_out(regulated("五绝"), ["床□明"])[0]
    '床□明□□，□□□□□。□□□□□，□□□□□。'
    """
    text, given = "", list[bool]()
    for number, line in enumerate(template.variants[0]):
        chars = characters_of(held[number] if number < len(held) else "").ljust(len(line), LOST)
        pause = PAUSE if line.pause else ""
        text += chars[: line.pause] + pause + chars[line.pause :] + line.mark
        is_held = [char != LOST for char in chars]
        given += [*is_held[: line.pause], *[False] * len(pause), *is_held[line.pause :], False]
    return text, given
