"""Location of the tensors in torch's own checkpoint files (`pytorch_model.bin`), without torch.

Reads both containers that `torch.serialization` writes: the zip archive, and the older sequence of pickles followed by
the tensors' numbers. `models.conversion.pickle_machine` reads the pickles and runs no code. The numbers themselves are
read later, a block at a time. Start at `locate_tensors`.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.conversion.pickle_machine import PickleError, PickleMachine, TensorView
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

MOST_PICKLE_BYTES = 64 << 20  # without the tensors' numbers, which are not in the pickle
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
ZIP_MAGIC = b"PK\x03\x04"
LOCAL_HEADER = struct.Struct("<26xHH")  # of a file in a zip archive: lengths of its name and its extra field


@dataclass(frozen=True, slots=True)
class TensorLocation:
    """Location of a tensor's numbers in a file.

    Attributes:
        kind: number type, as safetensors writes it ("F32").
        shape: rows first.
        start: offset of the tensor's first byte in the file.
    """

    kind: str
    shape: tuple[int, ...]
    start: int


def locate_tensors(file: Path) -> Mapping[str, TensorLocation]:
    """Return the locations of the tensors in the checkpoint `file`, by tensor name.

    Raises:
        ModelError: the file cannot be read, is damaged, or holds something other than weights. Nothing in it was
            executed.
    """
    try:
        with file.open("rb") as stream:
            is_zip = stream.read(4) == ZIP_MAGIC
            stream.seek(0)
            table, storages = _read_zip(stream) if is_zip else _read_legacy(stream)
        return dict(_locate_entries(table, storages))
    except OSError as error:
        raise ModelError(f"The weights {file} cannot be read: {error.strerror}; check their permissions.") from error
    except PickleError as error:
        raise ModelError(
            f"The weights {file} are a Python pickle that holds {error}, which no checkpoint needs; nothing in it was "
            "run. Take the model's safetensors files, or do not trust its source."
        ) from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, MemoryError, OverflowError, struct.error,
            zipfile.BadZipFile, EOFError, RuntimeError) as error:  # fmt: skip
        raise ModelError(f"The weights {file} are cut short or damaged; download them again.") from error


def _locate_entries(table: Any, storages: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, TensorLocation]]:  # noqa: ANN401
    """Yield the name and location of each tensor in `table` or in its `state_dict`; skip other entries.

    Args:
        table: the unpickled checkpoint.
        storages: start and length in bytes of each storage in the file, by key.

    Raises:
        PickleError: `table` is not a dict.
        ValueError: a tensor lies outside its storage.
    """
    if isinstance(table, dict) and isinstance(table.get("state_dict"), dict):
        table = table["state_dict"]
    if not isinstance(table, dict):
        raise PickleError("no table of tensors")
    for name, tensor in table.items():
        if not isinstance(tensor, TensorView) or not isinstance(name, str):
            continue
        storage = tensor.storage
        start, length = storages[storage.key]
        end = (tensor.first + math.prod(tensor.shape)) * storage.number_bytes
        if end > min(length, storage.count * storage.number_bytes):
            raise ValueError(name)
        yield name, TensorLocation(storage.kind, tensor.shape, start + tensor.first * storage.number_bytes)


def _read_zip(stream: BinaryIO) -> tuple[Any, Mapping[str, tuple[int, int]]]:
    """Read a checkpoint in a zip archive.

    Returns:
        The unpickled table, and start and length in bytes of each storage in the file, by key.

    Raises:
        ValueError, KeyError, PickleError: the archive is compressed, too large, damaged or no checkpoint.
    """
    with zipfile.ZipFile(stream) as archive:
        files = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED for info in files.values()):
            raise ValueError("compressed")
        if files["data.pkl"].file_size > MOST_PICKLE_BYTES:
            raise ValueError("too large")
        table = PickleMachine(io.BytesIO(archive.read(files["data.pkl"]))).run()
    storages = {}
    for name, info in files.items():
        if name.startswith("data/"):
            stream.seek(info.header_offset)
            lengths = LOCAL_HEADER.unpack(stream.read(LOCAL_HEADER.size))
            start = info.header_offset + LOCAL_HEADER.size + sum(lengths)
            _check_length(stream, start, info.file_size)
            storages[name.removeprefix("data/")] = (start, info.file_size)
    return table, storages


def _read_legacy(stream: BinaryIO) -> tuple[Any, Mapping[str, tuple[int, int]]]:
    """Read a checkpoint in torch's older container; return the same as `_read_zip`.

    The container holds pickles of a magic number, a version, the system, the table and the storages' keys, then each
    storage's length and numbers.

    Raises:
        ValueError, KeyError, PickleError: the file is damaged or no checkpoint.
    """
    head = io.BytesIO(stream.read(MOST_PICKLE_BYTES))
    if PickleMachine(head).run() != LEGACY_MAGIC:
        raise ValueError("no magic number")
    for _ in range(2):
        PickleMachine(head).run()
    machine = PickleMachine(head)
    table = machine.run()
    keys = PickleMachine(head).run()
    storages = {}
    offset = head.tell()
    for key in keys:
        if not isinstance(key, str):
            raise ValueError("no key")  # noqa: TRY004 (the file is wrong, not an argument)
        stream.seek(offset)
        (count,) = struct.unpack("<q", stream.read(8))
        length = count * machine.number_bytes[key]
        if count < 0:
            raise ValueError(key)
        _check_length(stream, offset + 8, length)
        storages[key] = (offset + 8, length)
        offset += 8 + length
    return table, storages


def _check_length(stream: BinaryIO, start: int, length: int) -> None:
    """Check that the file has `length` bytes from offset `start`; moves the stream to its end.

    Raises:
        ValueError: the file is shorter.
    """
    if start + length > stream.seek(0, io.SEEK_END):
        raise ValueError("cut short")
