"""A character-level poetry generator: classical Chinese verse from a recurrent network.

    >>> import poetgen
    >>> poet = poetgen.load()                         # doctest: +SKIP
    >>> print(poet.write("春夜喜雨", seed=1).text)      # doctest: +SKIP

`import poetgen` is quick: torch comes in with the first `load`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poetgen.errors import PoetgenError

if TYPE_CHECKING:
    from poetgen.poet import Poet, load
    from poetgen.writing.sample import Sample

__version__ = "0.2.0"

__all__ = ["Poet", "PoetgenError", "Sample", "__version__", "load"]

_HOMES = {"Poet": "poetgen.poet", "load": "poetgen.poet", "Sample": "poetgen.writing.sample"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'poetgen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
