"""The settings of the state database, which only a person's own settings or the environment can set.

Start at `StateSettings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from server.assembly.endpoints import PERSONAL, PERSONAL_NAME, PERSONAL_VARIABLE
from server.state.databases.addresses import LONGEST, parse_address

if TYPE_CHECKING:
    from pydantic.config import JsonDict

PERSONAL_DATABASE: JsonDict = {
    "personal": True,
    "allowed": "an address such as postgresql://USER@HOST/DATABASE, without a password",
}


def _check_address(text: str) -> str:
    """Return `text` unchanged if it is empty or the address of a database; for pydantic.

    Raises:
        ValueError: `text` is neither, or holds a password.
    """
    if text:
        parse_address(text)
    return text


class StateSettings(BaseModel):
    """The settings of the state database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: Annotated[str, AfterValidator(_check_address)] = Field(
        default="",
        max_length=LONGEST,
        description="Address of a PostgreSQL database for requests, sessions, queued tasks and all other state, such "
        "as `postgresql://starling@db.example.org/starling`, which several machines can share; empty for a SQLite file "
        "of your own. Needs the extra `postgres`.",
        json_schema_extra=PERSONAL_DATABASE,
    )
    password_env: str = Field(
        default="",
        pattern=r"^([A-Z_][A-Z0-9_]{0,99})?$",
        description="Name of the environment variable that holds the password of the database; the password itself is "
        "never a setting. Without any of the three, PostgreSQL's library looks for one in `PGPASSWORD` or `.pgpass`.",
        json_schema_extra=PERSONAL_VARIABLE,
    )
    password_file: str = Field(
        default="",
        max_length=1000,
        description="File that holds the password of the database and nothing else; make it readable by you alone.",
        json_schema_extra=PERSONAL,
    )
    keyring: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9._-]{1,60})?$",
        description="Name of the password of the database in the system's keyring, where `starling key NAME` stores "
        "it; needs the extra `keyring`.",
        json_schema_extra=PERSONAL_NAME,
    )
