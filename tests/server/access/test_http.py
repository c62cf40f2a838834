"""The endpoints over HTTP: what they answer, and that no bytes keep the server from answering others."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import ssl
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from server.access import http_server
from server.access.addresses import choose_address, is_safe_address
from server.access.encryption import TlsError, make_tls_context
from server.access.endpoints import Endpoints
from server.access.external_issuer import FRESH_S, KEPT_S, RETRY_S, ExternalIssuer, IssuerError
from server.access.http_server import HttpServer
from server.access.identities import Directory, Identity
from server.access.keys import KeyRing
from server.access.records import Account, Kind, TokenRefused
from server.access.roles import Role
from server.access.tokens import AUDIENCE, TokenVerifier
from server.state.access.key_store import KeyStore
from tests.server.access.certificates import write_certificate
from tests.server.access.conftest import PASSWORD, Clock, Issuing
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FORM = "content-type: application/x-www-form-urlencoded\r\n"
FUZZED = 150  # malformed requests in each run; `FUZZING_S=600` goes on for ten minutes
FUZZING_S = float(os.environ.get("FUZZING_S", "0"))
LOGIN = f"grant_type=password&username=ada&password={PASSWORD.replace(' ', '+')}"


class Served:
    """Endpoints that are served on loopback."""

    def __init__(self, issuing: Issuing, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.issuing, self.port, self.tls = issuing, port, tls

    async def send(self, data: bytes, *, ends: bool = False) -> bytes:
        """Send bytes on a new connection, and return all that comes back until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        received = b""
        with contextlib.suppress(OSError):
            writer.write(data)
            if ends:
                writer.write_eof()
            received = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return received

    async def request(self, head: str, headers: str = "", body: str = "") -> tuple[int, dict[str, str], Any]:
        """Return status, headers and JSON of the answer to a request."""
        text = f"{head} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {len(body)}\r\n\r\n{body}"
        answer = (await self.send(text.encode())).decode()
        first, _, rest = answer.partition("\r\n")
        lines, _, content = rest.partition("\r\n\r\n")
        found = dict(line.lower().split(": ", 1) for line in lines.split("\r\n"))
        assert found["cache-control"] == "no-store"
        return int(first.split()[1]), found, json.loads(content)


@contextlib.asynccontextmanager
async def serve(
    issuing: Issuing, context: ssl.SSLContext | None = None, trusted: ssl.SSLContext | None = None
) -> AsyncIterator[Served]:
    """Serve the endpoints of `issuing`."""
    server = HttpServer(Endpoints(issuing.endpoint, issuing.keys).answer, behind_proxy=False)
    listener = await asyncio.start_server(server.handle_connection, "127.0.0.1", 0, ssl=context)
    async with listener:
        yield Served(issuing, listener.sockets[0].getsockname()[1], trusted)


@pytest.fixture(name="served")
async def serve_account(issuing: Issuing) -> AsyncIterator[Served]:
    """Serve endpoints that know the account ada."""
    issuing.clock.now = time.time()
    issuing.add("ada")
    async with serve(issuing) as one:
        yield one


async def test_a_login_a_refresh_and_a_logout(served: Served) -> None:
    status, _, body = await served.request("POST /token", FORM, LOGIN)
    assert status == 200
    account = served.issuing.accounts.find("ada")
    assert account is not None
    assert served.issuing.verifier.verify(body["access_token"]).subject == account.id
    form = "grant_type=refresh_token&refresh_token="
    status, _, body = await served.request("POST /token", FORM, form + body["refresh_token"])
    assert status == 200
    assert (await served.request("POST /revoke", FORM, "token=" + body["refresh_token"]))[0] == 200
    assert (await served.request("POST /token", FORM, form + body["refresh_token"]))[0] == 400


