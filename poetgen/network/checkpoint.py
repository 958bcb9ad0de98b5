"""A model, its config and its vocabulary in one folder that stands alone.

    model.safetensors   weights of the best evaluation; metadata with format version and step
    config.json         model and training options, dataset fingerprint, figures
    vocab.json
    forms.json          templates of tunes, if the dataset taught any
    lines.safetensors   which lines stand in the dataset, to know a borrowed line by; not in older checkpoints
    README.md           model card: model, data, training, figures
    train.state         everything --resume needs, weights included (safetensors); not needed to sample

Nothing is ever unpickled. What belongs together changes as one (poetgen/folders.py), and neither weights file relies on
the other, so that a kill at any instant leaves a checkpoint that samples and one that resumes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from poetgen.config import ModelConfig
from poetgen.data.dataset import LINES_FILE, TUNES_FILE
from poetgen.data.line_index import LineIndex
from poetgen.data.profile import CorpusProfile
from poetgen.data.sequence import NEEDED
from poetgen.data.vocab import Vocab
from poetgen.errors import CheckpointError, PoetgenError
from poetgen.files import from_json, parse_json, read_json, to_json, write_atomic
from poetgen.folders import located, read_as_one, switching
from poetgen.network.eight_bits import from_eight_bits, to_eight_bits
from poetgen.network.model import PoetModel
from poetgen.network.registry import CARD, CONFIG, MOST_CONFIG, STATE, VOCAB, WEIGHTS
from poetgen.prosody.template import Template
from poetgen.prosody.tunes import load_tunes

CHECKPOINT_FORMAT = 1
#: What weights may be stored as; all are taken as fp32.
_WEIGHT_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
#: The file of a reader (writing/reader.py), which belongs to one set of weights.
READER: Final = "reader.safetensors"
#: The picture of a run, which plots/training.py draws.
PICTURES = ("run.png", "run.svg")

#: Stands at the head of the cards that training writes, and may write again.
_CARD_MARK = "<!-- written by poetgen train -->"


@dataclass
class Checkpoint:
    """What a folder holds: the model in evaluation mode, its vocabulary, the rest of config.json, and an id.

    `forms` are the templates of the tunes that its corpus taught, by their listed names (see prosody/tunes.py);
    `lines` are the lines of the corpus, None in checkpoints without that index.
    """

    path: Path
    model: PoetModel
    vocab: Vocab
    config: dict[str, Any]
    id: str
    forms: dict[str, Template] = field(default_factory=dict)
    lines: LineIndex | None = None

    @property
    def profile(self) -> CorpusProfile | None:
        """What the poems of its corpus are like; None where its config.json, an older one, does not tell."""
        return CorpusProfile.parse(self.config.get("corpus"))

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> Checkpoint:
        """Open a checkpoint; raises CheckpointError that names the file which is missing, cut or foreign."""
        if not os.path.isdir(path):  # False also where a name is too long, of which Path.is_dir complains
            raise CheckpointError(f"{path}: no such checkpoint folder; give --checkpoint one that poetgen train wrote")
        names = (WEIGHTS, CONFIG, VOCAB, TUNES_FILE, LINES_FILE)
        return read_as_one(path, names, lambda where: cls._read(path, where, device))

    @classmethod
    def _read(cls, path: Path, where: Callable[[str], Path], device: torch.device | str) -> Checkpoint:
        config = _read_config(where(CONFIG))
        model_config = _model_config(config.get("model"), where(CONFIG))
        vocab = Vocab.load(where(VOCAB), NEEDED)
        if len(vocab) != model_config.vocab_size:
            raise CheckpointError(
                f"{where(VOCAB)}: {len(vocab)} tokens where {CONFIG} says {model_config.vocab_size}; "
                "the files are of different checkpoints: copy the whole folder again"
            )
        tensors, metadata = read_tensors(where(WEIGHTS))
        if metadata.get("vocab", vocab.fingerprint) != vocab.fingerprint:
            raise CheckpointError(
                f"{where(VOCAB)}: not the vocabulary that {WEIGHTS} was trained with; "
                "the files are of different checkpoints: copy the whole folder again"
            )
        try:
            with torch.device("meta"), _Unfilled():
                model = PoetModel(model_config)
        except (TypeError, RuntimeError) as error:
            raise CheckpointError(f"{where(CONFIG)}: does not describe a model ({error}); copy it again") from error
        load_weights(model, tensors, where(WEIGHTS))
        forms = {name: tune.template for name, tune in load_tunes(where(TUNES_FILE)).items()}
        lines = LineIndex.load(where(LINES_FILE))
        return cls(path, model.to(device).eval(), vocab, config, metadata.get("id", ""), forms, lines)


class _Unfilled(TorchFunctionMode):
    """Leaves new weights as they are: random numbers on "meta" load torch._dynamo and sympy, which takes a second."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__module__", "") == "torch.nn.init" or function in (Tensor.normal_, Tensor.uniform_):
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def holds_run(folder: Path) -> bool:
    """Whether a folder has a model, or the state of a run."""
    return any(located(folder, name).exists() for name in (WEIGHTS, STATE))


