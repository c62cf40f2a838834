"""A target of deployments as the person's settings define it. Start at `TargetDefinition`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path  # noqa: TC003 (a dataclass keeps its types)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """The way in which a target gets a version."""

    PUSH = "push"  # the commit is pushed to a branch, where a pipeline takes over
    COMMANDS = "commands"  # the person's own command lines
    DIRECTORY = "directory"  # releases in a folder on this machine
    COMPOSE = "compose"  # the same, started with docker compose
    SSH = "ssh"  # releases in a folder on another machine


RELEASES = frozenset({Kind.DIRECTORY, Kind.COMPOSE, Kind.SSH})
"""Kinds whose target is a folder with `releases/`, and a link `current` to one of them."""


@dataclass(frozen=True, slots=True)
class TargetDefinition:
    """One target.

    Attributes:
        name: its name in the settings.
        kind: how it gets a version.
        workspace: the workspace folder that is deployed to it.
        path: its folder, absolute; "" for none.
        host: host of ssh, with or without a user; "" for none.
        port: port of ssh, 0 for the usual one.
        ssh_config: configuration file of ssh; "" for the person's usual one.
        url: address of the repository that gets the commit; "" for none.
        branch: the branch that has to be checked out, and that a push goes to; "" for any.
        compose_file: the file of docker compose, relative to the workspace folder.
        commands: command lines that deploy.
        prepare: command lines in the new release before the switch.
        after: command lines in the new release after the switch.
        rollback: command lines that take a deployment back; () for the way of the kind.
        status: command lines that show how the target is.
        ready: command lines that have to succeed before a deployment.
        env: references to secrets, by the variables that hold them.
        network: whether its command lines may use the network.
        credentials: whether its command lines may use the person's keys and logins.
        docker: whether its command lines may use Docker.
        tests: whether the tests of the workspace have to pass.
        timeout_s: longest run of one command, seconds.
        keep: releases that are kept.
        free_mb: megabytes that have to be free.
    """

    name: str
    kind: Kind
    workspace: Path
    path: str = ""
    host: str = ""
    port: int = 0
    ssh_config: str = ""
    url: str = ""
    branch: str = ""
    compose_file: str = "compose.yaml"
    commands: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    rollback: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    credentials: bool = False
    docker: bool = False
    tests: bool = True
    timeout_s: float = 600.0
    keep: int = 5
    free_mb: int = 100

    @property
    def place(self) -> str:
        """The place of the target, for a person."""
        if self.kind is Kind.PUSH:
            return f"{self.url}, branch {self.branch}"
        if self.kind is Kind.SSH:
            return f"{self.host}:{self.path}"
        return self.path or "commands on this machine"
