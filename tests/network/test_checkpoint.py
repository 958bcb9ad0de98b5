"""A model, its config and its vocabulary in one folder."""

import json
import math
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from poetgen.config import ModelConfig
from poetgen.data.dataset import LINES_FILE, TUNES_FILE, Dataset
from poetgen.data.sequence import NEEDED
from poetgen.data.vocab import Vocab
from poetgen.errors import CheckpointError, SaveError
from poetgen.network import checkpoint
from poetgen.network.checkpoint import (
    CARD,
    CONFIG,
    STATE,
    VOCAB,
    WEIGHTS,
    Checkpoint,
    export,
    read_tensors,
)
from poetgen.network.model import PoetModel
from poetgen.network.trainer import Trainer
from poetgen.prosody import tunes
from poetgen.prosody.rhymes import CILIN
from poetgen.prosody.template import Template, TemplateLine
from poetgen.text import clauses

from helpers import TINY

WORDS = Vocab.build(dict.fromkeys("春夏秋冬，。", 1), NEEDED)


def make(folder: Path, vocab: Vocab = WORDS, **options: Any) -> PoetModel:
    """A checkpoint of an untrained model, and the model."""
    config = ModelConfig(**({"vocab_size": len(vocab), "hidden": 8, "embed": 8} | options))
    torch.manual_seed(3)
    model = PoetModel(config).eval()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VOCAB).write_text(vocab.to_json(), encoding="utf-8")
    checkpoint.write_config(folder, config, train={}, figures={})
    checkpoint.save_weights(folder / WEIGHTS, model, vocab, step=7)
    return model


# There and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"cell": cell, "tie": tie, "embed": embed}
        for cell in ("lstm", "gru", "rnn")
        for tie, embed in ((True, 8), (True, 5), (False, 6), (False, 0))
    ],
    ids=str,
)
def test_a_model_comes_back_as_it_was(options: dict[str, Any], tmp_path: Path) -> None:
    model = make(tmp_path, **options)
    loaded = Checkpoint.load(tmp_path)
    assert loaded.model.config == model.config and loaded.vocab == WORDS
    assert not loaded.model.training
    ids = torch.randint(2, len(WORDS), (2, 9))
    with torch.no_grad():
        assert torch.equal(loaded.model(ids)[0], model(ids)[0])
    assert loaded.model.parameters_count == model.parameters_count
    if options["tie"]:
        assert loaded.model.embedding is not None
        assert loaded.model.output.weight is loaded.model.embedding.weight, "still one and the same"


def test_shared_weights_are_stored_once(tmp_path: Path) -> None:
    make(tmp_path, vocab_size=len(WORDS))
    tensors, metadata = read_tensors(tmp_path / WEIGHTS)
    assert sum(tensor.shape == (len(WORDS), 8) for tensor in tensors.values()) == 1
    assert metadata["step"] == "7"


def test_the_id_names_the_weights(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b")
    make(tmp_path / "c", cell="gru")
    ids = [Checkpoint.load(tmp_path / name).id for name in "abc"]
    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) == 12


def test_a_folder_stands_alone(tiny: Path, tmp_path: Path) -> None:
    for name in (WEIGHTS, CONFIG, VOCAB):
        shutil.copy(tiny / name, tmp_path)
    assert Checkpoint.load(tmp_path).id == Checkpoint.load(tiny).id


def test_what_training_writes_can_be_loaded_and_tells_of_itself(tiny: Path, prepared: Path) -> None:
    loaded, dataset = Checkpoint.load(tiny), Dataset.load(prepared)
    assert loaded.vocab == dataset.vocab
    assert loaded.config["dataset"] == dataset.fingerprint
    assert loaded.config["train"]["hidden"] == TINY.hidden
    figures = loaded.config["figures"]
    assert figures["train_poems"] == len(dataset.train)
    card = (tiny / CARD).read_text(encoding="utf-8")
    assert f"ppl_char {figures['ppl_char']:.1f}" in card and dataset.fingerprint in card


def test_export_halves_the_weights_and_keeps_the_rest(tiny: Path, tmp_path: Path) -> None:
    name = export(tiny, tmp_path / "box")
    loaded, source = Checkpoint.load(tmp_path / "box"), Checkpoint.load(tiny)
    assert loaded.id == name != source.id
    assert loaded.vocab == source.vocab and loaded.config == source.config
    assert (tmp_path / "box" / WEIGHTS).stat().st_size < 0.6 * (tiny / WEIGHTS).stat().st_size
    ids = torch.randint(2, len(loaded.vocab), (2, 9))
    with torch.no_grad():
        found, expected = loaded.model(ids)[0], source.model(ids)[0]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)
    assert sorted(path.name for path in (tmp_path / "box").iterdir()) == sorted(
        (WEIGHTS, CONFIG, VOCAB, CARD, LINES_FILE)
    )


