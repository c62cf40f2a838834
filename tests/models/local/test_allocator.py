"""Bounds of glibc's memory, in processes of their own: its settings cannot be undone."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.local import allocator
from models.local.engine import LARGE_BYTES, Engine, Placement
from models.local.weights_file import WEIGHTS_FILE
from tests.models import bundled

ROOT = Path(__file__).parents[3]
HERE = allocator._load_glibc() is not None

# Threads that all allocate at once, each in a heap of its own unless told otherwise.
THREADS = """
import os, threading
from models.local import allocator
from models.local.engine import Engine, Placement
from tests.heaps import count_thread_heaps
bound = allocator.limit_memory()
together = threading.Barrier(12)
def allocate():
    together.wait()
    held = [bytearray(5000) for _ in range(200)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(bound, count_thread_heaps(os.getpid()))
"""

# The weights are loaded again and again, as when too many KV states are kept, and used in between.
RELOADED = """
import ctypes
from models.completion import FillRequest
from models.local.loading import load
from tests.models import bundled
names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
class Figures(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]
model = load(bundled.entry(), threads=1)
for number in range(6):
    prefix = "".join(f"value_{number}_{line} = {line}\\n" for line in range(60))
    request = FillRequest("a.py", prefix + "value_", "", max_tokens=4)
    model.generate(request, stop=lambda text: None, cancelled=lambda: False)
    model._engine._drop()
model.generate(request, stop=lambda text: None, cancelled=lambda: False)
library = ctypes.CDLL(None)
if hasattr(library, "mallinfo2"):
    library.mallinfo2.restype = Figures
    print(library.mallinfo2().arena)
else:
    print(0)
"""


def run_program(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120).stdout


def test_threads_share_a_few_heaps() -> None:
    bound, heaps = run_program(THREADS).split()
    assert bound == str(HERE)
    assert int(heaps) <= allocator.HEAPS or not HERE


def test_packed_weights_stay_out_of_the_heaps_when_they_are_loaded_again() -> None:
    assert int(run_program(RELOADED)) < 200_000_000


def test_weights_that_are_loaded_again_do_not_lie_in_used_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(allocator, "release_free_pages", lambda: told.append("given back"))
    monkeypatch.setattr("ctranslate2.Generator", lambda *_, **__: told.append("loaded"))
    Engine(bundled.entry().weights, Placement("cpu", "int8", 1), kv_token_bytes=1, window_tokens=1, ends=())
    assert told == ["given back", "loaded"]


@pytest.mark.parametrize(("size", "widened"), [(LARGE_BYTES - 1, False), (LARGE_BYTES, True)])
def test_heaps_are_widened_for_large_weights_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int, *, widened: bool
) -> None:
    with (tmp_path / WEIGHTS_FILE).open("wb") as stream:
        stream.truncate(size)
    told: list[str] = []
    monkeypatch.setattr(allocator, "allow_large_heaps", lambda: told.append("widened"))
    monkeypatch.setattr("ctranslate2.Generator", lambda *_, **__: None)
    Engine(tmp_path, Placement("cpu", "int8", 1), kv_token_bytes=1, window_tokens=1, ends=())
    assert bool(told) == widened


def test_free_pages_are_given_back_after_work(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    here = threading.current_thread()  # a model that was loaded before has a thread that does the same

    class Library:
        def malloc_trim(self, spare: int) -> None:
            if threading.current_thread() is here:
                assert (spare, rests) == (0, [allocator.REST_S])
                raise SystemExit

    class Worked(threading.Event):
        def clear(self) -> None:
            if threading.current_thread() is here:
                super().clear()

    def rest(seconds: float) -> None:
        if threading.current_thread() is here:
            rests.append(seconds)

    monkeypatch.setattr(allocator, "time", SimpleNamespace(sleep=rest))
    monkeypatch.setattr(allocator, "_worked", Worked())
    monkeypatch.setattr(allocator, "_load_glibc", Library)
    allocator.note_work()
    with pytest.raises(SystemExit):
        allocator._release_after_work()
    assert not allocator._worked.is_set()


@pytest.mark.parametrize("version", ["", "musl 1.2.5", None])
def test_other_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    monkeypatch.setattr(allocator.os, "confstr", lambda _: version)
    assert allocator._load_glibc.__wrapped__() is None


def test_a_system_that_does_not_name_its_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(allocator.os, "confstr", raising=False)
    assert allocator._load_glibc.__wrapped__() is None


def test_the_bundled_model_keeps_two_windows_of_kv_states() -> None:
    from models.local.loading import load  # noqa: PLC0415 (CTranslate2)

    model = load(bundled.entry(), threads=1)
    try:
        assert model._engine.cached_heads.most_tokens == 2 * bundled.entry().context_tokens
    finally:
        model.close()
