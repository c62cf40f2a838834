"""The record `FileReport`: the diagnostics of one file that is not open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types


@dataclass(frozen=True, slots=True)
class FileReport:
    """The diagnostics of one file.

    Attributes:
        uri: the file's URI.
        identity: the report's result id.
        items: the diagnostics; None if the client has them already.
    """

    uri: str
    identity: str
    items: tuple[types.Diagnostic, ...] | None
