"""From sources to cleaned poems: documents, the records in them, and the rules of cleaning."""

from poetgen.corpus.clean import Cleaner, Counts, Example, Script, Tally
from poetgen.corpus.download import fetch
from poetgen.corpus.dynasties import DYNASTIES, dynasty
from poetgen.corpus.poem import PUNCTUATION, Poem, Record, clauses
from poetgen.corpus.readers import FORMATS, read
from poetgen.corpus.sources import Document, documents

__all__ = [
    "DYNASTIES",
    "FORMATS",
    "PUNCTUATION",
    "Cleaner",
    "Counts",
    "Document",
    "Example",
    "Poem",
    "Record",
    "Script",
    "Tally",
    "clauses",
    "documents",
    "dynasty",
    "fetch",
    "read",
]
