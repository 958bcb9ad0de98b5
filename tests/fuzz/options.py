"""Every option of every command, and every argument of the Python interface, with values that make no sense.

    python -m tests.fuzz.options --inputs 2000 --seed 1

The list of options is taken from the commands themselves. See docs/security.md, and files.py for the files.
"""

from __future__ import annotations

import inspect
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.fuzz.campaign import Case, main
from tests.fuzz.files import place as place_files

_CPU: Final = ("--device", "cpu")
#: A quick call of each command; "@" stands where its argument goes.
CALLS: Final[dict[str, tuple[str, ...]]] = {
    "preprocess": ("poems.jsonl", "--out", "new", "--jobs", "1"),
    "train": (
        *("--data", "prepared", "--out", "new", "--epochs", "0.2", "--hidden", "16", "--embed", "16"),
        *("--lr-steps", "0.01", "--eval-every", "5", *_CPU),
    ),
    "sample": ("春夜", "--seed", "1", "--candidates", "1", "--checkpoint", "run"),
    "fill": ("□□明月□，□□□□□。", "--form", "free", "--seed", "1", "--candidates", "1", "--checkpoint", "run"),
    "evaluate": ("--poems", "few.jsonl", "--human", "poems.jsonl", "--no-critic", "--checkpoint", "run", *_CPU),
    "score": ("few.jsonl", "--checkpoint", "run", *_CPU),
    "check": ("few.jsonl", "--checkpoint", "run"),
    "couplet": ("海阔凭鱼跃", "--seed", "1", "--candidates", "2", "--checkpoint", "run"),
    "inspect authors": ("--data", "prepared", "--num", "2", "--poems", "20", "--checkpoint", "run"),
    "models list": (),
    "models show": ("run",),
    "models export": ("run", "new.zip"),
    "models import": ("packed.zip", "--name", "new"),
    "inspect neighbours": ("春", "--checkpoint", "run"),
    "inspect map": ("--num", "10", "--out", "new", "--checkpoint", "run"),
    "inspect gates": (
        *("床前明月光，疑是地上霜。举头望明月，低头思故乡。", "--poems", "poems.jsonl"),
        *("--units", "2", "--out", "new", "--checkpoint", "run"),
    ),
    "inspect memory": (
        *("--poems", "poems.jsonl", "--form", "五绝", "--num", "3", "--out", "new"),
        *("--checkpoint", "run", *_CPU),
    ),
    "inspect digits": ("--cells", "rnn", "--lengths", "5", "--steps", "2", "--repeats", "1", "--out", "new"),
    "inspect ablate": (
        *("--data", "prepared", "--minutes", "0.001", "--seq-len", "16", "--hidden", "16"),
        *("--out", "new", *_CPU),
    ),
}

_NUMBERS: Final = (
    *("nan", "-nan", "inf", "-inf", "1e999", "-1e999", "1e-320", "-0.0", "-1", "0", "1", "0.5", "1.0"),
    *("2147483648", "9223372036854775807", "9223372036854775808", "9" * 30, "9" * 5000, "-" + "9" * 30, "1e30", "1e18"),
    *("", " ", "0x10", "1_0", "１２", "٣", "三", "½", "²", "1,5", "1 2", "--", "true"),
)
_TEXTS: Final = (
    *("", " ", ",", ",,,", "=", "=,=", "\x1b[31m", "\x1b]0;x\x07", "\r", "\n", "\u202e倒", "\x9b", "\u2028"),
    *("\udcff", "\udc80春", "𠮷", "é", "👩‍👩‍👧", "春" * 3000, "a" * 3000, "%s{0}", "[END]", "[PAD]", "□", "，。", "、"),
    *(
        "auto",
        "off",
        "free",
        "strict",
        "五绝",
        "十四行诗",
        "浣溪沙",
        "cuda",
        "cuda:9",
        "meta",
        "mps",
        "cpu:-1",
        "春,夏",
    ),
    *("title=1", "title=0", "title=99,body=-1", "body=", "body=body,body=title", "=1", "title=１"),
)
_PATHS: Final = (
    *(
        "",
        " ",
        ".",
        "..",
        "/",
        "-",
        "none",
        "poems.jsonl",
        "poems.jsonl/x",
        "run",
        "prepared",
        "/dev/null",
        "/dev/full",
    ),
    *(
        "/proc/self/mem",
        "a" * 300,
        "a/" * 3000,
        "\x1b[31m",
        "\r",
        "\udcff",
        "\u202e",
        "春",
        "~",
        "*",
        "http://[",
        "new/a",
    ),
)


