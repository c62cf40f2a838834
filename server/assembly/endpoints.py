"""The settings of the chat models: endpoints, API keys, prices, time limits and fallbacks.

Only the person's own `settings.toml` or the environment can name an endpoint or a key: a workspace may come from a
stranger, and an editor passes on the workspace's settings. `server.assembly.chats` builds the models. Start at
`ChatSettings`.
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

PERSONAL: JsonDict = {"personal": True}  # set only by the person's own settings.toml or the environment
PERSONAL_URL: JsonDict = {"personal": True, "allowed": "an http:// or https:// address without a password or a query"}
PERSONAL_NAME: JsonDict = {"personal": True, "allowed": "a name of letters, digits, dots and dashes"}
PERSONAL_TABLES: JsonDict = {"personal": True, "allowed": "a list of tables with the settings of [chat]"}
PERSONAL_URLS: JsonDict = {
    "personal": True,
    "allowed": "a list of http:// or https:// addresses without a password or a query",
}
PERSONAL_VARIABLE: JsonDict = {"personal": True, "allowed": "the name of an environment variable in capitals"}


def _check_address(text: str) -> str:
    """Return `text` unchanged if it is empty or the address of an endpoint; for pydantic.

    Raises:
        ValueError: `text` is neither.
    """
    if not text:
        return text
    parts = urlsplit(text)
    usual = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
    if not usual or "@" in parts.netloc or re.search(r"[\s\x00-\x1f]", text) or (parts.port or 1) < 1:
        raise ValueError("not the address of an endpoint")
    return text


Address = Annotated[str, Field(max_length=500), AfterValidator(_check_address)]
Addresses = Annotated[tuple[Annotated[Address, Field(min_length=1)], ...], Field(max_length=16)]


class EndpointSettings(BaseModel):
    """The settings of one chat model: at an endpoint, or in the person's own catalog if `url` is empty."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    url: Address = Field(
        default="",
        description="Address of a chat endpoint, such as `http://localhost:11434/v1` or `https://api.openai.com/v1`; "
        "empty for none. Your code is sent there when you ask the chat model something.",
        json_schema_extra=PERSONAL_URL,
    )
    replicas: Addresses = Field(
        default=(),
        description="Further addresses where the same model runs, with the same API and key; a request goes to the "
        "least busy one that answers. Your code is then sent to each of them.",
        json_schema_extra=PERSONAL_URLS,
    )
    model: str = Field(
        default="",
        max_length=200,
        description="Name of the model at the endpoint; without `chat.url`, the name of a chat model of your own.",
        json_schema_extra=PERSONAL,
    )
    api: DialectName = Field(
        default="openai",
        description="API of the endpoint; most endpoints, including vLLM, llama.cpp, OpenRouter and LiteLLM, have the "
        "API `openai`.",
        json_schema_extra=PERSONAL,
    )
    key_env: str = Field(
        default="",
        pattern=r"^([A-Z_][A-Z0-9_]{0,99})?$",
        description="Name of the environment variable that holds the API key; the key itself is never a setting.",
        json_schema_extra=PERSONAL_VARIABLE,
    )
    key_file: str = Field(
        default="",
        max_length=1000,
        description="File that holds the API key and nothing else; make it readable by you alone.",
        json_schema_extra=PERSONAL,
    )
    keyring: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9._-]{1,60})?$",
        description="Name of the API key in the system's keyring, where `starling key NAME` stores it; needs the extra "
        "`keyring`.",
        json_schema_extra=PERSONAL_NAME,
    )
    temperature: float = Field(
        default=-1,
        ge=-1,
        le=2,
        description="Randomness of the answers, 0 for the likeliest answer; a negative number stands for the value in "
        "the catalog entry of a model of your own, else for 0.",
        json_schema_extra=PERSONAL,
    )
    answer_tokens: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Most tokens of an answer, including the model's reasoning before it; 0 for a limit that depends "
        "on the request.",
        json_schema_extra=PERSONAL,
    )
    input_price: float = Field(
        default=-1,
        ge=-1,
        le=1_000_000,
        description="Price of a million tokens read, for `starling costs`; negative for unknown, which counts as free "
        "on this machine.",
        json_schema_extra=PERSONAL,
    )
    output_price: float = Field(
        default=-1,
        ge=-1,
        le=1_000_000,
        description="Price of a million tokens written; negative for unknown, which counts as free on this machine.",
        json_schema_extra=PERSONAL,
    )
    cached_price: float = Field(
        default=-1,
        ge=-1,
        le=1_000_000,
        description="Price of a million tokens read that the endpoint had cached; negative for the same as "
        "`inputPrice`.",
        json_schema_extra=PERSONAL,
    )
    context_tokens: int = Field(
        default=16_384,
        ge=1024,
        le=4_000_000,
        description="Most tokens of a prompt and its answer together.",
        json_schema_extra=PERSONAL,
    )
    first_token_s: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="Longest wait for an answer to begin, in seconds; 0 for 30, or for 180 if the endpoint is on this "
        "machine, as it may have to load its model first.",
        json_schema_extra=PERSONAL,
    )
    timeout_s: int = Field(
        default=300,
        ge=1,
        le=7200,
        description="Longest wait for a whole answer, including retries, in seconds.",
        json_schema_extra=PERSONAL,
    )
    requests_per_hour: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="Most requests an hour, to limit the costs; 0 for no limit. An endpoint on this machine has none.",
        json_schema_extra=PERSONAL,
    )
    cache_s: int = Field(
        default=3600,
        ge=0,
        le=86_400,
        description="Time for which an answer is cached on disk, in seconds, so that the same request is not sent "
        "twice; 0 for no cache.",
        json_schema_extra=PERSONAL,
    )
    proxy: Address = Field(
        default="",
        description="Address of a proxy; empty for the proxy of the environment. An endpoint on this machine is "
        "reached without a proxy.",
        json_schema_extra=PERSONAL_URL,
    )
    ca_file: str = Field(
        default="",
        max_length=1000,
        description="File with the PEM certificates of a private authority, trusted in addition to the system's.",
        json_schema_extra=PERSONAL,
    )

    @property
    def key_location(self) -> str:
        """Description, for a person, of the place where the API key is stored; "" if no key is set."""
        if self.key_env:
            return f"the environment variable {self.key_env}"
        return f"the system's keyring under {self.keyring}" if self.keyring else self.key_file

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses of the model, each once; () for a model of the person's own."""
        return tuple(dict.fromkeys((self.url, *self.replicas))) if self.url else ()

    @property
    def location(self) -> str:
        """Address of the endpoint, for a person; "this machine" for a model of the person's own."""
        return self.url or "this machine"


