"""The roles of the team: Markdown files with a head in TOML between `+++` lines, and the role's prompt after it.

Bundled roles lie in `roles/` beside this module; a person's own roles lie in the folder of the settings and may replace
a bundled one of the same name. A workspace's roles lie in `WORKSPACE_FOLDER`, which agents cannot write to. They count
only where the person trusts the workspace, and have at most the capability sets, delegates and limits of the bundled
`coder`. To add a role: add a file. Start at `load_roles`.
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.team.limits import TurnLimits
from indexing.workspace.files import parse_toml, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BUNDLED = Path(__file__).parent / "roles"
WORKSPACE_FOLDER = Path(".starling", "roles")
"""Folder of a workspace's own roles, in the workspace folder."""

LONGEST = 50_000
"""Bytes of one role's file."""

MOST_ROLES = 100
"""Roles that are read from one folder."""

MOST_STEPS = 1000
MOST_TOKENS = 10_000_000
"""Steps and tokens that a role may be given at most."""

ROUTER = "orchestrator"
"""Name of the role that answers where nobody was chosen."""

CAPABILITIES = ("engineering", "diagnose", "deploy", "infrastructure", "project_management", "admin", "mcp")
"""Names of the capability sets."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_HEAD = re.compile(r"\A\+\+\+\n(.*?)\n\+\+\+\n(.*)\Z", re.DOTALL)


class _Head(BaseModel):
    """The head of a role's file."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=40)
    description: str = Field(min_length=1, max_length=300)
    capabilities: tuple[str, ...] = ()
    loaded: tuple[str, ...] = ()
    may_ask: tuple[str, ...] = ()
    model: str = "chat"
    temperature: float = Field(default=0.0, ge=0, le=2)
    steps: int = Field(default=TurnLimits().steps, ge=1, le=MOST_STEPS)
    tokens: int = Field(default=TurnLimits().tokens, ge=1000, le=MOST_TOKENS)


class Origin(StrEnum):
    """Place that a role comes from."""

    BUNDLED = "bundled"
    OWN = "own"  # a file in the person's folder of settings
    WORKSPACE = "workspace"  # a file of a workspace that the person trusts


@dataclass(frozen=True, slots=True)
class Role:
    """One role.

    Attributes:
        name: the file's name without its ending.
        title: for a person.
        description: what it is for, one sentence; the router and other roles choose by it.
        prompt: its instructions.
        capabilities: capability sets that it may load.
        loaded: those of them that it has from the start.
        may_ask: names of the roles that it may delegate to.
        model: the role of the model that it uses, as the settings name it ("chat", "review").
        temperature: of its model.
        limits: of its turns.
        origin: where it comes from.
    """

    name: str
    title: str
    description: str
    prompt: str
    capabilities: tuple[str, ...] = ()
    loaded: tuple[str, ...] = ()
    may_ask: tuple[str, ...] = ()
    model: str = "chat"
    temperature: float = 0.0
    limits: TurnLimits = field(default_factory=TurnLimits)
    origin: Origin = Origin.BUNDLED


@dataclass(frozen=True, slots=True)
class Roles:
    """All roles by name, and one sentence for each file that could not be used."""

    by_name: Mapping[str, Role]
    problems: tuple[str, ...] = ()

    def get(self, name: str) -> Role | None:
        """Return the role `name`, in upper or lower case; None for no such role."""
        return self.by_name.get(name.lower())


def load_roles(own: Path | None = None, workspaces: Iterable[Path] = ()) -> Roles:
    """Return the bundled roles, the person's own, which may replace these, and the workspaces', which replace none.

    A file that cannot be used is named in `Roles.problems`.

    Args:
        own: the folder of the person's own roles, None for none.
        workspaces: workspace folders that the person trusts.
    """
    found = dict(_load_bundled())
    problems: list[str] = []
    if own is not None:
        found |= {name: replace(role, origin=Origin.OWN) for name, role in _read_folder(own, problems).items()}
    for workspace in workspaces:
        for name, role in _read_folder(workspace / WORKSPACE_FOLDER, problems, within=workspace).items():
            if name in found:
                problems.append(f"The workspace's role {name} has the name of another role and is not used.")
            else:
                found[name] = _narrow(role, _load_bundled()["coder"])
    for name, role in found.items():
        if missing := [one for one in role.may_ask if one not in found]:
            problems.append(f"The role {name} may ask {', '.join(missing)}, and there is no such role.")
    return Roles(found, tuple(problems))


def parse_role(name: str, text: str) -> Role:
    """Return the role of a file with the text `text`.

    Raises:
        ValueError: the name, the head or the prompt is wrong; the message is a sentence for a person.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a role; use small letters, digits and _.")
    parts = _HEAD.match(text.replace("\r\n", "\n"))
    if parts is None or not parts[2].strip():
        raise ValueError("A role begins with a head in TOML between two lines `+++`, then comes its prompt.")
    try:
        head = _Head.model_validate(parse_toml(parts[1]))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"Its head is wrong at {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
    unknown = (set(head.capabilities) | set(head.loaded)) - set(CAPABILITIES)
    if unknown or not set(head.loaded) <= set(head.capabilities):
        wrong = ", ".join(sorted(unknown or set(head.loaded) - set(head.capabilities)))
        raise ValueError(
            f"Its capability sets are wrong ({wrong}); `loaded` is a part of `capabilities`, and these are some of: "
            f"{', '.join(CAPABILITIES)}."
        )
    return Role(
        name, head.title, head.description, parts[2].strip(), head.capabilities, head.loaded, head.may_ask, head.model,
        head.temperature, replace(TurnLimits(), steps=head.steps, tokens=head.tokens),
    )  # fmt: skip


@functools.cache
def _load_bundled() -> Mapping[str, Role]:
    """Return the bundled roles, the router's first."""
    names = sorted((path.stem for path in BUNDLED.glob("*.md")), key=lambda name: (name != ROUTER, name))
    return {name: parse_role(name, (BUNDLED / f"{name}.md").read_text("utf-8")) for name in names}


def _read_folder(folder: Path, problems: list[str], within: Path | None = None) -> dict[str, Role]:
    """Return the roles of the files in `folder`; adds a sentence to `problems` for each file that cannot be used.

    With `within`, files whose real path lies outside of that folder are not read. Reads at most `MOST_ROLES` files.
    """
    found: dict[str, Role] = {}
    try:
        files = sorted(folder.glob("*.md"))
    except OSError:
        return {}
    if len(files) > MOST_ROLES:
        problems.append(f"{folder} has {len(files):,} roles; only the first {MOST_ROLES} are used.")
    for path in files[:MOST_ROLES]:
        try:
            if within is not None and not is_within(path, within):
                raise ValueError("It is a link that leads out of the workspace.")  # noqa: TRY301 (one sentence each)
            found[path.stem] = parse_role(path.stem, read_text(path, LONGEST))
        except (OSError, ValueError) as error:
            problems.append(f"The role {path} is not used: {error}")
    return found


def is_within(path: Path, folder: Path) -> bool:
    """Return whether `path` lies in `folder` once all links are resolved."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _narrow(role: Role, most: Role) -> Role:
    """Return a workspace's role with the model and at most the capability sets, delegates and limits of `most`."""
    return replace(
        role,
        capabilities=tuple(one for one in role.capabilities if one in most.capabilities),
        loaded=tuple(one for one in role.loaded if one in most.capabilities),
        may_ask=tuple(one for one in role.may_ask if one in most.may_ask),
        model=most.model,
        limits=role.limits.narrow(most.limits),
        origin=Origin.WORKSPACE,
    )