async def test_keys_are_published_and_verify_tokens(served: Served) -> None:
    _, _, granted = await served.request("POST /token", FORM, LOGIN)
    status, _, keys = await served.request("GET /.well-known/jwks.json?x=1")
    assert status == 200
    header = jwt.get_unverified_header(granted["access_token"])
    (key,) = [one for one in keys["keys"] if one["kid"] == header["kid"]]
    claims = jwt.decode(granted["access_token"], jwt.PyJWK(key).key, algorithms=["RS256"], audience=AUDIENCE)
    assert claims["name"] == "ada"


async def test_a_program_may_send_its_secret_in_a_header(served: Served) -> None:
    served.issuing.add("ci", kind=Kind.CLIENT)
    basic = base64.b64encode(f"ci:{PASSWORD.replace(' ', '%20')}".encode()).decode()
    form = "grant_type=client_credentials"
    assert (await served.request("POST /token", f"{FORM}authorization: Basic {basic}\r\n", form))[0] == 200
    status, headers, _ = await served.request("POST /token", f"{FORM}authorization: Basic Y2k6eA==\r\n", form)
    assert (status, "www-authenticate" in headers) == (401, True)


@pytest.mark.parametrize(
    ("head", "headers", "body", "status"),
    [
        ("GET /health", "", "", 200),
        ("GET /", "", "", 404),
        ("GET /token", "", "", 405),
        ("POST /health", FORM, "x=1", 405),
        ("GET /health", "origin: https://elsewhere.test\r\n", "", 403),
        ("POST /token", f"{FORM}origin: null\r\n", LOGIN, 403),
        ("POST /token", "", LOGIN, 400),
        ("POST /token", "content-type: application/json\r\n", '{"grant_type": "password"}', 400),
        ("POST /token", FORM, "", 400),
        ("POST /token", FORM, f"{LOGIN}&username=bob", 400),
        ("POST /token", FORM, "&".join(f"x{number}=1" for number in range(50)), 400),
        ("POST /token", FORM, "grant_type=%ff%fe", 400),
        ("POST /token", f"{FORM}authorization: Bearer x\r\n", LOGIN, 400),
        ("POST /token", f"{FORM}authorization: Basic !!\r\n", LOGIN, 400),
        ("POST /token", FORM, "x=" + "y" * 9000, 413),
        ("GET /health", "x: " + "y" * 60_000 + "\r\n", "", 431),
    ],
)
async def test_other_requests_get_an_error(served: Served, head: str, headers: str, body: str, status: int) -> None:
    assert (await served.request(head, headers, body))[0] == status


