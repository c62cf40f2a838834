from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from indexing.limits import IndexLimits
from indexing.process import spawning
from indexing.process.analysers import Analysers, Request
from indexing.records import IndexProgress, Query
from indexing.storage.index_files import IndexPaths
from indexing.syntax.documents import Document
from tests.indexing.conftest import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.index import Index

pytestmark = pytest.mark.real_start

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = 60


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_modules(tmp_path / "root", FILES, lines=300)


def write_modules(folder: Path, files: int, *, lines: int) -> Path:
    """Create `folder` with the modules "module0.py" and so on, each with one function, "compute_0" and so on."""
    folder.mkdir()
    for number in range(files):
        body = "".join(f"    total_{line} = scale * {line} + {number}\n" for line in range(lines))
        (folder / f"module{number}.py").write_text(f"def compute_{number}(scale):\n{body}")
    return folder


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> bool:
    """Wait until `condition` holds; return False after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def list_definitions(index: Index, name: str) -> list[str]:
    """Return the files in which the index finds definitions of `name`, best first."""
    asking = Document("untitled:asking", None, "python", "")
    return list(dict.fromkeys(hit.relative for hit in index.find_definitions([name], document=asking)))


def test_killed_in_the_middle_it_goes_on_by_itself(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, start=False)
    begun = threading.Event()
    index.start(lambda progress: begun.set() if progress.done else None)
    assert begun.wait(60)
    pid = index._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert index.wait(60)
    assert index._process.pid != pid
    status = index.read_status()
    assert (status.state, status.files, status.problem) == ("ready", FILES, "")
    assert list_definitions(index, f"compute_{FILES - 1}") == [f"module{FILES - 1}.py"]


def test_killed_together_with_its_server_the_next_one_goes_on(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    code = (
        "import time; from pathlib import Path\n"
        "from indexing.index import Index; from indexing.limits import IndexLimits\n"
        f"index = Index([Path({str(root)!r})], storage=Path({str(storage)!r}), limits=IndexLimits(processes=1))\n"
        "index.start(lambda progress: print(progress.done, flush=True))\n"
        "time.sleep(60)\n"
    )
    server = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert server.stdout is not None
    server.stdout.readline()
    family = psutil.Process(server.pid).children(recursive=True)
    assert family
    server.kill()
    server.wait()
    server.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    assert make_index(root).read_status().files == FILES


def test_two_processes_share_the_work(make_index: Callable[..., Index], root: Path) -> None:
    totals: dict[int, int] = {}
    others = replace(LIMITS, look_s=LIMITS.look_s + 1)  # so that each has a process of its own, as in two servers
    indexes = [make_index(root, start=False, limits=limits) for limits in (LIMITS, others)]

    def note(number: int) -> Callable[[IndexProgress], None]:
        return lambda progress: totals.__setitem__(number, progress.total)

    for number, index in enumerate(indexes):
        index.start(note(number))
    waited = wait_until(lambda: any(index.read_status().state == "waiting" for index in indexes))
    assert waited
    assert all(index.wait(60) for index in indexes)
    assert sorted(totals.values()) == [0, FILES]  # one did it all
    assert [index.read_status().files for index in indexes] == [FILES, FILES]
    assert [list_definitions(index, "compute_7") for index in indexes] == [["module7.py"]] * 2


@pytest.mark.parametrize("look_s", [LIMITS.look_s, LIMITS.look_s + 1], ids=["one process", "two processes"])
def test_what_one_index_indexes_another_finds(make_index: Callable[..., Index], root: Path, look_s: float) -> None:
    one, other = make_index(root), make_index(root, limits=replace(LIMITS, look_s=look_s))
    assert (one._process.pid == other._process.pid) is (look_s == LIMITS.look_s)
    (root / "new.py").write_text("def zeppelin(): pass\n")
    one.reindex([root / "new.py"])
    assert one.wait(60)
    assert wait_until(lambda: list_definitions(other, "zeppelin") == ["new.py"])


@pytest.mark.parametrize("name", ["database", "segment"])
def test_damaged_index_is_made_anew(make_index: Callable[..., Index], root: Path, storage: Path, name: str) -> None:
    make_index(root).close()
    places = IndexPaths.of(storage, root)
    path = places.database if name == "database" else next(storage.glob("*.segment"))
    if path.is_dir():
        path = max(path.iterdir(), key=lambda each: each.stat().st_size)
    path.write_bytes(b"damaged" * 1000)
    index = make_index(root)
    assert (index.read_status().files, index.read_status().problem) == (FILES, "")
    assert list_definitions(index, "compute_7") == ["module7.py"]


def test_damage_in_the_middle_of_the_database_is_survived(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    make_index(root).close()
    database = IndexPaths.of(storage, root).database
    data = bytearray(database.read_bytes())
    data[4096 * 2 : 4096 * 8] = b"\xff" * 4096 * 6
    database.write_bytes(data)
    (root / "new.py").write_text("def zeppelin(): pass\n")
    index = make_index(root)
    assert (index.read_status().files, index.read_status().problem) == (FILES + 1, "")
    assert list_definitions(index, "zeppelin") == ["new.py"]


def test_deleted_index_is_made_anew_while_the_server_runs(
    make_index: Callable[..., Index], root: Path, storage: Path
) -> None:
    index = make_index(root)
    for path in IndexPaths.of(storage, root).list_files():
        path.unlink()
    assert list_definitions(index, "compute_7") == ["module7.py"]  # what is mapped stays
    index.reindex([root])
    assert index.wait(60)
    assert (index.read_status().files, list_definitions(index, "compute_7")) == (FILES, ["module7.py"])


def test_full_disk_fails_with_a_sentence_and_searching_goes_on(
    make_index: Callable[..., Index], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = IndexLimits(processes=1, nice=0, idle_s=0.5)
    index = make_index(root, limits=limits)
    assert wait_until(lambda: index._process.pid is None)  # it has left for want of work
    real = spawning.spawn

    def spawn(module: str, folder: Path, memory_bytes: int) -> subprocess.Popen[bytes]:
        process = real(module, folder, memory_bytes)
        if module == "indexing.process.worker":  # no file of this process may grow beyond: what a full disk does to it
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
        return process

    monkeypatch.setattr(spawning, "spawn", spawn)
    (root / "new.py").write_text("def zeppelin(): pass\n" + "wing = 1\n" * 5000)
    index.reindex([root / "new.py"])
    assert index.wait(60)
    status = index.read_status()
    assert status.state == "failed"
    assert status.problem.startswith("The disk is full: the index in ")
    assert list_definitions(index, "compute_7") == ["module7.py"]
    monkeypatch.setattr(spawning, "spawn", real)
    assert wait_until(lambda: index._process.pid is None)
    index.reindex([root / "module1.py"])  # any file: what could not be stored is found again by itself
    assert index.wait(60)
    assert (index.read_status().state, list_definitions(index, "zeppelin")) == ("ready", ["new.py"])


def test_storage_that_cannot_be_made_fails_with_a_sentence(
    make_index: Callable[..., Index], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    index = make_index(root, where=tmp_path / "file" / "cache" / "storage")
    assert index.read_status().state == "failed"
    assert "could not" in index.read_status().problem
    assert index.search(Query("compute")) == ()


def test_indexing_process_leaves_when_idle_and_comes_back(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, limits=IndexLimits(processes=1, nice=0, idle_s=0.5))
    assert wait_until(lambda: index._process.pid is None)
    (root / "new.py").write_text("def zeppelin(): pass\n")
    index.reindex([root / "new.py"])
    assert index.wait(60)
    assert list_definitions(index, "zeppelin") == ["new.py"]


def test_indexing_process_gives_way(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, limits=IndexLimits(processes=1, nice=15))
    pid = index._process.pid
    assert pid is not None
    worker = psutil.Process(pid)
    assert [each.nice() for each in (worker, *worker.children())] == [15, 15]


def test_process_that_always_dies_is_given_up_with_a_sentence(
    make_index: Callable[..., Index], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawning, "make_command", lambda _: [sys.executable, "-I", "-c", "raise SystemExit(3)"])
    index = make_index(root)
    assert index.read_status().state == "failed"
    assert "ended 5 times in a row (exit status 3)" in index.read_status().problem


def test_workspace_cannot_shadow_the_indexing_process(
    make_index: Callable[..., Index], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "indexing", "numpy", "sqlite3"):
        (root / f"{name}.py").write_text("raise SystemExit('run from the workspace')\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", str(root))
    assert make_index(root).read_status().files == FILES + 4


def test_closing_in_the_middle_ends_everything(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root, start=False)
    begun = threading.Event()
    index.start(lambda progress: begun.set() if progress.done else None)
    assert begun.wait(60)
    pid = index._process.pid
    assert pid is not None
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    index.close()
    index.close()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


# a grammar that crashes: the real analysing process, with a parser that dies or hangs on some files

BAD_PARSER = """
import os, sys, time
sys.path.append({repository!r})
from indexing.process import analysis
real = analysis.analyze_text
def analyze_text(text, language, *, plain=False, alone=False):
    if not plain and "CRASH" in text or "ALWAYS" in text:
        os.abort()
    if not plain and "HANG" in text:
        time.sleep(60)
    return real(text, language, plain=plain, alone=alone)
