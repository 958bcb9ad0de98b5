"""A poem that is asked for, its random numbers, and what comes of it."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from poetgen.config import SampleConfig
from poetgen.text import above, couplets
from poetgen.writing.request import Request


class Job(NamedTuple):
    """A poem to write: what is asked for, how each character is to be chosen, and its number among equal jobs.

    Without a number, equal jobs of one call are counted. `asked` is the title as it was asked for, before it was
    brought to the model's vocabulary; it changes nothing of the poem.
    """

    request: Request
    config: SampleConfig
    number: int | None = None
    asked: str = ""


@dataclass(frozen=True)
class Sample:
    """A poem that was written. `text` holds it in one piece, `lines` its couplets.

    `perplexity` is the model's own over the characters written, at temperature 1 and without any cut; `scores` are
    those of rank.py where there were several candidates. `breaks` counts the characters before each stanza but the
    first. `checkpoint` is the id of the one that wrote it, where that is known, and `asked` the title as it was asked
    for.
    """

    request: Request
    config: SampleConfig
    number: int
    form: str
    text: str
    perplexity: float
    scores: Mapping[str, float] = field(default_factory=dict)
    breaks: tuple[int, ...] = ()
    checkpoint: str = ""
    asked: str = ""

    @property
    def lines(self) -> list[str]:
        """The couplets, each with its punctuation."""
        return couplets(self.text)

    def __str__(self) -> str:
        """The poem as it is printed: title, author, and the couplets, a blank line between stanzas."""
        return "\n".join([*self._above, "\n\n".join(self.stanzas)])

    def _repr_html_(self) -> str:
        """The poem as notebooks show it."""
        rows = [f"<b>{html.escape(line)}</b>" for line in self._above]
        rows += [html.escape(stanza).replace("\n", "<br>") for stanza in self.stanzas]
        paragraphs = "".join(f'<p style="margin:.4em 0">{row}</p>' for row in rows)
        return f'<div style="font-family:serif;font-size:1.2em;line-height:1.7">{paragraphs}</div>'

    @property
    def _above(self) -> list[str]:
        return above(self.request.title, self.request.author)

    @property
    def stanzas(self) -> list[str]:
        """The stanzas, each with a couplet a line."""
        if "\n" in self.text:
            return self.text.split("\n\n")
        cuts = [0, *self.breaks, len(self.text)]
        return ["\n".join(couplets(self.text[start:end])) for start, end in pairwise(cuts) if end > start] or [""]

    def record(self, checkpoint: str = "") -> dict[str, Any]:
        """The JSON Lines record of a poem; `checkpoint` is said in place of the id that the poem knows."""
        options = asdict(self.config)
        return {
            "title": self.request.title,
            "asked_title": self.asked or self.request.title,
            "form": self.form,
            "text": self.text,
            "lines": self.lines,
            "seed": options.pop("seed"),
            "number": self.number,
            "options": options | _given(self.request, "title"),
            "checkpoint": checkpoint or self.checkpoint,
            "scores": {"perplexity": round(self.perplexity, 2)}
            | {name: round(value, 4) for name, value in self.scores.items()},
        }


def _given(options: Request | SampleConfig, *without: str) -> dict[str, Any]:
    """The options that differ from their defaults."""
    names = [option.name for option in fields(options) if option.name not in without]
    return {name: value for name in names if (value := getattr(options, name)) != getattr(type(options), name, None)}


def random_stream(
    request: Request, config: SampleConfig, number: int, draft: int, purpose: str = ""
) -> np.random.Generator:
    """The random numbers of one draft: those of its seed, request, options and numbers, and of nothing else.

    What is not drawn for its characters has a stream of its own, by its `purpose`.

    Options that have their defaults do not count, so that options yet to come change no poem; nor does the number of
    candidates, so that more of them add drafts to those that there were.
    """
    # 1 and 1.0 ask for the same.
    config = replace(config, top_p=float(config.top_p), temperature=float(config.temperature))
    parts = [_given(request), _given(config, "candidates"), number, draft, *([purpose] if purpose else [])]
    name = json.dumps(parts, ensure_ascii=False, sort_keys=True)
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest())))
