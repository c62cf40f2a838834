"""All commands put together, and the translation of their failures into a sentence and an exit status.

The status is 2 for a usage error, 1 for a `Failure`, 130 for Ctrl-C and 1 for a closed pipe. A bug of Starling is
reported in a sentence, too, which names the log that has the traceback. Start at `run_command`.
"""

from __future__ import annotations

import errno
import logging
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from server.assembly import log
from server.cli import (
    acp,
    complete,
    connect,
    costs,
    demo,
    doctor,
    generate,
    index,
    key,
    login,
    logs,
    mcp,
    search,
    state,
    stats,
    terminal,
    undo,
    users,
)
from server.cli.models import models
from server.cli.review import review
from server.cli.serve import Options, choose_transport, serve
from server.cli.team import roles, sessions, talk, workflows
from server.cli.terminal import Failure
from server.cli.work import autopilot, decisions, deploy, health, jobs, memory, tasks, work
from server.state import paths
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

PROGRAM = "starling"


class Commands(TyperGroup):
    """The group of all commands; reports each failure in one sentence."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002
        **extra: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run one command line and exit with its status; without `standalone_mode` return the status."""
        extra["windows_expand_args"] = windows_expand_args
        status = self._run_for_status(list(sys.argv[1:] if args is None else args), prog_name, complete_var, extra)
        if standalone_mode:
            sys.exit(status)
        return status

    def _name_command(self, arguments: Sequence[str]) -> str:
        """Return the program and the command that `arguments` begin with, for instance "starling models pull"."""
        words: list[str] = [PROGRAM]
        commands = self.commands
        for argument in arguments:
            if argument not in commands:
                break
            words.append(argument)
            commands = getattr(commands[argument], "commands", {})
        return " ".join(words)

    def _run_for_status(
        self, arguments: list[str], prog_name: str | None, complete_var: str | None, extra: dict[str, Any]
    ) -> int:
        """Run a command line and return the exit status; report a failure on stderr, and log an unexpected one."""
        try:
            result = super().main(arguments, prog_name or PROGRAM, complete_var, standalone_mode=False, **extra)
        except TyperException as error:
            return _report_misuse(error, self._name_command(arguments), arguments)
        except Failure as error:
            return terminal.report_failure(str(error), error.exit_code, arguments)
        except Exception as error:  # BLE001 allows this because the error is logged; this is the outermost layer
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                return terminal.report_failure("There is no space left to write; free some.", 1, arguments)
            from server.assembly.setting_sections import LogSettings  # noqa: PLC0415 (170 ms, needed only here)

            log.configure(LogSettings(), paths.log_dir())
            logger.info("command failed", exc_info=True)
            return terminal.report_failure(
                f"{type(error).__name__}: {error}. This is a bug of Starling; please report it with the end of "
                f"{paths.log_dir() / log.FILE_NAME}.",
                1,
                arguments,
            )
        return result if isinstance(result, int) else 0


app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="An AI coding assistant that is a language server.",
    epilog="Lines and columns count from 1. With --json a command writes one object on stdout and nothing else.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line with typer; return its exit status."""
    terminal.allow_any_text()
    terminal.forget_emitted()
    log.begin()
    try:
        app(args=list(arguments), prog_name=PROGRAM)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _show_version(value: bool) -> None:  # noqa: FBT001 (typer's callbacks are called this way)
    """Write the version and exit, if `value` is true."""
    if value:
        sys.stdout.write(f"starling {VERSION}\n")
        raise typer.Exit


@app.callback()
def _show_help_without_command(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Show the help, and exit with status 2, if no command is given."""
    terminal.show_help(context)


@app.command("serve")
def _serve(  # noqa: PLR0913 (its options)
    *,
    stdio: Annotated[bool, typer.Option("--stdio", help="Serve one client on stdin and stdout (the default).")] = False,
    no_resident: Annotated[
        bool, typer.Option("--no-resident", help="Serve in a process of its own, not in the shared one.")
    ] = False,
    tcp: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Listen for a client on TCP.")] = None,
    ws: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Listen for a client on a WebSocket.")] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Listen on addresses that other machines can reach.")
    ] = False,
    token_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Keep the token of --tcp or --ws in this file; it is created if missing."),
    ] = None,
    logins: Annotated[
        str | None,
        typer.Option("--login", metavar="HOST:PORT", help="Admit accounts, which log in at this address over HTTP."),
    ] = None,
    tls_cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Certificate for TLS, with its chain, in PEM.")
    ] = None,
    tls_key: Annotated[str | None, typer.Option(metavar="FILE", help="Private key of the certificate, in PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A reverse proxy ends TLS and sets X-Forwarded-For.")
    ] = False,
) -> int:
    """Run the language server; this is what an editor starts."""
    del no_resident  # who serves in the shared process does not come here (`server.cli.run`)
    options = Options(tcp, ws, allow_remote, token_file, logins, tls_cert, tls_key, behind_proxy)
    return serve(choose_transport(options, stdio=stdio))


app.command("complete")(complete.complete)
app.command("generate")(generate.generate)
app.command("index")(index.index)
app.command("search")(search.search)
app.command("review")(review.review)
app.add_typer(models.app, name="models")
app.command("key")(key.key)
app.add_typer(users.app, name="users")
app.command("connect")(connect.connect)
app.command("login")(login.login)
app.command("costs")(costs.costs)
app.command("stats")(stats.stats)
app.command("logs")(logs.logs)
app.command("ask")(talk.ask)
app.command("do")(talk.do)
app.add_typer(sessions.app, name="sessions")
app.add_typer(tasks.app, name="tasks")
app.command("work")(work.work)
app.command("jobs")(jobs.list_jobs)
app.add_typer(autopilot.app, name="autopilot")
app.add_typer(deploy.app, name="deploy")
app.command("health")(health.health)
app.add_typer(memory.app, name="memory")
app.add_typer(decisions.app, name="decisions")
app.command("roles")(roles.list_roles)
app.command("tools")(roles.list_tools)
app.command("workflows")(workflows.list_workflows)
app.command("acp")(acp.acp)
app.add_typer(mcp.app, name="mcp")
app.command("undo")(undo.undo)
app.add_typer(state.app, name="state")
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def _report_misuse(error: TyperException, command: str, arguments: Sequence[str]) -> int:
    """Write the usage error `error` to stderr, and that the help of `command` says more; return the exit status."""
    context = getattr(error, "ctx", None)  # None if an option lacks its value
    command = context.command_path if context is not None else command
    sentence = error.format_message().replace("Value error, ", "").strip().rstrip(".")
    return terminal.report_failure(f"{sentence}; see `{command} --help`.", error.exit_code, arguments)