@pytest.mark.timeout(120 + FUZZING_S)
async def test_no_bytes_end_the_server(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("server.access.endpoints.PER_MINUTE", "server.access.grants.PER_MINUTE"):
        monkeypatch.setattr(limit, 1_000_000)  # so that requests get through to what they ask for
    rand, ends, number = random.Random(17), time.monotonic() + FUZZING_S, 0  # noqa: S311 (inputs of a test)
    refresh = "grant_type=refresh_token&refresh_token=x"
    begins = [
        f"POST /token HTTP/1.1\r\nhost: x\r\n{FORM}content-length: {len(LOGIN)}\r\n\r\n{LOGIN}",
        (
            f"POST /token HTTP/1.1\r\nhost: x\r\n{FORM}authorization: Basic Y2k6eA==\r\ncontent-length: 29\r\n\r\n"
            "grant_type=client_credentials"
        ),
        (
            f"POST /token HTTP/1.1\r\nhost: x\r\n{FORM}transfer-encoding: chunked\r\n\r\n"
            f"{len(refresh):x}\r\n{refresh}\r\n0\r\n\r\n"
        ),
        f"POST /revoke HTTP/1.1\r\nhost: x\r\n{FORM}content-length: 7\r\n\r\ntoken=x",
        "GET /.well-known/jwks.json HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\r\n",
    ]
    async with serve(served.issuing) as fuzzed:
        while number < FUZZED or time.monotonic() < ends:
            number += 1
            data = mutate(bytearray(rand.choice(begins).encode()), rand)
            answer = await fuzzed.send(data, ends=True)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 "), (number, data)
            assert b" 500 " not in answer.partition(b"\r\n")[0], (number, data)
        assert (await fuzzed.request("GET /health"))[0] == 200


def mutate(data: bytearray, rand: random.Random) -> bytes:
    """Return `data` with some bytes replaced, removed or added, in a few places."""
    for _ in range(rand.randrange(1, 8)):
        place = rand.randrange(len(data) or 1)
        match rand.randrange(3):
            case 0:
                data[place : place + 1] = rand.randbytes(1)
            case 1:
                del data[place : place + rand.randrange(1, 30)]
            case _:
                data[place:place] = rand.randbytes(rand.randrange(1, 30))
    return bytes(data)


async def test_a_request_that_does_not_end_is_dropped(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "REQUEST_S", 0.2)
    begun = time.monotonic()
    assert await served.send(b"POST /token HTTP/1.1\r\nhost: x\r\n") == b""
    assert time.monotonic() - begun < 10


async def test_connections_of_one_address_are_bounded(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_OF_ADDRESS", 3)
    opened = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
    await asyncio.sleep(0.2)
    assert await served.send(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n") == b""
    for _, writer in opened:
        writer.close()
    await asyncio.sleep(0.5)
    assert (await served.request("GET /health"))[0] == 200


async def test_requests_of_one_address_are_limited(served: Served) -> None:
    statuses = [(await served.request("GET /health"))[0] for _ in range(125)]
    assert statuses[:120] == [200] * 120
    assert 429 in statuses[120:]


@pytest.mark.parametrize(
    ("forwarded", "behind_proxy", "expected"),
    [
        ("203.0.113.9", False, "192.0.2.1"),
        ("203.0.113.9", True, "203.0.113.9"),
        ("10.0.0.1, 203.0.113.9", True, "203.0.113.9"),  # a client may write what it likes before
        ("", True, "192.0.2.1"),
        ("x" * 500, True, "x" * 64),
    ],
)
def test_only_a_proxy_names_the_address_of_a_client(forwarded: str, expected: str, *, behind_proxy: bool) -> None:
    found = choose_address("192.0.2.1", {"x-forwarded-for": forwarded}, behind_proxy=behind_proxy)
    assert found == expected


# TLS


async def test_logins_go_over_tls(issuing: Issuing, tmp_path: Path) -> None:
    issuing.add("ada")
    certificate, key = write_certificate(tmp_path)
    async with serve(
        issuing, make_tls_context(certificate, key), ssl.create_default_context(cafile=certificate)
    ) as served:
        assert (await served.request("POST /token", FORM, LOGIN))[0] == 200
        old = ssl.create_default_context(cafile=certificate)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        served.tls = old
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await served.request("GET /health")


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = write_certificate(other)
    for pair in ((certificate, foreign), (key, certificate), (certificate, tmp_path / "missing.pem")):
        with pytest.raises(TlsError, match="name"):
            make_tls_context(*pair)


# An external issuer


class Elsewhere:
    """An issuer elsewhere, whose documents a test may change."""

    def __init__(self) -> None:
        self.issuer = "https://id.example.test"
        self.keys = KeyRing(KeyStore(make_state(None)))
        self.documents: dict[str, Any] = {
            f"{self.issuer}/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/keys",
            },
        }
        self.asked = 0
        self.clock = Clock()
        self.external = ExternalIssuer(self.issuer, self.fetch, self.clock)

    def fetch(self, address: str) -> bytes:
        """Return the document at `address`."""
        self.asked += 1
        if address == f"{self.issuer}/keys" and address not in self.documents:
            return json.dumps(self.keys.list_public_keys()).encode()
        if address not in self.documents:
            raise IssuerError("there is nothing")
        document = self.documents[address]
        return document if isinstance(document, bytes) else json.dumps(document).encode()

    def issue(self, **changes: Any) -> str:
        """Return a token of this issuer."""
        name, key = self.keys.get_signing_key()
        claims = {"iss": self.issuer, "aud": "starling", "sub": "0x17", "exp": int(time.time()) + 600} | changes
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": name})


def test_a_token_of_an_external_issuer_finds_the_account_of_its_subject(issuing: Issuing) -> None:
    elsewhere = Elsewhere()
    verifier = TokenVerifier(elsewhere.issuer, "starling", elsewhere.external.find_key, requires_start=False)
    directory = Directory(issuing.accounts, verifier, by_subject=True)
    issuing.accounts.add(Account("1", "ada", Kind.PERSON, Role.APPROVER, False, "0x17", "", 0.0))
    found = directory.identify(elsewhere.issue(), "192.0.2.1")
    assert found == Identity("1", "ada", Role.APPROVER, "192.0.2.1")
    for wrong in ({"sub": "0x18"}, {"sub": "1"}, {"aud": "other"}, {"iss": "https://other.test"}):
        with pytest.raises(TokenRefused):
            directory.identify(elsewhere.issue(**wrong), "192.0.2.1")
    issuing.accounts.change("ada", disabled=True)
    assert directory.renew(found) is None
    with pytest.raises(TokenRefused, match="disabled"):
        directory.identify(elsewhere.issue(), "192.0.2.1")


def test_keys_of_an_external_issuer_are_read_again_but_not_for_every_token() -> None:
    elsewhere = Elsewhere()
    name, _ = elsewhere.keys.get_signing_key()
    assert elsewhere.external.find_key(name) is not None
    assert elsewhere.external.find_key("unknown") is None
    assert elsewhere.asked == 2
    elsewhere.clock.now += RETRY_S
    new = elsewhere.keys.roll()
    assert elsewhere.external.find_key(new) is not None
    assert elsewhere.asked == 4
    elsewhere.documents = {}
    elsewhere.clock.now += FRESH_S
    assert elsewhere.external.find_key(name) is not None  # the issuer cannot be reached for an hour
    elsewhere.clock.now += KEPT_S
    assert elsewhere.external.find_key(name) is None


@pytest.mark.parametrize(
    "document",
    [
        b"", b"[", b"[]", b"[" * 5000, {"issuer": "https://other.test", "jwks_uri": "https://id.example.test/keys"},
        {"issuer": "https://id.example.test"}, {"issuer": "https://id.example.test", "jwks_uri": "http://x.test/keys"},
        {"issuer": "https://id.example.test", "jwks_uri": "file:///etc/passwd"},
    ],
)  # fmt: skip
def test_a_malformed_discovery_gives_no_key(document: object) -> None:
    elsewhere = Elsewhere()
    elsewhere.documents = dict.fromkeys(elsewhere.documents, document)
    assert elsewhere.external.find_key(elsewhere.keys.get_signing_key()[0]) is None


@pytest.mark.parametrize(
    "entry",
    [
        5, {}, {"kty": "oct", "k": "c2VjcmV0", "kid": "a"}, {"kty": "RSA", "kid": "a"}, {"kty": "RSA", "kid": ["a"]},
        {"kty": "RSA", "kid": "a", "n": "!!", "e": "AQAB"},
        {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "use": "enc"},
        {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "alg": "HS256"},
    ],
)  # fmt: skip
def test_a_malformed_key_is_left_out(entry: object) -> None:
    elsewhere = Elsewhere()
    elsewhere.documents[f"{elsewhere.issuer}/keys"] = {"keys": [entry]}
    assert elsewhere.external.find_key("a") is None


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://id.example.test/x", True), ("http://127.0.0.1:8/x", True), ("http://localhost", True),
        ("http://[::1]:8", True), ("http://id.example.test", False), ("file:///etc/passwd", False), ("", False),
        ("https://", False), ("http://[", False), ("ftp://localhost", False),
    ],
)  # fmt: skip
def test_secrets_go_to_safe_addresses_only(address: str, *, safe: bool) -> None:
    assert is_safe_address(address) is safe
