"""Good files of every kind that a user may be given, small, and made in seconds."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import torch

from poetgen.config import PreprocessConfig
from poetgen.data.dataset import Dataset
from poetgen.data.preprocess import preprocess
from poetgen.network.checkpoint import READER, Checkpoint, export
from poetgen.network.classifier import PoemClassifier
from poetgen.network.packing import pack
from poetgen.network.registry import boxed
from poetgen.network.trainer import Trainer
from poetgen.prosody.tunes import load_tunes, tunes_json
from poetgen.writing.reader import FIGURES, DraftReader

from helpers import TINY, make_poem

#: A tune that the material knows.
TUNE = "浣溪沙"


def make(folder: Path) -> None:
    """Write `poems.jsonl`, `packed.zip`, `prepared/`, `run/`, `small/`, `texts/` and `titles/` into `folder`.

    `run` is a checkpoint with its run, `small` the same in eight bits, beside a reader of `run`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    poems = [make_poem(number) for number in range(100)]
    corpus = folder / "poems.jsonl"
    corpus.write_text("".join(json.dumps(poem, ensure_ascii=False) + "\n" for poem in poems), encoding="utf-8")
    preprocess([corpus], folder / "prepared", PreprocessConfig(min_count=1, valid_share=0.3, jobs=1))
    tunes = load_tunes(boxed() / "forms.json")
    few = {name: tune for name, tune in tunes.items() if name in (TUNE, "如梦令", "忆江南")}
    (folder / "prepared" / "forms.json").write_text(tunes_json(few), encoding="utf-8")
    for _ in Trainer(Dataset.load(folder / "prepared"), TINY, folder / "run").run():
        pass
    shutil.rmtree(folder / "run" / "tensorboard", ignore_errors=True)
    _small(folder / "run", folder / "small")
    _texts(folder / "texts", poems[:12])
    _titles(folder / "titles")


def _small(run: Path, small: Path) -> None:
    """The same checkpoint in eight bits, with a reader of the run that has learned nothing."""
    export(run, small, torch.int8)
    pack(run, "run", run.with_name("packed.zip"))
    loaded = Checkpoint.load(run)
    classifier = PoemClassifier(torch.zeros(len(loaded.vocab)), loaded.model.output.weight)
    DraftReader(loaded.vocab, classifier, np.ones(len(FIGURES))).save(loaded)
    (run / READER).replace(small / READER)


def _texts(folder: Path, poems: list[dict[str, str]]) -> None:
    """Poems in every format and packing that preprocess reads."""
    folder.mkdir()
    rows = [(poem["title"], poem["author"], poem["content"].replace("|", "")) for poem in poems]
    lines = "".join(f"{title}::{author}::{body}\n" for title, author, body in rows)
    layout = "\n\n".join(f"《{title}》\n唐·{author}\n{body}" for title, author, body in rows)
    table = "title,author,content\n" + "".join(f'{title},{author},"{body}"\n' for title, author, body in rows)
    classic = [
        {"title": title, "author": author, "paragraphs": [part + "。" for part in body.split("。") if part]}
        for title, author, body in rows
    ]
    as_json = json.dumps(classic, ensure_ascii=False, indent=1)
    page = "<html><body>" + "".join(f"<h2>{t}</h2><p>{a}</p><p>{b}</p>" for t, a, b in rows) + "</body></html>"
    files: dict[str, bytes] = {
        "lines.txt": lines.encode(),
        "layout.txt": layout.encode(),
        "gbk.txt": layout.encode("gb18030"),
        "utf16.txt": lines.encode("utf-16"),
        "table.csv": table.encode(),
        "table.tsv": table.replace(",", "\t").replace('"', "").encode(),
        "classic.json": as_json.encode(),
        "poems.jsonl": "".join(json.dumps(poem, ensure_ascii=False) + "\n" for poem in poems).encode(),
        "dict.json": json.dumps({title: body for title, _, body in rows}, ensure_ascii=False).encode(),
        "page.html": page.encode(),
        "packed.txt.gz": gzip.compress(lines.encode(), mtime=0),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "archive.zip").write_bytes(_zip({"a/lines.txt": lines, "a/classic.json": as_json, "b/table.csv": table}))
    paragraphs = "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in layout.splitlines())
    word = f"<w:document><w:body>{paragraphs}</w:body></w:document>"
    (folder / "word.docx").write_bytes(_zip({"[Content_Types].xml": "<Types/>", "word/document.xml": word}))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    (folder / "archive.tar").write_bytes(out.getvalue())


def _titles(folder: Path) -> None:
    """Titles in every format that sample reads."""
    folder.mkdir()
    requests = [
        {"title": "春夜", "form": "五绝", "seed": 1, "temperature": 0.5},
        {"title": "秋", "author": "李白", "keywords": ["月", "山"], "length": 24, "form": "free"},
        {"title": "江雪", "acrostic": "春夏", "form": "七绝", "rhyme": "东", "candidates": 2, "top_k": 5},
    ]
    (folder / "titles.txt").write_text("春夜\n秋日\n江雪\n", encoding="utf-8")
    lines = "".join(json.dumps(request, ensure_ascii=False) + "\n" for request in requests)
    (folder / "titles.jsonl").write_text(lines, encoding="utf-8")
    (folder / "titles.json").write_text(json.dumps(requests, ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / "titles.csv").write_text("title,form,seed\n春夜,五绝,1\n秋日,七绝,2\n", encoding="utf-8")


def _zip(members: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return out.getvalue()
