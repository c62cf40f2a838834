"""The policies and limits that are derived from the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from agents.findings import Layer
from indexing.limits import IndexLimits
from models.local.lazy_model import LazyModel
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from server.assembly import policies
from server.assembly.core import Core
from server.assembly.resources import Files
from server.assembly.settings import Settings
from server.lsp.session.reviews import list_available_layers

if TYPE_CHECKING:
    from pathlib import Path

    from agents.completion.generator import Generator
    from indexing.index import Index


def settings(section: str, **values: object) -> Settings:
    return Settings.model_validate({section: values})


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, set()),
        ({"likelihood": "always"}, set()),
        ({"likelihood": "never"}, {Layer.LIKELIHOOD}),
        ({"static": False}, {Layer.STATIC}),
        ({"model": False}, {Layer.MODEL}),
        ({"enabled": False}, set(Layer)),
    ],
)
def test_what_is_scheduled_is_what_the_reviewer_is_allowed(values: dict[str, object], missing: set[Layer]) -> None:
    wanted = settings("review", **values)
    assert policies.select_layers(wanted) == frozenset(Layer) - missing
    assert policies.build_review_policy(wanted).layers == policies.select_layers(wanted)
    model = LazyModel(ENTRY, ScriptedModel)
    core = Core(wanted, cast("Index", None), cast("Generator", None), model)
    assert list_available_layers(core) == frozenset(Layer) - missing - {Layer.MODEL}  # there is no chat model


def test_without_its_model_a_layer_is_not_scheduled() -> None:
    core = Core(Settings(), cast("Index", None), cast("Generator", None), None)
    assert list_available_layers(core) == {Layer.STATIC}


def test_limits_of_the_index_are_the_settings_and_those_of_a_review_its_own() -> None:
    wanted = Settings.model_validate(
        {
            "index": {"max_files": 7, "max_file_bytes": 2_000, "exclude": ["*.gen"], "libraries_mb": 60},
            "review": {"workspace_files": 5, "max_file_bytes": 3_000},
        }
    )
    expected = IndexLimits(
        max_files=7, max_file_bytes=2_000, exclude=("*.gen",), disk_bytes=4_000_000_000, library_bytes=60_000_000
    )
    assert policies.build_index_limits(wanted) == expected
    assert policies.build_review_limits(wanted) == replace(expected, max_files=5, max_file_bytes=3_000)
    assert Core(wanted, cast("Index", None), cast("Generator", None), None).index_limits == expected


def test_libraries_can_be_turned_off() -> None:
    assert policies.build_index_limits(settings("index", libraries=False)).library_bytes == 0


def test_tasks_are_shown_no_file_that_is_too_large_for_the_index(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text("x = 1\n")
    (tmp_path / "large.py").write_text("x = 1\n" * 300)
    wanted = settings("index", max_file_bytes=1_000)
    core = Core(wanted, cast("Index", None), cast("Generator", None), None)
    assert [path.name for path in Files(core, (tmp_path,)).list_files()] == ["small.py"]
