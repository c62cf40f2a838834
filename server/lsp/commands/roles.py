"""`starling.roles`: the roles of the team: bundled ones, the person's own, and those of trusted workspaces."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import Field

from server.assembly.team import load_all_roles
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord, NoArguments

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Arguments = NoArguments


class RoleFacts(CommandRecord):
    """One role."""

    name: str = Field(description="Its name, for `@name` and the argument `role` of `starling.ask`.")
    title: str = Field(description="Its name for a person.")
    description: str = Field(description="What it is for.")
    capabilities: tuple[str, ...] = Field(description="Sets of tools that it may load.")
    may_ask: tuple[str, ...] = Field(description="Roles that it may delegate to.")
    model: str = Field(description='The model\'s role: "chat" or "review".')


class Result(CommandRecord):
    """The roles."""

    roles: tuple[RoleFacts, ...]
    problems: tuple[str, ...] = Field(description="A sentence for each file of a role that cannot be used.")


async def execute(snapshot: Snapshot, services: Services, _: NoArguments) -> Result:
    """Read the roles' files and return all roles, with a problem for each file that cannot be used."""
    core = await targets.wait_for_core(services)
    found = await asyncio.to_thread(load_all_roles, snapshot.roots, core.settings.team.trusted)
    roles = tuple(
        RoleFacts(
            name=one.name,
            title=one.title,
            description=one.description,
            capabilities=one.capabilities,
            may_ask=one.may_ask,
            model=one.model,
        )
        for one in found.by_name.values()
    )
    return Result(roles=roles, problems=found.problems)
