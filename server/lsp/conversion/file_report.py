"""The report of one file that is not open, on its way to the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types


@dataclass(frozen=True, slots=True)
class FileReport:
    """The report of one file: `items` is None where the client has them already."""

    uri: str
    identity: str
    items: tuple[types.Diagnostic, ...] | None
