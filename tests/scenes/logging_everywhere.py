"""Scene 4: a complex task gets a plan, which a person confirms; architect and coder then do its steps one by one."""

from __future__ import annotations

from tests.scenes.scene import (
    ARCHITECT,
    CODER,
    ORCHESTRATOR,
    Answer,
    Decision,
    PlanDecision,
    Scene,
    Turn,
    call,
    choose,
    edit,
    say,
    write,
)

SERVICES = ("gateway", "agent_runtime", "llm_proxy")
PLATFORM = '''
#- README.md
# Platform

Three services in one repository. `docker compose up` starts them, `python -m unittest` runs the tests.
#- docker-compose.yml
services:
  gateway:
    build: gateway
  agent_runtime:
    build: agent_runtime
  llm_proxy:
    build: llm_proxy
#- gateway/__init__.py
"""Gateway: the one address that clients know."""
#- gateway/app.py
"""Passes requests on to the services."""

from agent_runtime.app import run_agent


def handle(path: str, text: str) -> str:
    """Answer a request of a client."""
    if path != "/agents":
        raise LookupError(path)
    return run_agent(text)
#- agent_runtime/__init__.py
"""Agent Runtime: runs the agents."""
#- agent_runtime/app.py
"""Runs an agent."""

from llm_proxy.app import complete


def run_agent(task: str) -> str:
    """Return what the agent says about `task`."""
    return complete(f"Task: {task}")
#- llm_proxy/__init__.py
"""LLM Proxy: the only service that talks to models."""
#- llm_proxy/app.py
"""Asks a model."""


def complete(prompt: str) -> str:
    """Return the answer of the model to `prompt`."""
    return prompt.upper()
#- tests/__init__.py
"""The tests."""
#- tests/test_services.py
import unittest

from gateway.app import handle


class ServicesTest(unittest.TestCase):
    def test_a_request_goes_through_all_services(self):
        self.assertEqual(handle("/agents", "hi"), "TASK: HI")
'''
TITLE = "Log all services to ELK"
STEPS = (
    ("Design the structure of the logs", "architect"),
    ("Write the module that all services log with", "coder"),
    ("Log in gateway, agent_runtime and llm_proxy", "coder"),
    ("Send the logs to ELK", "coder"),
)
UNWANTED = ("Build dashboards in Kibana", "coder")

LOGGING = '''
"""Structured logs: one JSON object a line, with the same fields in all services. Start at `get_logger`."""

import json
import logging
import sys

FIELDS = ("service", "request_id", "user_id")


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`."""
        known = {"level": record.levelname, "time": self.formatTime(record), "message": record.getMessage()}
        extra = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        return json.dumps({**known, **extra})


def get_logger(service: str) -> logging.LoggerAdapter:
    """Return the logger of a service; its lines go to stdout, where the containers' logs are collected."""
    logger = logging.getLogger(service)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    return logging.LoggerAdapter(logger, {"service": service})
'''
TESTS = """
import json
import logging
import unittest

from common.structured_logs import JsonFormatter


class StructuredLogsTest(unittest.TestCase):
    def test_a_line_is_json_with_the_common_fields(self):
        record = logging.makeLogRecord({"msg": "hello", "levelname": "INFO", "service": "gateway"})
        line = json.loads(JsonFormatter().format(record))
        self.assertEqual((line["message"], line["level"], line["service"]), ("hello", "INFO", "gateway"))
"""
LOGSTASH = """
input { gelf { port => 12201 } }
filter { json { source => "message" } }
output { elasticsearch { hosts => ["elasticsearch:9200"] index => "platform-%{+YYYY.MM.dd}" } }
"""
ELK = """
  elasticsearch:
    image: elasticsearch:8.15.0
    environment:
      - discovery.type=single-node
  logstash:
    image: logstash:8.15.0
    volumes:
      - ./logstash.conf:/usr/share/logstash/pipeline/logstash.conf:ro
    ports:
      - "12201:12201/udp"
  kibana:
    image: kibana:8.15.0
    ports:
      - "5601:5601"
"""
GELF = """
    logging:
      driver: gelf
      options:
        gelf-address: udp://localhost:12201
"""

PLANNED = """
This needs several of us, so I have written a plan. The design comes first, because all services log in the same form.
"""
DESIGNED = """
Structured logs, for which the standard library is enough:

- One JSON object a line on stdout, in the same form in all services.
- Fields: `service`, `request_id`, `user_id`, `level`, `time`, `message`.
- Levels from DEBUG to CRITICAL, INFO by default.
- Containers rotate what goes to stdout; the services write no files.

The module is `common/structured_logs.py`, with one function `get_logger(service)`.
"""
DONE = """
All services log to ELK.

1. Design: JSON lines with common fields (architect)
2. `common/structured_logs.py` with a test (coder)
3. Gateway, Agent Runtime and LLM Proxy log each request (coder)
4. `docker-compose.yml` and `logstash.conf` collect the logs (coder)

The tests pass. After `docker compose up` the logs are in Kibana on localhost:5601; that I could not try here.
"""


PROPOSED = [{"title": title, "role": role} for title, role in (*STEPS, UNWANTED)]


def _plan(done: int, active: int = -1) -> str:
    """Return the call that writes the plan, with the first `done` steps done, and the step at `active` as active."""
    steps = [
        {"title": title, "role": role, "status": "done" if at < done else "active" if at == active else "open"}
        for at, (title, role) in enumerate(STEPS)
    ]
    return call("plan", steps=steps)


