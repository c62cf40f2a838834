"""Loading of a model of the catalog; each failure is one sentence with a next step.

Files, vocabulary and free memory are checked before any weight is read, so that a broken model costs milliseconds.
Start at `load`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from models.embedding import CTranslateEmbedder
from models.errors import ModelError
from models.fim import Prompt
from models.local import calibration
from models.local.cached_heads import LEAST_CACHE_BYTES, compute_cache_bytes
from models.local.calibration import choose_default_threads, choose_threads, load_or_measure_speed, measure_speed
from models.local.ctranslate_chat import CTranslateChat
from models.local.ctranslate_completion import CTranslateModel
from models.local.cuda import load_libraries, load_on_gpu
from models.local.engine import FAILURES, Engine, Placement, count_cuda_devices
from models.local.weights_file import WEIGHTS_FILE, read_shape
from models.tokenizer import Tokenizer
from starling_files import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from models.catalog.catalog import ModelEntry
    from models.local.calibration import Speed
    from models.local.weights_file import Shape

_LARGEST_VOCABULARY = 200_000_000  # bytes

logger = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
Role = Literal["completion", "chat"]

COMPUTE_TYPES = (
    *("auto", "default", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16"),
    *("float16", "bfloat16", "float32"),
)
# Architectures whose CTranslate2 form is the plain decoder that `models.local.engine` drives.
ARCHITECTURES = ("GPTBigCode", "Starcoder2", "GPT2", "GPTNeoX", "Llama", "Mistral", "Qwen2", "Qwen3")
VOCABULARY_FILES = ("vocabulary.json", "vocabulary.txt")

# Memory of weights, activations and the fewest cached KV states: the size of the weights file, times a factor, plus a
# base.
MEMORY_FACTOR = 1.3
MEMORY_BASE_BYTES = 100_000_000

# Tokens of the prompt and of the answer of a typical request: some context, then a line.
PROBE_PROMPT = 64
PROBE_TOKENS = 12


def load(
    entry: ModelEntry,
    *,
    device: Device = "auto",
    compute_type: str = "auto",
    threads: int = 0,
    state_dir: Path | None = None,
) -> CTranslateModel:
    """Load the completion model of `entry`.

    Args:
        entry: catalog entry of the model.
        device: "cpu", "cuda", or "auto" for CUDA if it works, else the CPU.
        compute_type: one of `COMPUTE_TYPES`; "auto" is int8 on the CPU and the fastest on CUDA.
        threads: number of threads on the CPU; 0 for one with small weights, and the fastest number with large ones.
        state_dir: folder of stored measurements. The fastest number of threads and the speed of large weights are
            measured once and stored there; None measures nothing and takes a safe number of threads.

    Raises:
        ModelError: the model cannot be loaded; the message says why and what to do.
    """
    tokenizer, engine, problems, choosing_s = _load_parts(entry, "completion", device, compute_type, threads, state_dir)
    begun = time.monotonic()
    speed = _load_speed(entry, engine, state_dir)
    model = CTranslateModel(entry, tokenizer, engine, problems, speed=speed)
    model.measuring_s = choosing_s + time.monotonic() - begun
    return model


def load_chat(
    entry: ModelEntry,
    *,
    device: Device = "auto",
    compute_type: str = "auto",
    threads: int = 0,
    state_dir: Path | None = None,
) -> CTranslateChat:
    """Load the chat model of `entry`; arguments and errors as for `load`."""
    tokenizer, engine, problems, _ = _load_parts(entry, "chat", device, compute_type, threads, state_dir)
    return CTranslateChat(entry, tokenizer, engine, problems)


def load_embedder(
    entry: ModelEntry, *, device: Device = "auto", compute_type: str = "auto", threads: int = 0
) -> CTranslateEmbedder:
    """Load the embedding model of `entry`, on CUDA if it works and `device` is not "cpu".

    Args:
        entry: catalog entry of the model.
        device: "cpu", or another value for CUDA if it works, else the CPU.
        compute_type: CTranslate2's compute type.
        threads: number of threads on the CPU; 0 for a number that depends on the size of the model.

    Raises:
        ModelError: the model cannot be loaded; the message says why and what to do.
    """
    import ctranslate2  # noqa: PLC0415  # heavy; not before a model is asked for

    if "embedding" not in entry.roles:
        raise ModelError(f"The model {entry.name} makes no embeddings (it is for {', '.join(entry.roles)}).")
    tokenizer = Tokenizer.read(entry.tokenizer)
    check_memory(entry)
    devices = ["cpu"]
    if device != "cpu" and count_cuda_devices() > 0:
        load_libraries()
        devices.insert(0, "cuda")
    count = threads or choose_default_threads(estimate_needed_bytes(entry))
    for tried in devices:
        try:
            encoder = ctranslate2.Encoder(
                str(entry.weights), device=tried, compute_type=compute_type, intra_threads=count
            )
            embedder = CTranslateEmbedder(entry, tokenizer, encoder)
            if tried != "cpu":
                embedder.embed(["try"])  # CTranslate2 loads cuBLAS and allocates memory only at the first text
        except (*FAILURES, ModelError) as error:
            if tried != "cpu":
                logger.warning(
                    "The model %s cannot compute on CUDA (%s), so it computes on the CPU.", entry.name, error
                )
                continue
            raise ModelError(
                f"The model {entry.name} cannot be loaded from {entry.weights} ({error}); copy or convert it again."
            ) from error
        break
    return embedder


def _load_parts(  # noqa: PLR0913, PLR0917 (the arguments of `load`)
    entry: ModelEntry, role: Role, device: Device, compute_type: str, threads: int, state_dir: Path | None
) -> tuple[Tokenizer, Engine, tuple[str, ...], float]:
    """Check the model of `entry` and load its tokenizer and engine, for `load` and `load_chat`.

    Returns:
        The tokenizer, the engine, deviations from the settings (one sentence each), and the seconds spent on measuring.

    Raises:
        ModelError: as for `load`.
    """
    if compute_type not in COMPUTE_TYPES:
        raise ModelError(f"There is no compute type {compute_type!r}; choose one of {', '.join(COMPUTE_TYPES)}.")
    shape = _check_files(entry, role)
    tokenizer = Tokenizer.read(entry.tokenizer)
    _check_vocabulary(entry, shape, tokenizer, list_end_tokens(entry, role))
    check_memory(entry)
    problems: list[str] = []
    network = Network(entry, shape, list_end_tokens(entry, role))
    engine, measuring_s = None, 0.0
    if device != "cpu":
        engine = _load_on_cuda(network, compute_type, problems, demanded=device == "cuda")
    if engine is None:
        engine, measuring_s = _load_on_cpu(network, compute_type, threads, state_dir)
    return tokenizer, engine, tuple(problems), measuring_s


def list_end_tokens(entry: ModelEntry, role: Role) -> tuple[str, ...]:
    """Return the tokens that end an answer of the model in `role`; prompts for measurements repeat the first."""
    if role == "chat":
        return entry.chat.ends if entry.chat is not None else ()
    fim = entry.fim
    return tuple(filter(None, (fim.end, fim.prefix, fim.suffix, fim.middle, fim.file, fim.repository, fim.begin)))


def _check_files(entry: ModelEntry, role: Role) -> Shape:
    """Check folder, role, architecture and window of the model, and return the dimensions of its weights.

    Raises:
        ModelError: a check failed.
    """
    if not entry.folder.is_dir():
        raise ModelError(f"The folder {entry.folder} of the model {entry.name} is missing; put the model there.")
    if role not in entry.roles:
        does = "complete code" if role == "completion" else "chat"
        raise ModelError(
            f"The model {entry.name} does not {does} (it is for {', '.join(entry.roles)}); "
            f"name another one in `{'model.name' if role == 'completion' else 'chat.model'}`."
        )
    if entry.architecture not in ARCHITECTURES:
        raise ModelError(
            f"The model {entry.name} has the architecture {entry.architecture!r}, which cannot be run here; "
            f"choose one of {', '.join(ARCHITECTURES)}."
        )
    shape = read_shape(entry.weights)
    if shape.positions and shape.positions < entry.context_tokens:
        raise ModelError(
            f"The catalog says the model {entry.name} reads {entry.context_tokens} tokens, its weights know only "
            f"{shape.positions}; set context_tokens to {shape.positions} in {entry.folder / 'catalog.toml'}."
        )
    return shape


def _check_vocabulary(entry: ModelEntry, shape: Shape, tokenizer: Tokenizer, needed: tuple[str, ...]) -> None:
    """Check that tokenizer, weights and catalog entry belong together, and that the tokens `needed` are known.

    Raises:
        ModelError: they do not.
    """
    table = "fim" if entry.chat is None or set(needed) != set(entry.chat.ends) else "chat"
    for marker in needed:
        if not tokenizer.has_token(marker):
            raise ModelError(
                f"The tokenizer of the model {entry.name} does not know the token {marker!r} that its catalog entry "
                f"names; correct [{table}] in {entry.folder / 'catalog.toml'}, or put the right tokenizer.json there."
            )
    vocabulary = _read_vocabulary(entry)
    # Tables are often padded to a round size, so the weights may know more tokens than the tokenizer, never fewer.
    fits = tokenizer.size <= min(len(vocabulary), shape.vocabulary)
    if not fits or any(tokenizer.find_id(token) != vocabulary.index(token) for token in _sample_tokens(tokenizer)):
        raise ModelError(
            f"The tokenizer ({tokenizer.size} tokens) and the weights ({shape.vocabulary} tokens) of the model "
            f"{entry.name} do not belong together; put the model's own tokenizer.json in {entry.folder}."
        )


def _sample_tokens(tokenizer: Tokenizer) -> list[str]:
    """Return eight tokens, spread over the vocabulary."""
    return [tokenizer.find_token(tokenizer.size * part // 8) for part in range(8)]


def _read_vocabulary(entry: ModelEntry) -> list[str]:
    """Return the vocabulary file that was converted with the weights: all tokens, in the order of their ids.

    Raises:
        ModelError: it is missing or unreadable.
    """
    for name in VOCABULARY_FILES:
        path = entry.weights / name
        try:
            text = read_text(path, _LARGEST_VOCABULARY)
            return [str(token) for token in json.loads(text)] if path.suffix == ".json" else text.splitlines()
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise ModelError(
                f"The vocabulary {path} of the model {entry.name} cannot be read ({error}); convert the model again."
            ) from error
    raise ModelError(
        f"The model {entry.name} has no {VOCABULARY_FILES[0]} in {entry.weights}; convert the model again."
    )


def estimate_needed_bytes(entry: ModelEntry) -> int:
    """Return about how much memory the model of `entry` takes, in bytes: weights, activations and cached KV states."""
    size_bytes = 0
    with contextlib.suppress(OSError):
        size_bytes = (entry.weights / WEIGHTS_FILE).stat().st_size
    return estimate_memory_bytes(size_bytes)


def estimate_memory_bytes(size_bytes: int) -> int:
    """Return about how much memory a model with weights of `size_bytes` takes, in bytes."""
    return int(size_bytes * MEMORY_FACTOR) + MEMORY_BASE_BYTES + compute_cache_bytes(size_bytes) - LEAST_CACHE_BYTES


def check_memory(entry: ModelEntry) -> None:
    """Check that the model of `entry` fits the free memory.

    Raises:
        ModelError: it does not fit.
    """
    needed = estimate_needed_bytes(entry)
    if needed > (free := read_free_bytes()):
        raise ModelError(
            f"The model {entry.name} needs about {needed // 1_000_000} MB of memory and {free // 1_000_000} MB are "
            "free; close other programs or choose a smaller model."
        )


def read_free_bytes() -> int:
    """Return the memory that programs may still allocate, in bytes."""
    import psutil  # noqa: PLC0415  # only when a model is loaded

    return int(psutil.virtual_memory().available)


@dataclass(frozen=True, slots=True)
class Network:
    """A network to load: its catalog entry, dimensions, and the tokens that end an answer."""

    entry: ModelEntry
    shape: Shape
    ends: tuple[str, ...]

    def load_engine(self, placement: Placement) -> Engine:
        """Return an engine with the weights loaded as `placement` says."""
        kv_token_bytes = self.shape.kv_token_bytes
        return Engine(
            self.entry.weights,
            placement,
            kv_token_bytes=kv_token_bytes,
            window_tokens=self.entry.context_tokens,
            ends=self.ends,
        )


def _load_on_cuda(network: Network, compute_type: str, problems: list[str], *, demanded: bool) -> Engine | None:
    """Return the engine on the first CUDA device; None if the model has to compute on the CPU.

    A sentence is added to `problems` if the model computes on the CPU or in a smaller compute type; not if there is no
    CUDA device and the settings did not demand CUDA (`demanded`).
    """
    entry = network.entry
    if count_cuda_devices() == 0:
        if demanded:
            problems.append(
                f"There is no CUDA device here, so the model {entry.name} computes on the CPU; "
                "install the NVIDIA driver, or set the device to auto or cpu."
            )
        return None
    context_tokens = min(entry.context_tokens, network.shape.positions or entry.context_tokens)
    return load_on_gpu(
        network.load_engine, entry.name, compute_type, problems, token=network.ends[0], context_tokens=context_tokens
    )


def _load_on_cpu(network: Network, compute_type: str, threads: int, state_dir: Path | None) -> tuple[Engine, float]:
    """Return the engine on the CPU, and the seconds spent on measuring the fastest number of threads.

    The number is measured only for large weights, if `threads` is 0 and there is a folder `state_dir` for the result.

    Raises:
        ModelError: the weights cannot be loaded.
    """
    entry, shape = network.entry, network.shape
    if compute_type == "auto":
        compute_type = "int8"
    engines: dict[int, Engine] = {}
    loading_s: dict[int, float] = {}
    measuring_s = 0.0

    def time_with_threads(count: int, limit_s: float) -> float:
        """Load an engine with `count` threads, keep it in `engines`, and return the seconds of a typical request."""
        begun = time.monotonic()
        engines[count] = network.load_engine(Placement("cpu", compute_type, count))
        loading_s[count] = time.monotonic() - begun
        return _time_typical_request(engines[count], network.ends[0], limit_s)

    try:
        if not threads and (state_dir is None or shape.size_bytes < calibration.SMALL_BYTES):
            threads = choose_default_threads(shape.size_bytes)
        if not threads and state_dir is not None:
            identity = f"{entry.name}|{shape.size_bytes}|{compute_type}"
            begun = time.monotonic()
            threads = choose_threads(identity, state_dir, time_with_threads)
            measuring_s = time.monotonic() - begun - loading_s.get(threads, 0.0)
        chosen = engines.pop(threads, None) or network.load_engine(Placement("cpu", compute_type, threads))
    except MemoryError as error:
        raise ModelError(f"There is too little memory for the model {entry.name}; choose a smaller one.") from error
    except FAILURES as error:
        raise ModelError(
            f"The model {entry.name} cannot be loaded from {entry.weights} ({error}); copy or convert it again."
        ) from error
    for engine in engines.values():
        engine.close()
    return chosen, measuring_s


def _load_speed(entry: ModelEntry, engine: Engine, state_dir: Path | None) -> Speed | None:
    """Return the speed of a large model, stored or measured; None for a small model, or if `state_dir` is None.

    Raises:
        ModelError: the model failed while it was measured.
    """
    size_bytes = (entry.weights / WEIGHTS_FILE).stat().st_size
    if state_dir is None or size_bytes < calibration.SMALL_BYTES:
        return None
    placement = engine.placement
    identity = f"{entry.name}|{size_bytes}|{placement.device}|{placement.compute_type}|{placement.threads}"
    try:
        return load_or_measure_speed(identity, state_dir, lambda: measure_speed(engine))
    except FAILURES as error:
        raise ModelError(f"The model {entry.name} failed while its speed was measured ({error}).") from error


def _time_typical_request(engine: Engine, token: str, limit_s: float) -> float:
    """Return the seconds of a typical request, the faster of two; each is cut short after `limit_s` seconds.

    The prompt repeats `token`.
    """
    prompt = Prompt((token,) * PROBE_PROMPT, 0, PROBE_TOKENS)
    best = math.inf
    for _ in range(2):
        start = time.perf_counter()
        engine.decode(prompt, lambda _, start=start: time.perf_counter() - start > limit_s, ignore_ends=True)  # type: ignore[misc]
        best = min(best, time.perf_counter() - start)
    return best
