"""The one HTTP client: proxies, private certificates, and callers who give up."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from models.chat import ChatError, ChatRequest, Fault, Message, Speaker, never
from models.remote.endpoint import Endpoint
from models.remote.exchange import Patience
from models.remote.http import GivenUpError, HttpClient, HttpOptions, is_local
from models.remote.providers.remote_chat import RemoteChat
from models.scripted.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import httpx2

QUESTION = ChatRequest((Message(Speaker.USER, "1 + 1?"),))
AUTHORITY = Path(__file__).parent / "private_ca"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
QUICK = Patience(attempts=1, total_s=20)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer("===\ntwo") as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxies_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, "NO_PROXY"):
        for written in (name, name.lower()):
            monkeypatch.delenv(written, raising=False)


def ask(url: str, options: HttpOptions) -> str:
    client = HttpClient(options)
    chat = RemoteChat("m", Endpoint(url, client, patience=QUICK), client)
    try:
        return chat.chat(QUESTION, cancelled=never).text
    finally:
        chat.close()


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:11434/v1", True),
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:8000/v1", True),
        ("http://model.localhost", True),
        ("http://localhost.example.com", False),
        ("http://192.168.0.2:8000", False),
        ("https://api.example.com/v1", False),
        ("nonsense", False),
    ],
)
def test_what_is_on_this_machine_is_known_by_its_address(url: str, local: bool) -> None:  # noqa: FBT001
    assert is_local(url) == local


def test_certificates_are_read_where_something_may_be_encrypted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2  # noqa: PLC0415 (as the client: at the first call)

    real, read = httpx2.create_ssl_context, []
    monkeypatch.setattr(httpx2, "create_ssl_context", lambda: read.append(real()) or read[-1])
    client, counts = HttpClient(HttpOptions()), []
    for url in ("http://localhost:9/v1", "https://localhost:9/v1", "http://model.example/v1", "https://model.example"):
        client._choose_client(url)
        counts.append(len(read))
    assert counts == [0, 1, 2, 2]
    trusted = client._choose_client("http://localhost:9/v1")._transport._pool._ssl_context
    assert (trusted.verify_mode, trusted.cert_store_stats()["x509"]) == (ssl.CERT_REQUIRED, 0)


def test_a_proxy_of_the_settings_is_used(server: ScriptedServer) -> None:
    assert ask("http://model.example/v1", HttpOptions(proxy=server.url)) == "two"
    assert server.headers[0]["host"] == "model.example"


def test_a_proxy_of_the_environment_is_used(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert ask("http://model.example/v1", HttpOptions()) == "two"
    assert server.headers[0]["host"] == "model.example"


def test_this_machine_is_never_reached_by_a_proxy(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "http://127.0.0.1:9"
    for name in PROXY_VARIABLES:
        monkeypatch.setenv(name, nowhere)
    assert ask(f"{server.url}/v1", HttpOptions(proxy=nowhere)) == "two"


def test_a_proxy_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(ChatError) as caught:
        ask("http://model.example/v1", HttpOptions(proxy="http://me:hunter22@127.0.0.1:9"))
    assert caught.value.fault is Fault.UNREACHABLE
    assert "hunter22" not in str(caught.value)


@pytest.fixture
def tls_server() -> Iterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(AUTHORITY / "server.pem")
    server = ScriptedServer("===\ntwo")
    server._http.socket = context.wrap_socket(server._http.socket, server_side=True)
    with server:
        yield server


def test_a_private_authority_is_trusted_where_a_person_says_so(tls_server: ScriptedServer) -> None:
    url = tls_server.url.replace("http:", "https:") + "/v1"
    assert ask(url, HttpOptions(ca_file=AUTHORITY / "ca.pem")) == "two"


def test_a_private_authority_is_not_trusted_otherwise(tls_server: ScriptedServer) -> None:
    with pytest.raises(ChatError, match=r"chat\.caFile") as caught:
        ask(tls_server.url.replace("http:", "https:") + "/v1", HttpOptions())
    assert caught.value.fault is Fault.REFUSED
    assert tls_server.requests == []


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ChatError, match=r"chat\.caFile"):
        ask("http://127.0.0.1:9/v1", HttpOptions(ca_file=file))


def waiting(begun: threading.Event) -> Callable[[httpx2.AsyncClient, Callable[[str], None]], Awaitable[None]]:
    async def wait(_: httpx2.AsyncClient, tell: Callable[[str], None]) -> None:
        tell("begun")
        begun.set()
        await asyncio.Event().wait()

    return wait


def test_what_the_listener_raises_ends_the_call() -> None:
    client, begun = HttpClient(HttpOptions()), threading.Event()

    def listen(_: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        client.call("http://127.0.0.1:9", waiting(begun), cancelled=never, on_text=listen)
    client.close()


def test_closing_gives_up_what_runs_and_what_comes_later() -> None:
    client, begun = HttpClient(HttpOptions()), threading.Event()
    threading.Thread(target=lambda: (begun.wait(20), client.close()), daemon=True).start()
    for _ in range(2):
        with pytest.raises(GivenUpError):
            client.call("http://127.0.0.1:9", waiting(begun), cancelled=never)
    client.close()
