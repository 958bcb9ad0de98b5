"""Rhyme and meter of regulated verse (近体诗): 五绝, 七绝, 五律, 七律.

The tones of a whole poem follow from two choices, the tone of the first line's second character and whether the
first line rhymes. Within a line the tones come in pairs that alternate; within a couplet the second line opposes the
first (对); between couplets the next line follows the one before (粘). So the second characters of the lines go

    a | ā   ā | a   a | ā   ā | a        (a: 平 or 仄, ā its opposite)

and the last characters are 平 in even lines, which rhyme, and 仄 in odd ones, save that the first line may rhyme too.

Of the tones of a line only those count that custom holds strict: "一三五不论，二四六分明", and the last character.
The rhymes and tones of characters are those of the 平水韵 (see rhymes.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from poetgen.prosody.forms import SHAPES
from poetgen.prosody.rhymes import LEVEL, OBLIQUE, categories, level_rhymes, tones

CHECKED: Final = {5: (2, 4, 5), 7: (2, 4, 6, 7)}
"""The positions that count, from one, by the length of the line."""

_OPPOSITE: Final = {LEVEL: OBLIQUE, OBLIQUE: LEVEL}


@dataclass(frozen=True, slots=True)
class LineVerdict:
    """One line against the tones that the best-fitting pattern asks of it."""

    text: str
    pattern: str
    """The tones asked for, such as 平平仄仄平; empty where the poem has not the shape of the form."""
    breaks: tuple[int, ...]
    """The checked positions, from one, whose character has no reading of the tone asked for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `check` found; `lines` says where the meter breaks."""

    form: bool
    rhyme: bool
    meter: bool
    category: str | None
    """The 平 rhyme that the even lines share, None where they share none."""
    lines: tuple[LineVerdict, ...]

    @property
    def ok(self) -> bool:
        return self.form and self.rhyme and self.meter


def check(lines: Sequence[str], form: str) -> Verdict:
    """Check a poem, given as lines without punctuation, against a regulated form.

    Any reading of a character counts, and an unknown character fits any tone but no rhyme.

    >>> verdict = check(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"], "五绝")
    >>> verdict.ok, verdict.category, [line.pattern for line in verdict.lines]
    (True, '十一尤', ['仄仄平平仄', '平平仄仄平', '平平平仄仄', '仄仄仄平平'])
    >>> verdict = check(["白日依山尽", "黄河入海流", "欲穷千里月", "再登一层楼"], "五绝")
    >>> verdict.meter, verdict.lines[3].breaks
    (False, (2,))
    """
    shape = SHAPES.get(form)
    if shape is None:
        raise ValueError(f"no rules of rhyme and meter for {form!r}: expected one of {', '.join(SHAPES)}")
    count, length = shape
    category = shared_rhyme(lines)
    if len(lines) != count or any(len(line) != length for line in lines):
        unmeasured = tuple(LineVerdict(line, "", ()) for line in lines)
        return Verdict(False, category is not None, False, category, unmeasured)
    readings = (tuple(map(_fit, lines, pattern)) for pattern in patterns(form))
    best = min(readings, key=lambda reading: sum(len(line.breaks) for line in reading))
    return Verdict(True, category is not None, not any(line.breaks for line in best), category, best)


def shared_rhyme(lines: Sequence[str]) -> str | None:
    """The first 平 rhyme, in the order of the 平水韵, that the ends of all even lines have in common.

    >>> shared_rhyme(["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"])
    '十一尤'
    """
    ends = [level_rhymes(line[-1:]) for line in lines[1::2]]
    common = frozenset.intersection(*ends) if ends else frozenset[str]()
    return next((name for name in categories() if name in common), None) if common else None


@cache
def patterns(form: str) -> tuple[tuple[str, ...], ...]:
    """The four tone patterns of a regulated form: the first line opens 仄 or 平, and does not rhyme or does.

    >>> for pattern in patterns("五绝"): print(*pattern)
    仄仄平平仄 平平仄仄平 平平平仄仄 仄仄仄平平
    仄仄仄平平 平平仄仄平 平平平仄仄 仄仄仄平平
    平平平仄仄 仄仄仄平平 仄仄平平仄 平平仄仄平
    平平仄仄平 仄仄仄平平 仄仄平平仄 平平仄仄平
    """
    return pattern_of(*SHAPES[form])


@cache
def pattern_of(count: int, length: int, rhyme: str = LEVEL) -> tuple[tuple[str, ...], ...]:
    """The four tone patterns of regulated verse of `count` lines of `length` characters, as `patterns` orders them.

    `rhyme` is the tone of the lines that rhyme; it is level but in a rare kind (仄韵律绝).

    >>> pattern_of(6, 5)[0][4:]
    ('仄仄平平仄', '平平仄仄平')
    """
    return tuple(
        tuple(
            # 对 and 粘 together: the tone turns at every even line and stays at the odd one after it.
            line_pattern(length, second if (number + 1) // 2 % 2 == 0 else _OPPOSITE[second], last)
            for number, last in enumerate([first_last] + [rhyme, _OPPOSITE[rhyme]] * (count // 2 - 1) + [rhyme])
        )
        for second in (OBLIQUE, LEVEL)
        for first_last in (_OPPOSITE[rhyme], rhyme)
    )


def line_pattern(length: int, second: str, last: str) -> str:
    """The tones of one line, from the tone of its second character and of its last.

    The last three characters never agree: the third from the end opposes the last.

    >>> line_pattern(5, "平", "仄"), line_pattern(7, "平", "平")
    ('平平平仄仄', '平平仄仄仄平平')
    """
    pairs = [second if place % 2 == 0 else _OPPOSITE[second] for place in range(length // 2)]
    body = "".join(tone * 2 for tone in pairs)
    return body[: length - 3] + _OPPOSITE[last] + pairs[-1] + last


def rescued(pattern: str) -> str | None:
    """The one licence that poets took as freely as the rule (拗救): 平平仄平仄 for 平平平仄仄, in seven alike.

    >>> rescued("平平平仄仄"), rescued("仄仄平平平仄仄"), rescued("仄仄平平仄")
    ('平平仄平仄', '仄仄平平仄平仄', None)
    """
    if pattern.endswith("平平平仄仄"):
        return pattern[:-5] + "平平仄平仄"
    return None


def _fit(line: str, pattern: str) -> LineVerdict:
    """The line against the pattern, or against its licence where that fits and the pattern does not."""
    breaks = _breaks(line, pattern)
    licence = rescued(pattern) if breaks else None
    if licence and not _breaks(line, licence):
        return LineVerdict(line, licence, ())
    return LineVerdict(line, pattern, breaks)


def _breaks(line: str, pattern: str) -> tuple[int, ...]:
    return tuple(
        place
        for place in CHECKED[len(pattern)]
        if (known := tones(line[place - 1])) and pattern[place - 1] not in known
    )
