"""Weights in torch's own file: read as torch wrote them, and nothing of a hostile one is ever run."""

from __future__ import annotations

import io
import pickle
import random
import shutil
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from models.conversion.checkpoint import Checkpoint
from models.conversion.conversion import convert
from models.conversion.torch_files import LEGACY_MAGIC, locate_tensors
from models.errors import ModelError
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable

PICKLED = Path(__file__).parent / "pickled"
CONTAINERS = ["zip", "row"]


@pytest.fixture(params=CONTAINERS)
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of the roberta checkpoint whose weights are in one of torch's two containers."""
    folder = Path(shutil.copytree(NETWORKS / "roberta", tmp_path / "checkpoint"))
    (folder / "model.safetensors").unlink()
    shutil.copy(PICKLED / f"{request.param}.bin", folder / "pytorch_model.bin")
    return folder


def make_zip(program: bytes, *, files: dict[str, bytes] | None = None, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip archive as torch writes it, with the pickle `program` and `files` by name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in {"data.pkl": program, **(files or {})}.items():
            archive.writestr(f"archive/{name}", data)
    return content.getvalue()


def make_legacy(program: bytes) -> bytes:
    """Return the head of torch's older container with the pickle `program` as its table."""
    head = [pickle.dumps(LEGACY_MAGIC, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)]
    return b"".join(head) + program


def write_weights(folder: Path, content: bytes) -> Path:
    """Write `content` to `pytorch_model.bin` in `folder`; return the path."""
    path = folder / "pytorch_model.bin"
    path.write_bytes(content)
    return path


def test_tensors_are_read_as_torch_wrote_them(checkpoint: Path) -> None:
    expected = Checkpoint.open(NETWORKS / "roberta").tensors
    found = Checkpoint.open(checkpoint).tensors
    assert set(found) - set(expected) == {"embeddings.position_ids"}
    for name, tensor in expected.items():
        assert found[name].shape == tensor.shape
        pairs = zip(found[name].read_blocks(), tensor.read_blocks(), strict=True)
        assert all(np.array_equal(*pair) for pair in pairs), name


def test_a_model_converted_from_torch_files_equals_one_from_safetensors(checkpoint: Path, tmp_path: Path) -> None:
    for source, name in ((checkpoint, "torch"), (NETWORKS / "roberta", "safe")):
        convert(source, tmp_path / name, quantization="float32")
    assert (tmp_path / "torch" / "model.bin").read_bytes() == (tmp_path / "safe" / "model.bin").read_bytes()


def test_safetensors_are_preferred(checkpoint: Path) -> None:
    shutil.copy(NETWORKS / "roberta" / "model.safetensors", checkpoint)
    (checkpoint / "pytorch_model.bin").write_bytes(b"not looked at")
    assert Checkpoint.open(checkpoint).tensors


class Call:
    """A call of a function with arguments; pickled, it runs when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


class Stateful:
    """An object whose pickle has a state."""


TRAP = "trap"
HOSTILE: dict[str, bytes] = {
    "a call of exec": pickle.dumps({"w": Call(exec, f"open({TRAP!r}, 'w').close()")}, 2),
    "a call of eval": pickle.dumps({"w": Call(eval, f"open({TRAP!r}, 'w').close()")}, 2),
    "a newer protocol": pickle.dumps({"w": Call(eval, "1")}, 4),
    "an old protocol": pickle.dumps({"w": Call(eval, "1")}, 0),
    "a file that is opened": pickle.dumps({"w": Call(open, TRAP, "w")}, 2),
    "the system's shell": b"cos\nsystem\n(X\x0a\x00\x00\x00touch trapptR.",
    "a name behind a name": b"\x80\x04\x8c\x05torch\x94\x8c\x13_utils.os.system(1)\x94\x93.",
    "an instance": b"(i__main__\nRuns\n.",
    "an object": b"\x80\x02ccopyreg\n__newobj__\nq\x00.",
    "a new object": b"\x80\x02ctorch\nFloatStorage\n)\x81.",
    "an object's state": pickle.dumps({"w": Stateful()}, 2),
    "a storage that is called": b"\x80\x02ctorch\nFloatStorage\nX\x01\x00\x00\x00x\x85R.",
    "a persistent name of another kind": b"\x80\x02X\x01\x00\x00\x00xQ.",
    "an extension": b"\x80\x02\x82\x01.",
    "a set": pickle.dumps({1, 2}, 4),
    "a state for a storage": b"\x80\x02ctorch\nFloatStorage\n}b.",
}


@pytest.mark.parametrize("container", [make_zip, make_legacy])
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_of_a_hostile_file_is_run_and_it_is_refused_in_a_sentence(
    container: Callable[[bytes], bytes], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("Python's own unpickler was called")

    for function in ("load", "loads"):
        monkeypatch.setattr(pickle, function, forbidden)
    with pytest.raises(ModelError) as caught:
        locate_tensors(write_weights(tmp_path, container(HOSTILE[name])))
    assert any(words in str(caught.value) for words in ("nothing in it was run", "cut short or damaged"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / TRAP).exists()


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_damaged_file_is_reported_or_read_within_its_bounds(container: str, tmp_path: Path) -> None:
    """Damages: 300 times one random byte changed, and 100 files cut short."""
    whole = (PICKLED / f"{container}.bin").read_bytes()
    chance = random.Random(7)  # noqa: S311 (for damage)
    places = [chance.randrange(min(len(whole), 9000)) for _ in range(300)]
    changed = [whole[:place] + bytes([chance.randrange(256)]) + whole[place + 1 :] for place in places]
    cuts = [whole[: chance.randrange(len(whole))] for _ in range(100)]
    for content in (*changed, *cuts):
        path = write_weights(tmp_path, content)
        try:
            found = locate_tensors(path)
        except ModelError as error:
            said = str(error)
            assert "pytorch_model.bin" in said
            continue
        for stored in found.values():
            assert 0 <= stored.start <= len(content)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(make_zip(b"\x80\x02}."))
    content[6] |= 1  # in the file's own header, and in the archive's list
    content[content.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ModelError, match="cut short or damaged"):
        locate_tensors(write_weights(tmp_path, bytes(content)))


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cut short or damaged"):
        locate_tensors(write_weights(tmp_path, make_zip(b"\x80\x02}.", compression=zipfile.ZIP_DEFLATED)))


def test_a_tensor_larger_than_its_numbers_is_refused(tmp_path: Path) -> None:
    program = (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K%c\x85K\x01\x85\x89}tRs."
    )
    numbers = {"data/0": struct.pack("<4f", 1, 2, 3, 4)}
    fitting = write_weights(tmp_path, make_zip(program.replace(b"%c", b"\x04"), files=numbers))
    assert locate_tensors(fitting)["w"].shape == (4,)
    with pytest.raises(ModelError, match="cut short or damaged"):
        locate_tensors(write_weights(tmp_path, make_zip(program.replace(b"%c", b"\x05"), files=numbers)))
