"""Kills of commands: at random, and at every operation on files, and what they leave must be the old or the new, whole.

    python tests/standing/kills.py --seed 1 --kills 300        each command so often, half of it at operations
    python tests/standing/kills.py preprocess --kills 1000     one command

An operation is the opening of a file for writing, a rename, a removal, a new folder or an fsync in the folder of the
trial: a hook counts them and kills the process before the n-th. What is left is looked at as users do: the folder is
read, and the same command, or the one that goes on, has to end as if nothing had happened. Each trial is a fork of this
process, so that torch is loaded once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from poetgen import cli
from poetgen.data.dataset import Dataset
from poetgen.network import checkpoint
from poetgen.network.checkpoint import Checkpoint, read_tensors
from poetgen.network.records import LOG, read_log

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers import load_commands, make_poem

TRAIN = (
    "train --hidden 16 --embed 16 --batch-size 8 --seq-len 32 --lr-steps 0.01,0.003 --warmup 0 --eval-every 10".split()
)
TRAIN += "--device cpu --precision fp32 --patience 1000".split()
SAMPLE = "sample --checkpoint run --length 12 --candidates 1 --seed 3".split()
VERSE = "春山花落水东流，一夜江风送客舟。明月不知人意远，清光犹照旧时楼。"
#: Seconds after which a command is said to hang.
PATIENCE = 120.0


# Processes -------------------------------------------------------------------------------------------------------


def poetgen(
    place: Path, words: Sequence[str], kill_at: int = -1, kill_after: float = 0.0, said: str = ".said"
) -> tuple[int, int, str]:
    """A command in a fork, in `place`: its exit code, its operations on files if it ended, and what it said.

    It is killed before its operation `kill_at`, or after so many seconds. What it says goes to the file `said`.
    """
    told = place / said
    told.touch()
    counted, tell = os.pipe()
    pid = os.fork()
    if not pid:
        with told.open("wb") as file:
            os.dup2(file.fileno(), 1), os.dup2(file.fileno(), 2)
        os.chdir(place)
        operations = _count_operations(place.name, kill_at)
        code = 70
        try:
            cli.main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os.write(tell, str(operations()).encode())
            os._exit(code)
    os.close(tell)
    timer = threading.Timer(kill_after or PATIENCE, os.kill, (pid, signal.SIGKILL))
    timer.start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    timer.cancel()
    number = int(os.read(counted, 20) or b"0")
    os.close(counted)
    return code, number, told.read_text(errors="replace")


def _count_operations(place: str, kill_at: int) -> Callable[[], int]:
    """Count this process's operations on files from here on, and kill it before one of them."""
    count = 0
    fsync = os.fsync

    def operation() -> None:
        nonlocal count
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
            if not str(args[0]).startswith(("/dev", "/proc")):
                operation()
        elif event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link"):
            operation()

    def counted_fsync(file: int) -> None:
        operation()
        fsync(file)

    os.fsync = counted_fsync
    sys.addaudithook(hook)
    return lambda: count


