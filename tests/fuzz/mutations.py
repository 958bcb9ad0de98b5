"""Files made worse: bytes that are flipped, cut, repeated or put in, and values that no program would have written.

Each function takes a random.Random and the bytes of a good file and returns those of a bad one, as its seed has it.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]

#: Text that a terminal would obey, that an encoding lacks, or that looks like something else.
TEXTS = (
    "",
    " ",
    "\x1b[31m红\x1b[2J",
    "\r覆盖",
    "\u202e倒",
    "\x9b2J",
    "\x00",
    "\ud800",
    "𠮷",
    "\n\n",
    "春" * 5000,
    "[END]",
    "[PAD]",
    "../../etc/passwd",
    "%s%n{0}",
    "null",
    "nan",
)
#: Numbers that are no count, no size, no share and no id.
NUMBERS = (0, -1, 1, 2, 65535, 65536, 2**31, 2**63 - 1, 2**63, 10**30, -(10**30), 0.5, 1e308, -1e308, 1e-320)
#: JSON as it may stand in a file, for what json.dumps would not write.
RAW = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "[" * 5000 + "]" * 5000,
    '{"a":' * 90 + "1" + "}" * 90,
    "9" * 5000,
    "01",
)
_RAW_MARK = "\ue000raw"


def value(draw: random.Random) -> Any:
    """A value that does not belong where it is put."""
    kind = draw.randrange(8)
    if kind == 0:
        return draw.choice(TEXTS)
    if kind in (1, 2):
        return draw.choice(NUMBERS)
    if kind == 3:
        return f"{_RAW_MARK}{draw.randrange(len(RAW))}"
    if kind == 4:
        return draw.choice((None, True, False))
    if kind == 5:
        return draw.choice(([], {}, [[]], [None], {"": None}, [0] * 1000))
    return draw.choice((float("nan"), float("inf"), [draw.choice(NUMBERS)], {"a": draw.choice(TEXTS)}, "五绝", 3))


def dump(data: Any) -> str:
    """JSON, with what no JSON library writes in its place."""
    text = json.dumps(data, ensure_ascii=False)
    for number, raw in enumerate(RAW):
        text = text.replace(f'"{_RAW_MARK}{number}"', raw)
    return text


def change_value(draw: random.Random, data: Any) -> Any:
    """The same value with one of its parts changed, taken out, doubled or renamed, or several."""
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        data = _change(draw, data, draw.randrange(1, 6))
    return data


def _change(draw: random.Random, data: Any, depth: int) -> Any:
    if not depth or not isinstance(data, (dict, list)) or not data:
        return value(draw)
    data = dict(data) if isinstance(data, dict) else list(data)
    key = draw.choice(list(data) if isinstance(data, dict) else range(len(data)))
    action = draw.randrange(10)
    if action == 0:
        del data[key]
    elif action == 1 and isinstance(data, list):
        data.insert(key, data[key])
    elif action == 1:
        data[draw.choice(TEXTS)] = data.pop(key)
    elif action == 2:
        data[key] = value(draw)
    else:
        data[key] = _change(draw, data[key], depth - 1)
    return data


# Bytes -----------------------------------------------------------------------------------------------------------


def flip(draw: random.Random, data: bytes) -> bytes:
    """Some bits flipped."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 3, 30)) if changed else 0):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def cut(draw: random.Random, data: bytes) -> bytes:
    """Cut short, now and then to nothing."""
    return data[: draw.choice((0, 1, draw.randrange(len(data) + 1), max(0, len(data) - 1)))]


def repeat(draw: random.Random, data: bytes) -> bytes:
    """A part of it twice, or in another place."""
    first, last = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    at = draw.randrange(len(data) + 1)
    return data[:at] + data[first:last] + data[at:]


def insert(draw: random.Random, data: bytes) -> bytes:
    """Something put in that does not belong there."""
    at = draw.randrange(len(data) + 1)
    return data[:at] + _stuff(draw) + data[at:]


def overwrite(draw: random.Random, data: bytes) -> bytes:
    """Something written over what is there."""
    at, stuff = draw.randrange(len(data) + 1), _stuff(draw)
    return data[:at] + stuff + data[at + len(stuff) :]


def _stuff(draw: random.Random) -> bytes:
    choices = (
        draw.randbytes(draw.choice((1, 4, 64))),
        b"\0" * draw.choice((1, 8, 4096)),
        b"\xff" * draw.choice((1, 8, 64)),
        draw.choice(TEXTS).encode("utf-8", "surrogatepass"),
        draw.choice(("春|夏", '"', "}", "\t", ",,,,", "<b>", "&#x1b;", "&#27;", "\x1b]0;x\x07")).encode(),
        struct.pack("<q", draw.choice((0, -1, 2**62, 2**31))),
    )
    return draw.choice(choices)


BYTES: tuple[Mutation, ...] = (flip, flip, cut, repeat, insert, overwrite)


# Formats ---------------------------------------------------------------------------------------------------------


def json_value(draw: random.Random, data: bytes) -> bytes:
    """A JSON file with other values."""
    return dump(change_value(draw, json.loads(data))).encode("utf-8", "surrogatepass")


def json_lines(draw: random.Random, data: bytes) -> bytes:
    """JSON Lines, some of them with other values."""
    lines = data.splitlines()
    for _ in range(draw.choice((1, 3)) if lines else 0):
        place = draw.randrange(len(lines))
        lines[place] = dump(change_value(draw, json.loads(lines[place] or b"{}"))).encode("utf-8", "surrogatepass")
        if b"\n" in lines[place]:
            lines[place] = b"{}"
    return b"\n".join(lines) + b"\n"


