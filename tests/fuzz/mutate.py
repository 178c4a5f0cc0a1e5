"""Changes to bytes, text, JSON and folders. All randomness comes from the generator that is handed in."""

from __future__ import annotations

import json
import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

Random = random.Random

MAX_BYTES = 400_000
"""The longest input; longer ones cost time and find nothing else."""
MAX_CHANGES = 6
DEEP = re.compile(rb'"\\u0000deep(\d+)([\[{])"')
"""Stands in JSON for a nesting that Python's own writer cannot write."""

NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 7, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), 2**32, 2**53, 2**53 + 1, 2**63),
    *(-(2**63), 2**64, 10**30, 10**400, 0.5, -0.0, 1e-320, 1e308, 1e400, float("nan"), float("inf")),
    *(float("-inf"), 100_000, 3_000_000),
)
TEXTS = (
    *(
        "",
        " ",
        "x",
        "0",
        "-1",
        "1e999",
        "nan",
        "\0",
        "a\0b",
        "\ud800",
        "\udfff",
        "\ud83d",
        "é",
        "e\u0301",
        "Å",
    ),
    *("x" * 300, "x" * 70_000, "../../etc/passwd", "/etc/passwd", "C:\\con", "CON", ".", "..", "/", "a/b"),
    *(
        "file:///etc/passwd",
        "http://127.0.0.1:9/",
        "=1+1",
        "'",
        '"',
        "`",
        "<script>",
        "\r\n",
        "\x0b",
        "\x1b[2J",
    ),
    *(
        "\u202e",
        "\ufeff",
        "٣",
        "²",
        "½",
        "1:1",
        "1_000",
        "0x10",
        "~",
        "~root",
        "%00",
        "%2e%2e%2f",
        "{}",
        "[]",
    ),
    *(
        "null",
        "true",
        "__proto__",
        "__class__",
        "{0}",
        "%s",
        "%n",
        "\x00\x00",
        "-x",
        "--help",
        "\t",
        ";",
        "，",
    ),
)
TOKENS = (
    *(text.encode("utf-8", "surrogatepass")[:300] for text in TEXTS),
    *(b"\xff", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"PK\x03\x04"),
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"IHDR", b"IDAT", b"iCCP", b"eXIf", b"II*\0", b"MM\0*", b"RIFF"),
    *(b"!!python/object/apply:os.system", b"&a [*a,*a]", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"9" * 400),
)

_leaf = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()))
)
JSON_VALUES = st.recursive(
    _leaf, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6)
)


