"""How the host is, for a person who wants to know: asks `/health` and starts nothing. Start at `health`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.http import GivenUpError, HttpClient, HttpOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from models.host.address import Address

LOOK_S = 2.0


def health(address: Address) -> Mapping[str, Any] | None:
    """Return what the host says of itself; None when none runs there. An empty answer is one that hangs.

    Raises:
        HostError: another user listens there, or could.
    """
    reach = address.reach()
    if reach is None:
        return None
    import httpx2  # noqa: PLC0415 (where there is a host)

    url = f"{reach.url}/health"

    async def look(asking: httpx2.AsyncClient, _: object) -> Any:  # noqa: ANN401 (JSON)
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
