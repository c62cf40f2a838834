"""One trace from a question to the write, of a real server with a scripted model; the page shows it as it was exported.

With `WRITE_TRACES=1` in the environment the tests write the page's trees again, from their own export.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server.observation.test_trace_file import read_spans
from tests.wire.conftest import ROOT, Session, wait_for
from tests.wire.test_team import BEFORE, _endpoint, approve_and_apply, begin  # noqa: F401 (a fixture)
from tests.wire.trace_tree import remove_times, render_trees

if TYPE_CHECKING:
    from tests.wire.test_team import Start

PAGE = ROOT / "docs" / "observation.md"
FILE = Path("home") / "log" / "traces.jsonl"


def compare_with_page(name: str, tree: str) -> None:
    """Check that the page shows this trace, apart from times; or write it there, if that is asked for."""
    text = PAGE.read_text(encoding="utf-8")
    region = re.compile(rf"(<!-- trace: {name} -->\n```text\n).*?(\n```)", re.DOTALL)
    if os.environ.get("WRITE_TRACES"):
        PAGE.write_text(region.sub(lambda found: found[1] + tree + found[2], text), encoding="utf-8")
        return
    found = region.search(text)
    assert found is not None
    shown = found[0].removeprefix(found[1]).removesuffix(found[2])
    assert remove_times(shown) == remove_times(tree)


async def read_trees(session: Session, root: str) -> tuple[Path, list[str]]:
    """Return the file of traces of a server that has ended, and the trees in it with this root."""
    await session.shut_down()
    (file,) = await asyncio.to_thread(lambda: list(session.home.rglob("traces.jsonl")))
    return file, render_trees(file, root)


@pytest.mark.usefixtures("_endpoint")
async def test_a_question_with_a_write_is_one_trace(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_TRACES__FILE", "true")
    talk, path = await begin(start)
    asking = talk.ask("@coder use pi", mode="act")
    await approve_and_apply(talk, path)
    result = await wait_for(asking)
    file, (tree,) = await read_trees(talk.session, "starling.ask")
    compare_with_page("question", tree)
    spans = read_spans(file)
    assert {span["attributes"].get("session.id") for span in spans} >= {result["session"]}
    text = file.read_text()
    assert not [line.strip() for line in BEFORE.splitlines() if line.strip() and line.strip() in text]
    assert "use pi" not in text  # what the person said
    assert "It uses math.pi." not in text  # what the model said
    assert "area.py" not in text
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_key_is_one_trace_from_the_request_to_the_model(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_TRACES__FILE", "true")
    session = await start(reply="area(r)")
    session.write("shapes.py", "def area(r):\n    return 3 * r * r\n")
    await session.initialize(initialization_options={"completion": {"timeoutMs": 60_000}})
    await session.wait_for_index(1)
    uri = session.open((session.workspace / "main.py").as_uri(), "from shapes import area\n\nsize = ")
    assert await session.list_suggestions(uri, 2, 7)
    file, (tree,) = await read_trees(session, "textDocument/inlineCompletion")
    compare_with_page("key", tree)
    assert "shapes" not in file.read_text()


async def test_without_the_setting_there_is_no_file(start: Start) -> None:
    session = await start(reply="area(r)")
    await session.initialize()
    await session.shut_down()
    assert not list(session.home.rglob("traces.jsonl"))
