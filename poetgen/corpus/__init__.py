"""What others wrote becomes poems: sources, encodings, readers, cleaning, near duplicates, words.

Looks into: text, humanize, errors, progress, files, language, prosody.
"""

from poetgen.corpus.clean import Cleaner, most_chars
from poetgen.corpus.counts import Counts, DropCount, Example
from poetgen.corpus.couplets import paired
from poetgen.corpus.download import fetch
from poetgen.corpus.dynasties import DYNASTIES, dynasty
from poetgen.corpus.fields import ColumnChoice
from poetgen.corpus.poem import Poem, Record
from poetgen.corpus.readers import FORMATS, read
from poetgen.corpus.script import Script
from poetgen.corpus.sources import Document, documents
from poetgen.text import PUNCTUATION, clauses

__all__ = [
    "DYNASTIES",
    "FORMATS",
    "PUNCTUATION",
    "Cleaner",
    "ColumnChoice",
    "Counts",
    "Document",
    "DropCount",
    "Example",
    "Poem",
    "Record",
    "Script",
    "clauses",
    "documents",
    "dynasty",
    "fetch",
    "most_chars",
    "paired",
    "read",
]
