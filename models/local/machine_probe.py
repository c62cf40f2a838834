"""Measurement of this machine's speed with a meaningless network, which is written, timed and deleted.

Its weights are zeros, which take as long to compute as any others, and holes in the file, which take no time to write.
Its layers are as wide as those of a model of half a billion parameters, but fewer; a GPU, on which starting a layer
takes as long as computing it, gets more and wider layers. Start at `measure_machine`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.local.calibration import Speed, choose_threads, measure_speed
from models.local.cuda import load_libraries
from models.local.engine import FAILURES, Engine, Placement, count_cuda_devices
from models.local.machine import Machine, WeightCounts
from models.local.weights_file import WEIGHTS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKENS = 8192
RUNS = 3
WINDOW_TOKENS = 2048
BLOCK_BYTES = 1 << 16
SPARE_BYTES = 100_000_000
# Tokens of the prompt and of the answer by which the number of threads is chosen, as for a model.
THREADS_PROMPT, THREADS_WRITTEN = 64, 12


@dataclass(frozen=True, slots=True)
class Build:
    """Dimensions of the network.

    Attributes:
        layers: number of layers.
        width: size of the hidden state.
        inner: width of the feed-forward network.
        heads: number of attention heads.
        key_heads: number of heads of keys and values.
    """

    layers: int
    width: int
    inner: int
    heads: int
    key_heads: int

    @property
    def weights(self) -> WeightCounts:
        """Numbers of weights in the layers and in the vocabulary table."""
        head = self.width // self.heads
        attention = self.width * (2 * self.width + 2 * self.key_heads * head)
        return WeightCounts(self.layers * (attention + 3 * self.width * self.inner), TOKENS * self.width)


ON_CPU = Build(layers=8, width=1024, inner=4096, heads=16, key_heads=2)  # 128 million weights
ON_GPU = Build(layers=6, width=2048, inner=11008, heads=16, key_heads=2)  # 479 million weights


def measure_machine(*, device: str = "auto", on_progress: Callable[[str], None] = lambda _: None) -> Machine:
    """Measure and return the speed of this machine; takes five seconds on two fast cores, ten on slow ones.

    Args:
        device: "cpu", or another value for CUDA if it works, else the CPU.
        on_progress: called before each step with its name, for people.

    Raises:
        ModelError: there is no room for the network, or it cannot be computed.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="starling-machine-") as scratch:
            folder = Path(scratch)
            if device != "cpu" and count_cuda_devices() > 0:
                load_libraries()
                on_progress("measuring the GPU")
                with suppress(*FAILURES):  # then the CPU computes, as for every model
                    return _measure(ON_GPU, "cuda", folder / "gpu")
            on_progress("measuring the processor")
            return _measure(ON_CPU, "cpu", folder / "cpu")
    except OSError as error:
        raise ModelError(
            f"The machine cannot be measured: {error.strerror or error}; free some space for temporary files."
        ) from error
    except FAILURES as error:
        raise ModelError(f"The machine cannot be measured ({error}); install Starling again.") from error


def _measure(build: Build, device: str, folder: Path) -> Machine:
    """Write the network to `folder`, time it on `device`, and return the median of `RUNS` runs.

    On the CPU the fastest number of threads is chosen before.

    Raises:
        OSError: there is not enough room, or the network cannot be written.
        RuntimeError, ValueError, IndexError, MemoryError: CTranslate2 failed (`FAILURES`).
    """
    free = shutil.disk_usage(folder.parent).free
    if free < build.weights.layers + build.weights.table + SPARE_BYTES:  # not every file system has holes
        raise OSError(f"{free / 1e6:,.0f} MB are free in {folder.parent}")
    write_network(build, folder)

    @contextmanager
    def load_engine(threads: int) -> Iterator[Engine]:
        """Yield an engine that computes the network with `threads` threads; close it in the end."""
        placement = Placement(device, "int8" if device == "cpu" else "auto", threads)
        kv_token_bytes = 8 * build.layers * build.width
        made = Engine(
            folder, placement, kv_token_bytes=kv_token_bytes, window_tokens=WINDOW_TOKENS, ends=[_name_token(0)]
        )
        try:
            yield made
        finally:
            made.close()  # so that only one is in memory

    def time_with_threads(threads: int, _limit_s: float) -> float:
        """Return the seconds of a short request with `threads` threads, the fastest of `RUNS`."""
        with load_engine(threads) as tried:
            return min(tried.time_request(THREADS_PROMPT, THREADS_WRITTEN) for _ in range(RUNS))

    threads = choose_threads("machine", folder, time_with_threads) if device == "cpu" else 0
    with load_engine(threads) as chosen:
        compute_type = chosen.placement.compute_type
        speed = _compute_median([measure_speed(chosen) for _ in range(RUNS)])
    return Machine(
        device=device,
        compute_type=compute_type,
        threads=threads,
        layers=build.weights.layers,
        table=build.weights.table,
        prompt_tokens_per_s=round(speed.prompt_tokens_per_s, 1),
        new_tokens_per_s=round(speed.new_tokens_per_s, 2),
        measured_at=round(time.time()),
    )


