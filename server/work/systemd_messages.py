"""Messages to systemd about this process: that it is ready, and that it lives.

Sent only where systemd asks for them with the variable NOTIFY_SOCKET, to a socket of this machine. Start at
`notify_systemd`.
"""

from __future__ import annotations

import logging
import os
import socket

logger = logging.getLogger(__name__)

VARIABLE = "NOTIFY_SOCKET"
READY = "READY=1"
ALIVE = "WATCHDOG=1"


def notify_systemd(message: str) -> None:
    """Send `message` to systemd, if that takes messages of this process; log a failure. Blocking."""
    address = os.environ.get(VARIABLE, "")
    family = getattr(socket, "AF_UNIX", None)
    if family is None or address[:1] not in {"/", "@"}:
        return
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as speaker:
            speaker.sendto(message.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
    except OSError as error:
        logger.warning("the service manager could not be told %s: %s", message, error)
