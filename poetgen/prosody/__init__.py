"""Prosody of classical Chinese verse: rhymes and tones (平水韵), forms, and checking a poem against a form."""

from poetgen.prosody.forms import FORMS, SHAPES, recognise
from poetgen.prosody.meter import CHECKED, LineVerdict, Verdict, check, line_pattern, patterns, rescued, shared_rhyme
from poetgen.prosody.rhymes import LEVEL, OBLIQUE, categories, characters, is_level, level_rhymes, rhymes, tones

__all__ = [
    "CHECKED",
    "FORMS",
    "LEVEL",
    "OBLIQUE",
    "SHAPES",
    "LineVerdict",
    "Verdict",
    "categories",
    "characters",
    "check",
    "is_level",
    "level_rhymes",
    "line_pattern",
    "patterns",
    "recognise",
    "rescued",
    "rhymes",
    "shared_rhyme",
    "tones",
]
