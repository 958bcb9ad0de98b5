"""The command line, a module a command (parse, call, print), and all that knows of a terminal.

Looks into: text, humanize, errors, progress, config, files, folders, language, signals, prosody, corpus, data,
network, writing, judging, inspect, plots, poet.
"""

# Commands are listed in help in the order in which they are imported here.
from poetgen.cli import preprocess, train, sample, fill, couplet, evaluate, score, check, models, inspect  # noqa: I001
from poetgen.cli import inspect_embedding, inspect_gates, inspect_memory, inspect_digits, inspect_ablate  # noqa: F401, I001
from poetgen.cli import inspect_authors  # noqa: F401, I001
from poetgen.cli.root import app, main

__all__ = [
    "app",
    "check",
    "couplet",
    "evaluate",
    "fill",
    "inspect",
    "main",
    "models",
    "preprocess",
    "sample",
    "score",
    "train",
]
