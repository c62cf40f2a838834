"""A repository, targets and a deployer with real commands and records, for tests of deployments."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.ports.deployments import Action
from indexing.limits import IndexLimits
from server.deployment.deployer import Deployer
from server.deployment.targets import Kind, TargetDefinition
from server.gate.commands.runner import ConfinedRunner
from server.state.history.deployment_store import DeploymentStore
from server.state.lease_owners import name_owner

if TYPE_CHECKING:
    from pathlib import Path

    from agents.ports.deployments import DeploymentOutcome, Plan
    from server.gate.commands.confinement import Mechanism
    from server.state.database import State

IDENTITY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")


def run_git(folder: Path, *arguments: str) -> str:
    """Return the output of git in a folder."""
    done = subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


async def wait_for(path: Path) -> None:
    """Wait until a file exists."""
    async with asyncio.timeout(60):
        while not path.exists():  # noqa: ASYNC110, ASYNC240 (another program makes it)
            await asyncio.sleep(0.02)


def list_names(folder: Path) -> list[str]:
    """Return the names in a folder, in order."""
    return sorted(one.name for one in folder.iterdir())


@dataclass
class Deploying:
    """A repository with one target.

    Attributes:
        root: the repository.
        state: where deployments are recorded.
        target: the target.
        own_places: folders of the program, into which nothing is deployed.
        mechanism: confines commands; None for the best of this system.
    """

    root: Path
    state: State
    target: TargetDefinition = field(init=False)
    deployer: Deployer = field(init=False)
    own_places: tuple[Path, ...] = ()
    mechanism: Mechanism | None = None

    def __post_init__(self) -> None:
        """Make the repository, with one commit, unless it is there."""
        if self.root.exists():
            return
        self.root.mkdir()
        self.git("init", "-q", "-b", "main")
        self.commit("version 1")

    def commit(self, text: str, **files: str) -> str:
        """Commit a file `app.txt` with `text`, and further ones; return the id of the commit."""
        for name, content in {"app": text, **files}.items():
            (self.root / f"{name}.txt").write_text(content, "utf-8")
        self.git("add", "--all")
        self.git("commit", "-q", "-m", text)
        return self.git("rev-parse", "HEAD").strip()

    def sign_commit(self) -> None:
        """Give the newest commit a signature, which no program can verify."""
        head, _, message = self.git("cat-file", "commit", "HEAD").partition("\n\n")
        signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----"
        made = ["git", "hash-object", "-t", "commit", "-w", "--stdin"]
        text = f"{head}\n{signature}\n\n{message}"
        done = subprocess.run(made, cwd=self.root, input=text, check=True, capture_output=True, text=True)
        self.git("reset", "-q", "--hard", done.stdout.strip())

    def git(self, *arguments: str) -> str:
        """Return the output of git in the repository."""
        return run_git(self.root, *arguments)

    def aim(self, kind: str, **options: Any) -> None:
        """Set the target `prod`, without tests unless the options say so."""
        options = {"tests": False, "free_mb": 1, "timeout_s": 30.0, **options}
        self.target = TargetDefinition("prod", Kind(kind), self.root, **options)
        self.open()

    def open(self) -> None:
        """Make the deployer anew, as a new process has it."""
        self.deployer = Deployer(
            [self.target],
            ConfinedRunner([self.root], IndexLimits(), mechanism=self.mechanism),
            DeploymentStore(self.state),
            lambda folder, only: f"No tests are known in {folder} ({only}).",
            owner=name_owner("a test"),
            own_places=self.own_places,
        )

    async def plan(self, action: Action) -> Plan:
        """Return the plan of an action on the target."""
        return await self.deployer.plan(action, "prod")

    async def do(self, action: Action) -> DeploymentOutcome:
        """Plan and run an action on the target."""
        return await self.deployer.run(await self.plan(action))

    async def deploy(self) -> DeploymentOutcome:
        """Check the target, which has to be ready, and deploy."""
        checked = await self.do(Action.CHECK)
        assert checked.succeeded, checked.text
        return await self.do(Action.DEPLOY)

    @property
    def states(self) -> list[str]:
        """States of the recorded deployments, newest first."""
        return [one.state for one in self.deployer.list_records()]
