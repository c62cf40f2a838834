"""The editor's settings: fetched with `workspace/configuration`, or taken from what the editor sent.

Returns them as JSON and knows no setting; `server.assembly.settings` validates them. Start at `fetch`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from server.gate.question.printing import replace_unprintable

if TYPE_CHECKING:
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from server.lsp.editor.client import Client

logger = logging.getLogger(__name__)

SECTION = "starling"
PULL_WAIT_S = 5.0  # some editors claim to answer and do not
WORKSPACE_FILE = ".starling.toml"  # repeated from `server.assembly.settings`, whose import takes too long here


async def fetch(server: LanguageServer, client: Client, sent: object) -> object:
    """Ask the client for the editor's settings (`workspace/configuration`) and return them as JSON.

    Uses `sent`, the content of the client's last notification, if the client does not support that request, answers
    with an error, or does not answer within `PULL_WAIT_S`. The settings override those in `initializationOptions`.
    """
    settings = sent
    if client.configuration:
        params = types.ConfigurationParams([types.ConfigurationItem(section=SECTION)])
        try:
            answer = await asyncio.wait_for(server.workspace_configuration_async(params), PULL_WAIT_S)
        except (TimeoutError, JsonRpcException) as error:
            logger.warning("workspace/configuration was not answered: %s", error or "no answer in time")
        else:
            settings = answer[0] if answer else None
    return merge(client.options, settings)


def merge(weaker: object, stronger: object) -> object:
    """Return the settings `weaker`, with the settings that `stronger` has in each section in their place.

    A setting that is a table is replaced as a whole. Either may be the value of one key "starling"; the result is not.
    If one of them is not a JSON object, return `stronger`, or `weaker` if `stronger` is empty.
    """
    weaker, stronger = _unwrap(weaker), _unwrap(stronger)
    if not stronger:
        return weaker
    if not isinstance(weaker, dict) or not isinstance(stronger, dict):
        return stronger
    sections = {**weaker, **stronger}
    for name in weaker.keys() & stronger.keys():
        if isinstance(weaker[name], dict) and isinstance(stronger[name], dict):
            sections[name] = {**weaker[name], **stronger[name]}
    return sections


def warn(server: LanguageServer, message: str) -> None:
    """Show `message` to the person as a warning in the editor."""
    shown = f"Starling: {replace_unprintable(message)}"
    server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, shown))


def is_settings_file(path: Path) -> bool:
    """Return whether `path` is named like the workspace's settings file."""
    return path.name == WORKSPACE_FILE


def _unwrap(options: object) -> object:
    """Return the value inside `{"starling": …}`; `options` itself if it is anything else."""
    if isinstance(options, dict) and set(options) == {SECTION}:
        return options[SECTION]
    return options
