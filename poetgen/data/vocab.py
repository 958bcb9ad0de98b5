"""Characters ↔ ids: [PAD] = 0, [UNK] = 1, then control tokens, then characters by falling frequency."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from poetgen.config import MAX_TOKENS
from poetgen.corpus.script import Script
from poetgen.errors import CheckpointError
from poetgen.files import read_json, to_json
from poetgen.humanize import shortened
from poetgen.text import KANA_AND_HANGUL, is_han

PAD, UNK = 0, 1
PAD_TOKEN, UNK_TOKEN = "[PAD]", "[UNK]"

VOCAB_FORMAT = 1

#: One character, or a control token; half of a surrogate pair is no character.
_TOKEN: Final = re.compile(r"[^\ud800-\udfff]|\[[^\[\]\ud800-\udfff]{1,40}\]", re.DOTALL)

#: Characters by which Japanese is told, whose kanji are more than its kana, but not as frequent.
_FREQUENT: Final = 100
_KANA_OR_HANGUL: Final = re.compile(f"[{KANA_AND_HANGUL}]")

#: CJK Unified Ideographs, the block U+4E00–U+9FFF.
_BLOCK: Final = 20992


class Vocab:
    """A two-way table of tokens and ids; a token is one character, or a control token such as ``[END]``.

    >>> vocab = Vocab.build({"月": 3, "明": 3, "夜": 1}, control=["[END]"], min_count=2)
    >>> vocab.tokens
    ('[PAD]', '[UNK]', '[END]', '明', '月')
    >>> vocab.encode("明夜")
    [3, 1]
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if self.tokens[:2] != (PAD_TOKEN, UNK_TOKEN):
            raise ValueError(f"a vocabulary starts with {PAD_TOKEN} and {UNK_TOKEN}, not {self.tokens[:2]}")
        if len(self._ids) != len(self.tokens):
            raise ValueError("a token comes twice")

    @classmethod
    def build(cls, counts: Mapping[str, int], control: Iterable[str] = (), min_count: int = 1) -> Vocab:
        """Take characters seen at least `min_count` times, by falling count, ties in code-point order."""
        kept = sorted((-count, char) for char, count in counts.items() if count >= min_count)
        return cls([PAD_TOKEN, UNK_TOKEN, *control, *(char for _, char in kept)])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocab) and self.tokens == other.tokens

    __hash__ = None  # type: ignore[assignment]

    def id(self, token: str) -> int:
        """The id of one token; [UNK]'s where it is unknown."""
        return self._ids.get(token, UNK)

    def encode(self, text: Iterable[str]) -> list[int]:
        """The ids of the characters of `text`, [UNK] for those unknown. Control tokens are never parsed from text."""
        return [self._ids.get(char, UNK) for char in text]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`, control tokens spelled out in brackets."""
        return "".join(self.tokens[index] for index in ids)

    @property
    def special(self) -> list[int]:
        """The ids of [PAD], [UNK] and the control tokens: never emitted as text."""
        return [index for index, token in enumerate(self.tokens) if len(token) > 1]

    @property
    def han(self) -> int:
        """How many Chinese characters the vocabulary holds."""
        return sum(len(token) == 1 and is_han(token) for token in self.tokens)

    @property
    def chinese(self) -> bool:
        """Whether this is a vocabulary of Chinese: most of it Han characters, and the frequent ones no kana."""
        frequent = [token for token in self.tokens if len(token) == 1][:_FREQUENT]
        kana = sum(1 for token in frequent if _KANA_OR_HANGUL.match(token))
        return 2 * self.han > len(self.tokens) and 10 * kana < len(frequent)

    @property
    def has_lines(self) -> bool:
        """Whether poems of this vocabulary break their lines themselves, as modern verse and prose do."""
        return "\n" in self

    @property
    def script(self) -> Script:
        """The script in which the vocabulary was made; "keep" where it holds both, or no Chinese.

        >>> Vocab.build({"国": 1, "风": 1}).script
        'simplified'
        """
        simplified, traditional = (any(char in self for char in chars) for chars in ("国时风万东来", "國時風萬東來"))
        if simplified == traditional:
            return "keep"
        return "simplified" if simplified else "traditional"

    @property
    def fingerprint(self) -> str:
        """A hash of the table, by which weights know the vocabulary they were trained with."""
        return hashlib.sha256(self.to_json().encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def to_json(self) -> str:
        """One line per token, so that two vocabularies can be compared with any diff tool."""
        return to_json({"format": VOCAB_FORMAT, "tokens": self.tokens}, indent=0) + "\n"

    @classmethod
    def load(cls, path: Path, needed: Iterable[str] = ()) -> Vocab:
        """Read `vocab.json`; raises CheckpointError where it is missing, broken, of another version, or lacks a token.

        `needed` are those that it may not lack.
        """
        try:
            data = read_json(path)
            if data["format"] != VOCAB_FORMAT:
                raise CheckpointError(
                    f"{path}: vocabulary format {data['format']}; this poetgen reads format {VOCAB_FORMAT}"
                )
            tokens = data["tokens"]
            if not isinstance(tokens, list) or not 2 <= len(tokens) <= MAX_TOKENS:
                raise ValueError(f"tokens must be a list of at most {MAX_TOKENS:,}")
            for token in tokens:
                if not isinstance(token, str) or not _TOKEN.fullmatch(token):
                    raise ValueError(f"a token is one character or [A WORD], not {shortened(str(token), 20)!r}")
            if lacking := sorted(set(needed) - set(tokens)):
                raise ValueError(f"without {', '.join(lacking)}, which every sequence needs")
            return cls(tokens)
        except FileNotFoundError:
            raise CheckpointError(f"{path}: missing; copy the whole folder, or make it again") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path}: not a vocabulary of poetgen ({error}); make the folder again") from error


def counted(vocab: Vocab) -> NDArray[np.bool_]:
    """(V,) which tokens ppl_char counts: Han characters, and [UNK], for what verse leaves out is a rare one."""
    return np.array([id == UNK or (len(token) == 1 and is_han(token)) for id, token in enumerate(vocab.tokens)])


def unknown_nats(vocab: Vocab) -> float:
    """What a character outside the vocabulary costs besides its [UNK], in nats.

    It is the price of choosing it among the characters of the Unicode block that the vocabulary leaves out, so that a
    small vocabulary gains nothing.
    """
    return math.log(max(1, _BLOCK - vocab.han))
