"""A program that deploys to a folder and hangs after the switch, until it is killed.

`python -m tests.server.deployment.killed_deployment WORKSPACE DATABASE FOLDER`
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.server.deployment.deploying import Deploying
from tests.states import make_state


def main(workspace: str, database: str, folder: str) -> None:
    """Run a deployment that hangs."""
    deploying = Deploying(Path(workspace), make_state(Path(database)))
    deploying.aim("directory", path=folder, after=("touch ../../begun; sleep 600",), timeout_s=300)
    asyncio.run(deploying.deploy())


if __name__ == "__main__":
    main(*sys.argv[1:])