def _delegate(role: str, task: str) -> str:
    return call("delegate", role=role, task=task)


def _log(service: str, why: str, *replacements: tuple[str, str]) -> str:
    """Return the call that edits a service; IMPORT and LOGGER in the replacements stand for what it then needs."""
    logger = f'\nlogger = get_logger("{service}")\n'
    lines = "from common.structured_logs import get_logger\n"
    made = ((old, new.replace("IMPORT", lines).replace("LOGGER", logger)) for old, new in replacements)
    return edit(f"{service}/app.py", why, *made)


LOGGING_EVERYWHERE = Scene(
    "logging",
    "A complex task with a plan",
    PLATFORM,
    (
        Turn(
            "Add logging to all services, and send the logs to ELK",
            (
                "This needs several of us",
                "One JSON object a line on stdout",
                "The module is written",
                "All three services log",
                "Logstash collects the logs",
                "All services log to ELK.",
            ),
            (
                PlanDecision(TITLE, dropped=len(STEPS) + 1),
                Decision("Create common/__init__.py", Answer.YES_FOR_ALL),
                Decision("Run the tests"),
            ),
            ("orchestrator", "architect", "coder"),
            ("[2 passed, 0 failed",),
        ),
    ),
    choose("orchestrator")
    + say(
        ORCHESTRATOR, "I look at the services first.", call("list_files"), call("read_file", path="docker-compose.yml")
    )
    + say(ORCHESTRATOR, PLANNED, call("plan", title=TITLE, confirm=True, steps=PROPOSED))
    + say(
        ORCHESTRATOR,
        "",
        _plan(0, 0),
        _delegate(
            "architect", "Design the logs of the services in gateway/, agent_runtime/ and llm_proxy/. They go to ELK."
        ),
    )
    + say(ARCHITECT, "", *(call("read_file", path=f"{one}/app.py") for one in SERVICES))
    + say(ARCHITECT, DESIGNED)
    + say(
        ORCHESTRATOR,
        "",
        _plan(1, 1),
        _delegate("coder", "Write common/structured_logs.py: JSON lines on stdout, get_logger(service); with a test."),
    )
    + say(
        CODER,
        "",
        write("common/__init__.py", "A package for what all services share.", '"""What all services share."""\n'),
        write("common/structured_logs.py", "One form of logs for all services.", LOGGING),
        write("tests/test_structured_logs.py", "It fails without the module.", TESTS),
    )
    + say(CODER, "The module is written, with a test.")
    + say(
        ORCHESTRATOR,
        "",
        _plan(2, 2),
        _delegate(
            "coder", "Log each request in gateway/app.py, agent_runtime/app.py and llm_proxy/app.py; run the tests."
        ),
    )
    + say(CODER, "", *(call("read_file", path=f"{one}/app.py") for one in SERVICES))
    + say(
        CODER,
        "",
        _log(
            "gateway",
            "Each request of a client leaves a line.",
            ("from agent_runtime.app import run_agent\n", "from agent_runtime.app import run_agent\nIMPORTLOGGER"),
            ('    if path != "/agents":\n', '    logger.info("request to %s", path)\n    if path != "/agents":\n'),
        ),
        _log(
            "agent_runtime",
            "Each task leaves a line.",
            ("from llm_proxy.app import complete\n", "IMPORTfrom llm_proxy.app import complete\nLOGGER"),
            ("    return complete(", '    logger.info("an agent begins")\n    return complete('),
        ),
        _log(
            "llm_proxy",
            "Each prompt leaves a line, without its text.",
            ('"""Asks a model."""\n', '"""Asks a model."""\n\nIMPORTLOGGER'),
            ("    return prompt", '    logger.info("a prompt of %d characters", len(prompt))\n    return prompt'),
        ),
    )
    + say(CODER, "", call("run_tests"))
    + say(CODER, "All three services log, and the tests pass.")
    + say(
        ORCHESTRATOR,
        "",
        _plan(3, 3),
        _delegate(
            "coder",
            "Have docker-compose.yml send the logs of all containers to Logstash, with Elasticsearch and Kibana.",
        ),
    )
    + say(CODER, "", call("read_file", path="docker-compose.yml"))
    + say(
        CODER,
        "",
        write("logstash.conf", "From the containers to Elasticsearch.", LOGSTASH),
        edit(
            "docker-compose.yml",
            "The containers send what they write to Logstash.",
            *((f"    build: {one}\n", f"    build: {one}{GELF}") for one in SERVICES[:-1]),
            ("    build: llm_proxy\n", f"    build: llm_proxy{GELF}{ELK[1:]}"),
        ),
    )
    + say(CODER, "Logstash collects the logs of all containers.")
    + say(ORCHESTRATOR, "", _plan(4))
    + say(ORCHESTRATOR, DONE),
    {
        "common/structured_logs.py": ("class JsonFormatter",),
        "gateway/app.py": ('get_logger("gateway")',),
        "agent_runtime/app.py": ('get_logger("agent_runtime")',),
        "llm_proxy/app.py": ('get_logger("llm_proxy")',),
        "docker-compose.yml": ("gelf-address", "kibana"),
        "logstash.conf": ("elasticsearch",),
    },
)
