"""Header of a CTranslate2 `model.bin`: its table of contents, read without loading any weight.

Detects truncated files, and tells the kind of network, its positions and vocabulary, and the memory that the KV state
of one token takes. Start at `read_shape`. The layout is that of CTranslate2's `src/models/model.cc` (binary version 6).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS_FILE = "model.bin"
KNOWN_VERSION = 6
DECODER = "TransformerDecoderSpec"
ENCODER = "TransformerEncoderSpec"
EMBEDDINGS = "decoder/embeddings/weight"
LAYER = "decoder/layer_"
POSITIONS = "decoder/position_encodings/encodings"
FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions of a network.

    Attributes:
        spec: CTranslate2's name for the kind of network.
        layers: number of transformer layers.
        width: size of the hidden state.
        vocabulary: number of tokens in its vocabulary.
        positions: size of its table of positions; 0 if it has none (rotary).
        size_bytes: size of the file.
        layers_bytes: bytes of the weights of all layers; the rest are the tables of tokens and positions.
    """

    spec: str
    layers: int
    width: int
    vocabulary: int
    positions: int
    size_bytes: int
    layers_bytes: int = 0

    @property
    def kv_token_bytes(self) -> int:
        """Upper bound of the memory for one token's KV state, in bytes: keys and values of full width in each layer."""
        return 2 * self.layers * self.width * FLOAT_BYTES


def read_shape(folder: Path, wanted: str = DECODER) -> Shape:
    """Return the dimensions of the network in `folder`/model.bin; of an encoder (`ENCODER`), only its sizes in bytes.

    Raises:
        ModelError: the file is missing, cut short, or no CTranslate2 network of the kind `wanted`.
    """
    path = folder / WEIGHTS_FILE
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            return _read_contents(stream, path, size, wanted)
    except FileNotFoundError:
        raise ModelError(f"The weights {path} are missing; put the model's CTranslate2 files there.") from None
    except OSError as error:
        raise ModelError(f"The weights {path} cannot be read: {error.strerror}; check their permissions.") from error
    except (struct.error, UnicodeDecodeError) as error:
        raise ModelError(f"The weights {path} are cut short or damaged; copy or convert the model again.") from error


def _read_contents(stream: BinaryIO, path: Path, size: int, wanted: str) -> Shape:
    """Return the network's dimensions from the table of contents in `stream`, a file of `size` bytes.

    Raises:
        ModelError: the file has another version, holds another network than `wanted`, or is cut short.
        struct.error, UnicodeDecodeError: the file is cut short or damaged.
    """
    version = _read_number(stream, "I")
    if version != KNOWN_VERSION:
        raise ModelError(
            f"The weights {path} are not CTranslate2 binary version {KNOWN_VERSION}; convert the model again."
        )
    spec = _read_string(stream)
    if spec != wanted:
        use = "completion" if wanted == DECODER else "embedding"
        raise ModelError(f"The weights {path} are a {spec}, not a {wanted} as {use} needs; choose another model.")
    _read_number(stream, "I")  # the spec's own revision
    layers: set[str] = set()
    embeddings, positions = (0, 0), (0, 0)
    layers_bytes = 0
    for _ in range(_read_number(stream, "I")):
        name = _read_string(stream)
        dimensions = tuple(_read_number(stream, "I") for _ in range(_read_number(stream, "B")))
        _read_number(stream, "B")  # type of the numbers
        length = _read_number(stream, "I")
        if name == EMBEDDINGS:
            embeddings = (dimensions[0], dimensions[1])
        elif name == POSITIONS:
            positions = (dimensions[0], dimensions[1])
        elif (number := name.removeprefix(LAYER).partition("/")[0]).isdecimal():
            layers.add(number)
            layers_bytes += length
        if stream.seek(length, 1) > size:
            raise ModelError(f"The weights {path} are cut short; copy or convert the model again.")
    return Shape(spec, len(layers), embeddings[1], embeddings[0], positions[0], size, layers_bytes)


def _read_number(stream: BinaryIO, code: str) -> int:
    """Read one little-endian number with the `struct` code `code`."""
    (value,) = struct.unpack("<" + code, stream.read(struct.calcsize("<" + code)))
    return int(value)


def _read_string(stream: BinaryIO) -> str:
    """Read a zero-terminated string after its length in two bytes; return it without the zero."""
    return stream.read(_read_number(stream, "H")).rstrip(b"\0").decode()
