"""The rooms of the house: who may look into whom, which rooms load torch, and what no room may do.

The docstring of each room (poetgen/ROOM/__init__.py) says what it owns and, in its last lines, "Looks into: …" and
"Loads torch."; these tests hold the code to that, and docs/architecture.md too.
"""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import poetgen

PACKAGE = Path(str(poetgen.__file__)).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
#: Modules at the root: the ground, which looks into nothing but itself, and the interface above all rooms but cli.
GROUND = {"errors", "text", "humanize", "progress", "config", "files", "folders", "language", "signals"}
INTERFACE = {"__init__", "__main__", "poet"}


def docstring(room: str) -> str:
    return ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))) or ""


def looks_into(room: str) -> set[str]:
    """The rooms and modules of the ground that a room says it looks into."""
    found = re.search(r"^Looks into: ([^.]+)\.", docstring(room), re.MULTILINE)
    assert found, f"the docstring of {room} does not say what it looks into"
    return set(found[1].replace("\n", " ").replace(",", " ").split())


ALLOWED = {room: looks_into(room) for room in ROOMS}
WITH_TORCH = {room for room in ROOMS if "Loads torch." in docstring(room)}


def room_of(path: Path) -> str:
    """The room, or the module at the root, that a file belongs to: "corpus" for corpus/clean.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    """The full name of the module in a file."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("poetgen", *parts)).removesuffix(".__init__")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """The full names of all that a file imports, at its head or inside a function, for types too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> Iterator[str]:
    """The names below poetgen that a file imports, without the package itself."""
    for name in imports(path):
        package, _, rest = name.partition(".")
        if package == "poetgen" and rest and rest != "__version__":
            yield rest


def outside(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def test_the_root_holds_the_ground_and_the_interface_alone() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == GROUND | INTERFACE


@pytest.mark.parametrize("path", [path for path in SOURCES if room_of(path) not in INTERFACE], ids=module_of)
def test_a_module_looks_only_where_its_room_may(path: Path) -> None:
    room = room_of(path)
    allowed = ALLOWED.get(room, GROUND)
    for imported in own_imports(path):
        other = imported.split(".")[0]
        assert other == room or other in allowed, f"{path.relative_to(PACKAGE)} imports poetgen.{imported}"


def test_a_room_looks_into_no_more_than_it_says_it_needs() -> None:
    for room, allowed in ALLOWED.items():
        used = {name.split(".")[0] for path in (PACKAGE / room).glob("*.py") for name in own_imports(path)}
        assert allowed == used - {room}, f"poetgen/{room}/__init__.py"


def test_there_is_no_circle_among_rooms_nor_among_modules() -> None:
    modules = {module_of(path) for path in SOURCES}
    arrows: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        if path.name == "__init__.py":
            continue
        arrows[module_of(path)] |= {
            name for name in (f"poetgen.{rest}" for rest in own_imports(path)) if name in modules
        } - {module_of(path)}
    packages = {module_of(path) for path in SOURCES if path.name == "__init__.py"}
    between = {module: others - packages for module, others in arrows.items()}
    TopologicalSorter(between).prepare()  # raises CycleError
    TopologicalSorter({room: allowed & set(ROOMS) for room, allowed in ALLOWED.items()}).prepare()


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("torch", WITH_TORCH | {"poet"}),
        ("safetensors", {"network", "data"}),
        ("rich", {"cli"}),
        ("matplotlib", {"plots"}),
        ("typer", {"cli"}),
        ("jieba", {"corpus"}),
        ("pypinyin", {"prosody"}),
        ("httpx", {"corpus"}),
        ("sklearn", {"judging", "inspect"}),
    ],
)
def test_a_library_stays_in_its_home(library: str, homes: set[str]) -> None:
    users = {room_of(path) for path in SOURCES if library in outside(path)}
    assert users and users <= homes


def test_rooms_without_torch_do_not_load_it_when_they_are_imported() -> None:
    """Not even through others, as importing each of their modules shows; nor anything else that is slow."""
    modules = [module_of(path) for path in SOURCES if room_of(path) in set(ROOMS) - WITH_TORCH | GROUND]
    assert "poetgen.corpus.clean" in modules and "poetgen.cli" in modules and "poetgen.text" in modules
    code = (
        f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
        "print([name for name in ('torch', 'rich', 'matplotlib', 'jieba', 'httpx', 'pypinyin') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def _is_command(function: ast.FunctionDef) -> bool:
    return any("command" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_a_public_name_means_one_thing() -> None:
    """No name without an underscore is defined at the top level of two modules; commands are named as users type."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path in SOURCES:
        for node in tree(path).body:
            match node:
                case ast.FunctionDef() if _is_command(node):
                    names = []
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    names = [name]
                case ast.Assign(targets=targets):
                    names = [leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)]
                case _:
                    names = []
            for name in names:
                if not name.startswith("_"):
                    homes[name].append(module_of(path))
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_modules_functions_and_classes_are_of_a_size_to_be_read_at_once() -> None:
    """At most 400 lines a module, 60 a function (200 a command, whose options take a line each), 250 a class."""
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, f"{path.relative_to(PACKAGE)} is too long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                length = node.end_lineno - node.lineno + 1  # type: ignore[operator]
                most = 250 if isinstance(node, ast.ClassDef) else 200 if _is_command(node) else 60
                assert length <= most, f"{path.relative_to(PACKAGE)}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    assert not outside(path) & {"pickle", "marshal", "shelve", "dill", "joblib"}
    text = path.read_text(encoding="utf-8")
    for forbidden in ("pickle.load", "torch.load(", "allow_pickle=True", "shell=True"):
        assert forbidden not in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec")


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_the_core_yields_and_the_edge_prints(path: Path) -> None:
    if room_of(path) in ("cli", "__main__"):
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout.write", "sys.stderr.write"):
            raise AssertionError(f"line {node.lineno} writes to a terminal")
