"""The parts of a server with accounts beside its sockets: TLS, the settings, and the endpoints for logins.

Start at `serve_logins`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

from server.access.encryption import HANDSHAKE_S, make_tls_context
from server.lsp.serving.stdio import ServeError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from server.assembly.access.access_settings import AccessSettings
    from server.lsp.serving.address import Address
    from server.lsp.serving.admission import Admission
    from server.lsp.serving.visitors import Visitors


def read_access_settings(*, alone: bool = False) -> AccessSettings:
    """Return the settings for accounts, from the environment and the user's own settings file.

    Args:
        alone: whether only this user can connect, so that the file may be unreadable.

    Raises:
        ServeError: one of them is wrong, or the file cannot be read: a server must not start with less protection than
            the person wants.
    """
    from server.assembly.settings import resolve  # noqa: PLC0415 (not where nothing is served on sockets)

    settings, problems = resolve()
    wrong = [str(one) for one in problems if "access" in one.key.lower() or not (one.key or alone)]
    if wrong:
        raise ServeError(" ".join(wrong))
    return settings.access


def make_visitors(*, logs_in: bool) -> Visitors:
    """Return the accounts of this server; `logs_in` is whether it serves the endpoints for logins.

    Raises:
        ServeError: packages are missing, or the endpoints are wanted and there is an external issuer.
    """
    from server.assembly.access.accounts import build_access, explain_missing_extra  # noqa: PLC0415 (as above)
    from server.lsp.serving.visitors import Visitors  # noqa: PLC0415

    if missing := explain_missing_extra():
        raise ServeError(missing)
    settings = read_access_settings()
    if settings.issuer and logs_in:
        raise ServeError("`access.issuer` names an external issuer, where people log in; leave --login out")
    return Visitors(build_access(settings))


def make_tls(address: Address) -> ssl.SSLContext | None:
    """Return the TLS context for `address`, None to serve without TLS. Raises TlsError."""
    if address.certificate is None or address.key is None:
        return None
    return make_tls_context(address.certificate, address.key)


@contextlib.asynccontextmanager
async def serve_logins(address: Address, control: Admission, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    """Check the connected accounts and serve the endpoints for logins, while the block runs; without accounts nothing.

    Raises:
        OSError: the address for logins cannot be used.
    """
    visitors = control.visitors
    if visitors is None:
        yield
        return
    async with contextlib.AsyncExitStack() as stack:
        if address.login is not None and visitors.access.endpoints is not None:
            from server.access.http_server import HttpServer  # noqa: PLC0415 (h11)

            server = HttpServer(visitors.access.endpoints.answer, behind_proxy=address.behind_proxy)
            host, port = address.login
            listener = await asyncio.start_server(
                server.handle_connection, host, port, ssl=tls, ssl_handshake_timeout=HANDSHAKE_S if tls else None
            )
            await stack.enter_async_context(listener)
            shown = f"[{host}]" if ":" in host else host
            bound = listener.sockets[0].getsockname()[1]
            sys.stderr.write(f"starling: log in at {'http' if tls is None else 'https'}://{shown}:{bound}\n")
        watching = asyncio.create_task(visitors.watch())
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