def _convert_names(table: Any) -> Any:  # noqa: ANN401 (any value of a settings file)
    """Return `table` with its keys in snake_case, since camelCase is allowed too; anything but a table unchanged."""
    return {to_snake_case(str(name)): value for name, value in table.items()} if isinstance(table, dict) else table


Endpoint = Annotated[EndpointSettings, BeforeValidator(_convert_names)]


class ChatSettings(EndpointSettings):
    """The settings of all chat models; without an endpoint nothing is sent anywhere."""

    currency: str = Field(
        default="USD",
        pattern=r"^[A-Z]{3}$",
        description="Currency of all prices, as a code of three letters (ISO 4217); editors that show costs show it.",
        json_schema_extra=PERSONAL,
    )
    fallback: tuple[Endpoint, ...] = Field(
        default=(),
        max_length=8,
        description="Chat models that are asked in turn if the one in `[chat]` does not answer: `[[chat.fallback]]` "
        "tables with the settings of `[chat]`. Your code is then sent to them.",
        json_schema_extra=PERSONAL_TABLES,
    )
    review: tuple[Endpoint, ...] = Field(
        default=(),
        max_length=8,
        description="Chat models for the review, asked in turn: `[[chat.review]]` tables; without any, the models "
        "above review too.",
        json_schema_extra=PERSONAL_TABLES,
    )

    @property
    def first_endpoint(self) -> EndpointSettings:
        """Settings of the model that is asked first."""
        return EndpointSettings(**{name: getattr(self, name) for name in EndpointSettings.model_fields})

    @property
    def endpoints(self) -> tuple[EndpointSettings, ...]:
        """Settings of the models for conversations, in the order in which they are asked; () if none is named."""
        return tuple(one for one in (self.first_endpoint, *self.fallback) if one.url or one.model)


def find_key_exposure(settings: EndpointSettings) -> str:
    """Return advice for a person on the first way in which others may read the API key; "" if none is found.

    Looks at the address, and on POSIX systems at the mode of the key's file.
    """
    from models.remote.http import is_local  # noqa: PLC0415 (only if an endpoint is set)

    for url in settings.urls if settings.key_location else ():
        if urlsplit(url).scheme == "http" and not is_local(url):
            return f"It is sent unencrypted; use an https:// address instead of {url}."
    if settings.key_file and os.name == "posix":
        path = paths.expand_home(settings.key_file)
        with contextlib.suppress(OSError):
            if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                return f"Run: chmod 600 {path}"
    return ""
