"""The person for whom the stores read and write on a server with accounts. Start at `Viewer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person behind a connection; by default the one whose machine it is, who sees everything.

    Attributes:
        person: id of the account, stored with new rows; "" without accounts.
        name: the login name, stored in the audit; "" without accounts.
        sees_others: returns whether requests and changes of other persons are seen, which depends on the role.
    """

    person: str = ""
    name: str = ""
    sees_others: Callable[[], bool] = lambda: True

    def get_seen(self) -> str:
        """Return the person whose requests are seen, "" for all persons."""
        return "" if self.sees_others() else self.person


EVERYBODY = Viewer()
