"""The documentation: what it says of the commands holds, its links lead somewhere, its examples run."""

import ast
import importlib
import io
import re
import shlex
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import typer
from matplotlib.colors import to_rgb

from poetgen import cli
from poetgen.config import CANDIDATES, SampleConfig, TrainConfig
from poetgen.corpus import FORMATS, Cleaner, Document, Record, Script, read
from poetgen.corpus.counts import RULES
from poetgen.corpus.fields import PLAIN_NAMES
from poetgen.plots import brush_font
from poetgen.plots.embedding import COLOURS
from poetgen.writing.request import Options, Request

ROOT = Path(__file__).parent.parent
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*READMES, *GUIDES, ROOT / "CONTRIBUTING.md"]
PACKAGE = ROOT / "poetgen"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]

#: Pages that tell of scripts, of Python or of the code.
WITHOUT_COMMANDS = {
    "costs.md",
    "bptt.md",
    "learning.md",
    "prosody.md",
    "api.md",
    "architecture.md",
    "CONTRIBUTING.md",
    "security.md",
}

#: Which guide describes the options of which command.
GUIDE_OF = {
    "preprocess": "corpora.md",
    "train": "training.md",
    "sample": "sampling.md",
    "fill": "sampling.md",
    "couplet": "couplets.md",
    "evaluate": "figures.md",
    "check": "checking.md",
    "score": "figures.md",
    "models": "models.md",
    "inspect": "inspecting.md",
}
GROUP: Any = typer.main.get_command(cli.app)
#: Every command by the words that call it: "train", "inspect map".
COMMANDS: dict[str, Any] = {
    f"{name} {inner}".strip(): command
    for name, outer in GROUP.commands.items()
    for inner, command in getattr(outer, "commands", {"": outer}).items()
}

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return [body for found, body in BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


def commands(shell: str) -> Iterator[list[str]]:
    """The words of every poetgen command in some lines of shell, without what pipes and redirections add."""
    for line in shell.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word and set(word) <= set("();<>|&"):
                if words[:1] == ["poetgen"]:
                    yield words[1:]
                words = []
            else:
                words.append(word)


def split(args: list[str]) -> tuple[str, list[str]]:
    """The name of a command and what it is given."""
    words = 1 if args[0] in COMMANDS else 2
    return " ".join(args[:words]), args[words:]


def parse(args: list[str]) -> None:
    """What the command line makes of some words; raises the error that it would tell of."""
    name, given = split(args)
    with COMMANDS[name].make_context(f"poetgen {name}", given) as context:
        if name == "train":
            values = {name: context.params[name] for name in TrainConfig.__dataclass_fields__}
            TrainConfig(**values | {"lr_steps": cli.train.rates(values["lr_steps"])})


def options(command: Any) -> list[str]:
    """The long names of a command's options."""
    names = [name for param in command.params for name in (*param.opts, *param.secondary_opts)]
    return [name for name in names if name.startswith("--")]


def section(page: Path, name: str) -> str:
    """The part of a page under a heading that names a command, or the whole page."""
    text = page.read_text(encoding="utf-8")
    parts = re.split(r"^## `poetgen (.+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(name, parts[0])


def rows(text: str, first: str) -> list[list[str]]:
    """The rows of the tables of a text whose first column is headed `first`, without the marks of code."""
    found: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif inside and not set(line) <= set("|- "):
            found.append([cell.strip("`") for cell in cells])
        elif cells[0] == first:
            inside = True
    return found


@pytest.fixture
def place(tmp_path: Path, prepared: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with what the examples name."""
    shutil.copytree(prepared, tmp_path / "corpora" / "prepared")
    shutil.copy(ROOT / "corpora" / "starter.jsonl", tmp_path / "corpora")
    shutil.copytree(tiny, tmp_path / "checkpoints" / "poet")
    for name, language in (("titles.txt", "text"), ("requests.jsonl", "jsonl")):
        (block,) = (body for body in blocks(ROOT / "docs" / "sampling.md", language) if "静夜思" in body)
        (tmp_path / name).write_text(block, encoding="utf-8")
    (tmp_path / "poems.txt").write_text(
        "春夜\n\n春夏秋冬风，花雪月山水。\n云雨江河湖，海天地日夜。\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


# The commands ----------------------------------------------------------------------------------------------------


def test_every_command_has_its_guide() -> None:
    assert set(GUIDE_OF) == set(GROUP.commands)
    readmes = [page.read_text(encoding="utf-8") for page in READMES]
    assert all(f"poetgen {name}" in text for name in GROUP.commands for text in readmes)
    assert all(f"docs/{page.name}" in text for page in GUIDES for text in readmes)
    assert all("(CONTRIBUTING.md)" in text and "(CHANGELOG.md)" in text for text in readmes)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_with_its_default(name: str) -> None:
    command, guide = COMMANDS[name], ROOT / "docs" / GUIDE_OF[name.split()[0]]
    table = {
        option: row[1] for row in rows(section(guide, name), "option") for option in re.findall(r"--[a-z-]+", row[0])
    }
    assert set(table) == set(options(command)) - {"--help"}
    for param in command.params:
        if param.param_type_name == "option" and not param.is_flag:
            default = "" if param.default is None else str(param.default)
            shown = table[param.opts[-1]]
            # Where the default depends on something, the guide may tell in words.
            assert shown == default or not default, f"{name} {param.opts[-1]}: documented with default {shown}"


def test_the_rest_is_documented() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert "`poetgen --version`" in text and "`-h`" in text


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_option_is_documented_that_does_not_exist(page: Path) -> None:
    known = {name for command in COMMANDS.values() for name in options(command)} | {"--version", "--help"}
    known |= {"--quiet", "--install-completion", "--show-completion"}  # of all commands
    known.add("--logdir")  # TensorBoard's own
    known.add("--no-deps")  # pip's own
    known |= {"--doctest-modules"}  # pytest's own
    folders = ("benchmarks", "tests/fuzz", "tests/standing")
    for script in [path for folder in folders for path in (ROOT / folder).glob("*.py")]:
        known |= set(re.findall(r'add_argument\("(--[a-z-]+)"', script.read_text(encoding="utf-8")))
    known |= {"--nproc-per-node", "--nnodes", "--rdzv-backend", "--rdzv-endpoint"}  # torchrun's own
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example_that_parses(name: str) -> None:
    with COMMANDS[name].make_context(name, [], resilient_parsing=True) as context:
        example = COMMANDS[name].get_help(context).strip().splitlines()[-1].strip()
    assert example.startswith(f"Example: poetgen {name} ")
    (args,) = commands(example.removeprefix("Example: "))
    parse(args)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_parse(page: Path) -> None:
    found = [args for block in blocks(page, "sh") for args in commands(block)]
    assert found or page.name in WITHOUT_COMMANDS
    for args in found:
        parse(args)


def test_commands_are_told_from_the_shell_around_them() -> None:
    line = 'pip install . && poetgen sample "春 夜" --num 2 > poem.txt  # thousands\npoetgen train|jq .text'
    assert list(commands(line)) == [["sample", "春 夜", "--num", "2"], ["train"]]
    with pytest.raises(Exception, match="No such option.*--metre"):
        parse(["sample", "--metre", "一东"])
    with pytest.raises(Exception, match="add --no-tie"):
        parse(["train", "--embed", "0"])


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_cheap_commands_run(
    page: Path, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for args in (args for block in blocks(page, "sh") for args in commands(block)):
        if split(args)[0] not in ("sample", "evaluate", "check", "score"):
            continue
        if args[0] == "evaluate" and "--poems" not in args:
            args += ["--num", "4"]  # of two the last counts
        if "--card" in args and brush_font() is None:
            at = args.index("--card")
            del args[at : at + 2]
        # Every checkpoint and dataset of the guides is the tiny one here.
        for option, made in (("--checkpoint", "checkpoints/poet"), ("--data", "corpora/prepared")):
            if option in args:
                args[args.index(option) + 1] = made
        typed = io.TextIOWrapper(io.BytesIO("海阔凭鱼跃，天高任鸟飞。\n".encode()))
        monkeypatch.setattr("sys.stdin", typed)
        with pytest.raises(SystemExit) as exit:
            cli.main(args)
        out, err = capsys.readouterr()
        assert exit.value.code == 0, err
        written = place / args[args.index("--output") + 1] if "--output" in args else None
        assert written.stat().st_size if written else out


# Pictures --------------------------------------------------------------------------------------------------------


def test_the_map_is_shown_in_its_colours() -> None:
    pixels = np.round(255 * matplotlib.image.imread(ROOT / "docs" / "map.png")[..., :3]).astype(int)
    for name, colour in COLOURS.items():
        wanted = [round(255 * part) for part in to_rgb(colour)]
        near = (abs(pixels - wanted) <= 20).all(-1)
        assert near.sum() > 50, f"{name}: no pixels of {colour}"


# Two languages, and links ----------------------------------------------------------------------------------------


def test_both_readmes_say_the_same() -> None:
    english, chinese = READMES
    for language in ("sh", "python"):
        both = [[re.sub(r"\s*#.*", "", block) for block in blocks(page, language)] for page in (english, chinese)]
        assert both[0] == both[1]
    texts = [page.read_text(encoding="utf-8") for page in (english, chinese)]
    headings = [Counter(len(marks) for marks in re.findall("^(#+) ", text, re.MULTILINE)) for text in texts]
    assert headings[0] == headings[1]
    # What stands in the text as code: commands, options, files, names.
    inline = [Counter(re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))) for text in texts]
    assert inline[0] == inline[1]
    links = [set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.zh.md"} for text in texts]
    assert links[0] == links[1]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall("^#+ (.*)", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "corpora" / "README.md", *ROOT.glob("checkpoints/*.md")], ids=name_of
)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link} is not there"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link} has no such heading"


# The house -------------------------------------------------------------------------------------------------------

ARCHITECTURE = ROOT / "docs" / "architecture.md"


def test_the_table_of_rooms_says_what_the_rooms_say() -> None:
    table = {row[0]: row[1:] for row in rows(ARCHITECTURE.read_text(encoding="utf-8"), "room")}
    assert sorted(table) == ROOMS
    for room, row in table.items():
        text = importlib.import_module(f"poetgen.{room}").__doc__ or ""
        owns = " ".join(text.split("\n\n")[0].split()).removesuffix(".")
        looks = re.search(r"^Looks into: ([^.]+)\.", text, re.MULTILINE)
        assert looks
        # The ground lies open to all.
        others = [name for name in re.split(r",\s+", looks[1]) if name in (*ROOMS, "poet")]
        assert row == [owns, ", ".join(others), "yes" if "Loads torch." in text else ""]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_that_are_named_are_there(page: Path) -> None:
    """`network/loss.py` in the text, poetgen/network/loss.py too: what a page sends its reader to look for."""
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"(?<![\w./-])((?:poetgen/)?[a-z_]+/[\w/]+\.(?:py|tsv))\b", text):
        places = [ROOT / name, PACKAGE / name, ROOT / "tests" / name]
        assert any(place.exists() for place in places), f"{page.name}: {name} is not there"


def test_the_maps_of_the_readmes_show_every_room() -> None:
    for page in READMES:
        (tree,) = (block for block in blocks(page, "text") if "pyproject" in block or "corpora/" in block)
        rooms = [row[0] for row in rows(ARCHITECTURE.read_text(encoding="utf-8"), "room")]
        assert re.findall(r"^  ([a-z]+)/ ", tree, re.MULTILINE) == rooms


def test_every_option_of_python_is_documented() -> None:
    table = rows((ROOT / "docs" / "api.md").read_text(encoding="utf-8"), "argument")
    names = [name for row in table for name in re.findall(r"\w+", row[0])]
    assert sorted(names) == sorted(Options.__annotations__)
    defaults = {field.name: field.default for config in (SampleConfig, Request) for field in fields(config)}
    defaults |= {"candidates": CANDIDATES, "rhyme_like": ""}
    for row in table:
        documented = re.findall(r"\w+", row[0])
        if not {"keywords", "seed"} & set(documented):
            shown = [ast.literal_eval(value.strip("` ")) for value in row[2].split(", ")]
            assert [defaults[name] for name in documented] == shown * (len(documented) // len(shown))


# Code ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_python_runs(page: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        # The tiny vocabulary lacks some of the characters.
        warnings.filterwarnings("ignore", r"(title|author|keywords): ", UserWarning)
        for block in blocks(page, "python"):
            exec(compile(block, page.name, "exec"), names)
    shown = capsys.readouterr().out
    code = "".join(blocks(page, "python"))
    # What a print shows stands behind its last line.
    expected = re.findall(r"^(?:print\(.*)?\)  # (.+)$", code, re.MULTILINE)
    by_hand = {"lstm.md": ["same outputs: True"], "bptt.md": ["same loss: True"]}
    assert page.name not in by_hand or expected == [*by_hand[page.name], "same gradients: True"]
    for line in expected:
        assert line in shown


# What corpora.md shows of formats and rules ----------------------------------------------------------------------

CORPORA = ROOT / "docs" / "corpora.md"


def test_examples_of_formats_are_read(tmp_path: Path) -> None:
    sections = re.split(r"^### `(\w+)`$", CORPORA.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    examples = dict(zip(sections[::2], sections[1::2], strict=True))
    assert tuple(examples) == FORMATS[1:]
    for format, section in examples.items():
        path = tmp_path / "example"
        path.write_text(BLOCK.findall(section)[0][1], encoding="utf-8")
        document = Document("example", path, path.stat().st_size)
        records = list(read(document))
        assert records == list(read(document, format))
        if format == "text":
            assert not records[0].verse
        else:
            assert len(records) == 2 and all(record.title or record.tune for record in records)
            assert all(record.author for record in records) or format == "lines"


def test_names_of_fields_are_listed() -> None:
    listed = next(row[1] for row in rows(CORPORA.read_text(encoding="utf-8"), "what") if row[0] == "body")
    assert re.findall(r"[a-z]+", listed) == [name for name in PLAIN_NAMES["body"] if name.isascii()]


def cleaned(before: str, script: Script = "keep", **fields: str) -> tuple[Cleaner, Any]:
    cleaner = Cleaner(script, min_chars=1)
    return cleaner, cleaner.clean(Record("here", tuple(before.split(" / ")), **fields))


def test_every_rule_does_what_its_example_shows() -> None:
    table = rows(CORPORA.read_text(encoding="utf-8"), "rule")
    table = [(re.sub(r" \(.*\)", "", rule), before, after) for rule, before, after in table]
    assert tuple(rule for rule, _, _ in table) == RULES
    verse = "床前明月光，疑是地上霜。"
    for rule, before, after in table:
        match rule:
            case "titles":
                cleaner, poem = cleaned(verse, title=before)
                assert poem.title == after
            case "authors":
                cleaner, poem = cleaned(verse, author=before)
                assert poem.author == after
            case "script" | "variant shapes":
                cleaner, poem = cleaned(before, "simplified")
                assert poem.body == after
            case "sentences with lost characters":
                cleaner = Cleaner("keep")
                assert cleaner.clean(Record("here", (before,), verse=False)).body == after
            case _:
                cleaner, poem = cleaned(before, dynasty="元" if "plays" in rule else "")
                # Every line ends in a full stop at last, whatever the rule leaves.
                assert poem.body.rstrip("，。") == after.rstrip("，。")
        assert cleaner.counts.rules[rule].poems == 1


def test_every_reason_drops_its_example() -> None:
    table = {row[0]: row[1] for row in rows(CORPORA.read_text(encoding="utf-8"), "reason")}
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "poetgen" / "corpus").glob("*.py")]
    raised = {reason for source in sources for reason in re.findall(r'raise Dropped\("([^"]+)"\)', source)}
    assert set(table) == raised | {"exact duplicate", "near duplicate"}
    for reason, cell in table.items():
        example = re.search("`([^`]+)", cell) if reason != "empty" else None
        if example:
            cleaner = Cleaner("keep")
            dynasty = "元" if "play" in reason else ""
            assert cleaner.clean(Record("here", tuple(example[1].split(" / ")), dynasty=dynasty)) is None
            assert list(cleaner.counts.dropped) == [reason]
