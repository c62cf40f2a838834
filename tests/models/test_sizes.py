"""How large a model is, by its name."""

from __future__ import annotations

import pytest

from models.sizes import is_small, weights


@pytest.mark.parametrize(
    ("name", "size", "small"),
    [
        ("qwen2.5-coder:1.5b", 1_500_000_000, True),
        ("qwen2.5-coder-0.5b-instruct", 500_000_000, True),
        ("SmolLM2-135M-Instruct", 135_000_000, True),
        ("Qwen/Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", 7_000_000_000, True),
        ("llama3.1:8b", 8_000_000_000, False),
        ("Qwen3-Coder-30B-A3B", 30_000_000_000, False),
        ("mixtral-8x7b", 0, False),
        ("gpt-5-mini", 0, False),
        ("claude-opus-4-1", 0, False),
        ("scripted", 0, False),
        ("", 0, False),
    ],
)
def test_a_name_says_its_size(name: str, size: int, small: bool) -> None:
    assert weights(name) == size
    assert is_small(name) == small
