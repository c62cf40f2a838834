"""The share of a task's further reads whose definition had come along with what the oracle read before.

Run as a script, it prints the figures of `docs/team.md`. Start at `find_further_reads`.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from agents.team.permissions.rules import RuleSet  # noqa: E402 (as a script this file finds the program by the line above)
from agents.team.retrieval.imported_definitions import offer_imports  # noqa: E402
from agents.team.retrieval.named_files import gather_named_files  # noqa: E402
from agents.team.tool import Workbench  # noqa: E402
from indexing.index import Index  # noqa: E402
from indexing.syntax.documents import Document  # noqa: E402
from indexing.syntax.syntax import Syntax  # noqa: E402
from tests.eval.team.tasks.all_tasks import ALL  # noqa: E402
from tests.eval.team.workspaces import make_workspace  # noqa: E402

if TYPE_CHECKING:
    from agents.ports.changes import Changes
    from agents.ports.permissions import Permissions
    from tests.eval.team.task import Task

INDEX_S = 60.0


@dataclass(frozen=True)
class FurtherRead:
    """A read of another file than the ones before: its path, and whether its definition had come along already."""

    path: str
    came_along: bool


async def find_further_reads(task: Task) -> list[FurtherRead]:
    """Return the reads of a task's oracle that go on to another file, in order."""
    with tempfile.TemporaryDirectory() as temporary:
        root = _copy_workspace(task, temporary)
        index = Index([root], storage=Path(temporary) / "index")
        try:
            index.start()
            assert index.wait(INDEX_S)
            return await _follow(task, root, index)
        finally:
            index.close()


def _copy_workspace(task: Task, folder: str) -> Path:
    """Write the workspace of a task below `folder`; return its real path."""
    root = Path(folder).resolve() / "workspace"
    root.mkdir()
    make_workspace(task, root)
    return root


async def _follow(task: Task, root: Path, index: Index) -> list[FurtherRead]:
    """Make the oracle's reads one after the other, and note for each further file whether it had come along."""
    bench = _make_bench(root, index)
    brought = (await gather_named_files(task.request, None, bench)).text
    seen: set[str] = set()
    found = []
    for call in (one for step in task.steps for one in step if one.tool == "read_file"):
        name, text = str(call.arguments["path"]), (root / str(call.arguments["path"])).read_text("utf-8")
        if seen and name not in seen:
            last = int(call.arguments["last"]) or text.count("\n") + 1
            found.append(FurtherRead(name, _has_come(brought, name, text, int(call.arguments["first"]), last)))
        seen.add(name)
        brought += "\n" + await offer_imports(root / name, text, bench)
    return found


def _make_bench(root: Path, index: Index) -> Workbench:
    """Return a workbench that reads the workspace `root`, and can do nothing else."""

    def read(path: Path) -> str | None:
        return path.read_text("utf-8") if path.is_file() else None

    nothing = cast("Changes", None)
    bench = Workbench(
        (root,), read, lambda: root.rglob("*.py"), lambda _: "", nothing, cast("Permissions", None), RuleSet()
    )
    return replace(bench, index=index, offered=set())


def _has_come(brought: str, name: str, text: str, first: int, last: int) -> bool:
    """Return whether a definition, or the class, on the lines `first` to `last` of the file `name` is in `brought`."""
    lines = {int(number) for number in re.findall(rf"^{re.escape(name)}:(\d+)", brought, re.MULTILINE)}
    path = Path(name).absolute()
    symbols = Syntax.of(Document(path.as_uri(), path, "python", text)).symbols
    spans = [(_find_line(text, one.span.start), _find_line(text, one.span.end)) for one in symbols if not one.container]
    return any(begin in lines and begin <= last and first <= end for begin, end in spans)


def _find_line(text: str, offset: int) -> int:
    """Return the number of the line at `offset`, from 1."""
    return text.count("\n", 0, offset) + 1


async def main() -> None:
    """Print each further read, and how many of all had come along."""
    reads = [(task.name, one) for task in ALL for one in await find_further_reads(task)]
    for name, one in reads:
        sys.stdout.write(f"{'came along' if one.came_along else 'missing   '}  {name}: {one.path}\n")
    came = sum(one.came_along for _, one in reads)
    sys.stdout.write(f"{came} of {len(reads)} definitions had come along, in {len(ALL)} tasks\n")


if __name__ == "__main__":
    asyncio.run(main())
