"""What the poems of a corpus are like, by which a model of it is asked for a poem that it can write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from poetgen.prosody.forms import FORMS, SHAPES

#: Share of the poems from which on a model has learned something.
_LEARNED: Final = 0.01
#: The most characters that a poem is written with where nobody says how many.
_LONGEST: Final = 1000


@dataclass(frozen=True)
class CorpusProfile:
    """The share of poems in each form ("" for none), the share that has a title, and how long most of them are.

    `length` is in characters, line ends left out; nineteen of twenty poems have no more.
    """

    forms: Mapping[str, float] = field(default_factory=dict)
    titled: float = 1.0
    length: int = 64

    @classmethod
    def parse(cls, value: Any) -> CorpusProfile | None:
        """The profile that a config.json holds; None for that of an older one, or for what is none."""
        try:
            forms = {form: float(value["forms"][form]) for form in ("", *FORMS) if form in value["forms"]}
            profile = cls(forms, float(value["titled"]), int(value["length"]))
        except (TypeError, KeyError, ValueError, OverflowError):
            return None
        return profile if profile.forms and profile.length > 0 else None

    @property
    def regulated(self) -> bool:
        """Whether the corpus has regulated verse, so that a model of it can write some."""
        return sum(self.forms.get(form, 0.0) for form in SHAPES) >= _LEARNED

    @property
    def has_titles(self) -> bool:
        return self.titled >= _LEARNED

    @property
    def usual_form(self) -> str:
        """The form that most poems have; "" for none."""
        return max(self.forms, key=lambda form: self.forms[form], default="")

    @property
    def usual_length(self) -> int:
        """The most characters of a poem where nobody says how many."""
        return min(self.length, _LONGEST)
