"""The settings of metrics and traces: both are off, and only a person's own settings turn them on.

Start at `MetricsSettings` and `TracesSettings`.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from pydantic.config import JsonDict

PERSONAL_ADDRESS: JsonDict = {
    "personal": True,
    "allowed": 'a loopback address with a port, such as "127.0.0.1:9464" or "[::1]:9464", or "" for none',
}
PERSONAL_ENDPOINT: JsonDict = {"personal": True, "allowed": 'an http:// or https:// address, or "" for none'}
PERSONAL: JsonDict = {"personal": True}


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of a loopback address such as "127.0.0.1:9464".

    Raises:
        ValueError: `text` is none.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) < 1 << 16:
        raise ValueError("no port")
    if not ip_address(host).is_loopback:
        raise ValueError("no loopback address")
    return host, int(port)


def _check_address(text: str) -> str:
    """Return `text` unchanged if it is "" or a loopback address; for pydantic. Raises ValueError."""
    if text:
        split_address(text)
    return text


def _check_endpoint(text: str) -> str:
    """Return `text` unchanged if it is "" or the URL of a server; for pydantic. Raises ValueError."""
    parts = urlsplit(text)
    usual = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
    if text and (not usual or "@" in parts.netloc or re.search(r"[\s\x00-\x1f]", text) or parts.port == 0):
        raise ValueError("not the address of a server")
    return text


class MetricsSettings(BaseModel):
    """The settings of metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: Annotated[str, Field(max_length=100), AfterValidator(_check_address)] = Field(
        default="",
        description="Loopback address on which Starling answers `/metrics` for Prometheus, and `/health`, such as "
        "`127.0.0.1:9464`; empty for none. Every program of this machine can read them; they hold numbers and states, "
        "no code.",
        json_schema_extra=PERSONAL_ADDRESS,
    )


class TracesSettings(BaseModel):
    """The settings of traces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: bool = Field(
        default=False,
        description="Write traces to the file `traces.jsonl` beside the log: how long each part of a request took, "
        "without code, prompts and paths; prompts and answers only with `log.texts`. Needs the extra `telemetry`.",
        json_schema_extra=PERSONAL,
    )
    max_bytes: int = Field(
        default=10_000_000,
        ge=10_000,
        le=1_000_000_000,
        description="Size at which the file of traces is renamed and a new one begun; one old file is kept.",
        json_schema_extra=PERSONAL,
    )
    endpoint: Annotated[str, Field(max_length=500), AfterValidator(_check_endpoint)] = Field(
        default="",
        description="Address of a collector that takes traces by OTLP over HTTP, such as "
        "`http://127.0.0.1:4318`; empty for none. Never gets code, prompts or paths. Needs the extra "
        "`telemetry`.",
        json_schema_extra=PERSONAL_ENDPOINT,
    )