# What the corpus taught besides ----------------------------------------------------------------------------------

TUNE = Template("望春", ((TemplateLine(("平平仄",), 0, "。"), TemplateLine(("仄平仄",), 0, "。")),), CILIN, (2,))


def teach(folder: Path) -> None:
    """Put a tune beside a dataset or a checkpoint."""
    (folder / TUNES_FILE).write_text(tunes.tunes_json({"望春": tunes.LearnedTune(TUNE, 20, 1.0)}), encoding="utf-8")


def test_tunes_and_lines_come_along_from_dataset_to_checkpoint_to_export(prepared: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(prepared, tmp_path / "data"))
    teach(data)
    dataset = Dataset.load(data)
    for _ in Trainer(dataset, replace(TINY, epochs=1), tmp_path / "run").run():
        pass
    export(tmp_path / "run", tmp_path / "box")
    body = dataset.vocab.decode(dataset.train.fields(0)["body"].tolist())
    for name in ("run", "box"):
        loaded = Checkpoint.load(tmp_path / name)
        assert loaded.forms == {"望春": TUNE}
        assert loaded.lines is not None and clauses(body)[0] in loaded.lines
        for kept in (TUNES_FILE, LINES_FILE):
            assert (tmp_path / name / kept).read_bytes() == (data / kept).read_bytes()


def test_a_checkpoint_without_tunes_and_lines_loads(tmp_path: Path) -> None:
    make(tmp_path)
    loaded = Checkpoint.load(tmp_path)
    assert loaded.forms == {} and loaded.lines is None


def test_what_another_dataset_taught_does_not_stay(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    teach(out)
    list(Trainer(Dataset.load(prepared), TINY, out).run())
    assert not (out / TUNES_FILE).exists() and (out / LINES_FILE).exists()


def test_a_dataset_made_in_memory_teaches_nothing_and_deletes_nothing(prepared: Path, tmp_path: Path) -> None:
    found = Dataset.load(prepared)
    teach(tmp_path)
    list(Trainer(Dataset(found.vocab, found.train, found.valid, "0"), TINY, tmp_path).run())
    assert (tmp_path / TUNES_FILE).exists()


@pytest.mark.parametrize("name", [TUNES_FILE, LINES_FILE])
def test_broken_tunes_and_lines_are_named(name: str, tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(CheckpointError, match=rf"{name}: not .*delete the file") as caught:
        Checkpoint.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_lies_in_the_way_of_a_file_is_named(tiny: Path, prepared: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny, tmp_path / "run"))
    (run / TUNES_FILE).mkdir()  # which no file can replace
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(SaveError, match=f"{TUNES_FILE}: cannot be written"):
        list(Trainer(Dataset.load(prepared), TINY, run).run())
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_a_card_that_a_person_wrote_is_left_alone(tiny: Path, tmp_path: Path) -> None:
    config = json.loads((tiny / CONFIG).read_text(encoding="utf-8"))
    checkpoint.write_card(tmp_path, config)
    first = (tmp_path / CARD).read_text(encoding="utf-8")
    checkpoint.write_card(tmp_path, config | {"dataset": "another"})
    assert (tmp_path / CARD).read_text(encoding="utf-8") != first, "its own it writes again"
    (tmp_path / CARD).write_text("# Mine\n")
    checkpoint.write_card(tmp_path, config)
    assert (tmp_path / CARD).read_text() == "# Mine\n"


# What can be wrong with a folder ---------------------------------------------------------------------------------

Spoil = Callable[[Path], object]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(4000))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def edit(**changes: Any) -> Spoil:
    """Changes to config.json; those of the model by their names."""

    def spoil(path: Path) -> None:
        config = json.loads(path.read_text(encoding="utf-8"))
        for key, value in changes.items():
            part = config["model"] if key in config["model"] else config
            part[key] = value
            if value is None:
                del part[key]
        path.write_text(json.dumps(config), encoding="utf-8")

    edit.__name__ = spoil.__name__ = "edit"
    return spoil


def text(content: str) -> Spoil:
    return lambda path: path.write_text(content)