# Trials ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A command, the place it begins in, and what may be left: `look` says "old", "new" or raises.

    `go_on` brings the place to its end, whatever was left, and `same` says whether it is that of an unbroken run.
    """

    name: str
    words: list[str]
    begin: Callable[[Path], None]
    look: Callable[[Path], str]
    go_on: Callable[[Path, str], list[str]]
    same: Callable[[Path], object]
    code: int = 0  # with which an unbroken run ends

    def run(self, kills: int, draw: random.Random, root: Path) -> Counter[str]:
        """So many kills, half at operations and half at random; what they left, counted. Raises AssertionError."""
        whole = self._fresh(root, "whole")
        began = time.monotonic()
        code, operations, said = poetgen(whole, self.words)
        seconds = time.monotonic() - began
        assert code == self.code, f"{self.name}: {said}"
        expected = self.same(whole)
        at = [*range(operations)]
        if operations > (kills + 1) // 2:
            at = sorted(draw.sample(at, (kills + 1) // 2))
        found: Counter[str] = Counter()
        for number in at:
            found += self._kill(root, expected, f"operation {number} of {operations}", kill_at=number)
        for _ in range(kills - len(at)):
            after = draw.uniform(0.001, seconds)
            found += self._kill(root, expected, f"{after:.3f} of {seconds:.3f} s", kill_after=after)
        return found

    def _fresh(self, root: Path, name: str) -> Path:
        place = root / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        self.begin(place)
        return place

    def _kill(
        self, root: Path, expected: object, when: str, kill_at: int = -1, kill_after: float = 0.0
    ) -> Counter[str]:
        place = self._fresh(root, "killed")
        code, _, said = poetgen(place, self.words, kill_at, kill_after)
        assert code in (self.code, -signal.SIGKILL), f"{self.name}, {when}: exit code {code}: {said}"
        try:
            left = self.look(place)
            words = self.go_on(place, left)
            again, _, said = poetgen(place, words)
            assert again == self.code, f"{' '.join(words)}: {said}"
            assert self.same(place) == expected, "not that of an unbroken run"
        except Exception as error:
            raise AssertionError(f"{self.name}, killed at {when}: {error}; see {place}") from error
        return Counter({left if code < 0 else "not killed": 1})


def copied(sources: dict[str, Path], place: Path) -> None:
    """Put copies of files and folders into a place."""
    for name, source in sources.items():
        if source.is_dir():
            shutil.copytree(source, place / name)
        else:
            shutil.copy(source, place / name)


def no_litter(folder: Path) -> None:
    """Of what was killed, nothing may be left when a later command has ended."""
    left = [
        path.name
        for path in folder.iterdir()
        if path.name.startswith(".") and path.name not in (".said", ".downloads.json")
    ]
    assert not left, f"{folder.name}: {left} is left"


# What is there ---------------------------------------------------------------------------------------------------


def dataset_of(folder: Path) -> object:
    """All of a prepared dataset but the seconds that it took; None where there is none."""
    if not folder.exists() or not (any(folder.glob("*.json")) or (folder / ".switch").exists()):
        return None
    dataset = Dataset.load(folder)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["fingerprint"] == dataset.fingerprint, "a report of another dataset"
    del report["seconds"]
    return dataset.fingerprint, dict(dataset.learned or {}), report


def run_of(folder: Path) -> tuple[str, str, bytes, str] | None:
    """A run: the id of its weights, its dataset, what else that taught, and its step; None for none."""
    if not folder.exists() or not (any(folder.glob("*.json*")) or (folder / ".switch").exists()):
        return None
    loaded = Checkpoint.load(folder)
    tensors, metadata = read_tensors(folder / checkpoint.WEIGHTS)
    assert metadata["step"] == str(loaded.config["figures"]["step"]), "figures of other weights"
    state, facts = read_tensors(folder / checkpoint.STATE)
    told = json.loads(facts["run"])
    assert told["dataset"] == loaded.config["dataset"], "a state of another dataset"
    assert loaded.config["dataset"] in (folder / "README.md").read_text(encoding="utf-8"), "a card of another model"
    assert state.keys() >= {f"model.{name}" for name in tensors}, "a state of another model"
    assert any(record.kind == "eval" for record in read_log(folder / LOG)), "a log without its evaluations"
    taught = b"".join(
        (folder / name).read_bytes() for name in ("forms.json", "lines.safetensors") if (folder / name).exists()
    )
    return loaded.id, str(told["dataset"]), taught, str(told["progress"]["step"])


def end_of_run(folder: Path) -> object:
    """What a run leaves at its end, but for the time that it took."""
    no_litter(folder)
    state = {name: tensor.numpy().tobytes() for name, tensor in read_tensors(folder / checkpoint.STATE)[0].items()}
    logged = [(record.kind, record.step) for record in read_log(folder / LOG) if record.kind != "end"]
    return run_of(folder), state, logged, sorted(path.name for path in folder.iterdir())


# The commands ----------------------------------------------------------------------------------------------------


def trials(material: Path, address: str) -> Iterator[Trial]:
    """Every command that leaves files; `address` is that of a server of the material."""
    texts = {name: material / name for name in ("old.jsonl", "new.jsonl", "titles.jsonl")}
    old, new = dataset_of(material / "old"), dataset_of(material / "new")

    def look_data(place: Path) -> str:
        found = dataset_of(place / "data")
        assert found in (old, new, None), "a dataset that is neither old nor new"
        return "none" if found is None else "old" if found == old else "new"

    def same_data(place: Path) -> object:
        no_litter(place / "data")
        return dataset_of(place / "data"), sorted(path.name for path in (place / "data").iterdir())

    words = "preprocess new.jsonl --out data --min-count 1 --jobs 1".split()
    yield Trial("preprocess", words, partial(copied, texts), look_data, lambda place, left: words, same_data)
    over = [*words, "--overwrite"]
    begin = partial(copied, texts | {"data": material / "old"})
    yield Trial("preprocess --overwrite", over, begin, look_data, lambda place, left: over, same_data)
    away = f"preprocess {address}/new.jsonl --out data --min-count 1 --jobs 1".split()

    def same_download(place: Path) -> object:
        no_litter(place / "corpora")
        return (place / "corpora" / "new.jsonl").read_bytes(), sorted(p.name for p in (place / "corpora").iterdir())

    yield Trial(
        "download",
        away,
        lambda place: None,
        lambda place: "new" if (place / "corpora" / "new.jsonl").exists() else "none",
        lambda place, left: away,
        same_download,
    )
    before = run_of(material / "run")
    assert before is not None

    def look_run(place: Path) -> str:
        found = run_of(place / "run")
        if found is None:
            return "none"
        if found == before:
            return "old"
        assert found[1:3] == (new_run[1], new_run[2]), "a run that is neither old nor new"
        return "new"

    fresh = [*TRAIN, *"--data new --out run --epochs 2".split()]
    new_run = run_of(material / "new run")
    assert new_run is not None
    resume = "train --resume --data new --out run".split()

    def go_on(first: list[str], place: Path, left: str) -> list[str]:
        return resume if left == "new" else first

    datasets = {"new": material / "new", "old": material / "old"}

    def end(place: Path) -> object:
        return end_of_run(place / "run")

    yield Trial("train", fresh, partial(copied, datasets), look_run, partial(go_on, fresh), end)
    over = [*fresh, "--overwrite"]
    begin = partial(copied, datasets | {"run": material / "run"})
    yield Trial("train --overwrite", over, begin, look_run, partial(go_on, over), end)
    further = [*resume, "--epochs", "3"]
    begin = partial(copied, datasets | {"run": material / "new run"})
    yield Trial("train --resume", further, begin, look_run, lambda p, left: further, end)

    texts |= {"run": material / "run"}
    for name, more in (("poems.jsonl", ["--resume"]), ("poems.txt", ["--overwrite"])):
        words = [*SAMPLE, *f"--input titles.jsonl --num 2 --output {name}".split()]
        whole = material / name

        def look_poems(place: Path, name: str = name, whole: Path = whole) -> str:
            if not (place / name).exists():
                return "none"
            left = (place / name).read_bytes()
            assert whole.read_bytes().startswith(left), "poems that no unbroken run has written"
            return "whole" if left == whole.read_bytes() else "part"

        def rest(place: Path, left: str, words: list[str] = words, more: list[str] = more) -> list[str]:
            return words if left == "none" else [*words, *more]

        def same_poems(place: Path, name: str = name) -> object:
            no_litter(place)
            return (place / name).read_bytes()

        yield Trial(f"sample --output {name}", words, partial(copied, texts), look_poems, rest, same_poems, code=1)

    answering = "couplet --input lines.txt --seed 1 --candidates 2 --checkpoint run --output out.jsonl".split()

    def look_answers(place: Path) -> str:
        return "new" if (place / "out.jsonl").exists() and same_answers(place) else "none"

    def same_answers(place: Path) -> object:
        return [json.loads(line)["second"] for line in (place / "out.jsonl").read_text(encoding="utf-8").splitlines()]

    def answer_again(place: Path, left: str) -> list[str]:
        (place / "out.jsonl").unlink(missing_ok=True)
        return answering

    lines = partial(copied, {"run": material / "run", "lines.txt": material / "lines.txt"})
    yield Trial("couplet --output", answering, lines, look_answers, answer_again, same_answers)
    importing = "models import packed.zip --name mine --overwrite".split()

    def look_imported(place: Path) -> str:
        id = Checkpoint.load(place / "checkpoints" / "mine").id
        assert id in (before[0], new_run[0]), "a checkpoint that is neither old nor new"
        return "old" if id == before[0] else "new"

    def same_import(place: Path) -> object:
        no_litter(place / "checkpoints" / "mine")
        return sorted((path.name, path.read_bytes()) for path in (place / "checkpoints" / "mine").iterdir())

    yield Trial(
        "models import",
        importing,
        partial(copied, {"checkpoints/mine": material / "run", "packed.zip": material / "packed.zip"}),
        look_imported,
        lambda place, left: importing,
        same_import,
    )
    for name, options in DRAWN.items():
        yield drawing(name, options, material)


#: How each command that draws is called, but for where to.
DRAWN = {
    "inspect map": "--checkpoint run --num 30",
    "inspect gates": "春山花落水，一夜送客舟。明月不知人，犹照旧时楼。"
    " --poems many.jsonl --units 2 --json --checkpoint run",
    "inspect memory": "--poems many.jsonl --form 五绝 --num 3 --json --checkpoint run --device cpu",
    "inspect digits": "--cells rnn,lstm --lengths 4,5 --hidden 4 --steps 3 --repeats 1 --json",
    "inspect ablate": "--data many --seq-len 16,32 --hidden 4 --minutes 0.002 --batch-tokens 256 --json --device cpu",
}
#: What a grid of runs writes besides, which take their time and are thus never the same.
GRID = "ablate.jsonl"


def drawing(name: str, options: str, material: Path) -> Trial:
    """A command that draws: each file is the old one or the new one, whole, and so is each line of JSON."""
    words = [*name.split(), *options.split(), "--out", "out"]
    ends = {f"{words[1]}.png": b"IEND\xaeB`\x82", f"{words[1]}.svg": b"</svg>\n"}

    def begin(place: Path) -> None:
        copied({found: material / found for found in ("run", "many", "many.jsonl")}, place)
        (place / "out").mkdir()
        for file in ends:
            (place / "out" / file).write_bytes(b"old")

    def look(place: Path) -> str:
        left = {path.name: path.read_bytes() for path in (place / "out").iterdir()}
        new = {file for file in ends if left[file] != b"old"}
        assert all(left[file].endswith(ends[file]) for file in new), "half a picture"
        said = [line for line in (place / ".said").read_bytes().splitlines() if line[:1] == b"{"]
        for line in [*left.get(GRID, b"").splitlines(), *said]:
            json.loads(line)
        return "new" if len(new) == 2 else "one of two" if new else "old"

    def same(place: Path) -> object:
        no_litter(place / "out")
        left = {path.name: path.read_bytes() for path in (place / "out").iterdir()}
        if GRID not in left:
            return left
        runs = [json.loads(line)["run"] for line in left[GRID].splitlines()]
        return left.keys(), sorted((run["seq_len"], run["hidden"]) for run in runs)

    return Trial(name, words, begin, look, lambda place, left: words, same)


def make_material(folder: Path) -> None:
    """Two corpora, of which the old has a tune, their datasets, a run on each, and poems by the old."""
    poems = [make_poem(number) for number in range(40)]
    sung = [{"title": f"望春其{n}", "rhythmic": "望春", "content": f"{c}{VERSE[1:]}"} for n, c in enumerate(VERSE[:30])]
    many = [make_poem(number) for number in range(0, 200, 4)]  # of one form
    for name, contents in (("old", poems[:30] + sung), ("new", poems[5:]), ("many", many)):
        lines = [json.dumps(poem, ensure_ascii=False) for poem in contents]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    titles = [
        '{"title": "春"}',
        "{oops",
        '{"title": "秋", "seed": 7}',
        '{"title": "冬", "temperature": -1}',
        '{"title": "春"}',
    ]
    (folder / "titles.jsonl").write_text("\n".join(titles * 3), encoding="utf-8")
    (folder / "lines.txt").write_text("春山花落水\n一夜江风远\n明月不知意\n", encoding="utf-8")
    words = "preprocess many.jsonl --out many --min-count 1 --jobs 1 --valid-share 0.3".split()
    assert poetgen(folder, words)[0] == 0
    for name, run in (("old", "run"), ("new", "new run")):
        words = f"preprocess {name}.jsonl --out {name} --min-count 1 --jobs 1".split()
        assert poetgen(folder, words)[0] == 0
        words = [*TRAIN, *f"--data {name} --epochs 2 --out".split(), run]
        assert poetgen(folder, words)[0] == 0
    assert poetgen(folder, ["models", "export", "new run", "packed.zip"])[0] == 0
    for name in ("poems.jsonl", "poems.txt"):
        words = [*SAMPLE, *f"--input titles.jsonl --num 2 --output {name}".split()]
        poetgen(folder, words)  # its exit code says that lines were left out


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of the files in a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


#: So many times a trial is made, in a folder, with what it draws; what came of it, counted. Raises AssertionError.
Tried = Callable[[int, random.Random, Path], Counter[str]]


def trial_parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that both scripts have; each adds how often it makes each trial, as `times`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of trials; default: all")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def try_all(options: argparse.Namespace, tried: Callable[[Path], Iterator[tuple[str, Tried]]]) -> int:
    """Make the trials that `tried` gives by their names; the number that failed."""
    load_commands()
    warnings.filterwarnings("ignore", message=".*fork.*")
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        material = root / "material"
        material.mkdir()
        make_material(material)
        for trial, run in tried(root):
            if options.names and trial not in options.names:
                continue
            began = time.monotonic()
            try:
                found = run(options.times, random.Random(f"{options.seed} {trial}"), root)
                said = ", ".join(f"{number} {what}" for what, number in sorted(found.items()))
            except AssertionError as error:
                failed += 1
                said = f"FAILED: {error}"
            print(f"{trial}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
    return failed


def main(args: Sequence[str] | None = None) -> int:
    """Run trials; the number of commands that failed."""

    def tried(root: Path) -> Iterator[tuple[str, Tried]]:
        with served(root / "material") as address:
            for trial in trials(root / "material", address):
                yield trial.name, trial.run

    parser = trial_parser(__doc__)
    parser.add_argument("--kills", type=int, default=20, dest="times", help="of each command")
    return try_all(parser.parse_args(args), tried)


if __name__ == "__main__":
    sys.exit(main())