def maker_of(strategy: st.SearchStrategy[Any]) -> Callable[[Random], Any]:
    """Return a function that makes values of a Hypothesis strategy; the generator decides which."""
    made: list[Any] = []

    @settings(database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
    @given(strategy)
    def take(value: Any) -> None:
        made.append(value)

    one_input: Callable[[bytes], object] = vars(take)["hypothesis"].fuzz_one_input

    def make(rng: Random) -> Any:
        made.clear()
        while not made:  # some bytes make no value
            one_input(rng.randbytes(rng.choice((16, 64, 512))))
        return made[0]

    return make


any_json = maker_of(JSON_VALUES)


# Bytes


def changed_bytes(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return bytes after a few random changes, perhaps spliced with one of the others."""
    changed = bytearray(data)
    if others and rng.random() < 0.1:
        other = rng.choice(others)
        changed = bytearray(data[: _at(rng, data)] + other[_at(rng, other) :])
    for _ in range(rng.randint(1, MAX_CHANGES)):
        rng.choice(_BYTE_CHANGES)(rng, changed)
    return bytes(changed[:MAX_BYTES])


def _at(rng: Random, data: bytes | bytearray) -> int:
    """Return a random place; headers, which matter most, are hit more often."""
    span = rng.choice((32, 256, len(data)))
    return rng.randint(0, min(span, len(data)))


def _flip(rng: Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 4, 32))):
        if data:
            data[min(_at(rng, data), len(data) - 1)] ^= 1 << rng.randrange(8)


def _set(rng: Random, data: bytearray) -> None:
    if data:
        data[min(_at(rng, data), len(data) - 1)] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))


def _cut(rng: Random, data: bytearray) -> None:
    del data[_at(rng, data) :]


def _delete(rng: Random, data: bytearray) -> None:
    at = _at(rng, data)
    del data[at : at + rng.choice((1, 2, 4, 16, 256, 4096))]


def _repeat(rng: Random, data: bytearray) -> None:
    at = _at(rng, data)
    data[at:at] = data[at : at + rng.choice((1, 8, 64, 512))] * rng.choice((1, 2, 16, 200))


def _insert(rng: Random, data: bytearray) -> None:
    at = _at(rng, data)
    data[at:at] = rng.choice(TOKENS)


def _overwrite(rng: Random, data: bytearray) -> None:
    at, token = _at(rng, data), rng.choice(TOKENS)
    data[at : at + len(token)] = token


def _length(rng: Random, data: bytearray) -> None:
    """Write a number where a length, an offset or a size may stand."""
    value = rng.choice(
        (0, 1, 2, 7, 255, 4096, 65535, 65536, 10**6, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
    )
    form = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    value &= (1 << 8 * struct.calcsize(form)) - 1
    at = _at(rng, data)
    data[at : at + struct.calcsize(form)] = struct.pack(form, value)


_BYTE_CHANGES: tuple[Callable[[Random, bytearray], None], ...] = (
    *(_flip, _flip, _flip, _set, _cut, _delete, _repeat, _insert, _overwrite, _length, _length),
)


# Text


def changed_text(rng: Random, data: bytes) -> bytes:
    """Return rows of text after a few changes to rows and to cells."""
    rows = data.decode("utf-8", "surrogateescape").split("\n")
    for _ in range(rng.randint(1, MAX_CHANGES)):
        at = rng.randrange(len(rows))
        what = rng.random()
        if what < 0.15:
            rows[at : at + 1] = []
        elif what < 0.3:
            rows[at:at] = [rows[at]] * rng.choice((1, 2, 300, 3000))
        elif what < 0.4:
            other = rng.randrange(len(rows))
            rows[at], rows[other] = rows[other], rows[at]
        else:
            rows[at] = _changed_row(rng, rows[at])
        rows = rows or [""]
    return "\n".join(rows).encode("utf-8", "surrogatepass")[:MAX_BYTES]


def _changed_row(rng: Random, row: str) -> str:
    cells = re.split(r"([,;\t: ]+)", row)
    at = rng.randrange(len(cells))
    what = rng.random()
    if what < 0.35:
        cells[at] = rng.choice(TEXTS)
    elif what < 0.6:
        cells[at] = str(rng.choice(NUMBERS))[:400]
    elif what < 0.75:
        cells[at:at] = cells[at : at + 2] * rng.choice((1, 3, 500))
    elif what < 0.85:
        del cells[at]
    else:
        cells[at] = "".join(rng.sample(cells[at], len(cells[at])))
    return "".join(cells)


# JSON


def changed_json(rng: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return JSON with a few changes to its values, keys and nesting; now and then it is JSON no more."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return changed_bytes(rng, data, others)
    for _ in range(rng.choice((1, 1, 2, 3, MAX_CHANGES))):
        value = changed_value(rng, value)
    written = written_json(value)
    return changed_bytes(rng, written, others) if rng.random() < 0.05 else written[:MAX_BYTES]


def changed_value(rng: Random, value: Any) -> Any:
    """Return a JSON value with one change at a random place."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        rest = {k: v for k, v in value.items() if k != key}
        what = rng.random()
        if what < 0.06:
            return rest
        if what < 0.1:
            return {**rest, rng.choice(TEXTS): value[key]}
        if what < 0.13:
            return {**value, rng.choice(TEXTS): leaf(rng)}
        return {**value, key: changed_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        what = rng.random()
        if what < 0.08:
            return value[:at] + value[at + 1 :]
        if what < 0.14:
            return value[:at] + [value[at]] * rng.choice((2, 3, 50, 2000)) + value[at:]
        if what < 0.18:
            return [*value[:at], leaf(rng), *value[at:]]
        return [*value[:at], changed_value(rng, value[at]), *value[at + 1 :]]
    return _other(rng, value)


def _other(rng: Random, value: Any) -> Any:
    """Return another value in place of one."""
    if isinstance(value, str) and rng.random() < 0.4:
        at = rng.randint(0, len(value))
        return rng.choice((value[:at], value[:at] + rng.choice(TEXTS) + value[at:], value * 3, value[::-1]))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and rng.random() < 0.5:
        return rng.choice((value + 1, -value, value * 1000, f"{value}"[:300], value // 2, *NUMBERS[-12:]))
    what = rng.random()
    if what < 0.1:
        return [value]
    if what < 0.15:
        return {"x": value}
    if what < 0.18:
        return f"\0deep{rng.choice((50, 600, 5000, 100_000))}{rng.choice('[{')}"
    return leaf(rng)


def leaf(rng: Random) -> Any:
    """Return a value that programs like least."""
    what = rng.random()
    if what < 0.35:
        return rng.choice(NUMBERS)
    if what < 0.7:
        return rng.choice(TEXTS)
    if what < 0.85:
        return any_json(rng)
    return rng.choice((None, True, False, [], {}, [[]], [{}], {"": None}, [1, 2], "AAAA"))


def written_json(value: Any) -> bytes:
    """Return a value as JSON, with the nestings that stand for themselves written out."""
    written = json.dumps(value).encode()

    def nested(found: re.Match[bytes]) -> bytes:
        depth = int(found[1])
        return b"[" * depth + b"]" * depth if found[2] == b"[" else b'{"a":' * depth + b"1" + b"}" * depth

    return DEEP.sub(nested, written)


# Folders


def packed(folder: dict[str, bytes]) -> bytes:
    """Return the files of a folder as JSON."""
    return json.dumps(
        {name: data.decode("latin-1") for name, data in folder.items()}, ensure_ascii=False
    ).encode()


def unpacked(data: bytes) -> dict[str, bytes]:
    """Return the files that `packed` packed."""
    return {str(name): str(text).encode("latin-1", "replace") for name, text in json.loads(data).items()}


def changed_folder(
    rng: Random, folder: dict[str, bytes], others: Sequence[dict[str, bytes]]
) -> dict[str, bytes]:
    """Return a folder with one to three changed files."""
    changed = dict(folder)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not changed:
            return changed
        name = rng.choice(list(changed))
        what = rng.random()
        if what < 0.05:
            del changed[name]
        elif what < 0.1:
            changed[_sound_name(rng, name)] = changed.pop(name)
        elif what < 0.14:
            changed[_sound_name(rng, name)] = changed[name]
        elif what < 0.18:
            other = rng.choice(others)
            changed[name] = rng.choice(list(other.values()))
        else:
            changed[name] = changed_file(rng, name, changed[name])
    return changed


def changed_file(rng: Random, name: str, data: bytes) -> bytes:
    """Return a file's bytes, changed in the way of its kind."""
    suffix = PurePosixPath(name).suffix.lower()
    if rng.random() < 0.8:
        if suffix == ".json":
            return changed_json(rng, data)
        if suffix == ".jsonl":
            rows = data.split(b"\n")
            at = rng.randrange(len(rows))
            rows[at] = changed_json(rng, rows[at]) if rows[at] else rows[at]
            return b"\n".join(rows)
        if suffix in (".txt", ".yaml", ".yml", ".csv"):
            return changed_text(rng, data)
    return changed_bytes(rng, data)


def _sound_name(rng: Random, name: str) -> str:
    """Return another name that a file can have below a folder of its own."""
    path = PurePosixPath(name)
    text = rng.choice(TEXTS)[:80].replace("/", "").replace("\0", "")
    text = text.encode("utf-8", "replace").decode()
    named = rng.choice((text, path.name + text, text + path.suffix, path.name.upper())).strip(".")
    return path.with_name(named or "x").as_posix()


def lay_out(folder: dict[str, bytes], place: Path) -> None:
    """Write the files of a folder; names that would lead out of it, or cannot be, are left out."""
    place.mkdir(parents=True)
    for name, data in folder.items():
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            continue
        path = place.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except (OSError, ValueError):  # a file stands where a folder is needed, or the name is too long
            continue


def with_sound_png_checksums(data: bytes) -> bytes:
    """Return a PNG whose checksums are right, so that a decoder looks at what they cover."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    whole, at = bytearray(data), 8
    while at + 12 <= len(whole):
        length = int.from_bytes(whole[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(whole):
            break
        whole[end : end + 4] = zlib.crc32(whole[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(whole)
