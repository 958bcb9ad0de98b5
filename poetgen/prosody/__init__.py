"""The rules of classical Chinese verse: tones and rhymes (平水韵, 词林正韵), forms, tunes, and how poems break them.

    rhymes, cilin, modern, feet         the four rhyme books; what a character rhymes with at the end of a line
    readings                            how the characters of a line are read
    forms, meter, template              which forms there are; regulated tones; what a form asks of every line
    tune_book, tune_names               shapes of 词牌 and their names
    near_rhymes, oblique_tones          rhymes that 词 let mix, tones that they tell apart
    tune_fitting                        a 词 laid over the shapes of its tune
    tunes, tune_learning                templates of 词牌 that a corpus teaches, and their file
    explain, explanation                a poem against its form; what there is to say of it
    explainer, explain_*, tails         how that is worked out: for tunes, old-style and regulated verse, couplets
    rhyme_schemes, schools              two rhymes in one poem; where teachers differ
    parallel, pinyin                    whether lines answer each other (对仗); how characters are read today
    table, *.tsv                        the facts

Looks into: text, humanize, errors, files, language.
"""

from poetgen.prosody.feet import feet
from poetgen.prosody.forms import FORMS, SHAPES, recognise
from poetgen.prosody.meter import CHECKED, LineVerdict, Verdict, check, line_pattern, patterns, rescued, shared_rhyme
from poetgen.prosody.rhymes import (
    ANY,
    CILIN,
    LEVEL,
    OBLIQUE,
    PINGSHUI,
    categories,
    characters,
    is_level,
    level_rhymes,
    rare,
    rhymes,
    tones,
    usual_tones,
)

__all__ = [
    "ANY",
    "CHECKED",
    "CILIN",
    "FORMS",
    "LEVEL",
    "OBLIQUE",
    "PINGSHUI",
    "SHAPES",
    "LineVerdict",
    "Verdict",
    "categories",
    "characters",
    "check",
    "feet",
    "is_level",
    "level_rhymes",
    "line_pattern",
    "patterns",
    "rare",
    "recognise",
    "rescued",
    "rhymes",
    "shared_rhyme",
    "tones",
    "usual_tones",
]
