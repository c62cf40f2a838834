"""Runs deployments: checks, plans, commands with their secrets, records. Asks nobody.

Implements `agents.ports.deployments.Deployments`. Secrets are read when a plan begins to run, given to the environment
of the commands that need them, and removed from every output. Start at `Deployer.plan`, then `Deployer.run`.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.ports.commands import CommandRequest
from agents.ports.deployments import (
    Action,
    Check,
    DeploymentOutcome,
    DeploymentRecord,
    DeploymentState,
    DeploymentUnavailable,
    Plan,
    Target,
)
from agents.ports.failures import StateError
from agents.ports.test_commands import TestCommand
from server.deployment import pushes, releases
from server.deployment.command_steps import Duty
from server.deployment.planning import make_plan
from server.deployment.readiness import find_folder_problem, format_checks, gather_facts
from server.deployment.secret_references import SecretUnavailable, resolve_secrets
from server.deployment.targets import RELEASES, Kind
from server.gate.commands.extras import Extras
from server.gate.commands.scrubbing import Scrubber

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.ports.commands import CommandResult
    from agents.ports.deployments import DeploymentRecords
    from agents.ports.permissions import Cancelled
    from agents.ports.test_commands import TestCommandChooser
    from server.deployment.command_steps import CommandStep
    from server.deployment.planning import Prepared
    from server.deployment.targets import TargetDefinition
    from server.gate.commands.runner import ConfinedRunner

SHOWN = 2_000
"""Characters of the end of a command's output that are shown."""

MOST_PLANS = 50
LARGEST_ARCHIVE = 2_000_000_000
READY_S = 3600.0
"""Seconds for which a passed readiness check counts."""


@dataclass(slots=True)
class _Run:
    """The state of one run of a plan."""

    prepared: Prepared
    target: TargetDefinition
    secrets: Mapping[str, str] = field(repr=False)
    scrubber: Scrubber = field(repr=False)
    archive: Path
    lines: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    failed: str = ""


