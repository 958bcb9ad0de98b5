"""What stands below each character of a poem that is explained: how it is read today, its tone, its rhymes."""

from __future__ import annotations

from dataclasses import dataclass

from poetgen.prosody.explanation import LineExplanation
from poetgen.prosody.pinyin import pinyin_of
from poetgen.prosody.readings import BOTH, Reader
from poetgen.prosody.rhymes import ANY, LEVEL, OBLIQUE, tones


@dataclass(frozen=True, slots=True)
class Annotation:
    """One character: its pinyin, its tone (平, 仄, 通 or ？), and its rhymes by the book of the form."""

    char: str
    pinyin: str
    tone: str
    rhymes: tuple[str, ...]

    @property
    def short_rhymes(self) -> str:
        """The rhymes without their numbers: 东 for 一东."""
        return "".join(name.removeprefix("第") if name.startswith("第") else name[-1] for name in self.rhymes)


def annotated(line: LineExplanation, book: str) -> list[Annotation]:
    """The characters of a line; of one that has both tones the reading that a word or the form decides.

    >>> from poetgen.prosody.explain import explain
    >>> lines = ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"]
    >>> [one.pinyin for one in annotated(explain(lines, "五绝").lines[0], "平水韵")]
    ['bái', 'rì', 'yī', 'shān', 'jìn']
    """
    decided = [
        tone if tone in (LEVEL, OBLIQUE) else asked if tone == BOTH and asked in (LEVEL, OBLIQUE) else ANY
        for tone, asked in zip(line.tones, line.asked.ljust(len(line.text)), strict=True)
    ]
    # The tone of today says nothing of characters that had one tone alone: 一 was oblique, and is level.
    today = [tone if len(tones(char)) == 2 else ANY for char, tone in zip(line.text, decided, strict=True)]
    usual, all_readings = Reader(book), Reader(book, usual=False)
    return [
        Annotation(char, pinyin, tone, tuple(sorted(usual.feet(char, asked) or all_readings.feet(char, asked))))
        for char, pinyin, tone, asked in zip(
            line.text, pinyin_of(line.text, "".join(today)), line.tones, decided, strict=True
        )
    ]
