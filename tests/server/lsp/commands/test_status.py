"""`starling.status`: the addresses of a model that runs at several."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from models.chat import ChatRequest, Message, Speaker, never
from models.scripted.scripted_server import ScriptedServer
from server.assembly import chats
from server.assembly.endpoints import ChatSettings
from server.lsp.commands.status import describe_chats

if TYPE_CHECKING:
    from server.assembly.core import Core

DEAD = "http://127.0.0.1:9"


def test_each_address_of_a_chat_model_is_shown_with_what_is_wrong() -> None:
    with ScriptedServer("===\nyes") as server:
        settings = ChatSettings(url=f"{DEAD}/v1", replicas=(f"{server.url}/v1",), model="m", cache_s=0)
        with closing(chats.build_chats(settings, None)) as built:
            assert built.chat is not None
            for number in range(24):
                built.chat.chat(ChatRequest((Message(Speaker.USER, f"question {number}"),)), cancelled=never)
            (shown,) = describe_chats(cast("Core", SimpleNamespace(chats=built)))
    dead, good = shown.hosts
    assert (dead.url, dead.answered, good.url, good.answered) == (f"{DEAD}/v1", 0, f"{server.url}/v1", 24)
    assert dead.problem == f"{DEAD}/v1 did not answer: unreachable."
    assert dead.rest_s > 0
    assert (good.problem, good.rest_s, good.in_hand) == ("", 0, 0)
    assert good.begins_s > 0