def save_weights(
    path: Path, model: PoetModel, vocab: Vocab, dtype: torch.dtype | None = None, **metadata: object
) -> str:
    """Write weights, shared ones once, as `dtype` (default: as they are); returns the id, a hash of them.

    int8 is as network/eight_bits.py has it.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _own_tensors(model)}
    if dtype is torch.int8:
        tensors = to_eight_bits(tensors)
    elif dtype is not None:
        tensors = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.view(torch.uint8).numpy().tobytes())
    id = digest.hexdigest()[:12]
    write_tensors(
        path, tensors, {"id": id, "vocab": vocab.fingerprint, **{key: str(value) for key, value in metadata.items()}}
    )
    return id


def load_weights(model: PoetModel, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill `model` with the tensors read from `path`, in fp32; raises CheckpointError where they do not fit it."""
    check_fit(model, tensors, path)
    # Copies: what was read may lie in the mapped file, which somebody may cut short.
    weights = {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
    model.load_state_dict(weights, strict=False, assign=True)
    if model.config.tie and model.embedding is not None:
        model.output.weight = model.embedding.weight


def check_fit(model: PoetModel, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise CheckpointError unless `tensors`, read from `path`, have the names and shapes of the model's."""
    expected = {name: tensor.shape for name, tensor in _own_tensors(model)}
    wrong = sorted(expected.keys() ^ tensors.keys()) or [
        name for name, shape in expected.items() if tensors[name].shape != shape
    ]
    if wrong:
        raise CheckpointError(
            f"{path}: {', '.join(wrong[:3])} does not fit the model that {CONFIG} describes; "
            "the files are of different checkpoints: copy the whole folder again"
        )


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """A safetensors file with poetgen's format version in its metadata; raises SaveError."""
    write_atomic(path, save(dict(tensors), {"format": f"poetgen {CHECKPOINT_FORMAT}", **metadata}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a file that write_tensors wrote; raises CheckpointError."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a file")
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != f"poetgen {CHECKPOINT_FORMAT}":
                raise CheckpointError(
                    f"{path}: format {metadata.get('format', 'unknown')}; "
                    f"this poetgen reads format poetgen {CHECKPOINT_FORMAT}"
                )
            tensors = from_eight_bits({name: file.get_tensor(name) for name in file.keys()})
    except FileNotFoundError:
        raise CheckpointError(f"{path}: missing; copy the whole folder, or train again") from None
    except (OSError, SafetensorError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise CheckpointError(f"{path}: cut short or not a weights file ({error}); copy it again") from error
    for name, tensor in tensors.items():
        if tensor.dtype not in _WEIGHT_TYPES or not bool(tensor.float().isfinite().all()):
            raise CheckpointError(f"{path}: {name} holds what is no number, or none of a weight; copy it again")
    if not re.fullmatch(r"[0-9a-f]{0,64}", metadata.get("id", "")):
        raise CheckpointError(f"{path}: its id is none of poetgen; copy it again")
    return tensors, metadata


def write_config(path: Path, model: ModelConfig, **rest: object) -> dict[str, Any]:
    """Write config.json and return what is in it; raises SaveError."""
    text = to_json({"format": CHECKPOINT_FORMAT, "model": asdict(model), **rest}, indent=2)
    write_atomic(path / CONFIG, text + "\n")
    return dict(parse_json(text))


def write_card(path: Path, config: Mapping[str, Any], beside: Path | None = None) -> None:
    """Write the model card that a config.json tells of, unless a person wrote a README there; raises SaveError.

    It is that of the checkpoint in `path`, and goes there, or `beside`.
    """
    card = path / CARD
    if card.exists() and not card.read_bytes().startswith(_CARD_MARK.encode()):
        return
    model, train, figures = config["model"], config["train"], config["figures"]
    measured = [f"{key} {figures[key]:.1f}" for key in ("ppl_char", "ppl_all") if figures[key] is not None]
    scored = "validation split" if figures["valid_poems"] else "training split, for there is no other"
    lines = [
        _CARD_MARK,
        f"# {path.name}",
        "",
        "A character-level poetry model, trained and to be sampled with poetgen:",
        f"`poetgen sample TITLE --checkpoint {path}`.",
        "",
        "| | |",
        "| --- | --- |",
        f"| model | {model['cell']}, {model['layers']} layers of {model['hidden']}, embedding {model['embed']}"
        f"{', tied' if model['tie'] else ''}, {model['vocab_size']:,} tokens |",
        f"| data | prepared dataset {config['dataset']}: {figures['train_poems']:,} poems to train on, "
        f"{figures['valid_poems']:,} to validate with |",
        f"| training | {figures['step']:,} steps, {figures['epoch']:.2f} epochs, {figures['tokens']:,} scored tokens, "
        f"{figures['seconds'] / 60:.1f} minutes, learning rates {', '.join(map(str, train['lr_steps']))} |",
        f"| figures | {', '.join(measured)} on {figures['valid_tokens']:,} tokens of the {scored}, in the precision of "
        "training |",
        "",
        "Sampling holds the rules of a form; sense is what the model has picked up from its examples. It has the",
        "taste and the blind spots of its corpus. The figures are those of the best evaluation, as are the weights.",
        "",
    ]
    write_atomic((beside or path) / CARD, "\n".join(lines))


def export(source: Path, target: Path, dtype: torch.dtype = torch.float16) -> str:
    """Copy what sampling needs into `target`, the weights as `dtype`, half precision or int8; returns the new id.

    Raises CheckpointError or SaveError.
    """
    loaded = Checkpoint.load(source)
    with switching(target, (TUNES_FILE, LINES_FILE, READER)) as beside:
        for name in (CONFIG, VOCAB, CARD, TUNES_FILE, LINES_FILE):
            if (source / name).exists():
                write_atomic(beside / name, (source / name).read_bytes())
        id = save_weights(beside / WEIGHTS, loaded.model, loaded.vocab, dtype, source=loaded.id)
        if (source / READER).exists():
            tensors, metadata = read_tensors(source / READER)
            write_tensors(beside / READER, tensors, metadata | {"checkpoint": id})
    return id


def _own_tensors(model: PoetModel) -> list[tuple[str, Tensor]]:
    """Each parameter once: a tied output layer is the embedding."""
    return list(model.named_parameters(remove_duplicate=True))


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = read_json(path, MOST_CONFIG)
        version = config["format"]
    except FileNotFoundError:
        raise CheckpointError(f"{path}: missing; copy the whole folder, or train again") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not a config of poetgen ({error}); copy the whole folder again") from error
    if version != CHECKPOINT_FORMAT:
        raise CheckpointError(f"{path}: checkpoint format {version}; this poetgen reads format {CHECKPOINT_FORMAT}")
    return dict(config)


def _model_config(data: Any, path: Path) -> ModelConfig:
    try:
        # A shape without all of its numbers is of no version that there was.
        return from_json(ModelConfig, {field.name: data[field.name] for field in fields(ModelConfig)})
    except (PoetgenError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: does not describe a model ({error}); copy the whole folder again") from error
