"""The rhyme that is asked for, by its name or by a character of it; and that of a poem to rhyme like."""

from __future__ import annotations

from collections import Counter

from poetgen.errors import Option, UsageError
from poetgen.prosody.cilin import group_names, groups_of
from poetgen.prosody.feet import feet
from poetgen.prosody.modern import modern_group_names
from poetgen.prosody.rhymes import (
    ANY,
    CILIN,
    LEVEL,
    MODERN_BOOKS,
    OBLIQUE,
    PINGSHUI,
    TONE_NAMES,
    categories,
    characters,
    is_level,
)
from poetgen.prosody.template import Template
from poetgen.text import clauses


def rhymes_asked(text: str, template: Template) -> frozenset[str]:
    """The rhymes that a text names, for the first foot of a template; empty for any. Raises UsageError."""
    if text in ("auto", "off"):
        return frozenset()
    first = [next((line for line in variant if line.rhyme == 0), None) for variant in template.variants]
    foot_tones = {alternative[-1] for line in first if line for alternative in line.tones}
    tone = foot_tones.pop() if len(foot_tones) == 1 else ANY  # some tunes are sung to either
    if template.book in MODERN_BOOKS:
        return _modern_rhyme(text, tone, template)
    possible = [name for name in categories() if tone in (ANY, LEVEL if is_level(name) else OBLIQUE)]
    named = [name for name in categories() if name == text or (len(text) == 1 and name.endswith(text))]
    fitting = [name for name in named if name in possible]
    if template.book == CILIN and text in group_names():
        rhymes = frozenset({text})
    elif template.book == CILIN and fitting:
        rhymes = frozenset(group for name in fitting for group in _groups_of(name, text))
    else:
        # Any character stands for its rhymes.
        rhymes = frozenset(fitting) or feet(text, tone, template.book)
    if rhymes:
        return rhymes
    option = Option("rhyme", text)
    if named or feet(text, ANY, template.book):
        raise UsageError(option, f": not of the {TONE_NAMES[tone]} tone, on which {template.form} rhymes")
    choices = group_names() if template.book == CILIN else possible
    raise UsageError(option, f": no such rhyme; give a character of it, or one of {', '.join(choices)}")


def _modern_rhyme(text: str, tone: str, template: Template) -> frozenset[str]:
    """The groups of a book of today that a text names, or that a character belongs to; raises UsageError."""
    names = modern_group_names(template.book)
    named = frozenset(name for name in names if text in (name, name[-1])) or feet(text, tone, template.book)
    if not named and feet(text, ANY, template.book):
        raise UsageError(
            Option("rhyme", text), f": not of the {TONE_NAMES[tone]} tone, on which {template.form} rhymes"
        )
    if not named:
        choices = ", ".join(names)
        raise UsageError(Option("rhyme", text), f": no such rhyme; give a character of it, or one of {choices}")
    return named


def _groups_of(rhyme: str, text: str) -> frozenset[str]:
    """The groups of the 词林正韵 that a rhyme of the 平水韵 belongs to, or of it the character that names it."""
    return frozenset().union(*(groups_of(char, rhyme) for char in (text if len(text) == 1 else characters(rhyme))))


def rhyme_like(text: str, book: str = "auto") -> str:
    """The rhyme that most couplets of a poem end on, by its name; by the 平水韵 unless a book of today is asked for.

    Of several that would do, the first in the order of the book. Raises UsageError where less than half of the couplets
    share one.

    >>> rhyme_like("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。")
    '十一尤'
    """
    ends = [line[-1] for line in clauses(text)[1::2]]
    book = book if book in MODERN_BOOKS else PINGSHUI
    shared = Counter(name for end in ends for name in feet(end, ANY, book))
    names = modern_group_names(book) if book in MODERN_BOOKS else categories()
    most = max(shared.values(), default=0)
    if 2 * most < len(ends) or most < 2:
        raise UsageError(
            Option("rhyme_like", text), f": its couplets end on no one rhyme of the {book}; give a poem that rhymes"
        )
    return next(name for name in names if shared[name] == most)