analysis.analyze_text = analyze_text
analysis.main()
"""


@pytest.fixture
def bad_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    code = BAD_PARSER.format(repository=str(REPOSITORY))
    monkeypatch.setattr(spawning, "make_command", lambda _: [sys.executable, "-I", "-c", code])


@pytest.mark.usefixtures("bad_parser")
def test_file_that_crashes_its_grammar_is_found_out(tmp_path: Path) -> None:
    texts = {f"good{number}.py": "def f(): pass\n" for number in range(20)}
    texts |= {"crash.py": "CRASH = 1\n", "always.py": "ALWAYS = 1\n", "hang.py": "HANG = 1\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    analysers = Analysers(IndexLimits(processes=1, file_timeout_s=4), tmp_path)
    requests = [Request(str(tmp_path / name), name) for name in sorted(texts)]
    results = {each.request.relative: each for each in analysers.analyze(requests, lambda: False)}
    analysers.close()
    assert set(results) == set(texts)
    assert {name for name, each in results.items() if each.request.plain} == {"crash.py", "always.py", "hang.py"}
    assert {name for name, each in results.items() if each.analysis.reason} == {"always.py"}
    assert results["always.py"].analysis.reason == "crashed"
    assert results["crash.py"].blob
    assert results["good7.py"].analysis.symbols == 1


def test_analysing_stops_when_told(root: Path) -> None:
    analysers = Analysers(LIMITS, root)
    requests = [Request(str(path), path.name) for path in root.iterdir()]
    asked = iter(range(FILES))
    results = list(analysers.analyze(requests, lambda: next(asked) >= 3))
    analysers.close()
    assert len(results) <= 3


@pytest.mark.timeout(60)
def test_a_process_that_reads_nothing_holds_nobody_up(make_index: Callable[..., Index], root: Path) -> None:
    index = make_index(root)
    pid = index._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    for _ in range(20):
        index.reindex([root / f"module{number}.py" for number in range(500)])  # more than a pipe holds
    assert index.read_status().files == FILES
    index.close()
    assert not psutil.pid_exists(pid)
