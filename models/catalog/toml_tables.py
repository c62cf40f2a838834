"""TOML files of the catalog, read field by field; each error names the file, the field and what is allowed.

Knows nothing of models. Start at `Table.read`.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, NoReturn

from models.errors import CatalogError
from starling_files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LARGEST = 1_000_000  # bytes


class Table:
    """A TOML table with its file and name, for error messages.

    Every getter raises CatalogError if its field is invalid.
    """

    @classmethod
    def read(cls, path: Path) -> Table:
        """Read the TOML file at `path` as one table.

        Raises:
            CatalogError: it is missing, unreadable, or not TOML.
        """
        try:
            return cls(path, "", tomllib.loads(read_text(path, _LARGEST)))
        except FileNotFoundError:
            raise CatalogError(f"{path} does not exist; a model's folder needs a {path.name}.") from None
        except OSError as error:
            raise CatalogError(f"{path} cannot be read: {error.strerror}; check its permissions.") from error
        except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or a number of thousands of digits
            raise CatalogError(f"{path} is not a TOML file: {error}; fix it there.") from error

    def __init__(self, path: Path, name: str, data: Mapping[str, object]) -> None:
        self._path = path
        self._name = name
        self._data = data
        self._read: set[str] = set()

    def refuse(self, field_name: str, allowed: str) -> NoReturn:
        """Raise an error that names the file, the field, its value, and the values that are `allowed`.

        Raises:
            CatalogError: always.
        """
        where = f"{self._name}.{field_name}" if self._name else field_name
        found = f"is {self._data[field_name]!r}" if field_name in self._data else "is missing"
        raise CatalogError(f"{self._path}: {where} {found}; allowed: {allowed}.")

    def list_unread(self) -> tuple[str, ...]:
        """Return the names of the fields that no getter has read, with the table's name before each."""
        return tuple(f"{self._name}.{key}" if self._name else key for key in self._data if key not in self._read)

    def _get(self, field_name: str) -> object:
        """Return the raw value of a field, None if it is missing; note that the field was read."""
        self._read.add(field_name)
        return self._data.get(field_name)

    def get_text(self, field_name: str, *, default: str | None = None) -> str:
        """Return a string. If the field is missing, return `default`; without one, refuse a missing or empty field."""
        value = self._get(field_name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (not value and default is None):
            self.refuse(field_name, "a text that is not empty" if default is None else "a text")
        return value

    def get_choice(self, field_name: str, allowed: tuple[str, ...], *, default: str) -> str:
        """Return a string that is one of `allowed`; `default` if the field is missing. Refuses other values."""
        value = self.get_text(field_name, default=default)
        if value not in allowed:
            self.refuse(field_name, "one of " + ", ".join(allowed))
        return value

    def get_texts(self, field_name: str, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return one or more non-empty strings, each in `allowed` unless that is empty. Refuses all else."""
        value = self._get(field_name)
        if not isinstance(value, list) or not value or any(not isinstance(item, str) or not item for item in value):
            self.refuse(field_name, "a list of one or more " + (f"of {', '.join(allowed)}" if allowed else "texts"))
        if allowed and any(item not in allowed for item in value):
            self.refuse(field_name, "a list of one or more of " + ", ".join(allowed))
        return tuple(str(item) for item in value)

    def get_optional_texts(self, field_name: str, allowed: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return a list of strings that are all in `allowed`, possibly empty; None if the field is missing.

        Refuses other values.
        """
        value = self._get(field_name)
        if value is None:
            return None
        if not isinstance(value, list) or any(item not in allowed for item in value):
            self.refuse(field_name, f"a list of any of {', '.join(allowed)}")
        return tuple(str(item) for item in value)

    def get_integer(self, field_name: str, *, least: int, default: int | None = None) -> int:
        """Return an integer; `default` if the field is missing.

        Refuses an integer below `least`, other values, and a missing field without a `default`.
        """
        value = self._get(field_name)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self.refuse(field_name, f"a whole number from {least}")
        return value

    def get_bool(self, field_name: str, *, default: bool) -> bool:
        """Return a boolean; `default` if the field is missing. Refuses other values."""
        value = self._get(field_name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(field_name, "true or false")
        return value

    def get_optional_bool(self, field_name: str) -> bool | None:
        """Return a boolean; None if the field is missing. Refuses other values."""
        return None if self._get(field_name) is None else self.get_bool(field_name, default=False)

    def get_number(self, field_name: str, least: float, most: float, default: float) -> float:
        """Return a number between `least` and `most`; `default` if the field is missing. Refuses other values."""
        value = self.get_optional_number(field_name, least, most)
        return default if value is None else value

    def get_optional_number(self, field_name: str, least: float, most: float) -> float | None:
        """Return a number between `least` and `most`; None if the field is missing. Refuses other values."""
        value = self._get(field_name)
        if value is None:
            return None
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(field_name, f"a number from {least:g} to {most:g}")
        return float(value)

    def get_folder_name(self, field_name: str) -> str:
        """Return the name of a folder directly inside the entry's folder; "." if the field is missing.

        Names with a path separator, a colon or ".." are refused, so that an entry never reaches outside its folder.
        """
        value = self.get_text(field_name, default=".")
        if value != "." and (value == ".." or "/" in value or "\\" in value or ":" in value):
            self.refuse(field_name, "the name of a folder beside the entry")
        return value

    def get_table(self, field_name: str, *, optional: bool = False) -> Table:
        """Return a nested table; an empty one if the field is missing and `optional`. Refuses other values."""
        value = self._get(field_name)
        if value is None and optional:
            value = {}
        if not isinstance(value, dict):
            self.refuse(field_name, "a table")
        return Table(self._path, field_name, value)
