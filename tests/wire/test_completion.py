"""Completion in a real workspace over stdio: the whole path, with a scripted model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]


async def test_a_workspace_is_indexed_and_code_in_it_completed(start: Start) -> None:
    session = await start(reply="area(2.0)")
    session.write("shapes.py", "def area(radius):\n    return 3.14 * radius * radius\n")
    main = session.write("main.py", "from shapes import area\n\nprint(\n")
    await session.initialize()
    await session.indexed(2)
    uri = session.open(main.as_uri(), main.read_text())
    assert "area(2.0)" in (await session.texts(uri, 2, 6))[0]
    hits = (await session.command("starling.search", query="radius"))["hits"]
    assert [hit["relative"] for hit in hits] == ["shapes.py"]
