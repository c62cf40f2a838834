"""The comparison of runtimes measures what it is given, and names what it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import runtimes

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_cannot_be_measured_is_named_and_no_table_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtimes, "JOBS", (("ctranslate2", "int8"), ("llama.cpp", "int8"), ("transformers", "float32")))
    monkeypatch.setattr(runtimes, "NEW_TOKENS", 2)
    monkeypatch.setattr(runtimes, "RESULTS", tmp_path / "runtimes.json")
    monkeypatch.setattr("sys.argv", ["runtimes"])
    assert runtimes.main() == 1
    said = capfd.readouterr().out
    assert "ctranslate2 int8     reads 384 tokens in" in said
    assert "llama.cpp int8: not measured; it needs --llama-cpp PYTHON" in said
    assert "transformers float32: not measured; it needs --transformers PYTHON" in said
    assert not (tmp_path / "runtimes.json").exists()


def test_runtimes_that_computed_something_else_are_found_out() -> None:
    results = {"a float32": {"tokens": [1, 2, 3]}, "b float32": {"tokens": [1, 9, 3]}, "b int8": {"tokens": [7, 7, 7]}}
    assert [line.partition(" of ")[0] for line in runtimes._compare_tokens(results)] == ["a float32: 3", "b float32: 2"]
