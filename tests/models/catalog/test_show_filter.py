"""Show filters: read if they are valid, else reported and ignored."""

import hashlib
import json
import math
from pathlib import Path

import pytest

from models.catalog.catalog import BUNDLED, DEFAULT_MODEL, Catalog, read_entry
from models.catalog.show_filter import EVIDENCE, FILE, FORMAT, KINDS, ShowFilter
from models.errors import CatalogError


def write_filter(folder: Path, **changes: object) -> Path:
    """Write a show filter with `changes` of its top-level fields to `folder`; return its path."""
    content: dict[str, object] = {"format": FORMAT, "kinds": {kind: {"weights": {"one": -1.0}} for kind in KINDS}}
    path = folder / FILE
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_evidence_has_the_weights_of_the_file(tmp_path: Path) -> None:
    kinds = {kind: {"weights": {"one": 0.0}} for kind in KINDS} | {"alone": {"weights": {"one": 1.0, "total": 2.0}}}
    read = ShowFilter.read(write_filter(tmp_path, kinds=kinds))
    assert read is not None
    evidence = dict.fromkeys(EVIDENCE, 1.0) | {"total": -3.0}
    assert read.estimate_probability("alone", evidence) == pytest.approx(1 / (1 + math.exp(5.0)))
    assert read.estimate_probability("draft", evidence) == 0.5


def test_a_model_without_the_file_has_no_filter(tmp_path: Path) -> None:
    assert ShowFilter.read(tmp_path / FILE) is None


@pytest.mark.parametrize(
    "kinds",
    [
        None,
        {},
        {kind: {} for kind in KINDS},
        {kind: {"weights": {"mood": 1.0}} for kind in KINDS},
        {kind: {"weights": {"one": "much"}} for kind in KINDS},
        {kind: {"weights": {"one": math.inf}} for kind in KINDS},
        {kind: {"weights": {"one": True}} for kind in KINDS},
        {kind: {"weights": {"one": math.nan}} for kind in KINDS},
        {kind: {"weights": {"one": 10**400}} for kind in KINDS},
        {kind: {"weights": {"one": 1e308, "total": 1e308}} for kind in KINDS},  # a sum of theirs is no number
    ],
)
def test_a_wrong_filter_is_refused_with_its_file_and_what_is_allowed(tmp_path: Path, kinds: object) -> None:
    path = write_filter(tmp_path, kinds=kinds)
    with pytest.raises(CatalogError, match="allowed") as refused:
        ShowFilter.read(path)
    assert str(path) in str(refused.value)


def test_another_format_and_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="format"):
        ShowFilter.read(write_filter(tmp_path, format=FORMAT + 1))
    (tmp_path / FILE).write_text("weights", encoding="utf-8")
    with pytest.raises(CatalogError, match="JSON"):
        ShowFilter.read(tmp_path / FILE)
    (tmp_path / FILE).write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(CatalogError, match="JSON"):
        ShowFilter.read(tmp_path / FILE)


def test_a_model_with_a_wrong_filter_is_used_without_and_the_problem_is_told(tmp_path: Path) -> None:
    entry = (BUNDLED / DEFAULT_MODEL / "catalog.toml").read_text(encoding="utf-8")
    (tmp_path / "catalog.toml").write_text(entry, encoding="utf-8")
    write_filter(tmp_path, kinds={})
    problems: list[str] = []
    assert read_entry(tmp_path / "catalog.toml", on_problem=problems.append).show_filter is None
    assert len(problems) == 1
    assert FILE in problems[0]


def test_the_bundled_model_has_a_filter_fitted_to_its_own_weights() -> None:
    folder = BUNDLED / DEFAULT_MODEL
    assert Catalog.load(None).entries[DEFAULT_MODEL].show_filter is not None
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    digest = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    assert digest.startswith(content["weights_sha256_begins"])
