"""Settings on their way between editor and server: pulled by `workspace/configuration`, or sent by the editor.

Knows no setting; what they mean is `server.assembly.settings`' business. Start at `pulled`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from server.gate.question.wording import replace_unprintable

if TYPE_CHECKING:
    from pathlib import Path

    from pygls.lsp.server import LanguageServer

    from server.lsp.editor.client import Client

logger = logging.getLogger(__name__)

SECTION = "starling"
PULL_WAIT_S = 5.0  # some editors claim to answer and do not
WORKSPACE_FILE = ".starling.toml"  # as `server.assembly.settings` has it, which is too heavy to import for a name


async def pulled(server: LanguageServer, client: Client, sent: object) -> object:
    """What the editor has set: its answer if it can be asked, else what it sent, over `initializationOptions`."""
    said = sent
    if client.configuration:
        params = types.ConfigurationParams([types.ConfigurationItem(section=SECTION)])
        try:
            answer = await asyncio.wait_for(server.workspace_configuration_async(params), PULL_WAIT_S)
        except (TimeoutError, JsonRpcException) as error:
            logger.warning("workspace/configuration was not answered: %s", error or "no answer in time")
        else:
            said = answer[0] if answer else None
    return merged(client.options, said)


def merged(weaker: object, stronger: object) -> object:
    """Both objects, section by section; what is no object counts only where there is nothing else."""
    weaker, stronger = _unwrapped(weaker), _unwrapped(stronger)
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
    """Show a person one warning."""
    shown = f"Starling: {replace_unprintable(message)}"
    server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, shown))


def is_settings_file(path: Path) -> bool:
    """Whether a change of that file changes settings."""
    return path.name == WORKSPACE_FILE


def _unwrapped(options: object) -> object:
    if isinstance(options, dict) and set(options) == {SECTION}:
        return options[SECTION]
    return options
