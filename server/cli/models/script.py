"""`starling models script`: runs a scripted chat endpoint, to try settings and editors without a model."""

from __future__ import annotations

import threading
from pathlib import Path  # noqa: TC003 (typer looks at the annotations)
from typing import Annotated

import typer

from server.cli import terminal
from server.cli.terminal import Failure

# Shown below the command's help; \b keeps its lines.
EXAMPLE = "\b\nA script:\n  === explain\n  It adds two numbers.\n  ===\n  Said to everything else."
LARGEST = 4_000_000  # bytes of a script


def script(
    file: Annotated[Path, typer.Argument(help="The script, in plain text: sections that begin with `===`.")],
    *,
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65_535, help="0 takes any that is free.")] = 0,
) -> None:
    """Serve a script as a chat endpoint, to try without a model.

    It speaks OpenAI's, Anthropic's and Ollama's chat until Ctrl-C. In the script each section begins with `===`
    and words that have to occur in the question, none for any; the first that fits is the answer.
    """
    from models.errors import ModelError  # noqa: PLC0415 (used only here)
    from models.scripted.scripted_server import ScriptedServer  # noqa: PLC0415

    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        raise Failure(f"{file} cannot be read ({error.strerror or error}).") from None
    if len(data) > LARGEST:
        raise Failure(f"{file} is larger than {LARGEST:,} bytes; choose a smaller script.")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Failure(f"{file} cannot be read as text ({error}).") from None
    try:
        server = ScriptedServer(text, port=port)
    except ModelError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"Port {port} cannot be used ({error.strerror or error}); choose another with --port.") from None
    with server:
        terminal.get_stdout().print(f"STARLING_CHAT__URL={server.url}/v1 STARLING_CHAT__MODEL=scripted", markup=False)
        terminal.note("Set these variables in the environment of your editor. Ctrl-C ends the endpoint.")
        threading.Event().wait()
