"""The settings of deployments: the person's own targets. Start at `DeploySettings`.

A target names command lines, hosts and secrets: only the person's own `settings.toml` or the environment can define
one. A workspace can only turn targets off.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from server.assembly.setting_sections import ADDS_UP
from server.assembly.setting_sources import to_snake_case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.config import JsonDict

    from agents.ports.deployments import DeploymentRecords
    from agents.ports.test_commands import TestCommandChooser
    from server.deployment.deployer import Deployer
    from server.deployment.targets import TargetDefinition
    from server.gate.commands.runner import ConfinedRunner

ALL = "*"
"""Name of all targets, for `deploy.off`."""

PERSONAL_TARGETS: JsonDict = {
    "personal": True,
    "allowed": "tables with a `kind`, a `workspace` and what the kind needs, with secrets as references alone",
}
_REFERENCE = (
    r"^(keyring:[A-Za-z0-9._@-]{1,100}/[A-Za-z0-9._@-]{1,100}|env:[A-Za-z_][A-Za-z0-9_]{0,99}|file:[~/].{0,999})$"
)
_NEEDED = {
    "push": ("url", "branch"),
    "commands": ("commands",),
    "directory": ("path",),
    "compose": ("path",),
    "ssh": ("host", "path"),
}
_OWN_LINES = ("commands", "prepare", "after")
_ALLOWED = {
    "push": {"url"},
    "commands": {"commands", "path"},
    "directory": {"path", "prepare", "after"},
    "compose": {"path", "prepare", "after", "compose_file"},
    "ssh": {"host", "port", "ssh_config", "path", "prepare", "after"},
}


def _convert_names(table: Any) -> Any:  # noqa: ANN401 (any value of a settings file)
    """Return `table` with its keys in snake_case and its lists as tuples; anything but a table unchanged."""
    if not isinstance(table, dict):
        return table
    return {
        to_snake_case(str(name)): tuple(value) if isinstance(value, list) else value for name, value in table.items()
    }


def _check_line(text: str) -> str:
    """Return `text` unchanged if it is a command line that a person can read as a whole; for pydantic.

    Raises:
        ValueError: it is empty, or has a character that cannot be seen.
    """
    if not text.strip() or any(not one.isprintable() and one not in "\n\t" for one in text):
        raise ValueError("not a command line")
    return text


def _check_path(text: str) -> str:
    """Return `text` unchanged if it is "" or an absolute path other than the root; for pydantic.

    Raises:
        ValueError: it is neither.
    """
    if text and (not Path(text).is_absolute() or not text.isprintable() or len(Path(text).parts) < 2):
        raise ValueError("not an absolute path")
    return text


def _check_remote_path(text: str) -> str:
    """Return `text` unchanged if it is "" or an absolute path other than the root, here or on Unix; for pydantic.

    Raises:
        ValueError: it is neither.
    """
    return text if text.startswith("/") and text.isprintable() and text.strip("/") else _check_path(text)


def _check_folder(text: str) -> str:
    """Return `text` unchanged if it is an absolute path, `~` included; for pydantic.

    Raises:
        ValueError: it is none.
    """
    if not Path(text).is_absolute() and not text.startswith("~"):
        raise ValueError("not an absolute path of a folder")
    return text


def _check_url(text: str) -> str:
    """Return `text` unchanged if it is "" or the address of a repository without a password; for pydantic.

    Raises:
        ValueError: it is neither.
    """
    usual = re.fullmatch(
        r"(https|ssh)://[A-Za-z0-9._@:-]+/[^\s\x00-\x1f]+|[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:[^\s]+", text
    )
    if text and (not (usual or Path(text).is_absolute()) or re.search(r"//[^/]*:[^/]*@", text)):
        raise ValueError("not the address of a repository")
    return text


TargetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
Line = Annotated[str, Field(max_length=4000), AfterValidator(_check_line)]
Lines = Annotated[tuple[Line, ...], Field(max_length=20)]
Host = Annotated[str, Field(pattern=r"^$|^([A-Za-z0-9_][A-Za-z0-9._-]{0,63}@)?[A-Za-z0-9][A-Za-z0-9.:-]{0,253}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$")]
Reference = Annotated[str, Field(pattern=_REFERENCE)]
RESERVED = frozenset({"PATH", "HOME", "SHELL", "IFS", "ENV", "BASH_ENV", "TMPDIR", "LD_PRELOAD", "LD_LIBRARY_PATH"})


class TargetSettings(BaseModel):
    """The settings of one target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[str, Field(pattern=r"^(push|commands|directory|compose|ssh)$")]
    workspace: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_folder)]
    path: Annotated[str, Field(max_length=1000), AfterValidator(_check_remote_path)] = ""
    host: Host = ""
    port: int = Field(default=0, ge=0, le=65_535)
    ssh_config: Annotated[str, Field(max_length=1000), AfterValidator(_check_path)] = ""
    url: Annotated[str, Field(max_length=500), AfterValidator(_check_url)] = ""
    branch: Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")] = ""
    compose_file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$")] = "compose.yaml"
    commands: Lines = ()
    prepare: Lines = ()
    after: Lines = ()
    rollback: Lines = ()
    status: Lines = ()
    ready: Lines = ()
    env: dict[Variable, Reference] = Field(default={}, max_length=20)
    network: bool = False
    credentials: bool = False
    docker: bool = False
    tests: bool = True
    timeout_s: int = Field(default=600, ge=1, le=3600)
    keep: int = Field(default=5, ge=2, le=100)
    free_mb: int = Field(default=100, ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Require what the kind needs; refuse what it does not use, `..` in names, and reserved variables.

        Raises:
            ValueError: something is missing, would have no effect, or is not allowed.
        """
        if missing := [name for name in _NEEDED[self.kind] if not getattr(self, name)]:
            raise ValueError(f"a target of the kind {self.kind} needs {' and '.join(missing)}")
        of_kinds = {name for names in _ALLOWED.values() for name in names}
        if unused := sorted((self.model_fields_set & of_kinds) - _ALLOWED[self.kind]):
            raise ValueError(f"a target of the kind {self.kind} has no {unused[0]}")
        if ".." in self.branch or ".." in Path(self.compose_file).parts:
            raise ValueError("`..` has no place in a branch or a file of compose")
        if reserved := sorted(RESERVED & set(self.env)):
            raise ValueError(f"{reserved[0]} cannot hold a secret")
        return self


class DeploySettings(BaseModel):
    """The settings of deployments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: dict[TargetName, Annotated[TargetSettings, BeforeValidator(_convert_names)]] = Field(
        default={},
        max_length=50,
        description="Your own targets of deployments: `[deploy.targets.NAME]` tables ([Deployments](deployments.md)).",
        json_schema_extra=PERSONAL_TARGETS,
    )
    off: tuple[Annotated[str, Field(min_length=1, max_length=40)], ...] = Field(
        default=(),
        description="Names of targets that are not deployed to, `*` for all; the lists of all layers are joined.",
        json_schema_extra=ADDS_UP,
    )


def define_targets(settings: DeploySettings, roots: Sequence[Path]) -> list[TargetDefinition]:
    """Return definitions of the targets of `roots` that are not turned off. Blocking: links are resolved."""
    from server.deployment.targets import Kind, TargetDefinition  # noqa: PLC0415 (only if there is a target)

    if ALL in settings.off:
        return []
    real = {_resolve(root): root for root in roots}
    found = []
    for name, one in settings.targets.items():
        root = real.get(_resolve(Path(one.workspace)))
        if root is not None and name not in settings.off:
            values = one.model_dump() | {"kind": Kind(one.kind), "workspace": root}
            found.append(TargetDefinition(name, **values))
    return found


def build_deployer(  # noqa: PLR0913 (its ports)
    settings: DeploySettings,
    roots: Sequence[Path],
    runner: ConfinedRunner,
    records: DeploymentRecords,
    choose_tests: TestCommandChooser,
    *,
    owner: str,
    own_places: Sequence[Path],
) -> Deployer | None:
    """Return the deployer for the targets of the workspace folders `roots`; None if there are none. Blocking."""
    targets = define_targets(settings, roots)
    if not targets:
        return None
    from server.deployment.deployer import Deployer  # noqa: PLC0415 (only if there is a target)

    return Deployer(targets, runner, records, choose_tests, owner=owner, own_places=own_places)


def _resolve(folder: Path) -> Path:
    """Return `folder` with `~` and all links resolved; unchanged if there is no home folder."""
    try:
        return folder.expanduser().resolve()
    except (OSError, RuntimeError):
        return folder
