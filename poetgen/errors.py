"""The errors that poetgen raises on purpose.

    PoetgenError
    ├── UsageError        an option or argument that cannot be honoured
    ├── SourceError       a corpus file, archive or address that cannot be read
    ├── DatasetError      a prepared dataset that is missing, cut short or foreign
    ├── CheckpointError   a checkpoint that is missing, cut short or foreign
    ├── SaveError         a file that could not be written
    ├── DivergedError     a training run whose loss is no longer a number
    └── RankError         another process of the same training run that is gone

Each carries one line for a person: what is wrong, where, and what to do about it. The command line
catches the base class, prints that line on stderr and exits with 1.
"""


class PoetgenError(Exception):
    """Base of every error that poetgen raises on purpose."""


class UsageError(PoetgenError):
    """An option or argument that cannot be honoured; the message names the flag."""


class SourceError(PoetgenError):
    """A corpus file, archive or address that cannot be read; the message names it."""


class DatasetError(PoetgenError):
    """A prepared dataset that is missing, incomplete or of another version."""


class CheckpointError(PoetgenError):
    """A checkpoint that is missing, incomplete, foreign or of another version."""


class SaveError(PoetgenError):
    """A file that could not be written, for want of room or of permission."""


class DivergedError(PoetgenError):
    """A training run whose loss is infinite or not a number; what it saved before is whole."""


class RankError(PoetgenError):
    """Another process of the same training run that has ended, does not answer or was never found."""
