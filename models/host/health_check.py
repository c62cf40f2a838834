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

LOOK_S = 2.0


def fetch_health(address: Address) -> Mapping[str, Any] | None:
    """Return the host's report on itself; None if no host runs, {} if it runs but gives no valid answer.

    Raises:
        HostError: another user listens there, or could.
    """
    reach = address.find_host()
    if reach is None:
        return None
    with pause_garbage_collection():
        import httpx2  # noqa: PLC0415 (where there is a host)

    url = f"{reach.url}/health"

    async def look(asking: httpx2.AsyncClient, _: object) -> Any:  # noqa: ANN401 (JSON)
        if reach.token and not await _is_host(asking, reach):
            return {}
        headers = {"Authorization": f"Bearer {reach.token}"} if reach.token else {}
        return (await asking.get(url, headers=headers, timeout=LOOK_S)).json()

    client = HttpClient(HttpOptions(socket=reach.socket, own=True))
    try:
        told = client.call(url, look, cancelled=lambda: False)
    except (httpx2.HTTPError, ValueError, GivenUpError):
        return {}
    finally:
        client.close()
    return told if isinstance(told, dict) else {}


async def _is_host(asking: httpx2.AsyncClient, reach: HostAccess) -> bool:
    """Return whether the process at the port knows the token.

    Another program may have taken the port of a host that died.
    """
    nonce = secrets.token_hex(16)
    answer = await asking.get(reach.url + PROOF_PATH, headers={NONCE_HEADER: nonce}, timeout=LOOK_S)
    told = answer.json()
    given = told.get("proof") if isinstance(told, dict) else None
    return isinstance(given, str) and hmac.compare_digest(given.encode(), compute_proof(reach.token, nonce).encode())
