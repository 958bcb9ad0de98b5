"""The command line, a module a command: parse, call, print.

stdout carries results only; progress, notes and errors go to stderr. Exit codes: 0 done; 1 a PoetgenError; 2 wrong
usage; 130 Ctrl-C. Heavy modules are imported inside the commands, so that help is instant.
"""

# Commands are listed in help in the order in which they are imported here.
from poetgen.cli import preprocess, train, sample, evaluate, score, check, inspect  # noqa: I001
from poetgen.cli.root import app, main

__all__ = ["app", "check", "evaluate", "inspect", "main", "preprocess", "sample", "score", "train"]
