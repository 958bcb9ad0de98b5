"""A poem as a sequence of ids: a header of known fields, a separator, the body, an end token.

    [七绝] [唐] [TUNE]… [AUTHOR]李白 [KEYWORDS]明月[SEP]故乡 [TITLE]静夜思 [RHYME]阳 [BODY]床前明月光，…。[END]

Every field of the header is optional, and the order is fixed: what governs the verse most stands next to it. The
rhyme, by its sign (prosody/rhyme_sign.py), comes last, so that the network can choose it for a title before it writes.
Training and sampling both build headers here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from poetgen.corpus.dynasties import DYNASTIES
from poetgen.data.vocab import Vocab
from poetgen.prosody.forms import FORMS

TUNE, AUTHOR, KEYWORDS, SEP, TITLE, RHYME, BODY, END = (
    "[TUNE]",
    "[AUTHOR]",
    "[KEYWORDS]",
    "[SEP]",
    "[TITLE]",
    "[RHYME]",
    "[BODY]",
    "[END]",
)


def control(name: str) -> str:
    """The control token of a form or a dynasty.

    >>> control("七绝")
    '[七绝]'
    """
    return f"[{name}]"


#: Every control token, in the order in which a vocabulary holds them.
CONTROL = (
    TUNE,
    AUTHOR,
    KEYWORDS,
    SEP,
    TITLE,
    RHYME,
    BODY,
    END,
    *map(control, FORMS),
    *map(control, DYNASTIES),
)


@dataclass(frozen=True)
class Header:
    """What is known of a poem before its first character; an empty field is not mentioned."""

    form: str = ""
    dynasty: str = ""
    tune: str = ""
    author: str = ""
    keywords: tuple[str, ...] = ()
    title: str = ""
    rhyme: str = ""


class Layout:
    """Builds sequences with the ids of one vocabulary."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab
        self.tune, self.author, self.keywords, self.sep, self.title, self.rhyme, self.body, self.end = map(
            vocab.id, (TUNE, AUTHOR, KEYWORDS, SEP, TITLE, RHYME, BODY, END)
        )

    def prefix(
        self,
        form: int = 0,
        dynasty: int = 0,
        tune: Sequence[int] = (),
        author: Sequence[int] = (),
        keywords: Sequence[int] = (),
        title: Sequence[int] = (),
        rhyme: int = 0,
    ) -> list[int]:
        """The ids up to and including [BODY]; 0 and empty fields are left out."""
        ids = [control for control in (form, dynasty) if control]
        for mark, field in (
            (self.tune, tune),
            (self.author, author),
            (self.keywords, keywords),
            (self.title, title),
        ):
            if len(field):
                ids.append(mark)
                ids.extend(field)
        if rhyme:
            ids += self.rhyme, rhyme
        ids.append(self.body)
        return ids

    def join_keywords(self, words: Iterable[str]) -> list[int]:
        """The ids of keywords with [SEP] between them."""
        ids: list[int] = []
        for word in words:
            if ids:
                ids.append(self.sep)
            ids.extend(self.vocab.encode(word))
        return ids

    def encode(self, header: Header) -> list[int]:
        """The ids of a header, up to and including [BODY]."""
        vocab = self.vocab
        return self.prefix(
            form=vocab.id(control(header.form)) if header.form else 0,
            dynasty=vocab.id(control(header.dynasty)) if header.dynasty else 0,
            tune=vocab.encode(header.tune),
            author=vocab.encode(header.author),
            keywords=self.join_keywords(header.keywords),
            title=vocab.encode(header.title),
            rhyme=vocab.id(header.rhyme) if header.rhyme else 0,
        )