def _compute_median(speeds: list[Speed]) -> Speed:
    """Return the median reading speed and the median writing speed, so that one unusual run changes neither."""
    return Speed(
        statistics.median(one.prompt_tokens_per_s for one in speeds),
        statistics.median(one.new_tokens_per_s for one in speeds),
    )


def write_network(build: Build, folder: Path) -> None:
    """Write a decoder like Qwen 2's, of int8 zeros, to the new folder `folder`.

    Raises:
        OSError: it cannot be written.
    """
    import numpy as np  # noqa: PLC0415  # heavy, as is the next
    from ctranslate2.specs import common_spec, transformer_spec  # noqa: PLC0415

    specification = transformer_spec.TransformerDecoderModelSpec.from_config(
        build.layers,
        build.heads,
        pre_norm=True,
        activation=common_spec.Activation.SWISH,
        ffn_glu=True,
        rms_norm=True,
        num_heads_kv=build.key_heads,
        rotary_dim=0,
        rotary_interleave=False,
    )

    def fill_with_zeros(layer: common_spec.LinearSpec, rows: int, columns: int) -> None:
        """Set the weights of `layer` to int8 zeros with the scale 1."""
        layer.weight = np.zeros((rows, columns), np.int8)
        layer.weight_scale = np.ones(rows, np.float32)

    decoder, width = specification.decoder, build.width
    decoder.scale_embeddings = False
    fill_with_zeros(decoder.embeddings, TOKENS, width)
    fill_with_zeros(decoder.projection, TOKENS, width)
    decoder.layer_norm.gamma = np.ones(width, np.float32)
    for layer in decoder.layer:
        attention, forward = layer.self_attention, layer.ffn
        attention.layer_norm.gamma = np.ones(width, np.float32)
        forward.layer_norm.gamma = np.ones(width, np.float32)
        fill_with_zeros(attention.linear[0], width + 2 * build.key_heads * (width // build.heads), width)
        fill_with_zeros(attention.linear[1], width, width)
        fill_with_zeros(forward.linear_0, build.inner, width)
        fill_with_zeros(forward.linear_0_noact, build.inner, width)
        fill_with_zeros(forward.linear_1, width, build.inner)
    specification.register_vocabulary([_name_token(number) for number in range(TOKENS)])
    config = specification.config
    config.bos_token = config.eos_token = config.unk_token = _name_token(0)
    specification.validate()
    decoder.projection.weight = "decoder/embeddings/weight"
    decoder.projection.weight_scale = "decoder/embeddings/weight_scale"
    folder.mkdir(mode=0o700)
    specification.save(str(folder))
    make_sparse(folder / WEIGHTS_FILE)


def make_sparse(path: Path) -> None:
    """Replace the file at `path` by a copy with holes instead of blocks of zeros.

    Writing hundreds of megabytes to the disk would delay other programs that create files.
    """
    aside = path.with_suffix(".sparse")
    with path.open("rb") as source, aside.open("wb") as target:
        while block := source.read(BLOCK_BYTES):
            if block.strip(b"\0"):
                target.write(block)
            else:
                target.seek(len(block), os.SEEK_CUR)
        target.truncate(source.tell())
    aside.replace(path)


def _name_token(number: int) -> str:
    """Return the vocabulary's token with the id `number`."""
    return f"<{number}>"
