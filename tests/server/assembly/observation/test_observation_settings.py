"""The settings of metrics: only the person's own count, and only addresses of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.assembly.observation.observation_settings import split_address
from server.assembly.settings import resolve

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:1", ("::1", 1)), ("127.1.2.3:65535", ("127.1.2.3", 65535))],
)
def test_a_loopback_address_is_taken_apart(text: str, address: tuple[str, int]) -> None:
    assert split_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0:9464", "[::]:9464", "10.0.0.1:9464", "localhost:9464", "example.com:80", "127.0.0.1", "127.0.0.1:0",
     "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:٣", ":9464", "9464", "127.0.0.1:9464/x"],
)  # fmt: skip
def test_any_other_address_is_named_and_not_used(tmp_path: Path, text: str) -> None:
    settings, (problem,) = resolve(environment={"STARLING_METRICS__LISTEN": text}, user_file=tmp_path / "none.toml")
    assert settings.metrics.listen == ""
    assert "a loopback address with a port" in str(problem)


def test_no_workspace_and_no_editor_turns_metrics_on(tmp_path: Path) -> None:
    (tmp_path / ".starling.toml").write_text('[metrics]\nlisten = "127.0.0.1:9464"\n')
    settings, problems = resolve(
        editor={"metrics": {"listen": "127.0.0.1:9465"}},
        roots=[tmp_path],
        environment={},
        user_file=tmp_path / "none.toml",
    )
    assert settings.metrics.listen == ""
    assert len(problems) == 2
