"""The settings of chat models: endpoints, keys, prices, and who is asked when one does not answer.

Personal settings: neither a workspace nor an editor, which passes on what a workspace's own editor settings say, can
name an endpoint or a key. The models are made of them in `server.assembly.chats`. Start at `ChatSettings`.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from models.remote.providers.registry import DialectName  # noqa: TC001 (pydantic reads it)
from server.assembly.setting_sources import to_snake_case
from server.state import paths

if TYPE_CHECKING:
    from pydantic.config import JsonDict

PERSONAL: JsonDict = {"personal": True}  # only the person's own settings.toml or the environment may set it
PERSONAL_URL: JsonDict = {"personal": True, "allowed": "an http:// or https:// address without a password or a query"}
PERSONAL_NAME: JsonDict = {"personal": True, "allowed": "a name of letters, digits, dots and dashes"}
PERSONAL_TABLES: JsonDict = {"personal": True, "allowed": "a list of tables, each with what [chat] may have"}
PERSONAL_VARIABLE: JsonDict = {"personal": True, "allowed": "the name of an environment variable in capitals"}


def _check_address(text: str) -> str:
    """Return `text` if it is empty or the address of an endpoint.

    Raises:
        ValueError: it is neither.
    """
    if not text:
        return text
    parts = urlsplit(text)
    usual = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
    if not usual or "@" in parts.netloc or re.search(r"[\s\x00-\x1f]", text) or (parts.port or 1) < 1:
        raise ValueError("not the address of an endpoint")
    return text


Address = Annotated[str, Field(max_length=500), AfterValidator(_check_address)]


class EndpointSettings(BaseModel):
    """One chat model: an endpoint, or one of a person's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    url: Address = Field(
        default="",
        description="Address of a chat endpoint, `http://localhost:11434/v1` or `https://api.openai.com/v1`; empty for "
        "none. Code goes there when you ask a chat model something.",
        json_schema_extra=PERSONAL_URL,
    )
    model: str = Field(
        default="",
        max_length=200,
        description="The model's name at the endpoint; without `chat.url`, the name of a chat model of your own.",
        json_schema_extra=PERSONAL,
    )
    api: DialectName = Field(
        default="openai",
        description="What the endpoint speaks; most, vLLM, llama.cpp, OpenRouter and LiteLLM too, speak `openai`.",
        json_schema_extra=PERSONAL,
    )
    key_env: str = Field(
        default="",
        pattern=r"^([A-Z_][A-Z0-9_]{0,99})?$",
        description="Name of the environment variable that holds the key; the key itself never stands in a setting.",
        json_schema_extra=PERSONAL_VARIABLE,
    )
    key_file: str = Field(
        default="",
        max_length=1000,
        description="A file that holds the key and nothing else; readable by you alone.",
        json_schema_extra=PERSONAL,
    )
    keyring: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9._-]{1,60})?$",
        description="Name of the key in the system's keyring, where `starling key NAME` puts it; needs the extra "
        "`keyring`.",
        json_schema_extra=PERSONAL_NAME,
    )
    temperature: float = Field(
        default=-1,
        ge=-1,
        le=2,
        description="How freely it answers, 0 for the likeliest answer; below 0 what a model of your own has in its "
        "catalog entry, else 0.",
        json_schema_extra=PERSONAL,
    )
    answer_tokens: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Most tokens of an answer, what the model thinks before it included; 0 leaves it to what is asked.",
        json_schema_extra=PERSONAL,
    )
    input_price: float = Field(
        default=-1,
        ge=-1,
        le=1_000_000,
        description="Price of a million tokens read, for `starling costs`; below 0 unknown, on this machine nothing.",
        json_schema_extra=PERSONAL,
    )
    output_price: float = Field(
        default=-1,
        ge=-1,
        le=1_000_000,
        description="Price of a million tokens written; below 0 unknown, on this machine nothing.",
        json_schema_extra=PERSONAL,
    )
    cached_price: float = Field(
        default=-1,
        ge=-1,
        le=1_000_000,
        description="Price of a million tokens read that the endpoint had cached; below 0 as much as `inputPrice`.",
        json_schema_extra=PERSONAL,
    )
    context_tokens: int = Field(
        default=16_384,
        ge=1024,
        le=4_000_000,
        description="Tokens the model takes, its answer included.",
        json_schema_extra=PERSONAL,
    )
    first_token_s: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="Longest wait for an answer to begin, seconds; 0 waits 30, and 180 for a server on this machine, "
        "which may have to load its model first.",
        json_schema_extra=PERSONAL,
    )
    timeout_s: int = Field(
        default=300,
        ge=1,
        le=7200,
        description="Longest wait for a whole answer, further tries included, seconds.",
        json_schema_extra=PERSONAL,
    )
    requests_per_hour: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="Most requests an hour, for what they cost; 0 for no limit. A server on this machine has none.",
        json_schema_extra=PERSONAL,
    )
    cache_s: int = Field(
        default=3600,
        ge=0,
        le=86_400,
        description="How long an answer is kept on disk, so that the same question is not asked twice, seconds; 0 for "
        "not at all.",
        json_schema_extra=PERSONAL,
    )
    proxy: Address = Field(
        default="",
        description="A proxy on the way; empty for what the environment says. This machine is never reached by one.",
        json_schema_extra=PERSONAL_URL,
    )
    ca_file: str = Field(
        default="",
        max_length=1000,
        description="Certificates in PEM of a private authority, trusted beside the system's.",
        json_schema_extra=PERSONAL,
    )

    @property
    def key_place(self) -> str:
        """Place of the API key, for a person; "" without one."""
        if self.key_env:
            return f"the environment variable {self.key_env}"
        return f"the system's keyring under {self.keyring}" if self.keyring else self.key_file

    @property
    def place(self) -> str:
        """Place where the model computes, for a person."""
        return self.url or "this machine"