def foreign_tensors(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def another_version(path: Path) -> None:
    tensors, _ = read_tensors(path)
    save_file(tensors, path, metadata={"format": "poetgen 99"})


def renamed_tensor(path: Path) -> None:
    tensors, _ = read_tensors(path)
    tensors["another"] = tensors.pop("output.bias")
    checkpoint.write_tensors(path, tensors, {})


def reshaped_tensor(path: Path) -> None:
    tensors, _ = read_tensors(path)
    tensors["output.bias"] = tensors["output.bias"][:-1].contiguous()
    checkpoint.write_tensors(path, tensors, {})


def an_extra_tensor(path: Path) -> None:
    tensors, _ = read_tensors(path)
    checkpoint.write_tensors(path, tensors | {"extra": torch.zeros(2)}, {})


def with_numbers(value: float) -> Spoil:
    def spoil(path: Path) -> None:
        tensors, metadata = read_tensors(path)
        tensors["output.bias"][0] = value
        checkpoint.write_tensors(path, tensors, metadata)

    return spoil


def of_integers(path: Path) -> None:
    tensors, metadata = read_tensors(path)
    checkpoint.write_tensors(path, tensors | {"output.bias": tensors["output.bias"].to(torch.int64)}, metadata)


def with_an_id(id: str) -> Spoil:
    def spoil(path: Path) -> None:
        tensors, metadata = read_tensors(path)
        checkpoint.write_tensors(path, tensors, metadata | {"id": id})

    return spoil


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)  # whoever opens it waits for ever


def another_vocabulary(path: Path) -> None:
    tokens = list(WORDS.tokens)
    tokens[-2:] = reversed(tokens[-2:])
    path.write_text(Vocab(tokens).to_json(), encoding="utf-8")


def without_token(token: str) -> Spoil:
    """Another token in its place."""

    def spoil(path: Path) -> None:
        tokens = ["[ANOTHER]" if found == token else found for found in WORDS.tokens]
        path.write_text(Vocab(tokens).to_json(), encoding="utf-8")

    return spoil


def a_longer_vocabulary(path: Path) -> None:
    path.write_text(Vocab([*WORDS.tokens, "山"]).to_json(), encoding="utf-8")


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def torch_pickle(path: Path) -> None:
    torch.save({"a": Bomb(str(path.with_name("exploded")))}, path)


