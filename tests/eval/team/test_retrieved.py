"""The measurement of what comes along, on two tasks."""

from __future__ import annotations

import pytest

from tests.eval.team.retrieved import FurtherRead, find_further_reads
from tests.eval.team.tasks.all_tasks import ALL


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("repair_ipv6_host", [FurtherRead("mdurl/_format.py", came_along=True)]),
        ("repair_value_with_equals", [FurtherRead("iniconfig/_parse.py", came_along=False)]),
    ],
)
async def test_a_further_read_is_compared_with_what_came_along(name: str, reads: list[FurtherRead]) -> None:
    (task,) = (one for one in ALL if one.name == name)
    assert await find_further_reads(task) == reads
