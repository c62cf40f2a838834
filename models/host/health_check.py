"""Reads the host's report on itself and its metrics, without starting anything. Start at `fetch_health`."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Any, Literal

from models.host.protocol import NONCE_HEADER, PROOF_PATH, compute_proof
from models.remote.http import GivenUpError, HttpClient, HttpOptions
from starling_python import pause_garbage_collection

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from models.host.address import Address, HostAccess

TIMEOUT_S = 2.0
MOST_BYTES = 1_000_000  # of the host's metrics


def fetch_health(address: Address) -> Mapping[str, Any] | None:
    """Return the host's report on itself; None if no host runs, {} if it runs but gives no valid answer.

    On a TCP port the process has to prove first that it knows the host's token; else {} is returned.

    Raises:
        HostError: another user listens at the address, or could.
    """
    answer = _fetch(address, "/health")
    if answer is None:
        return None
    try:
        report = {} if answer is False else answer.json()
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def fetch_metrics(address: Address) -> str | None:
    """Return the host's metrics in Prometheus' text format; None if no host runs, "" if it gives no valid answer.

    Raises:
        HostError: another user listens at the address, or could.
    """
    answer = _fetch(address, "/metrics")
    if answer is None:
        return None
    return answer.text if answer is not False and answer.is_success and len(answer.content) <= MOST_BYTES else ""


def _fetch(address: Address, path: str) -> httpx2.Response | Literal[False] | None:
    """Return the answer of a host that runs; None if none does, False if it does not answer or does not prove itself.

    Raises:
        HostError: another user listens at the address, or could.
    """
    access = address.find_host()
    if access is None:
        return None
    with pause_garbage_collection():
        import httpx2  # noqa: PLC0415 (where there is a host)

    url = f"{access.url}{path}"

    async def ask(http: httpx2.AsyncClient, _: object) -> httpx2.Response | Literal[False]:
        if access.token and not await _knows_token(http, access):
            return False
        headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
        return await http.get(url, headers=headers, timeout=TIMEOUT_S)

    client = HttpClient(HttpOptions(socket=access.socket, own=True))
    try:
        return client.call(url, ask, cancelled=lambda: False)
    except (httpx2.HTTPError, ValueError, GivenUpError):
        return False
    finally:
        client.close()


async def _knows_token(http: httpx2.AsyncClient, access: HostAccess) -> bool:
    """Return whether the process at the port proves that it knows the token.

    Another program may have taken the port of a host that died.
    """
    nonce = secrets.token_hex(16)
    answer = await http.get(access.url + PROOF_PATH, headers={NONCE_HEADER: nonce}, timeout=TIMEOUT_S)
    body = answer.json()
    proof = body.get("proof") if isinstance(body, dict) else None
    return isinstance(proof, str) and hmac.compare_digest(proof.encode(), compute_proof(access.token, nonce).encode())
