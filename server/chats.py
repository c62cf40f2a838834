"""The chat model a person configured: the settings of its endpoint, and the model made from them.

Personal settings: neither a workspace nor an editor, which passes on what a workspace's own editor settings say, can
name an endpoint or a key. Asks nothing of the endpoint by itself. Start at `made`; `ChatSettings` says what there is.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from pydantic.config import JsonDict

    from models.chat import ChatModel

PERSONAL: JsonDict = {"personal": True}  # only the person's own settings.toml or the environment may set it
PERSONAL_URL: JsonDict = {"personal": True, "allowed": "an http:// or https:// address without a password or a query"}
PERSONAL_VARIABLE: JsonDict = {"personal": True, "allowed": "the name of an environment variable in capitals"}

# A server on this machine may have to load its model first.
FIRST_TOKEN_S, LOCAL_FIRST_TOKEN_S = 30.0, 180.0
SHORTEST_IDLE_S = 30.0


def _address(text: str) -> str:
    """`text` if it is the address of an endpoint, or nothing.

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


Address = Annotated[str, Field(max_length=500), AfterValidator(_address)]


class ChatSettings(BaseModel):
    """The chat model: an endpoint of your choice; without one nothing is ever sent anywhere."""

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
    api: Literal["openai", "anthropic", "ollama"] = Field(
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
        """Where the key is, for a person; "" for nowhere."""
        return f"the environment variable {self.key_env}" if self.key_env else self.key_file


def exposed_key(settings: ChatSettings) -> str:
    """What to do about a key that others may read, "" when none is known."""
    from models.http import is_local  # noqa: PLC0415 (for a person with an endpoint alone)

    if settings.key_place and urlsplit(settings.url).scheme == "http" and not is_local(settings.url):
        return "It is sent unencrypted; use an https:// address in chat.url."
    if settings.key_file and os.name == "posix":
        path = Path(settings.key_file).expanduser()
        with contextlib.suppress(OSError):
            if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                return f"Run: chmod 600 {path}"
    return ""


def made(settings: ChatSettings, cache: Path | None) -> tuple[ChatModel | None, str]:
    """The chat model that the settings name, and what is wrong with them, "" for nothing.

    Args:
        settings: of the endpoint.
        cache: folder for kept answers, None for nowhere.
    """
    if not settings.url:
        return _local(settings, cache)
    if not settings.model:
        return None, "chat.url is set and chat.model is not; name the model as the endpoint calls it."
    from models.endpoint import Endpoint, Patience  # noqa: PLC0415 (for a person with an endpoint alone)
    from models.http import HttpClient, HttpOptions, is_local  # noqa: PLC0415
    from models.keys import KeySource  # noqa: PLC0415
    from models.providers.remote import DIALECTS, RemoteChat  # noqa: PLC0415
    from models.replies import CachedChat  # noqa: PLC0415

    local = is_local(settings.url)
    first_s = settings.first_token_s or (LOCAL_FIRST_TOKEN_S if local else FIRST_TOKEN_S)
    patience = Patience(
        first_token_s=first_s,
        idle_s=max(SHORTEST_IDLE_S, float(settings.first_token_s)),
        total_s=float(settings.timeout_s),
        requests_per_hour=0 if local else settings.requests_per_hour,
    )
    client = HttpClient(HttpOptions(settings.proxy, Path(settings.ca_file) if settings.ca_file else None))
    key = KeySource(settings.key_env, Path(settings.key_file).expanduser() if settings.key_file else None)
    endpoint = Endpoint(DIALECTS[settings.api].base(settings.url), client, key=key, patience=patience)
    chat = RemoteChat(settings.model, endpoint, client, dialect=settings.api, context_tokens=settings.context_tokens)
    return CachedChat(chat, cache, kept_s=settings.cache_s) if cache is not None and settings.cache_s else chat, ""


def _local(settings: ChatSettings, cache: Path | None) -> tuple[ChatModel | None, str]:
    """A chat model of the catalog, by its name alone."""
    if not settings.model:
        return None, ""
    from models.catalog import Catalog  # noqa: PLC0415 (for a person with such a model)
    from models.replies import CachedChat  # noqa: PLC0415
    from server import hosts, paths  # noqa: PLC0415

    catalog = Catalog.load(paths.models_dir())
    entry = catalog.get(settings.model)
    if entry is None or entry.chat is None:
        fitting = ", ".join(one.name for one in catalog.entries.values() if one.chat is not None) or "none"
        return None, (
            f"chat.model names no chat model of yours ({settings.model}; there are: {fitting}), chat.url no endpoint; "
            "set chat.url to the one that has it, or `starling models pull` one."
        )
    chat = hosts.chat(entry)
    return CachedChat(chat, cache, kept_s=settings.cache_s) if cache is not None and settings.cache_s else chat, ""
