"""The floors of the house: who may import whom, and what no floor may do."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

import poetgen

PACKAGE = Path(str(poetgen.__file__)).parent

#: The table of DESIGN.md, from the ground up, with the modules that have come since. What stands on one line does not
#: know of its neighbours; corpus and prosody are packages, whose modules know each other.
FLOORS = (
    ("errors",),  # 0
    ("config", "vocab", "files"),  # 0
    ("corpus", "prosody", "schedule", "parallel"),  # 1
    ("sequence", "loss", "device", "lines", "figures", "copies", "rank"),  # 2
    ("dataset", "model", "request", "check"),  # 2
    ("preprocess", "perplexity", "constraint", "ngram", "skipgram"),  # 2
    ("checkpoint", "critic"),  # 3
    ("train", "sample", "evaluate"),  # 4
    ("report", "surprise"),  # 4
    ("poet", "display", "board", "inspect"),  # 5
    ("titles", "plots"),  # 5
    ("batch",),  # 6
    ("cli",),  # 6
    ("__main__",),  # 6
)
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
GROUND = set(chain.from_iterable(FLOORS[:3]))
#: Modules above the ground that load neither torch nor rich.
LIGHT = {
    *("sequence", "lines", "figures", "copies", "rank", "dataset", "request", "check", "preprocess", "constraint"),
    *("ngram", "titles", "plots", "batch", "cli"),
}

SOURCES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The module, or the package of modules, that a file belongs to: "corpus" for corpus/clean.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """The full names of all that a file imports, at its head or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            yield node.module or ""
            if node.module == "poetgen":
                yield from (f"poetgen.{alias.name}" for alias in node.names)


def test_every_module_has_its_floor() -> None:
    assert {name_of(path) for path in SOURCES} - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize("path", [path for path in SOURCES if name_of(path) != "__init__"], ids=lambda p: p.stem)
def test_a_module_imports_from_floors_below(path: Path) -> None:
    own = name_of(path)
    for imported in imports(path):
        parts = imported.split(".")
        if parts[0] != "poetgen" or len(parts) == 1 or parts[1] == "__version__":
            continue
        other = parts[1]
        if other != own:
            assert LEVEL[other] < LEVEL[own], f"{path.relative_to(PACKAGE)} imports {imported}"


def outside(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        (
            "torch",
            {
                *("loss", "model", "device", "perplexity", "skipgram", "checkpoint", "critic", "train", "sample"),
                *("evaluate", "surprise", "inspect", "board", "parallel"),
            },
        ),
        ("safetensors", {"checkpoint", "lines"}),
        ("rich", {"display"}),
        ("matplotlib", {"plots"}),
        ("typer", {"cli"}),
        ("jieba", {"corpus"}),
        ("httpx", {"corpus"}),
        ("sklearn", {"critic", "inspect"}),
    ],
)
def test_a_library_stays_in_its_home(library: str, homes: set[str]) -> None:
    users = {name_of(path) for path in SOURCES if library in outside(path)}
    assert users and users <= homes


def test_the_ground_loads_neither_torch_nor_rich() -> None:
    """Not even through others, as importing each of these modules shows."""
    modules = [
        ".".join(["poetgen", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        for path in SOURCES
        if name_of(path) in GROUND | LIGHT
    ]
    assert "poetgen.corpus.clean" in modules and "poetgen.prosody" in modules
    code = (
        f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
        "print([name for name in ('torch', 'rich', 'matplotlib', 'jieba', 'httpx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    assert not outside(path) & {"pickle", "marshal", "shelve", "dill", "joblib"}
    text = path.read_text(encoding="utf-8")
    for forbidden in ("pickle.load", "torch.load(", "allow_pickle=True", "shell=True"):
        assert forbidden not in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_core_yields_and_the_edge_prints(path: Path) -> None:
    if name_of(path) in ("cli", "display", "__main__"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"
