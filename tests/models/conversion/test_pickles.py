"""Weights in torch's own file: read as torch wrote them, and nothing of a hostile one is ever run."""

from __future__ import annotations

import io
import json
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
from models.conversion.pickles import LEGACY_MAGIC, read_contents
from models.conversion.vocabulary import Vocabulary
from models.errors import ModelError
from tests.models.conversion.parity import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable

PICKLED = Path(__file__).parent / "pickled"
CONTAINERS = ["zip", "row"]


@pytest.fixture(params=CONTAINERS)
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The roberta checkpoint with its weights as torch writes them."""
    folder = Path(shutil.copytree(NETWORKS / "roberta", tmp_path / "checkpoint"))
    (folder / "model.safetensors").unlink()
    shutil.copy(PICKLED / f"{request.param}.bin", folder / "pytorch_model.bin")
    return folder


def zipped(program: bytes, *, files: dict[str, bytes] | None = None, kind: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", kind) as archive:
        for name, data in {"data.pkl": program, **(files or {})}.items():
            archive.writestr(f"archive/{name}", data)
    return content.getvalue()


def rowed(program: bytes, *, rest: bytes = b"") -> bytes:
    head = [pickle.dumps(LEGACY_MAGIC, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)]
    return b"".join(head) + program + rest


def written(folder: Path, content: bytes) -> Path:
    path = folder / "pytorch_model.bin"
    path.write_bytes(content)
    return path


def test_tensors_are_those_that_were_written(checkpoint: Path) -> None:
    expected = Checkpoint.open(NETWORKS / "roberta").tensors
    found = Checkpoint.open(checkpoint).tensors
    assert set(found) - set(expected) == {"embeddings.position_ids"}
    for name, tensor in expected.items():
        assert np.array_equal(found[name].read(), tensor.read()), name


def test_a_converted_model_is_the_same(checkpoint: Path, tmp_path: Path) -> None:
    for source, name in ((checkpoint, "torch"), (NETWORKS / "roberta", "safe")):
        convert(source, tmp_path / name, quantization="float32")
    assert (tmp_path / "torch" / "model.bin").read_bytes() == (tmp_path / "safe" / "model.bin").read_bytes()


def test_safetensors_go_first(checkpoint: Path) -> None:
    shutil.copy(NETWORKS / "roberta" / "model.safetensors", checkpoint)
    (checkpoint / "pytorch_model.bin").write_bytes(b"not looked at")
    assert Checkpoint.open(checkpoint).tensors


class Runs:
    """What a hostile file has run."""

    def __init__(self, called: Callable[..., Any], *given: Any) -> None:
        self.called, self.given = called, given

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.called, self.given


class Sets:
    """An object that gets a state."""


TRAP = "trap"
HOSTILE: dict[str, bytes] = {
    "a call of exec": pickle.dumps({"w": Runs(exec, f"open({TRAP!r}, 'w').close()")}, 2),
    "a call of eval": pickle.dumps({"w": Runs(eval, f"open({TRAP!r}, 'w').close()")}, 2),
    "a newer protocol": pickle.dumps({"w": Runs(eval, "1")}, 4),
    "an old protocol": pickle.dumps({"w": Runs(eval, "1")}, 0),
    "a file that is opened": pickle.dumps({"w": Runs(open, TRAP, "w")}, 2),
    "the system's shell": b"cos\nsystem\n(X\x0a\x00\x00\x00touch trapptR.",
    "a name behind a name": b"\x80\x04\x8c\x05torch\x94\x8c\x13_utils.os.system(1)\x94\x93.",
    "an instance": b"(i__main__\nRuns\n.",
    "an object": b"\x80\x02ccopyreg\n__newobj__\nq\x00.",
    "a new object": b"\x80\x02ctorch\nFloatStorage\n)\x81.",
    "an object's state": pickle.dumps({"w": Sets()}, 2),
    "a storage that is called": b"\x80\x02ctorch\nFloatStorage\nX\x01\x00\x00\x00x\x85R.",
    "a persistent name of another kind": b"\x80\x02X\x01\x00\x00\x00xQ.",
    "an extension": b"\x80\x02\x82\x01.",
    "a set": pickle.dumps({1, 2}, 4),
    "a state for a storage": b"\x80\x02ctorch\nFloatStorage\n}b.",
}


@pytest.mark.parametrize("container", [zipped, rowed])
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_of_a_hostile_file_is_run_and_it_is_refused_in_a_sentence(
    container: Callable[[bytes], bytes], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("Python's own unpickler was asked")

    for called in ("load", "loads"):
        monkeypatch.setattr(pickle, called, forbidden)
    with pytest.raises(ModelError) as caught:
        read_contents(written(tmp_path, container(HOSTILE[name])))
    assert any(words in str(caught.value) for words in ("nothing of it was run", "cut short or damaged"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / TRAP).exists()


def test_the_name_that_was_called_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds builtins\.eval|holds __builtin__\.eval"):
        read_contents(written(tmp_path, zipped(HOSTILE["a call of eval"])))


def nested(depth: int) -> bytes:
    """A tuple of twice the tuple before, so deep that to look at all of it would take for ever."""
    twice = b"".join(b"q" + bytes([place]) + b"h" + bytes([place]) + b"\x86" for place in range(depth))
    return b"\x80\x02)" + twice


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02}" + nested(60)[2:] + b"K\x01s.",  # as a key
        b"\x80\x02}X\x01\x00\x00\x00w" + nested(60)[2:] + b"s.",  # as a value: no tensor
        b"\x80\x04\x8c\x05torch" + nested(60)[2:] + b"\x93.",  # as a name
        b"\x80\x02r\xff\xff\xff\xff.",  # remembered in the last of four thousand million places
        b"\x80\x02]r\xff\xff\xff\xff.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",  # longer than any file
        b"\x80\x02" + b"(" * 1_000_000 + b".",
        b"\x80\x02" + b"]" * 500_000 + b"a" * 499_999 + b".",
    ],
)
def test_a_bomb_neither_fills_the_memory_nor_takes_its_time(program: bytes, tmp_path: Path) -> None:
    try:
        assert read_contents(written(tmp_path, zipped(program))) == {}
    except ModelError as error:
        assert "\n" not in str(error)  # noqa: PT017 (either is right)


@pytest.mark.parametrize("container", CONTAINERS)
def test_any_damage_is_a_sentence(container: str, tmp_path: Path) -> None:
    """A thousand random bytes changed, one at a time, and cuts: what can still be read lies inside the file."""
    whole = (PICKLED / f"{container}.bin").read_bytes()
    chance = random.Random(7)  # noqa: S311 (for damage)
    places = [chance.randrange(min(len(whole), 9000)) for _ in range(300)]
    changed = [whole[:place] + bytes([chance.randrange(256)]) + whole[place + 1 :] for place in places]
    cuts = [whole[: chance.randrange(len(whole))] for _ in range(100)]
    for content in (*changed, *cuts):
        path = written(tmp_path, content)
        try:
            found = read_contents(path)
        except ModelError as error:
            said = str(error)
            assert "pytorch_model.bin" in said
            continue
        for stored in found.values():
            assert 0 <= stored.start <= len(content)


def scalar(shape: bytes) -> bytes:
    """A table of one number, whose sizes and steps both are `shape`."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
    return b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + shape * 2 + b"tRs."