class Deployer:
    """Deploys one workspace to the person's targets."""

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        targets: Sequence[TargetDefinition],
        runner: ConfinedRunner,
        records: DeploymentRecords,
        choose_tests: TestCommandChooser,
        *,
        owner: str,
        own_places: Sequence[Path] = (),
    ) -> None:
        """Store what is needed; nothing runs yet.

        Args:
            targets: the targets of the workspace.
            runner: runs commands in the workspace.
            records: where deployments are recorded.
            choose_tests: returns the command for the tests.
            owner: name of this process, for the records.
            own_places: Starling's own folders, into which nothing is deployed.
        """
        self._targets = {one.name: one for one in targets}
        self._runner = runner
        self._records = records
        self._choose_tests = choose_tests
        self._owner = owner
        self._own_places = tuple(own_places)
        self._plans: dict[int, Prepared] = {}
        self._ready: dict[tuple[str, str], float] = {}

    def list_targets(self) -> tuple[Target, ...]:
        """Return the person's targets for this workspace."""
        return tuple(
            Target(one.name, one.kind.value, one.place, one.branch, tuple(one.env)) for one in self._targets.values()
        )

    def list_records(self, target: str = "", limit: int = 20) -> tuple[DeploymentRecord, ...]:
        """Return up to `limit` recorded deployments, newest first; of one target, if given. Blocking.

        Raises:
            StateError: they cannot be read.
        """
        workspaces = dict.fromkeys(str(one.workspace) for one in self._targets.values())
        found = [one for place in workspaces for one in self._records.list_newest(place, target, limit)]
        return tuple(sorted(found, key=lambda one: one.begun, reverse=True)[:limit])

    async def plan(self, action: Action, target: str) -> Plan:
        """Return the plan of an action, and keep its commands for `run`; runs nothing but git, which only reads.

        Raises:
            DeploymentUnavailable: there is no such target, or the action is impossible now; a deployment also if the
                target is not ready, or was not found ready for this commit within `READY_S`.
        """
        definition = self._find(target)
        facts = await gather_facts(definition, self._runner, self._own_places)
        if action is Action.DEPLOY:
            if facts.problems:
                raise DeploymentUnavailable(f"{target} is not ready:\n{format_checks(facts.checks)}")
            if time.monotonic() - self._ready.get((target, facts.version), -READY_S) >= READY_S:
                raise DeploymentUnavailable(
                    f"Check first whether {target} is ready; it was not checked for this commit."
                )
        checks, test_line = facts.checks, ""
        if action is Action.CHECK and definition.tests:
            command = await asyncio.to_thread(self._choose_tests, definition.workspace, None)
            if isinstance(command, TestCommand):
                test_line = f"cd {shlex.quote(str(command.folder))} || exit 1\n{command.command_line}"
            else:
                note = f"{command} Or set `tests = false` for this target."
                checks = (*checks, Check("The tests pass", passed=False, note=note))
        records: Sequence[DeploymentRecord] = ()
        if action is Action.ROLL_BACK:
            records = await asyncio.to_thread(self._list_records, definition)
        facts = replace(facts, checks=checks)
        prepared = await asyncio.to_thread(
            make_plan, action, definition, facts, self._runner, test_line=test_line, records=records
        )
        self._plans[id(prepared.plan)] = prepared
        while len(self._plans) > MOST_PLANS:
            del self._plans[next(iter(self._plans))]
        return prepared.plan

    async def run(self, plan: Plan, *, cancelled: Cancelled | None = None) -> DeploymentOutcome:
        """Run a permitted plan, once, exactly as it was shown; a command that fails is no error.

        Raises:
            DeploymentUnavailable: the plan was run already or is too old, what it was made from has changed, a secret
                is missing, another deployment to the target runs, or the deployment cannot be recorded.
        """
        prepared = self._plans.pop(id(plan), None)
        if prepared is None or prepared.plan is not plan:
            raise DeploymentUnavailable("This plan was run already, or is too old; plan it again.")
        target = self._find(plan.target)
        if plan.action is Action.DEPLOY:
            await self._require_unchanged(target, prepared)
        elif plan.action is not Action.CHECK and (problem := await self._find_folder_problem(target)):
            raise DeploymentUnavailable(f"{target.path} cannot be used: {problem}. Nothing was run.")
        try:
            secrets = await asyncio.to_thread(resolve_secrets, target.env if prepared.steps else {})
        except SecretUnavailable as error:
            raise DeploymentUnavailable(f"{error} Nothing was run.") from None
        with tempfile.TemporaryDirectory(prefix="starling-deploy-", ignore_cleanup_errors=True) as folder:
            run = _Run(prepared, target, secrets, Scrubber(secrets.values()), Path(folder, releases.ARCHIVE))
            match plan.action:
                case Action.CHECK:
                    return await self._check(run, cancelled)
                case Action.STATUS:
                    await self._run_steps(run, cancelled)
                    return self._make_outcome(run)
                case _:
                    return await self._run_recorded(run, cancelled)

    async def _require_unchanged(self, target: TargetDefinition, prepared: Prepared) -> None:
        """Check that the commit, the branch and the files are still those that the person has seen.

        Raises:
            DeploymentUnavailable: they are not.
        """
        facts = await gather_facts(target, self._runner, self._own_places)
        if facts.version != prepared.plan.version or facts.branch != prepared.branch or facts.problems:
            raise DeploymentUnavailable(
                f"The workspace or {target.name} has changed since you were asked, so nothing was run; check it again."
                f"\n{format_checks(facts.checks)}"
            )

    async def _find_folder_problem(self, target: TargetDefinition) -> str:
        """Return why the folder of a target on this machine cannot be used, a clause; "" if it can or there is none."""
        if not target.path or target.kind is Kind.SSH:
            return ""
        return await asyncio.to_thread(find_folder_problem, target, self._own_places)

    async def _check(self, run: _Run, cancelled: Cancelled | None) -> DeploymentOutcome:
        """Run all checks and return the outcome; remember the time if the target is ready."""
        plan = run.prepared.plan
        run.checks.extend(plan.checks)
        await self._run_steps(run, cancelled, stops=False)
        ready = not run.failed and all(one.passed for one in run.checks)  # a check that was cancelled is none
        if ready:
            self._ready[plan.target, plan.version] = time.monotonic()
        table = format_checks(run.checks)
        head = f"{plan.target} is {'ready' if ready else 'not ready'} for {plan.version[:7]}."
        failed = f"\n\n{run.failed}" if run.failed else ""
        return DeploymentOutcome(ready, f"{head}\n{table}{failed}", tuple(run.checks))

    async def _run_recorded(self, run: _Run, cancelled: Cancelled | None) -> DeploymentOutcome:
        """Run a deployment or a rollback, record its begin and its end, and return the outcome.

        Raises:
            DeploymentUnavailable: it cannot be recorded, or another deployment to the target runs; nothing was run.
        """
        plan, prepared = run.prepared.plan, run.prepared
        version = prepared.undone.version if prepared.undone is not None else plan.version
        record = DeploymentRecord(
            prepared.identity, str(run.target.workspace), run.target.name, plan.action, version, "",
            DeploymentState.RUNNING, time.time(), 0.0, self._owner, "",
        )  # fmt: skip
        try:
            begun = await asyncio.to_thread(self._records.begin, record)
        except StateError as error:
            raise DeploymentUnavailable(f"The deployment cannot be recorded, so nothing was run. {error}") from None
        if not begun:
            raise DeploymentUnavailable(f"Another deployment to {run.target.name} runs; wait for its end.")
        try:
            await self._run_steps(run, cancelled)
        except BaseException:
            text = "\n".join((*run.lines, "It was stopped before it was finished."))
            await asyncio.shield(asyncio.to_thread(self._records.end, record.id, DeploymentState.UNFINISHED, text))
            raise
        outcome = self._make_outcome(run)
        state = DeploymentState.DONE if outcome.succeeded else DeploymentState.FAILED
        undone = prepared.undone.id if prepared.undone is not None and outcome.succeeded else ""
        try:
            await asyncio.to_thread(self._records.end, record.id, state, outcome.text, rolled_back=undone)
        except StateError as error:
            return DeploymentOutcome(outcome.succeeded, f"{outcome.text}\nIts end could not be recorded. {error}")
        return outcome

    async def _run_steps(self, run: _Run, cancelled: Cancelled | None, *, stops: bool = True) -> None:
        """Run the commands of a plan in order, and store their results in `run`.

        Stops when cancelled; with `stops` also after a command that failed.
        """
        for step in run.prepared.steps:
            if cancelled is not None and cancelled():
                run.failed = run.failed or f"It was cancelled before the step {step.title!r}."
                return
            result = await self._run_step(run, step, cancelled)
            problem = self._find_problem(run, step, result)
            if step.duty is Duty.LOOK and not problem:
                problem = await self._record_previous(run, result.output)
            note = problem.splitlines()[0] if problem else f"{result.seconds:.1f} s"
            run.checks.append(Check(step.title, not problem, note))
            run.lines.append(f"{'failed' if problem else 'ok'}: {step.title} ({note})")
            end = run.scrubber.scrub(result.output).strip()[-SHOWN:]
            if problem:
                run.failed = run.failed or "\n".join(filter(None, (f"{step.title}: {problem}", end)))
                if stops:
                    return
            elif end and run.prepared.plan.action is Action.STATUS:
                run.lines += [f"  {line}" for line in end.splitlines()]

    async def _run_step(self, run: _Run, step: CommandStep, cancelled: Cancelled | None) -> CommandResult:
        """Run one command with its rights, secrets and input, and return the result.

        An archive that it packs is moved to `run.archive`.
        """
        request = CommandRequest(
            step.line, run.target.workspace, step.timeout_s, writes=step.writes, network=step.network,
            repository=step.repository, credentials=step.credentials,
        )  # fmt: skip
        variables = dict(run.secrets) if step.secrets and not step.where else {}
        given: bytes | Path = b""
        if step.script:
            exports = (f"export {name}={shlex.quote(text)}\n" for name, text in run.secrets.items() if step.secrets)
            given = ("".join(exports) + step.script).encode()
        if step.duty is Duty.UNPACK:
            given = run.archive

        def take_archive(folder: Path) -> None:
            """Move the archive out of the command's folder; raises OSError for one that is too large."""
            found = folder / releases.ARCHIVE
            if found.is_symlink() or found.stat().st_size > LARGEST_ARCHIVE:
                raise OSError(0, f"the archive is larger than {LARGEST_ARCHIVE:,} bytes")
            shutil.move(found, run.archive)

        sockets = _find_docker_sockets() if step.docker else ()
        if step.docker and (host := os.environ.get("DOCKER_HOST", "")):
            variables["DOCKER_HOST"] = host
        extras = Extras(
            variables, given, (step.writable,) if step.writable is not None else (), sockets, run.scrubber,
            take_archive if step.duty is Duty.PACK else None,
        )  # fmt: skip
        return await self._runner.run(request, cancelled=cancelled, extras=extras)

    def _find_problem(self, run: _Run, step: CommandStep, result: CommandResult) -> str:
        """Return why a command failed, "" if it did not; without secrets."""
        if result.exit_code == 0:
            return ""
        end = next((line for line in reversed(result.output.strip().splitlines()) if line.strip()), "")
        if result.problem:
            more = " What it has started on the other machine may still run." if step.where else ""
            return run.scrubber.scrub(f"{result.problem}{more}")
        return run.scrubber.scrub(f"exit status {result.exit_code}{f': {end.strip()[:200]}' if end else ''}")

    async def _record_previous(self, run: _Run, output: str) -> str:
        """Record which version ran before a deployment, as `output` says; return why that failed, "" if it did not.

        `output` is that of a step with the duty LOOK.

        For other actions only checks that `output` can be read.
        """
        try:
            if run.target.kind is Kind.PUSH:
                found = pushes.read_current(run.target, output)
            else:
                found = releases.read_current(output) if run.target.kind in RELEASES else ""
        except ValueError as error:
            return str(error)
        if run.prepared.plan.action is Action.DEPLOY:
            try:
                await asyncio.to_thread(self._records.note_previous, run.prepared.identity, found)
            except StateError as error:
                return f"What ran before cannot be recorded ({error})."
        return ""

    def _make_outcome(self, run: _Run) -> DeploymentOutcome:
        """Return the outcome of a run that was not a check."""
        plan = run.prepared.plan
        head = f"{plan.title}: {'done' if not run.failed else 'failed'}."
        failed = f"\n\n{run.failed}" if run.failed else ""
        return DeploymentOutcome(not run.failed, "\n".join((head, *run.lines)) + failed, tuple(run.checks))

    def _find(self, name: str) -> TargetDefinition:
        """Return a target by name.

        Raises:
            DeploymentUnavailable: there is none.
        """
        target = self._targets.get(name)
        if target is None:
            known = ", ".join(self._targets) or "none; add `[deploy.targets.NAME]` to your settings.toml"
            raise DeploymentUnavailable(f"There is no target {name!r} for this workspace; there are: {known}.")
        return target

    def _list_records(self, target: TargetDefinition) -> Sequence[DeploymentRecord]:
        """Return up to 100 recorded deployments to a target, newest first. Blocking.

        Raises:
            DeploymentUnavailable: they cannot be read.
        """
        try:
            return self._records.list_newest(str(target.workspace), target.name, 100)
        except StateError as error:
            raise DeploymentUnavailable(f"The recorded deployments cannot be read. {error}") from None


def _find_docker_sockets() -> tuple[Path, ...]:
    """Return the sockets of Docker that exist."""
    runtime, host = os.environ.get("XDG_RUNTIME_DIR", ""), os.environ.get("DOCKER_HOST", "")
    places = [Path("/var/run/docker.sock")]
    places += [Path(runtime, "docker.sock")] if runtime else []
    places += [Path(host.removeprefix("unix://"))] if host.startswith("unix://") else []
    return tuple(one for one in places if one.exists())
