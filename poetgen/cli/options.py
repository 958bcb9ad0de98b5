"""How the options of all commands are shown, set and completed: in groups, by the environment, by the Tab key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from typer.core import TyperCommand

#: The groups in which help shows the options of long commands, by the names of their parameters. Others come last.
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "sample": {
        "What to write": "form lines length about dynasty author",
        "What must be in it": "keywords begin acrostic place pattern",
        "How it must sound": "rhyme tones book feet rhyme_like",
        "How to choose": "checkpoint num candidates temperature top_k top_p seed device",
        "From where and where to": "input output resume overwrite as_json stream list_forms",
    },
    "train": {
        "The data and the checkpoint": "data out init init_embeddings resume overwrite reader tensorboard",
        "The network": "cell layers hidden embed tie dropout",
        "How long": "epochs max_minutes patience eval_every",
        "How it learns": "lr_steps warmup weight_decay clip batch_size seq_len sampling accumulate seed",
        "The machine": "device precision",
    },
    "check": {
        "The rules": "form book readings strict allow checkpoint",
        "How it is shown": "show lang as_json columns",
    },
    "evaluate": {
        "What to judge": "checkpoint poems human data columns held_to",
        "What checkpoints write": "num forms top_k temperature candidates rules seed",
        "How": "critic device as_json",
    },
}
#: Options that one variable sets in all commands: POETGEN_CHECKPOINT.
_EVERYWHERE: Final = ("checkpoint", "device", "lang")


class GroupedCommand(TyperCommand):
    """A command whose help has its options in GROUPS, and whose options may come from the environment.

    `--num` of sample is POETGEN_SAMPLE_NUM, where the command line does not have it.
    """

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **settings)
        for param in self.params:
            if param.param_type_name == "option":
                long = max(param.opts, key=len).lstrip("-").replace("-", "_").upper()
                own = f"POETGEN_{(name or '').upper()}_{long}"
                param.envvar = [own, f"POETGEN_{long}"] if param.name in _EVERYWHERE else own
                setattr(param, "show_envvar", False)  # noqa: B010 - in every line of help it would be noise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups = {heading: names.split() for heading, names in GROUPS.get(self.name or "", {}).items()}
        shown: dict[str, list[tuple[str, str]]] = {"Arguments": [], **{heading: [] for heading in groups}}
        for param in self.get_params(ctx):
            last = "Arguments" if param.param_type_name == "argument" else "Other options" if groups else "Options"
            heading = next((heading for heading, names in groups.items() if param.name in names), last)
            if record := param.get_help_record(ctx):
                shown.setdefault(heading, []).append(record)
        for heading, records in shown.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


# The Tab key -----------------------------------------------------------------------------------------------------


def complete_form(incomplete: str) -> list[str]:
    """Forms and tunes that begin so."""
    from poetgen.prosody.forms import FORMS, SHAPES
    from poetgen.prosody.template import LONG
    from poetgen.prosody.tune_names import book_names

    forms = dict.fromkeys(("auto", "free", *SHAPES, *LONG, "五古", "七古", *FORMS))
    return _beginning([*forms, *book_names()], incomplete)


def complete_dynasty(incomplete: str) -> list[str]:
    """Dynasties that begin so."""
    from poetgen.corpus.dynasties import DYNASTIES

    return _beginning(DYNASTIES, incomplete)


def complete_checkpoint(incomplete: str) -> list[str]:
    """Names of checkpoints that begin so."""
    from poetgen.network.registry import names

    return _beginning(names(), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
