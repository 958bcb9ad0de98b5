"""What an explanation says: a poem against its form, line by line, and notes of what breaks or bends a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from poetgen.prosody.meter import Verdict
from poetgen.prosody.parallel import CoupletJudgement

#: Kinds of notes.
FAULT, LICENCE, REMARK = "fault", "licence", "remark"

#: Which faults break form, rhyme and meter. 重韵, 对仗, 合掌 and 同字 break none
#: of them: they are faults of craft.
OF_FORM: Final = frozenset({"句数", "字数", "叠句"})
OF_RHYME: Final = frozenset({"出韵"})
OF_METER: Final = frozenset({"出律", "失对", "失粘", "孤平", "三平尾", "三仄尾", "尾字"})


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to say of a poem.

    `kind` is fault, licence or remark; `name` the Chinese term; `line` and `places` count from one, 0 and () stand for
    the whole poem and the whole line.
    """

    kind: str
    name: str
    text: str
    line: int = 0
    places: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LineExplanation:
    """One line: what its characters are and what is asked of them."""

    text: str
    tones: str
    """One of 平, 仄, 通 (both) and ？ (unknown) for each character."""
    asked: str
    """平, 仄 or 中 (either) for each character; empty where nothing is asked, or the line has not the right length."""
    breaks: tuple[int, ...]
    """The places, from one, whose character has no reading of the tone asked for, save where a licence covers it."""
    feet: tuple[str, ...]
    """Every rhyme of the last character in the rhyme book of the form; where it must rhyme, those of the tone asked."""
    group: int | None
    """The rhyme that the line must take part in, None where it need not rhyme."""
    rhymes: bool | None
    """Whether it does; None where it need not."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A poem against its form."""

    form: str
    tune: str
    """The tune whose template was asked of it, else empty."""
    pattern: str
    """Of regulated verse: how the first line opens and whether it rhymes, such as 仄起首句不入韵; else empty."""
    book: str
    """The rhyme book, 平水韵 or 词林正韵."""
    category: tuple[tuple[int, str], ...]
    """The rhyme of each group of feet that has one: (number of the group, name)."""
    lines: tuple[LineExplanation, ...]
    notes: tuple[Note, ...]
    ruled: bool
    """Whether the form has rules that could be held against the poem."""
    tonal: bool
    """Whether the rules say anything of tones."""
    verdict: Verdict | None
    """For the four regulated forms what `check` says, by the definitions that figures are counted with."""
    shape: int = 0
    """Which shape of its tune the poem has, counted from the commonest, 1; 0 where it has none, or no tune."""
    couplets: tuple[tuple[int, CoupletJudgement], ...] = ()
    """The couplets that should be parallel, each with the number of its upper line."""

    @property
    def faults(self) -> tuple[Note, ...]:
        return tuple(note for note in self.notes if note.kind == FAULT)

    @property
    def form_holds(self) -> bool | None:
        """Whether number and length of the lines are right; None for a form without rules."""
        return self._free_of(OF_FORM) if self.ruled else None

    @property
    def rhyme_holds(self) -> bool | None:
        """Whether all feet that must rhyme do; None for a form without rules, or where the feet cannot be found."""
        if not any(line.group is not None for line in self.lines):
            return None
        return self._free_of(OF_RHYME)

    @property
    def meter_holds(self) -> bool | None:
        """Whether no rule of tones is broken; None where there is none, or a tune's lines are not of the known shape.

        Regulated verse with lines of wrong lengths keeps no meter.
        """
        if not self.tonal or (self.tune and not self.form_holds):
            return None
        return self._free_of(OF_METER | OF_FORM)

    def _free_of(self, names: frozenset[str]) -> bool:
        return not any(note.name in names for note in self.faults)