@pytest.mark.parametrize(
    "shape",
    [
        b"(" + b"\x8a\xff" + b"\xff" * 254 + b"\x7fq\x00" + b"h\x00" * 20_000 + b"t",  # a product of 40 million digits
        b"(\x8a\x09" + b"\x00" * 8 + b"\x01t",
        b"(" + b"K\x01" * 65 + b"t",
    ],
)
def test_sizes_that_no_tensor_has_are_refused_before_they_are_multiplied(shape: bytes, tmp_path: Path) -> None:
    assert read_contents(written(tmp_path, zipped(scalar(b"(K\x01t"), files={"data/0": bytes(4)})))["w"].shape == (1,)
    with pytest.raises(ModelError, match="a tensor of an unknown form"):
        read_contents(written(tmp_path, zipped(scalar(shape), files={"data/0": bytes(4)})))


def test_a_large_table_made_again_and_again_is_refused(tmp_path: Path) -> None:
    pairs = b"".join(b"X\x05\x00\x00\x00%05dK\x01\x86" % number for number in range(20_000))
    again = b"ccollections\nOrderedDict\nq\x00" + b"h\x00h\x01\x85R" * 100_000  # of some 100 GB
    with pytest.raises(ModelError, match="cut short or damaged"):
        read_contents(written(tmp_path, zipped(b"\x80\x02](" + pairs + b"eq\x01" + again + b".")))


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(b"\x80\x02}."))
    content[6] |= 1  # in the file's own header, and in the archive's list
    content[content.find(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ModelError, match="cut short or damaged"):
        read_contents(written(tmp_path, bytes(content)))


def test_a_name_that_would_drive_a_terminal_is_spelled_out(tmp_path: Path) -> None:
    program = b"\x80\x04\x8c\x06os\x1b[2J\x8c\x03\xed\xa0\x80\x93."
    with pytest.raises(ModelError, match=r"holds os\\x1b\[2J\.\\ud800,"):
        read_contents(written(tmp_path, zipped(program)))


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cut short or damaged"):
        read_contents(written(tmp_path, zipped(b"\x80\x02}.", kind=zipfile.ZIP_DEFLATED)))


def test_a_tensor_larger_than_its_numbers_is_refused(tmp_path: Path) -> None:
    program = (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K%c\x85K\x01\x85\x89}tRs."
    )
    numbers = {"data/0": struct.pack("<4f", 1, 2, 3, 4)}
    fitting = written(tmp_path, zipped(program.replace(b"%c", b"\x04"), files=numbers))
    assert read_contents(fitting)["w"].shape == (4,)
    with pytest.raises(ModelError, match="cut short or damaged"):
        read_contents(written(tmp_path, zipped(program.replace(b"%c", b"\x05"), files=numbers)))


def test_older_checkpoints_have_the_two_parts_of_a_tokenizer(tmp_path: Path) -> None:
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "\u0120", "ab", "<mask>"]
    (tmp_path / "vocab.json").write_text(json.dumps({token: place for place, token in enumerate(tokens)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    from tokenizers import Tokenizer  # noqa: PLC0415 (heavy, as in the program)

    vocabulary = Vocabulary.of(tmp_path)
    assert list(vocabulary.tokens) == tokens
    assert Tokenizer.from_str(vocabulary.content).encode("ab a").tokens == ["<s>", "ab", "\u0120", "a", "</s>"]
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(ModelError, match="or name it with --tokenizer"):
        Vocabulary.of(tmp_path)
