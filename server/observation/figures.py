"""The server's metrics, one set for the process, whatever number of sessions it serves.

Numbers only: labels are names of methods, tools, models and states, never texts or paths. Parts that count import
`figures`; values that are read when they are asked for are in `server.assembly.observation.gauges`.
Start at `METRICS`.
"""

from __future__ import annotations

from models.metrics import Metric, MetricSet

REQUEST_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0)
WAIT_SECONDS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)

METRICS = (
    Metric(
        "starling_requests_total",
        "counter",
        'Answered requests by method (for commands their name) and outcome: "ok", "error" (the handler\'s own), '
        '"failed" (a defect) or "cancelled".',
        ("method", "outcome"),
    ),
    Metric("starling_request_seconds", "histogram", "Time to the answer, by method.", ("method",), REQUEST_SECONDS),
    Metric("starling_requests_running", "gauge", "Requests that are being answered."),
    Metric("starling_sessions", "gauge", "Connected editors."),
    Metric("starling_suggestions_total", "counter", "Suggestions in answers, by origin.", ("origin",)),
    Metric("starling_suggestions_shown_total", "counter", "Suggestions that were shown."),
    Metric(
        "starling_suggestions_accepted_total",
        "counter",
        'Accepted suggestions, by extent: "whole" or "part".',
        ("extent",),
    ),
    Metric("starling_suggestions_rejected_total", "counter", "Rejected suggestions."),
    Metric("starling_completions_empty_total", "counter", "Completions without a suggestion, by reason.", ("reason",)),
    Metric("starling_model_runs_total", "counter", "Runs of the completion model."),
    Metric("starling_model_failures_total", "counter", "Failed runs of the completion model."),
    Metric("starling_reviews_total", "counter", "Finished reviews of open documents."),
    Metric("starling_findings", "gauge", "Findings in open documents, by severity.", ("severity",)),
    Metric(
        "starling_gate_asked_total", "counter", "Questions to a person before a write or a command, by tool.", ("tool",)
    ),
    Metric("starling_gate_approved_total", "counter", "Approved writes and commands, by tool.", ("tool",)),
    Metric(
        "starling_gate_ended_total",
        "counter",
        "Ended requests for writes and commands, by tool and verdict.",
        ("tool", "verdict"),
    ),
    Metric(
        "starling_gate_answer_seconds", "histogram", "Time until a person answered, by tool.", ("tool",), WAIT_SECONDS
    ),
    Metric(
        "starling_chat_answers_total",
        "counter",
        'Answers of chat models, by model and outcome: "ok" or "failed".',
        ("model", "outcome"),
    ),
    Metric(
        "starling_chat_tokens_total",
        "counter",
        'Tokens of chat models, by model and kind: "prompt" or "answer".',
        ("model", "kind"),
    ),
    Metric(
        "starling_queued_tasks", "gauge", "Queued tasks of the team, by status, those that ended left out.", ("status",)
    ),
    Metric("starling_index_files", "gauge", "Indexed files of all workspaces."),
    Metric("starling_index_store_bytes", "gauge", "Size of the indexes on disk, without libraries."),
    Metric("starling_index_coverage_ratio", "gauge", "Smallest share of a workspace's code files that are indexed."),
    Metric("starling_index_lag_seconds", "gauge", "Age of the oldest change that is not indexed yet; 0 for none."),
    Metric("starling_part_ok", "gauge", "Whether a part works: 1, or 0 if it is degraded; by part.", ("part",)),
    Metric(
        "starling_resident_bytes",
        "gauge",
        'Memory of the process ("server") and of its children ("children").',
        ("process",),
    ),
    Metric("starling_start_time_seconds", "gauge", "When the process began, in seconds since the epoch."),
)

figures = MetricSet(METRICS)
"""The metrics of this process."""
