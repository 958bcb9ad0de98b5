"""Titles, and other fields of a request, brought to what a model knows: its script and its characters."""

from __future__ import annotations

from typing import Final

from poetgen.data.vocab import UNK, Vocab
from poetgen.errors import UsageError
from poetgen.text import is_han

#: Longer titles than this were never seen in training, and are most likely a mistake.
LONGEST_TITLE: Final = 100


def fit(text: str, vocab: Vocab, field: str = "title") -> tuple[str, list[str]]:
    """Bring a title or another field of a request to the vocabulary; returns it and what there is to say about it.

    Compatibility forms and the other script are mapped first. Han characters that are still unknown stay, and are read
    as [UNK]; other signs that the vocabulary lacks (emoji, Latin in Chinese verse) are left out.
    Raises UsageError for a text of more than LONGEST_TITLE characters.
    """
    from poetgen.corpus.titles import clean_title

    if len(text) > LONGEST_TITLE:
        raise UsageError(f"a {field} of {len(text)} characters: give at most {LONGEST_TITLE}")
    # Bytes that are no UTF-8 reach Python as lone surrogates, which nothing can encode.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    fitted = text if all(char in vocab for char in text) else clean_title(" ".join(text.split()))
    fitted = in_script(fitted, vocab)
    # Latin letters that stray into Chinese titles have taught the model nothing, even where it knows some.
    chinese = vocab.chinese
    unknown = [c for c in dict.fromkeys(fitted) if c not in vocab or (chinese and c.isascii() and c.isalnum())]
    dropped = [char for char in unknown if not is_han(char)]
    fitted = " ".join("".join(" " if char in dropped else char for char in fitted).split())
    dropped = [char for char in dropped if not char.isspace()]
    notes = []
    if dropped:
        notes.append(f"{field}: left out {' '.join(map(_visible_char, dropped))}, which the model has never seen")
    if rare := [char for char in unknown if is_han(char)]:
        notes.append(f"{field}: {' '.join(rare)} is not in the model's vocabulary and is read as {vocab.tokens[UNK]}")
    return fitted, notes


def in_script(text: str, vocab: Vocab) -> str:
    """A text in the script, simplified or traditional, and in the shapes of which the vocabulary knows more."""
    if all(char in vocab for char in text):
        return text
    from poetgen.corpus.script import fold_variants, tell, to_simplified, to_traditional

    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    standard = fold_variants(text)
    traditional = standard if tell(standard) > 0 else to_traditional(standard)
    for converted in (to_simplified(standard, verse=False), traditional):
        if sum(char in vocab for char in converted) > sum(char in vocab for char in text):
            text = converted
    return text


def _visible_char(char: str) -> str:
    return char if char.isprintable() and not char.isspace() else f"U+{ord(char):04X}"
