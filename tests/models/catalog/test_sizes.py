"""Sizes of models, by their names."""

from __future__ import annotations

import pytest

from models.catalog.sizes import is_small, parse_weight_count


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("qwen2.5-coder:1.5b", 1_500_000_000),
        ("qwen2.5-coder-0.5b-instruct", 500_000_000),
        ("SmolLM2-135M-Instruct", 135_000_000),
        ("Qwen/Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", 7_000_000_000),
        ("llama3.1:8b", 8_000_000_000),
        ("Qwen3-Coder-30B-A3B", 30_000_000_000),
        ("mixtral-8x7b", 0),
        ("gpt-5-mini", 0),
        ("claude-opus-4-1", 0),
        ("scripted", 0),
        ("", 0),
    ],
)
def test_the_size_is_read_from_the_name(name: str, size: int) -> None:
    assert parse_weight_count(name) == size
    assert is_small(name) == (0 < size < 8_000_000_000)
