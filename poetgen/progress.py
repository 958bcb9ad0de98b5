"""How work tells its caller how far it is: callbacks, and what to pass where nobody listens."""

from __future__ import annotations

from collections.abc import Callable

#: Told how much is done, and of how much in all (0 where that is not known).
ProgressCallback = Callable[[float, float], object]
#: The same of work in stages: (stage, done, total).
StageCallback = Callable[[str, float, float], object]


def silent(done: float, total: float) -> None:
    """A ProgressCallback for callers that do not listen."""


def silent_stages(stage: str, done: float, total: float) -> None:
    """A StageCallback for callers that do not listen."""
