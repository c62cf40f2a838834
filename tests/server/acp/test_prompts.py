"""Prompts as requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import acp
import pytest
from acp import schema

from server.acp.prompts import LONGEST, name_resource, read_prompt

if TYPE_CHECKING:
    from indexing.syntax.documents import Document

ROOT = Path(__file__).parent.resolve()


def withhold_nothing(_: Document) -> str:
    """Return "": models may see everything."""
    return ""


def embed(uri: str, text: str) -> schema.EmbeddedResourceContentBlock:
    """Return a block with a resource and its text."""
    return acp.resource_block(acp.embedded_text_resource(uri, text))


def test_blocks_become_one_text() -> None:
    link = acp.resource_link_block("a.py", (ROOT / "a.py").as_uri())
    blocks = [acp.text_block("Explain "), link, acp.text_block(", please.")]
    assert read_prompt(blocks, [ROOT], withhold_nothing) == "Explain a.py, please."


@pytest.mark.parametrize(
    ("fragment", "name"),
    [("", "a.py"), ("#L3", "a.py (lines 3 to 3)"), ("#L3:9", "a.py (lines 3 to 9)"), ("#heading", "a.py")],
)
def test_a_file_is_named_with_its_lines(fragment: str, name: str) -> None:
    assert name_resource(f"{(ROOT / 'a.py').as_uri()}{fragment}", [ROOT]) == name


def test_a_resource_that_is_no_file_keeps_its_address() -> None:
    assert name_resource("zed:///thread/1", [ROOT]) == "zed:///thread/1"


def test_an_embedded_file_is_named_and_not_included() -> None:
    text = read_prompt([embed((ROOT / "a.py").as_uri(), "SECRET = 1")], [ROOT], withhold_nothing)
    assert text == "a.py"


def test_other_embedded_text_is_quoted() -> None:
    text = read_prompt([embed("zed:///thread/1", "one\ntwo")], [ROOT], withhold_nothing)
    assert text == "[zed:///thread/1]\n> one\n> two"


def test_embedded_text_that_no_model_may_see_is_left_out() -> None:
    def withhold(document: Document) -> str:
        return "a secret" if any(path.name == ".env" for path in document.origins) else ""

    text = read_prompt([embed("zed:///diff?path=.env", "TOKEN=1")], [ROOT], withhold)
    assert "TOKEN" not in text
    assert "left out: a secret" in text


def test_images_are_left_out_with_a_word() -> None:
    blocks = [acp.text_block("See "), acp.image_block("AAAA", "image/png")]
    assert read_prompt(blocks, [ROOT], withhold_nothing) == "See [image left out: agents read text only]"


@pytest.mark.parametrize(("text", "sentence"), [(" \n", "empty"), ("x" * (LONGEST + 1), "more than 500,000")])
def test_a_prompt_that_cannot_be_asked_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_prompt([acp.text_block(text)], [ROOT], withhold_nothing)