def _convert_names(table: Any) -> Any:  # noqa: ANN401 (whatever stands there)
    """Return a table with its names in snake_case; camelCase is allowed too."""
    return {to_snake_case(str(name)): value for name, value in table.items()} if isinstance(table, dict) else table


Endpoint = Annotated[EndpointSettings, BeforeValidator(_convert_names)]


class ChatSettings(EndpointSettings):
    """The chat model: an endpoint of your choice; without one nothing is ever sent anywhere."""

    fallback: tuple[Endpoint, ...] = Field(
        default=(),
        max_length=8,
        description="Chat models that are asked in turn where the one above does not answer: `[[chat.fallback]]` "
        "tables, each with what `[chat]` may have. Your code goes to them then.",
        json_schema_extra=PERSONAL_TABLES,
    )
    review: tuple[Endpoint, ...] = Field(
        default=(),
        max_length=8,
        description="Chat models that review in place of all of the above, in turn: `[[chat.review]]` tables; none for "
        "the same.",
        json_schema_extra=PERSONAL_TABLES,
    )

    @property
    def first(self) -> EndpointSettings:
        """The one that is asked first, without the others."""
        return EndpointSettings(**{name: getattr(self, name) for name in EndpointSettings.model_fields})

    @property
    def chain(self) -> tuple[EndpointSettings, ...]:
        """All that are asked, in order; empty where none is named."""
        return tuple(one for one in (self.first, *self.fallback) if one.url or one.model)


def find_key_exposure(settings: EndpointSettings) -> str:
    """Return what to do about an API key that others may read; "" for none."""
    from models.remote.http import is_local  # noqa: PLC0415 (for a person with an endpoint alone)

    if settings.key_place and urlsplit(settings.url).scheme == "http" and not is_local(settings.url):
        return f"It is sent unencrypted; use an https:// address instead of {settings.url}."
    if settings.key_file and os.name == "posix":
        path = paths.expand_home(settings.key_file)
        with contextlib.suppress(OSError):
            if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                return f"Run: chmod 600 {path}"
    return ""
