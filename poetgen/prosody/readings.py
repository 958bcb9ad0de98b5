"""How the characters of a line are read: by which rhyme book, and which of their readings count."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from poetgen.prosody.feet import feet
from poetgen.prosody.rhymes import CILIN, PINGSHUI, tones, usual_tones

#: Stand in the tones of a line for a character of both tones, and for one that the book does not know.
BOTH, UNKNOWN = "通", "？"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads lines by a rhyme book: by all readings that it has, or by the usual ones alone.

    >>> Reader().signs("白日看山x")
    '仄仄通平？'
    >>> Reader(usual=True).signs("空山不见人")
    '平平仄仄平'
    """

    book: str = PINGSHUI
    usual: bool = False

    def tones(self, line: str) -> tuple[frozenset[str], ...]:
        """The tones of each character: 平, 仄, both, or none where the book does not know it."""
        return _tones(self, line)

    def feet(self, line: str, tone: str) -> frozenset[str]:
        """The rhymes of the last character of a line as a foot of `tone`; feet rhyme that share one.

        >>> Reader().feet("更上一层楼", "平")
        frozenset({'十一尤'})
        """
        return feet(line[-1:], tone, self.book, self.usual)

    def neighbours(self, line: str, tone: str) -> frozenset[str]:
        """The groups of rhymes that sound alike (邻韵) to which a foot belongs: of the 词林正韵 for the 平水韵.

        The other books have no neighbouring rhymes: a group is a rhyme.
        """
        return feet(line[-1:], tone, CILIN, self.usual) if self.book == PINGSHUI else self.feet(line, tone)

    def signs(self, line: str) -> str:
        """The tones of a line, one of 平, 仄, 通 (both) and ？ (unknown) for a character."""
        return "".join(BOTH if len(known) == 2 else next(iter(known), UNKNOWN) for known in self.tones(line))


@lru_cache(maxsize=1024)  # the lines of a poem are asked for many times
def _tones(reader: Reader, line: str) -> tuple[frozenset[str], ...]:
    return tuple(map(usual_tones if reader.usual else tones, line))
