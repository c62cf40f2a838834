"""The program's entry for a user whom the system does not know: no HOME, no line in the password file."""

from __future__ import annotations

import pwd
import sys
from pathlib import Path
from typing import NoReturn


def raise_unknown_user(name: object) -> NoReturn:
    """Fail as the system does for a user that it does not know."""
    raise KeyError(name)


pwd.getpwuid = raise_unknown_user
pwd.getpwnam = raise_unknown_user
sys.path.insert(0, str(Path(__file__).parents[2]))

import starling_lsp  # noqa: E402 (after the system was changed)

if __name__ == "__main__":
    sys.exit(starling_lsp.main())
