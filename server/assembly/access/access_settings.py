"""The settings of a server with accounts: an external issuer, and the workspaces that accounts may open.

Only the person whose server it is can set them. Start at `AccessSettings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from server.access.addresses import is_safe_address
from server.assembly.setting_sections import PERSONAL


def _check_issuer(text: str) -> str:
    """Return `text` unchanged if it is "" or a safe address; for pydantic. Raises ValueError."""
    if text and not is_safe_address(text):
        raise ValueError("it is no https address")
    return text


def _check_folder(text: str) -> str:
    """Return `text` unchanged if it names a folder independently of the working directory; for pydantic.

    Raises:
        ValueError: the path is relative.
    """
    if not (text.startswith("~") or Path(text).is_absolute()):
        raise ValueError("the path is not absolute")
    return text


FolderName = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_folder)]


class AccessSettings(BaseModel):
    """The settings of a server with accounts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspaces: tuple[FolderName, ...] = Field(
        default=(),
        max_length=1000,
        description="On a server with accounts, the folders in which accounts may open workspaces, with all folders in "
        "them; admins may open every folder.",
        json_schema_extra={**PERSONAL, "by_entry": True, "allowed": "a list of absolute paths"},
    )
    issuer: Annotated[str, AfterValidator(_check_issuer)] = Field(
        default="",
        max_length=1000,
        description="Address of an OpenID Connect issuer whose access tokens (RS256) admit connections over TCP and "
        "WebSocket, in place of Starling's own logins.",
        json_schema_extra={**PERSONAL, "allowed": 'an https address, or ""'},
    )
    audience: str = Field(
        default="starling",
        min_length=1,
        max_length=300,
        description="The audience that the tokens of `access.issuer` must name.",
        json_schema_extra=PERSONAL,
    )
