"""A person's prompt as the text of a request: words, files that it mentions, texts that it encloses.

Start at `read_prompt`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from acp import schema

from agents.team.permissions.paths import shorten_path
from indexing.syntax.documents import Document
from indexing.workspace.origins import find_origins, parse_file_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

LONGEST = 500_000
"""Characters of one prompt."""

_LINES = re.compile(r"L?(\d{1,9})(?:[:,-]L?(\d{1,9}))?")


def read_prompt(
    blocks: Iterable[Any], roots: Sequence[Path], find_withholding_reason: Callable[[Document], str]
) -> str:
    """Return the request that the content blocks of a prompt make.

    A file is mentioned by its path, also where the client sends its text: agents read files themselves, so that
    exclusions apply. Other text is included as a quotation, unless no model may see it.

    Args:
        blocks: content blocks of the protocol.
        roots: the workspace folders.
        find_withholding_reason: returns why no model may see a document, "" if models may see it.

    Raises:
        ValueError: the prompt says nothing, or is too long; the message is a sentence for a person.
    """
    text = "".join(_read_block(block, roots, find_withholding_reason) for block in blocks).strip()
    if not text:
        raise ValueError("The prompt is empty; say what you want.")
    if len(text) > LONGEST:
        raise ValueError(f"The prompt has {len(text):,} characters, more than {LONGEST:,}; name files instead.")
    return text


def name_resource(uri: str, roots: Sequence[Path]) -> str:
    """Return the name of a resource for an agent: a file's path in the workspace with its lines, else its URI."""
    path = parse_file_uri(uri)
    if path is None:
        return uri
    lines = _LINES.fullmatch(uri.partition("#")[2])
    if lines is None:
        return shorten_path(path, roots)
    return f"{shorten_path(path, roots)} (lines {lines[1]} to {lines[2] or lines[1]})"


def _read_block(block: Any, roots: Sequence[Path], find_withholding_reason: Callable[[Document], str]) -> str:  # noqa: ANN401 (one of the protocol's five kinds)
    """Return a content block as text; for an image or a sound, a note that it is left out."""
    match block:
        case schema.TextContentBlock():
            return str(block.text)
        case schema.ResourceContentBlock():
            return name_resource(block.uri, roots)
        case schema.EmbeddedResourceContentBlock():
            return _read_resource(block.resource, roots, find_withholding_reason)
        case _:
            return f"[{block.type} left out: agents read text only]"


def _read_resource(resource: Any, roots: Sequence[Path], find_withholding_reason: Callable[[Document], str]) -> str:  # noqa: ANN401 (one of two kinds)
    """Return the name of a resource; for a text that is not a file, also the quoted text, or why it is left out."""
    named = name_resource(resource.uri, roots)
    if not isinstance(resource, schema.TextResourceContents) or parse_file_uri(resource.uri) is not None:
        return named
    document = Document(resource.uri, None, "text", resource.text, origins=find_origins(resource.uri))
    if reason := find_withholding_reason(document):
        return f"[{named} left out: {reason}]"
    quoted = "".join(f"> {line}\n" for line in resource.text.splitlines())
    return f"\n[{named}]\n{quoted}\n"
