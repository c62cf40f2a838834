"""Loading of a model on a GPU: libraries that CTranslate2 needs there, and smaller compute types if memory is short.

cuBLAS comes with the system, or with the extra `cuda`, whose wheel is outside the system loader's search path; it is
loaded from there first. Start at `load_on_gpu`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from models.fim import Prompt
from models.local.engine import FAILURES, Placement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.local.engine import Engine

logger = logging.getLogger(__name__)

PACKAGE = "nvidia.cublas"
LIBRARIES = ("libcublasLt.so.12", "libcublas.so.12")  # the second needs the first
# Parts of messages that say that memory ran out.
SHORT_OF_MEMORY = ("out of memory", "alloc_failed", "memoryallocation", "bad_alloc")
# Bytes of a weight while computing; 4 for compute types that are not listed.
BYTES = {"float16": 2, "bfloat16": 2, "int16": 2, "int8": 1, "int8_float16": 1, "int8_bfloat16": 1, "int8_float32": 1}
SMALLER = ("float16", "int8_float16", "int8")  # tried in this order
PROBE_TOKENS = 2048  # length of the prompt that is tried, which takes memory beyond that of the weights


def load_on_gpu(  # noqa: PLR0913 (the model, and how to compute it)
    make: Callable[[Placement], Engine],
    name: str,
    compute_type: str,
    problems: list[str],
    *,
    token: str,
    context_tokens: int,
) -> Engine | None:
    """Return the engine on the first GPU, in a smaller compute type if memory is short; None if it must run on the CPU.

    Args:
        make: loads the weights with a given placement.
        name: the model's name, for people.
        compute_type: the requested compute type.
        problems: list to which a sentence is added if the model computes otherwise than requested.
        token: any token of the model; a prompt made of it is computed, to check that there is memory for a prompt.
        context_tokens: the model's context window.
    """
    load_libraries()
    short = False
    for tried in (compute_type, *list_smaller_types(compute_type)):
        try:
            engine = _load_and_try(make, tried, token, min(context_tokens - 1, PROBE_TOKENS))
        except FAILURES as error:
            if is_short_of_memory(error):
                short = True
            elif not short:  # for another reason than memory, so a smaller type would not help
                problems.append(
                    f"The model {name} cannot compute on CUDA ({error}), so it computes on the CPU; install cuBLAS 12 "
                    "with uv tool install '.[cuda]' in Starling's repository, or set the device to cpu."
                )
                return None
            logger.info("model does not fit the GPU", extra={"model": name, "compute_type": tried, "why": str(error)})
        else:
            if short:
                problems.append(
                    f"The GPU has too little memory for the model {name} in {compute_type}, so it computes there in "
                    f"{tried}; end other programs on the GPU, or choose a smaller model."
                )
            return engine
    problems.append(
        f"The GPU has too little memory for the model {name} in any compute type, so it computes on the CPU; end other "
        "programs on the GPU, or choose a smaller model."
    )
    return None


def list_smaller_types(compute_type: str) -> Iterator[str]:
    """Yield compute types that take less memory than `compute_type`, the largest first."""
    size = BYTES.get(compute_type, 4)
    yield from (one for one in SMALLER if BYTES[one] < size or (compute_type == "int8_float32" and one != "float16"))


def is_short_of_memory(error: Exception) -> bool:
    """Return whether `error` says that memory ran out."""
    said = str(error).lower().replace("cuda", "")
    return isinstance(error, MemoryError) or any(word in said for word in SHORT_OF_MEMORY)


@cache
def load_libraries() -> tuple[Path, ...]:
    """Load the cuBLAS of the extra `cuda`, if installed, so that CTranslate2 finds it; return the libraries' paths.

    Libraries that cannot be loaded are logged and left out. Later calls return the same paths. On Windows the folder of
    the libraries is added to the search path instead, and returned.
    """
    found = importlib.util.find_spec(PACKAGE) if importlib.util.find_spec(PACKAGE.partition(".")[0]) else None
    folders = [Path(folder) for folder in (found.submodule_search_locations if found is not None else None) or ()]
    loaded: list[Path] = []
    for folder in folders:
        if sys.platform == "win32":
            if (folder / "bin").is_dir():
                os.add_dll_directory(str(folder / "bin"))
                loaded.append(folder / "bin")
            continue
        for name in LIBRARIES:
            path = folder / "lib" / name
            try:
                ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
            except OSError as error:
                logger.info("library not loaded", extra={"library": str(path), "why": str(error)})
            else:
                loaded.append(path)
    return tuple(loaded)


def read_memory_bytes() -> int:
    """Return the total memory of the first CUDA device in bytes; 0 if there is no driver or it does not report it."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    device, size = ctypes.c_int(), ctypes.c_size_t()
    try:
        driver = ctypes.CDLL(library)
        is_known = not (
            driver.cuInit(0)
            or driver.cuDeviceGet(ctypes.byref(device), 0)
            or driver.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        )
    except (OSError, AttributeError):
        return 0
    return size.value if is_known else 0


def _load_and_try(make: Callable[[Placement], Engine], compute_type: str, token: str, prompt_tokens: int) -> Engine:
    """Load an engine, let it read a prompt of `prompt_tokens`, and return it.

    CTranslate2 loads cuBLAS, and allocates memory for a prompt, at the first prompt only.

    Raises:
        RuntimeError, ValueError, IndexError, MemoryError: CTranslate2 failed (`FAILURES`); the engine is closed.
    """
    engine = make(Placement("cuda", compute_type, 0))
    try:
        engine.decode(Prompt((token,) * max(2, prompt_tokens), 0, 1), lambda _: True)
    except FAILURES:
        engine.close()
        raise
    return engine
