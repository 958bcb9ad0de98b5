"""What cleaning did to a corpus, counted by rule and by reason, with examples, for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from poetgen.language import Phrase

#: The names under which the report counts the rules that change text, in their order of working.
RULES: Final = (
    "tags and entities",
    "compatibility forms",
    "sentences with lost characters",
    "roles in plays",
    "notes in brackets",
    "editorial brackets",
    "iteration marks",
    "lines that name the source",
    "stray digits and Latin",
    "punctuation",
    "ends of lines",
    "spaces",
    "titles",
    "authors",
    "variant shapes",
    "script",
)

_EXAMPLES: Final = 3
_EXAMPLE_LENGTH: Final = 120


@dataclass(frozen=True, slots=True)
class Example:
    """One thing that a rule did: where, the text before, and the text after (empty for a poem that was dropped)."""

    origin: str
    before: str
    after: str = ""


@dataclass(slots=True)
class DropCount:
    """What one rule took away: poems touched or dropped, characters gone, the first few examples."""

    poems: int = 0
    characters: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, origin: str, before: str, after: str = "") -> None:
        """Count one poem."""
        self.poems += 1
        self.characters += len(before) - len(after)
        if len(self.examples) < _EXAMPLES:
            self.examples.append(Example(origin, _around(before, after), _around(after, before) if after else ""))


def _around(text: str, other: str) -> str:
    """The part of a text where it first differs from another, short enough for a report."""
    text, other = text.replace("\n", ""), other.replace("\n", "")
    at = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    start = max(0, at - 20)
    # Half a surrogate pair, from a broken escape in JSON, could not be written into the report.
    return text[start : start + _EXAMPLE_LENGTH].encode("utf-8", "replace").decode()


def _told(counts: Mapping[str, int]) -> list[Phrase]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Phrase("{count:,} {kind}", count=count, kind=Phrase.known(name)) for name, count in ordered if count]


@dataclass(slots=True)
class Counts:
    """What cleaning did to a corpus. Counts of parts add up to the counts of the whole, in any grouping."""

    read: int = 0
    kept: int = 0
    rules: dict[str, DropCount] = field(default_factory=dict)
    dropped: dict[str, DropCount] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)  # what was no poem, by kind

    def __iadd__(self, other: Counts) -> Counts:
        self.passed_over += other.passed_over
        self.read += other.read
        self.kept += other.kept
        for mine, theirs in ((self.rules, other.rules), (self.dropped, other.dropped)):
            for name, part in theirs.items():
                total = mine.setdefault(name, DropCount())
                total.poems += part.poems
                total.characters += part.characters
                total.examples.extend(part.examples[: _EXAMPLES - len(total.examples)])
        return self

    def change(self, rule: str, origin: str, before: str, after: str) -> None:
        """Count a text that a rule changed."""
        self.rules.setdefault(rule, DropCount()).add(origin, before, after)

    def drop(self, reason: str, origin: str, text: str) -> None:
        """Count a poem that is not kept."""
        self.dropped.setdefault(reason, DropCount()).add(origin, text)

    def reasons(self) -> list[Phrase]:
        """Why poems were not kept, each with its count, for people, the most frequent first."""
        return _told({reason: count.poems for reason, count in self.dropped.items()})

    def kinds_passed_over(self) -> list[Phrase]:
        """What was no poem, each kind with its count, for people."""
        return _told(self.passed_over)

    def as_dict(self) -> dict[str, object]:
        """The counts as JSON values, the rules in their order of working, the reasons by falling count."""

        def table(counts: dict[str, DropCount]) -> dict[str, object]:
            return {
                name: {
                    "poems": count.poems,
                    "characters": count.characters,
                    "examples": [
                        {"origin": e.origin, "before": e.before} | ({"after": e.after} if e.after else {})
                        for e in count.examples
                    ],
                }
                for name, count in counts.items()
            }

        order = {name: place for place, name in enumerate(RULES)}
        return {
            "passed_over": dict(sorted(self.passed_over.items())),
            "read": self.read,
            "kept": self.kept,
            "rules": table(dict(sorted(self.rules.items(), key=lambda item: order.get(item[0], len(order))))),
            "dropped": table(dict(sorted(self.dropped.items(), key=lambda item: (-item[1].poems, item[0])))),
        }


class Dropped(Exception):
    """Raised by a rule that finds that a text cannot be kept; carries the reason in a few words."""