def options(command: Any) -> Iterator[tuple[str, str]]:
    """The flags of a command, and what each takes: "number", "path", "text", or "" for a switch."""
    for param in command.params:
        # Since typer 0.2x its parameters are no longer those of click.
        kind = str(getattr(param, "type_descriptor", None) or param.type.name).lower()
        takes = "number" if re.search("class 'int'|class 'float'|integer|float", kind) else "text"
        takes = "path" if re.search("path|file'|directory", kind) else takes
        if param.param_type_name == "argument":
            yield "", takes
        else:
            for flag in param.opts + param.secondary_opts:
                yield flag, "" if param.is_flag else takes


def commands() -> dict[str, Any]:
    """Every command by the words that call it."""
    from typer.main import get_command

    from poetgen import cli

    group: Any = get_command(cli.app)
    return {
        f"{name} {inner}".strip(): command
        for name, outer in group.commands.items()
        for inner, command in getattr(outer, "commands", {"": outer}).items()
    }


def case(draw: random.Random, good: Path, folder: Path) -> Case:
    """A command with an option, now and then two, of a value that makes no sense, or a call from Python."""
    if draw.random() < 0.12:
        return _call(draw)
    name = draw.choice(sorted(CALLS))
    call = list(CALLS[name])
    for _ in range(draw.choice((1, 1, 1, 2))):
        flag, takes = draw.choice(list(options(commands()[name])))
        if flag in ("-h", "--help"):
            continue
        near = {"number": _NUMBERS, "path": _PATHS}.get(takes, _TEXTS)
        value = draw.choice(draw.choice((near, near, near, _TEXTS + _NUMBERS + _PATHS)))
        if not takes:
            call.append(flag)
        elif flag:
            call += [flag, value] if draw.randrange(2) else [f"{flag}={value}"]
        else:
            call = [value, *call[not call[0].startswith("-") :]]
    if draw.randrange(3) == 0 and "--json" in {flag for flag, _ in options(commands()[name])}:
        call.append("--json")
    return Case(name, (*name.split(), *call), " ".join(call)[-60:])


# From Python -----------------------------------------------------------------------------------------------------

#: Written as Python, for they travel as text.
_VALUES: Final = (
    *("None", "True", "0", "-1", "1.5", "float('nan')", "float('inf')", "10**30", "10**400", "''", "' '", "'五绝'"),
    *("'\\x1b[31m'", "'\\ud800'", "b'x'", "[]", "[None]", "()", "{}", "['春', 3]", "object()", "'春' * 3000", "1j"),
    *("__import__('numpy').float32(0.5)", "__import__('numpy').int64(3)", "__import__('numpy').array([1, 2])"),
)


def _call(draw: random.Random) -> Case:
    from poetgen.writing.request import Options

    method = draw.choice(("write", "write", "write", "sample", "score", "load"))
    names = {
        "write": ["title", *Options.__annotations__, "nonsense"],
        "sample": ["titles", "num", *Options.__annotations__],
        "score": ["text", "title", "tune"],
        "load": ["path", "device"],
    }[method]
    return Case("Python", ("python", method, draw.choice(names), draw.choice(_VALUES)), method)


def call_python(args: Sequence[str]) -> None:
    """Carry out a call of the Python interface; whatever it raises but a PoetgenError is a fault."""
    import warnings

    import poetgen
    from poetgen.errors import PoetgenError

    _, method, name, text = args
    given = {name: eval(text)}  # noqa: S307  # of the list above
    warnings.simplefilter("ignore")  # poems warn of titles that had to be changed
    try:
        if method == "load":
            poetgen.load(**({"path": "run"} | given))
            return
        poet = poetgen.load("run")
        first = {"write": {"title": "春"}, "sample": {"titles": ["春"]}, "score": {"text": "白日依山尽，黄河入海流。"}}
        accepted = inspect.signature(getattr(poet, method)).parameters
        result = getattr(poet, method)(**(first[method] | given | ({} if "text" in accepted else {"candidates": 1})))
        if method == "sample":
            for _, poem in zip(range(3), result, strict=False):
                print(poem.text)
        else:
            print(result)
    except PoetgenError as error:
        print(f"poetgen: {error}")
        raise SystemExit(0) from None


def place(good: Path, folder: Path) -> None:
    """Fresh files for the commands to read."""
    place_files(good, folder)
    shutil.copy(good / "titles" / "titles.jsonl", folder)
    shutil.copy(good / "packed.zip", folder)


if __name__ == "__main__":
    main(__doc__, case, place)