def plain_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb(str(path.with_name("exploded")))))


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        *((name, Path.unlink, "missing") for name in (WEIGHTS, CONFIG, VOCAB)),
        *((name, spoil, "again") for name in (WEIGHTS, CONFIG, VOCAB) for spoil in (cut, empty, noise, folder)),
        *((name, spoil, "again") for name in (WEIGHTS, CONFIG, VOCAB) for spoil in (torch_pickle, plain_pickle)),
        *((WEIGHTS, with_numbers(value), "output.bias holds what is no number") for value in (math.nan, math.inf)),
        (WEIGHTS, of_integers, "output.bias holds what is no number"),
        (WEIGHTS, with_an_id("\x1b[2J"), "its id is none"),
        (WEIGHTS, pipe, "not a file"),
        *((name, pipe, "not a file") for name in (CONFIG, VOCAB)),
        (CONFIG, text(" " * (2 << 20)), "more than 1 MB"),
        *((CONFIG, edit(**{name: 10**9}), "does not describe a model") for name in ("layers", "hidden", "embed")),
        *((CONFIG, edit(layers=value), "does not describe a model") for value in (1.0, True, "2", [2], 2**70)),
        (CONFIG, text("[]"), "not a config of poetgen"),
        (CONFIG, text('"春"'), "not a config of poetgen"),
        (CONFIG, text("[" * 100_000), "not a config of poetgen"),
        (CONFIG, text("{}"), "not a config of poetgen"),
        (CONFIG, edit(format=2), "checkpoint format 2; this poetgen reads format 1"),
        (CONFIG, edit(model=None), "does not describe a model"),
        (CONFIG, edit(hidden=None), "does not describe a model"),
        (CONFIG, edit(model="lstm"), "does not describe a model"),
        (CONFIG, edit(cell="transformer"), "does not describe a model"),
        (CONFIG, edit(hidden="8"), "does not describe a model"),
        (CONFIG, edit(hidden=8.5), "does not describe a model"),
        (CONFIG, edit(layers=1.5), "does not describe a model"),
        (CONFIG, edit(hidden=-1), "does not describe a model"),
        (WEIGHTS, foreign_tensors, "format unknown; this poetgen reads format poetgen 1"),
        (WEIGHTS, another_version, "format poetgen 99; this poetgen reads"),
        (WEIGHTS, renamed_tensor, "another, output.bias does not fit"),
        (WEIGHTS, reshaped_tensor, "output.bias does not fit"),
        (WEIGHTS, an_extra_tensor, "extra does not fit"),
        (VOCAB, a_longer_vocabulary, "16 tokens where config.json says 15"),
        *((VOCAB, without_token(token), rf"not a vocabulary of poetgen \(without \{token}") for token in NEEDED),
        (VOCAB, another_vocabulary, "not the vocabulary that model.safetensors was trained with"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(name: str, spoil: Spoil, message: str, tmp_path: Path) -> None:
    make(tmp_path)
    spoil(tmp_path / name)
    with pytest.raises(CheckpointError, match=message) as error:
        Checkpoint.load(tmp_path)
    told = str(error.value)
    assert told.startswith(str(tmp_path / name)), told
    assert "\n" not in told
    assert not (tmp_path / "exploded").exists(), "something was unpickled"


@pytest.mark.parametrize(
    "changed", [{"hidden": 16}, {"layers": 3}, {"cell": "gru"}, {"tie": False}, {"embed": 6}], ids=str
)
def test_weights_that_do_not_fit_their_config(changed: dict[str, Any], tmp_path: Path) -> None:
    make(tmp_path)
    edit(**changed)(tmp_path / CONFIG)
    with pytest.raises(CheckpointError, match="does not fit the model that config.json describes") as error:
        Checkpoint.load(tmp_path)
    assert str(error.value).startswith(str(tmp_path / WEIGHTS))


def test_no_folder_and_no_checkpoint(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        (tmp_path / "file").write_text("")
        with pytest.raises(CheckpointError, match="no such checkpoint folder"):
            Checkpoint.load(path)
    with pytest.raises(CheckpointError, match=r"config\.json: missing"):
        Checkpoint.load(tmp_path)


# Saving ----------------------------------------------------------------------------------------------------------

FULL = """
import resource, sys, torch
from dataclasses import replace
from pathlib import Path
torch.set_num_threads(1)
from poetgen.config import TrainConfig
from poetgen.data.dataset import Dataset
from poetgen.errors import SaveError
from poetgen.network.trainer import Trainer
data, out, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
config = TrainConfig(**eval(sys.argv[4]))
trainer = Trainer(Dataset.load(data), config, out, resume=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    for record in trainer.run(): pass
except SaveError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", [WEIGHTS, STATE, "log.jsonl"])
def test_a_disk_that_fills_up_while_saving(name: str, tiny: Path, prepared: Path, tmp_path: Path) -> None:
    """The old files stay as they were, whichever is the first that has no room."""
    out = Path(shutil.copytree(tiny, tmp_path / "run"))
    if name == STATE:  # the weights of a run that gets worse are not written
        tensors, metadata = read_tensors(out / STATE)
        facts = json.loads(metadata["run"])
        facts["ladder"]["best"] = 0.0
        checkpoint.write_tensors(out / STATE, tensors, {"run": json.dumps(facts)})
    if name == "log.jsonl":
        (out / name).write_text("\n" * 100_000)
    size = (out / name).stat().st_size // 2
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    config = replace(TINY, epochs=3, eval_every=1)
    options = {field: getattr(config, field) for field in config.__dataclass_fields__}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(prepared), str(out), str(size), repr(options)],
        capture_output=True,
        text=True,
        check=True,
    )
    # The state and the weights are written beside the old ones, and change together.
    full = {name} if name == "log.jsonl" else {WEIGHTS, STATE}
    told = "cannot be written (File too large); free some room"
    assert any(done.stdout.startswith(f"{out / file}: {told}") for file in full), done
    assert {path.name for path in out.iterdir()} == before.keys(), "nothing half-written is left"
    for kept in (WEIGHTS, STATE, VOCAB):
        assert (out / kept).read_bytes() == before[kept]
    Checkpoint.load(out)
    Trainer(Dataset.load(prepared), config, out, resume=True)


def test_a_place_that_cannot_be_written(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="cannot be written"):
        Trainer(Dataset.load(prepared), TINY, tmp_path / "file" / "run")
    with pytest.raises(SaveError, match="cannot be written"):
        export(make_folder(tmp_path), tmp_path / "file" / "box")


def make_folder(tmp_path: Path) -> Path:
    make(tmp_path / "some")
    return tmp_path / "some"
