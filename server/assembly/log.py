"""The log: readable lines on stderr, JSON objects in a rotating file, nothing on stdout.

Other modules use plain `logging`; this one configures its handlers. `begin` imports nothing and holds the records in
memory; `configure`, after `initialize` is answered, imports structlog and writes them. Prompts, completions, document
texts and keys are removed from the records unless `log.texts` is on; the records of requests to models, which hold such
texts, are then written at any level. Start at `begin` and `configure`.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import re
import sys
import traceback
from logging.handlers import MemoryHandler, RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from server.observation.ids import add_ids
from starling_files import make_folder, open_private_descriptor, repair_folder, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping
    from io import TextIOWrapper

    from server.assembly.setting_sections import LogSettings

FILE_NAME = "starling.log"
OLD_FILES = 3
HELD_RECORDS = 1000
# The loggers of requests to models; their records hold texts.
REQUESTS = "server.lsp.session.completion_requests"
CHATS = "models.remote.providers.remote_chat"
WITHHELD = "…"
MAX_CHARACTERS = 2000  # of one message; a longer one probably holds a person's text

# Words in the names of `extra` values (`api_key`, `promptText`) that hold a person's text or a secret.
PRIVATE_WORDS = frozenset(
    {"prompt", "prefix", "suffix", "middle", "text", "code", "content", "completion", "snippet", "snippets", "selected"}
    | {"query", "key", "token", "secret", "password", "passwd", "authorization", "cookie", "credential", "credentials"}
)
SECRET = re.compile(
    r"""(?ix)
    \b(?:sk|pk|ghp|gho|ghs|github_pat|glpat|xox[abpr]|hf|AKIA)[-_]?[A-Za-z0-9_-]{16,}
    | (?<=bearer\s)[A-Za-z0-9._~+/=-]{8,}
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*
    """,
    re.DOTALL,
)
PLAIN_ARGUMENT = re.compile(r"[\w./$:-]{1,80}")  # a method, an id or a number, which a library's message may hold

CANCELLATION_CODES = (-32800, -32801, -32802)  # LSP's RequestCancelled, ContentModified and ServerCancelled

STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def begin() -> None:
    """Send warnings to stderr, and hold records from level INFO on in memory until `configure` writes them to the file.

    Replaces the handlers of earlier calls.
    """
    root = logging.getLogger()
    _remove_handlers(root)
    human = logging.StreamHandler(sys.stderr)
    human.setLevel(logging.WARNING)
    human.setFormatter(TerminalFormatter())
    held = HeldRecords(HELD_RECORDS, flushLevel=logging.CRITICAL + 1, flushOnClose=False)
    held.addFilter(add_ids)
    for handler in (human, held):
        handler.addFilter(PrivacyFilter())
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    for requests in (REQUESTS, CHATS):
        logging.getLogger(requests).setLevel(logging.NOTSET)
    logging.raiseExceptions = False  # a full disk under the log is no reason for tracebacks on stderr
    for library in ("pygls", "asyncio", "websockets", "watchfiles"):  # they log each message, or each tick
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_not_cancellation)


def configure(settings: LogSettings, directory: Path) -> str:
    """Set up the log by `settings`, with its file in `directory`; write the held records to the file.

    Returns a sentence for a person if the file cannot be written, else "". May be called again when settings change.
    """
    root = logging.getLogger()
    held = [record for handler in root.handlers if isinstance(handler, MemoryHandler) for record in handler.buffer]
    begin()
    root.setLevel(settings.level.upper())
    problem = ""
    memory = next(handler for handler in root.handlers if isinstance(handler, MemoryHandler))
    root.removeHandler(memory)
    if settings.file:
        try:
            file = _make_file_handler(settings, directory)
        except OSError as error:
            problem = f"The log file {directory / FILE_NAME} cannot be written ({error.strerror or error})."
        else:
            root.addHandler(file)
            if settings.texts:
                for requests in (REQUESTS, CHATS):
                    logging.getLogger(requests).setLevel(logging.DEBUG)
            for record in held:
                if record.levelno >= root.level:
                    file.handle(record)
    return problem


def _is_not_cancellation(record: logging.LogRecord) -> bool:
    """Return False, which drops the record, for the errors that pygls logs for cancelled and superseded requests."""
    return not record.exc_info or getattr(record.exc_info[1], "code", None) not in CANCELLATION_CODES


class HeldRecords(MemoryHandler):
    """The newest records, held in memory until a file is configured, which some commands never do."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hold a record; drop the oldest beyond the capacity."""
        del self.buffer[: max(0, len(self.buffer) + 1 - self.capacity)]
        self.buffer.append(record)


