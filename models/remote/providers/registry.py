"""The chat dialects there are: the allowed values of the setting `chat.api`, and the module of each.

Imports no dialect before it is needed. To add one: a module beside this with a `DIALECT`, and its name here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from models.remote.providers.dialect import Dialect

# Names of modules in this folder.
DialectName = Literal["openai", "anthropic", "ollama"]
DIALECT_NAMES: tuple[DialectName, ...] = get_args(DialectName)


def load_dialect(name: DialectName) -> Dialect:
    """Import the module `name` of this folder and return its `DIALECT`."""
    dialect: Dialect = import_module(f"{__package__}.{name}").DIALECT
    return dialect
