"""Lists on the command line: values with commas between them."""

from __future__ import annotations

from poetgen.errors import UsageError


def parts(text: str) -> list[str]:
    """What stands between the commas of a text, without what is empty.

    >>> parts("rnn, lstm,")
    ['rnn', 'lstm']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(flag: str, text: str) -> list[float]:
    """Numbers, in the order given; raises UsageError that names the flag."""
    try:
        return [float(part) for part in parts(text)]
    except ValueError:
        raise UsageError(f"{flag} {text}: give numbers with commas between them") from None


def sizes(flag: str, text: str) -> list[int]:
    """Whole numbers from 1, each once and in order; raises UsageError that names the flag."""
    try:
        values = sorted({int(part) for part in parts(text)})
    except ValueError:
        values = []
    if not values or values[0] < 1:
        raise UsageError(f"{flag} {text}: give whole numbers from 1 with commas between them")
    return values
