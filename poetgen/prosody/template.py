"""What a form asks of every line of a poem, in one shape for writing and for checking.

    七绝 = four variants, of which one is
        中仄平平中仄平 | 中仄仄平平仄平   rhymes       平起, the first line rhymes
        中平中仄仄平平                    rhymes
        …

A poem holds its form when one variant fits: each line reads as one of its alternatives, and the feet that share a
number rhyme. The tones of regulated verse are those of patterns() in meter.py, made strict: 孤平 (仄平仄仄平) and
三平尾 (three level tones at the end) are left out, 平平仄平仄 stands for 平平平仄仄 and 仄平平仄平 for 平平仄仄平
(拗救), and every other odd place is free. Source: Wang Li (王力), 诗词格律.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Final

from poetgen.prosody.forms import SHAPES
from poetgen.prosody.meter import pattern_of
from poetgen.prosody.rhymes import ANY, LEVEL, MODERN_BOOKS, PINGSHUI

_TAILS: Final = {
    "仄仄平平仄": ("中仄中平仄",),
    "平平仄仄平": ("平平中仄平", "仄平平仄平"),
    "平平平仄仄": ("中平中仄仄", "平平仄平仄"),
    "仄仄仄平平": ("中仄仄平平",),
}


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """One line (句): the tones that may stand in it, alternatives over 平, 仄 and 中, all of its length.

    `rhyme` numbers the rhyme that the line's last character takes part in, None where it takes part in none; `mark` is
    the punctuation after the line, and `pause` counts the characters before a 、 inside it (读; 0: none).

    What only some tunes ask: `lead` counts the characters that lead on to the rest of the line (领字; 0: none).
    `repeats` says of each character how far back, in characters, the one stands that it repeats (叠句; 0: it is free);
    it is empty where nothing is repeated. `departing` are the places, from 0, of oblique characters that should be of
    the departing tone (去), and `entering` says whether the foot should be of the entering tone (入).
    """

    tones: tuple[str, ...]
    rhyme: int | None = None
    mark: str = "，"
    pause: int = 0
    lead: int = 0
    repeats: tuple[int, ...] = ()
    departing: tuple[int, ...] = ()
    entering: bool = False

    def __len__(self) -> int:
        return len(self.tones[0])


@dataclass(frozen=True, slots=True)
class Template:
    """A form: its variants, all of the same line lengths, the rhyme book that counts, and the lines of its stanzas.

    An `open` form may end after any even line but the first two.
    """

    form: str
    variants: tuple[tuple[TemplateLine, ...], ...]
    book: str = PINGSHUI
    stanzas: tuple[int, ...] = ()
    open: bool = False

    @property
    def lengths(self) -> tuple[int, ...]:
        """Characters of each line.

        >>> regulated("五绝").lengths
        (5, 5, 5, 5)
        """
        return tuple(map(len, self.variants[0]))

    @property
    def size(self) -> int:
        """Characters of a poem with its punctuation.

        >>> regulated("七律").size
        64
        """
        return sum(self._sizes)

    @property
    def breaks(self) -> tuple[int, ...]:
        """The characters, punctuation counted, before each stanza but the first."""
        ends = accumulate(self._sizes)
        by_line = dict(enumerate(ends, start=1))
        return tuple(by_line[line] for line in accumulate(self.stanzas[:-1]))

    @property
    def _sizes(self) -> list[int]:
        return [len(line) + 1 + bool(line.pause) for line in self.variants[0]]

    def by(self, book: str) -> Template:
        """The same form by another rhyme book; those of today know nothing of 去 and 入.

        >>> regulated("七绝").by("中华通韵").book
        '中华通韵'
        """
        if book not in MODERN_BOOKS:
            return replace(self, book=book)
        variants = tuple(
            tuple(replace(line, departing=(), entering=False) for line in variant) for variant in self.variants
        )
        return replace(self, book=book, variants=variants)

    def relaxed(self, tones: bool = True, rhyme: bool = True) -> Template:
        """The same form with some of its rules: without `tones` only feet keep theirs, without `rhyme` no foot rhymes.

        >>> len(regulated("七绝").relaxed(tones=False).variants)
        2
        """

        def line(old: TemplateLine) -> TemplateLine:
            foot = old.tones[0][-1] if rhyme and old.rhyme is not None else ANY
            free = (ANY * (len(old) - 1) + foot,)
            return replace(
                old,
                tones=old.tones if tones else free,
                rhyme=old.rhyme if rhyme else None,
                departing=old.departing if tones else (),
                entering=old.entering and rhyme,
            )

        variants = dict.fromkeys(tuple(map(line, variant)) for variant in self.variants)
        return replace(self, variants=tuple(variants))


#: Regulated verse of any length (排律), by the characters of a line.
LONG: Final = {"五排": 5, "七排": 7}


@cache
def regulated(form: str, lines: int = 0, rhyme: str = LEVEL) -> Template:
    """The template of 五绝, 七绝, 五律, 七律, or of 五排 or 七排 with a number of lines (even, default 12).

    `rhyme` is the tone of the feet.

    >>> for line in regulated("五绝").variants[0]: print(*line.tones, line.rhyme, line.mark)
    中仄中平仄 None ，
    平平中仄平 仄平平仄平 0 。
    中平中仄仄 平平仄平仄 None ，
    中仄仄平平 0 。
    >>> regulated("五排", 16).size
    96
    """
    count, length = (lines or 12, LONG[form]) if form in LONG else SHAPES[form]
    variants = []
    for base in pattern_of(count, length, rhyme):
        variants.append(
            tuple(
                TemplateLine(strict(tones), 0 if tones[-1] == rhyme else None, "。" if number % 2 else "，")
                for number, tones in enumerate(base)
            )
        )
    return Template(form, tuple(variants))


def strict(pattern: str) -> tuple[str, ...]:
    """The alternatives that may stand for one line of a pattern.

    >>> strict("平平仄仄仄平平"), strict("仄仄平平仄仄平")
    (('中平中仄仄平平',), ('中仄平平中仄平', '中仄仄平平仄平'))
    """
    head = ANY + pattern[1] if len(pattern) == 7 else ""
    return tuple(head + tail for tail in _TAILS[pattern[-5:]])


#: The most lines of old-style verse that ends where the model ends it.
_OPEN: Final = 40


@cache
def old_style(length: int, lines: int = 0) -> Template:
    """古体 of lines of `length` characters: even lines share one rhyme, level or oblique, and tones are free.

    Of `lines` lines (even), or open.

    >>> line = old_style(5, 4).variants[0][1]
    >>> line.tones, line.rhyme, line.mark
    (('中中中中中',), 0, '。')
    """
    poem = tuple(
        TemplateLine((ANY * length,), 0 if number % 2 else None, "。" if number % 2 else "，")
        for number in range(lines or _OPEN)
    )
    return Template("五古" if length == 5 else "七古", (poem,), open=not lines)