class PrivacyFilter(logging.Filter):
    """A filter that removes secrets from each record, and texts unless `texts` is set; drops no record."""

    def __init__(self, *, texts: bool = False, clean: Callable[[str], str] | None = None) -> None:
        super().__init__()
        self.texts = texts
        self._remove_secrets = clean or _remove_keys

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace secrets, and texts unless they are allowed, in `record` itself; return True. Idempotent."""
        if record.name.partition(".")[0] == "pygls" and record.args and not self.texts:
            # pygls's own messages hold whole LSP messages, with the texts of documents
            arguments = record.args if isinstance(record.args, tuple) else (record.args,)
            record.args = tuple(_redact_argument(argument) for argument in arguments)
        record.msg, record.args, record.exc_text = self._clean(_format_message(record)), None, None
        vars(record).pop("message", None)  # may hold the text as another formatter cached it, with secrets
        for name in set(vars(record)) - STANDARD_ATTRIBUTES:
            value = getattr(record, name)
            if isinstance(value, bool | int | float | None):
                continue
            private = _split_words(name) & PRIVATE_WORDS and not self.texts
            setattr(record, name, WITHHELD if private else self._clean(str(value)))
        return True

    def _clean(self, text: str) -> str:
        """Return `text` without secrets; cut after `MAX_CHARACTERS` unless texts are allowed."""
        text = self._remove_secrets(text)
        return text if self.texts or len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + WITHHELD


class TerminalFormatter(logging.Formatter):
    """A formatter of lines for a terminal: time, level, logger, message, and the last line of a traceback."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`; formats a copy, because formatters cache the traceback's text in the record."""
        own = copy.copy(record)
        own.exc_text = None
        return super().format(own)

    def formatException(self, ei: Any) -> str:  # noqa: N802, ANN401 (logging's own name and type)
        """Return the error's class and the first line of its message, instead of the traceback."""
        first = SECRET.sub(WITHHELD, str(ei[1])).split("\n", 1)[0][:200]
        return f"  {ei[0].__name__}: {first}"


class LogFile(RotatingFileHandler):
    """A rotating log file that only its user can read; reopened if it was deleted or another server has rotated it."""

    def _open(self) -> TextIOWrapper:
        """Open the file for this user alone."""
        return open(
            self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=open_private_descriptor
        )  # type: ignore[return-value]

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; first reopen the file if another one, or none, is at its path."""
        if self.stream is not None and _is_gone(self.stream, self.baseFilename):
            with contextlib.suppress(OSError):  # the record is then lost, as with a full disk
                self.stream.close()
                path = Path(self.baseFilename)
                repair_folder(path.parent)
                if path.is_dir():
                    set_aside(path)
                self.stream = self._open()
        super().emit(record)


def _is_gone(stream: TextIO, path: str) -> bool:
    """Return whether `path` no longer leads to the open file `stream`."""
    try:
        return not os.path.samestat(os.fstat(stream.fileno()), Path(path).stat())
    except (OSError, ValueError):
        return True


def _make_file_handler(settings: LogSettings, directory: Path) -> RotatingFileHandler:
    """Return a handler that writes JSON lines to the log file in `directory`; creates the folder."""
    import structlog  # noqa: PLC0415 (200 ms, after `initialize`)

    make_folder(directory)
    handler = LogFile(
        directory / FILE_NAME, maxBytes=settings.max_bytes, backupCount=OLD_FILES, encoding="utf-8", errors="replace"
    )
    handler.addFilter(add_ids)
    handler.addFilter(PrivacyFilter(texts=settings.texts, clean=remove_secrets))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _add_process,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_format_traceback),
                _clean_traceback,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    return handler


def _remove_keys(text: str) -> str:
    """Return `text` without keys and passwords in forms that are known at the start."""
    return SECRET.sub(WITHHELD, text)


def remove_secrets(text: str) -> str:
    """Return `text` with every secret replaced, those of code and commands too."""
    from indexing.workspace.secrets.literals import replace_secrets  # noqa: PLC0415 (not before `initialize`)

    return SECRET.sub(WITHHELD, replace_secrets(text, WITHHELD))


def _add_process(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Add the id of its process to `event`, and return it; several servers write to the same file."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["process"] = record.process
    return event


def _format_traceback(exc_info: Any) -> str:  # noqa: ANN401 (structlog's own type)
    """Return the traceback without the marks `^^^`, for which Python would parse each line (see `starling_python`)."""
    whole = traceback.TracebackException(*exc_info)
    waiting: list[traceback.TracebackException | None] = [whole]
    while waiting:
        one = waiting.pop()
        if one is not None:
            for frame in one.stack:
                frame.colno = None
            waiting += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]
    return "".join(whole.format()).rstrip("\n")


def _clean_traceback(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Remove secrets from the traceback in `event`, if it has one, and return it."""
    if isinstance(traceback := event.get("exception"), str):
        event["exception"] = remove_secrets(traceback)
    return event


def _remove_handlers(root: logging.Logger) -> None:
    """Remove and close the handlers that this module has added."""
    for handler in list(root.handlers):
        if any(isinstance(known, PrivacyFilter) for known in handler.filters):
            root.removeHandler(handler)
            handler.close()


def _format_message(record: logging.LogRecord) -> str:
    """Return the message with its arguments inserted; the message alone if the arguments do not fit."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _redact_argument(argument: object) -> object:
    """Return a number, a boolean, None or a short identifier unchanged, else the name of the argument's type."""
    if argument is None or isinstance(argument, bool | int | float):
        return argument
    if isinstance(argument, str) and PLAIN_ARGUMENT.fullmatch(argument):
        return argument
    return f"<{type(argument).__name__}>"


def _split_words(name: str) -> set[str]:
    """Return the lower-case words of a name in camelCase or snake_case."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))
