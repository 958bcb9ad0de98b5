"""Numbers as people read them: a clock, a size, a figure in few characters."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def duration(seconds: float) -> str:
    """Seconds as a clock shows them.

    >>> duration(75), duration(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def megabytes(done: int, total: int) -> str:
    """How much of a file or a corpus has been read.

    >>> megabytes(1_500_000, 3_000_000)
    '1.5 of 3.0 MB'
    """
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"


def shortened(text: str, most: int = 1000) -> str:
    """A text of at most about `most` characters, without the middle of a longer one.

    >>> shortened("0123456789", 6)
    '012 … 789'
    """
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def brief(value: float, digits: int = 1) -> str:
    """A figure in few characters, whatever its size.

    >>> brief(12.345), brief(1e30)
    ('12.3', '1.0e+30')
    """
    return f"{value:.{digits}f}" if value < 1e5 else f"{value:.1e}"


def nearest(name: str, choices: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """The choices that look most like a name which is none of them, three at most.

    >>> nearest("tang-sonq", ["tang-song", "poet"])
    ['tang-song']
    """
    return get_close_matches(name, list(choices), n=3, cutoff=cutoff)


def way_out(near: list[str], otherwise: str) -> str:
    """What to tell somebody who gave a wrong name: the names that look like it, `otherwise` where there are none.

    >>> way_out(["五绝", "七绝"], "choose 七绝"), way_out([], "choose 七绝")
    ('did you mean 五绝 or 七绝?', 'choose 七绝')
    """
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def how_many(number: int, thing: str) -> str:
    """So many things, in words.

    >>> how_many(1, "poem"), how_many(2000, "poem")
    ('1 poem', '2,000 poems')
    """
    return f"{number:,} {thing}{'s' * (number != 1)}"
