"""What is known of tunes (词牌): a template each, and the file that keeps them beside a dataset or a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from poetgen.errors import CheckpointError
from poetgen.files import read_json, to_json
from poetgen.prosody.rhymes import ANY, CILIN, LEVEL, OBLIQUE, PINGSHUI
from poetgen.prosody.template import Template, TemplateLine

#: The version of the file.
TUNES_FORMAT: Final = 1

#: What a tune may have at most: lines, characters a line, and characters of its name. With the limits below they keep
#: a broken or hostile file from filling the memory.
MAX_LINES, MAX_LINE_LENGTH, MAX_NAME = 100, 40, 40
_MAX_FILE, _MAX_TUNES, _MAX_VARIANTS, _MAX_CHOICES = 16 << 20, 5_000, 16, 16


@dataclass(frozen=True, slots=True)
class LearnedTune:
    """A tune's template, the poems it was learned from, and the share of them that have its line lengths."""

    template: Template
    poems: int
    share: float


def tunes_json(tunes: Mapping[str, LearnedTune]) -> str:
    """The text of forms.json, one tune a line."""
    rows = [
        {
            "name": name,
            "poems": tune.poems,
            "share": tune.share,
            "book": tune.template.book,
            "stanzas": tune.template.stanzas,
            "variants": [[_line_json(line) for line in variant] for variant in tune.template.variants],
        }
        for name, tune in tunes.items()
    ]
    text = ",\n".join(to_json(row) for row in rows)
    return f'{{"format": {TUNES_FORMAT}, "tunes": [\n{text}\n]}}\n'


def _line_json(line: TemplateLine) -> dict[str, Any]:
    return {"tones": line.tones, "rhyme": line.rhyme, "mark": line.mark, "pause": line.pause}


def load_tunes(path: Path) -> dict[str, LearnedTune]:
    """Read a forms.json; none where there is no such file.

    Raises CheckpointError where it is broken, of another version, or larger than any tune book.
    """
    try:
        data = read_json(path, _MAX_FILE)
        version = data["format"]
        if version != TUNES_FORMAT:
            raise CheckpointError(f"{path}: tunes of format {version}; this poetgen reads format {TUNES_FORMAT}")
        rows = data["tunes"]
        if not isinstance(rows, list) or len(rows) > _MAX_TUNES:
            raise ValueError(f"tunes must be a list of at most {_MAX_TUNES}")
        return {tune.template.form: tune for tune in map(_read_tune, rows)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise CheckpointError(
            f"{path}: not a file of tunes ({reason}); copy the folder again, or delete the file to do without"
        ) from error


def _read_tune(row: Any) -> LearnedTune:
    """One tune of a file; raises ValueError, KeyError or TypeError."""
    name, poems, share, book, stanzas = (row[key] for key in ("name", "poems", "share", "book", "stanzas"))
    _require(isinstance(name, str) and 0 < len(name) <= MAX_NAME, "a tune without a name")
    _require(type(poems) is int and poems >= 0, f"{name}: poems must be a count")
    _require(isinstance(share, int | float) and 0 <= share <= 1, f"{name}: share must be from 0 to 1")
    _require(book in (CILIN, PINGSHUI), f"{name}: no such rhyme book")
    variants = tuple(
        tuple(_read_line(line, name) for line in _bounded(variant, name)) for variant in row["variants"][:_MAX_VARIANTS]
    )
    _require(len(variants) > 0, f"{name}: no variants")
    shapes = {tuple(map(len, variant)) for variant in variants}
    _require(len(shapes) == 1, f"{name}: variants of different line lengths")
    _require(
        isinstance(stanzas, list)
        and all(type(count) is int and count > 0 for count in stanzas)
        and sum(stanzas) in (0, len(variants[0])),
        f"{name}: stanzas must add up to the lines",
    )
    return LearnedTune(Template(name, variants, book, tuple(stanzas)), poems, float(share))


def _read_line(row: Any, name: str) -> TemplateLine:
    choices, rhyme, mark, pause = (row[key] for key in ("tones", "rhyme", "mark", "pause"))
    _require(
        isinstance(choices, list)
        and 0 < len(choices) <= _MAX_CHOICES
        and all(isinstance(tone, str) and set(tone) <= {LEVEL, OBLIQUE, ANY} for tone in choices)
        and len({len(tone) for tone in choices}) == 1
        and 0 < len(choices[0]) <= MAX_LINE_LENGTH,
        f"{name}: tones must be strings of {LEVEL}, {OBLIQUE} and {ANY}, of one length",
    )
    _require(rhyme is None or (type(rhyme) is int and 0 <= rhyme < MAX_LINES), f"{name}: rhyme must be a number")
    _require(mark in ("，", "。"), f"{name}: a line ends in ， or 。")
    _require(type(pause) is int and 0 <= pause < len(choices[0]), f"{name}: pause must stand inside the line")
    return TemplateLine(tuple(choices), rhyme, mark, pause)


def _bounded(variant: Any, name: str) -> list[Any]:
    _require(isinstance(variant, list) and 0 < len(variant) <= MAX_LINES, f"{name}: too many lines, or none")
    return list(variant)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