def tensors_header(draw: random.Random, data: bytes) -> bytes:
    """A safetensors file whose header says something else: other shapes, types, places, metadata, or sizes."""
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    name = draw.choice(list(header))
    action = draw.randrange(5)
    if action == 0:
        return struct.pack("<Q", draw.choice((0, size + 1, 2**31, 2**63, 2**64 - 1))) + data[8:]
    if action == 1 and "run" in header.get("__metadata__", {}):
        run = json.loads(header["__metadata__"]["run"])
        header["__metadata__"]["run"] = dump(change_value(draw, run))
    elif action == 2:
        header[draw.choice(TEXTS)] = header.pop(name)
    elif action == 3 and "shape" in header[name]:
        header[name]["dtype"] = draw.choice(("F16", "I64", "U8", "BOOL", "F64", "BF16", "F8_E4M3", "C64", "O", ""))
    else:
        header[name] = change_value(draw, header[name])
    text = dump(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + body


def tensors_retyped(draw: random.Random, data: bytes) -> bytes:
    """A valid safetensors file of which a tensor has another type or shape, or numbers that are none."""
    import torch
    from safetensors.torch import load, save

    tensors = load(data)
    size = struct.unpack("<Q", data[:8])[0]
    metadata = json.loads(data[8 : 8 + size]).get("__metadata__", {})
    name = draw.choice(sorted(tensors))
    tensor = tensors[name]
    action = draw.randrange(7)
    if action == 0:
        tensor = tensor.to(
            draw.choice((torch.int64, torch.float16, torch.bool, torch.float64, torch.uint8, torch.int8))
        )
    elif action == 1:
        tensor = tensor.reshape(-1)
    elif action == 2:
        tensor = tensor[..., :1].contiguous() if tensor.ndim else tensor.reshape(1, 1)
    elif action == 3:
        del tensors[name]
    elif tensor.is_floating_point():
        tensor = tensor.clone()
        extreme = draw.choice((float("nan"), float("inf"), -float("inf"), 1e38, -1e38, -1.0, 1e-45))
        tensor.view(-1)[draw.randrange(max(1, tensor.numel())) if draw.random() < 0.5 else slice(None)] = extreme
    else:
        tensor = torch.full_like(tensor, draw.choice((-1, 0, 1, 255)) if tensor.dtype != torch.uint8 else 255)
    if action != 3:
        tensors[name] = tensor
    return save(tensors, metadata)


def npy_header(draw: random.Random, data: bytes) -> bytes:
    """A .npy file whose header says something else."""
    end = data.index(b"\n") + 1
    header = data[10:end].decode("latin-1").rstrip()
    changes: tuple[tuple[str, str], ...] = (
        ("(", "(9"),
        ("(", "(-"),
        ("(", "(0, "),
        (",)", ",1000000000)"),
        ("False", "True"),
        ("'<", "'>"),
        ("u2", "i2"),
        ("u2", "f4"),
        ("u2", "u8"),
        ("'descr': ", "'descr': '|O', 'x': "),
        ("'descr': ", "'descr': __import__('os').getpid(), 'x': "),
        ("}", ""),
        ("{", "{" * 3000),
        ("'shape': (", "'shape': (99999999999999, "),
        ("'shape': (", "'shape': (" + "9" * 400 + ", "),
    )
    old, new = draw.choice(changes)
    text = header.replace(old, new, 1).encode("latin-1")
    if draw.randrange(4) == 0:
        return data[:8] + struct.pack("<H", draw.choice((0, 1, 65535))) + data[10:]
    if draw.randrange(6) == 0:
        return data[:6] + bytes((draw.randrange(5), draw.randrange(3))) + data[8:]
    text = text + b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    return data[:8] + struct.pack("<H", len(text)) + text + data[end:]


def npy_values(draw: random.Random, data: bytes) -> bytes:
    """A .npy file of the same header with other numbers."""
    end = data.index(b"\n") + 1
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 4, 40)) if len(data) > end else 0):
        at = end + (draw.randrange(len(data) - end) & ~1)
        number = draw.choice((0, 1, 2, 255, 32767, 65535, draw.randrange(65536)))
        changed[at : at + 2] = struct.pack("<H", number)[: len(data) - at]
    return bytes(changed)


def zip_members(draw: random.Random, data: bytes) -> bytes:
    """A .zip archive with other members, whole as an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            content = old.read(member)
            if draw.randrange(2):
                content = draw.choice(BYTES)(draw, content)
            new.writestr(draw.choice((member.filename, member.filename, f"a\x1b[31m/{member.filename}")), content)
        if draw.randrange(4) == 0:
            new.writestr(draw.choice(("big.txt", "word/document.xml")), b"\xe6\x98\xa5" * draw.choice((10, 10_000_000)))
    return out.getvalue()


def packed(inner: Mutation) -> Mutation:
    """A .gz file, whole, around something that is changed."""
    return lambda draw, data: gzip.compress(inner(draw, gzip.decompress(data)), mtime=0)


def tar_members(draw: random.Random, data: bytes) -> bytes:
    """A .tar archive with another member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as new:
        name = draw.choice(("a.txt", "../a.txt", "\x1b[31m.txt", "a\ud800.txt", "春.csv", "a/" * 300 + "b.txt"))
        member = tarfile.TarInfo(name)
        content = insert(draw, "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n".encode())
        member.size = len(content)
        member.type = draw.choice((tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE))
        new.addfile(member, io.BytesIO(content))
    return out.getvalue()
