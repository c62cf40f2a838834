"""Health check of the host: asks `/health` without starting anything. Start at `fetch_health`."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Any

from models.host.protocol import NONCE_HEADER, PROOF_PATH, compute_proof
from models.remote.http import GivenUpError, HttpClient, HttpOptions
from starling_python import pause_garbage_collection

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from models.host.address import Address, HostAccess

TIMEOUT_S = 2.0


def fetch_health(address: Address) -> Mapping[str, Any] | None:
    """Return the host's report on itself; None if no host runs, {} if it runs but gives no valid answer.

    On a TCP port the process has to prove first that it knows the host's token; else {} is returned.

    Raises:
        HostError: another user listens at the address, or could.
    """
    access = address.find_host()
    if access is None:
        return None
    with pause_garbage_collection():
        import httpx2  # noqa: PLC0415 (where there is a host)

    url = f"{access.url}/health"

    async def ask(http: httpx2.AsyncClient, _: object) -> Any:  # noqa: ANN401 (JSON)
        if access.token and not await _knows_token(http, access):
            return {}
        headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
        return (await http.get(url, headers=headers, timeout=TIMEOUT_S)).json()

    client = HttpClient(HttpOptions(socket=access.socket, own=True))
    try:
        report = client.call(url, ask, cancelled=lambda: False)
    except (httpx2.HTTPError, ValueError, GivenUpError):
        return {}
    finally:
        client.close()
    return report if isinstance(report, dict) else {}


async def _knows_token(http: httpx2.AsyncClient, access: HostAccess) -> bool:
    """Return whether the process at the port proves that it knows the token.

    Another program may have taken the port of a host that died.
    """
    nonce = secrets.token_hex(16)
    answer = await http.get(access.url + PROOF_PATH, headers={NONCE_HEADER: nonce}, timeout=TIMEOUT_S)
    body = answer.json()
    proof = body.get("proof") if isinstance(body, dict) else None
    return isinstance(proof, str) and hmac.compare_digest(proof.encode(), compute_proof(access.token, nonce).encode())
