"""The files for Prometheus and Grafana: every metric and label in them is one that the program exports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from models.host.metrics import METRICS as HOST_METRICS
from server.assembly.observation.switching import PAGES
from server.observation.figures import METRICS
from tests.deploy.deployed import DEPLOY, ROOT

if TYPE_CHECKING:
    from models.metrics import Metric

FOLDER = DEPLOY / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
CONFIG: dict[str, Any] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
PAGE = (ROOT / "docs" / "observation.md").read_text(encoding="utf-8")
PANELS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS = [*(rule["expr"] for rule in RULES), *PANELS]
EXPORTED = {one.name: one for one in (*METRICS, *HOST_METRICS)}
OF_PROMETHEUS = {"instance", "job", "le"}
"""Labels that Prometheus itself adds, and that of buckets."""
PROMTOOL = shutil.which("promtool")


def find_metrics(expression: str) -> set[str]:
    """Return the names of metrics in an expression, those of a histogram's parts without their ending."""
    found = set()
    for name in re.findall(r"\bstarling_[a-z_]+", expression):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        found.add(base if base in EXPORTED and EXPORTED[base].kind == "histogram" else name)
    return found


def find_labels(expression: str) -> set[str]:
    """Return the names of labels in an expression."""
    selected = {
        name
        for inner in re.findall(r"\{([^}]*)\}", expression)
        for name in re.findall(r"(\w+)\s*(?:=|!=|=~)\s*\"", inner)
    }
    grouped = {name.strip() for inner in re.findall(r"by \(([^)]*)\)", expression) for name in inner.split(",")}
    return selected | grouped


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_metrics_and_labels_that_are_exported(expression: str) -> None:
    metrics = find_metrics(expression)
    assert metrics
    assert metrics <= set(EXPORTED)
    labels = set().union(*(EXPORTED[name].labels for name in metrics)) | OF_PROMETHEUS
    assert find_labels(expression) <= labels


@pytest.mark.parametrize("metric", EXPORTED.values(), ids=lambda one: one.name)
def test_every_metric_is_on_the_dashboard_and_on_the_page(metric: Metric) -> None:
    assert any(metric.name in find_metrics(one) for one in PANELS)
    assert f"`{metric.name}`" in PAGE


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one["alert"])
def test_an_alert_waits_has_a_severity_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["alert"].startswith("Starling")
    assert re.fullmatch(r"\d+m", rule["for"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"]["description"].endswith(".")
    used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    assert used <= find_labels(rule["expr"]) | {"instance"}
    assert f"`{rule['alert']}`" in PAGE


def test_the_configuration_reads_pages_that_exist_and_these_rules() -> None:
    assert [one.get("metrics_path", "/metrics") for one in CONFIG["scrape_configs"]] == ["/metrics", "/host/metrics"]
    assert {one.get("metrics_path", "/metrics") for one in CONFIG["scrape_configs"]} <= set(PAGES)
    assert [(FOLDER / name).is_file() for name in CONFIG["rule_files"]] == [True]


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed; Debian has it in the package prometheus")
@pytest.mark.parametrize("words", [("rules", "rules.yml"), ("config", "prometheus.yml")])
def test_promtool_accepts_the_files(words: tuple[str, str]) -> None:
    assert PROMTOOL is not None
    checked = subprocess.run(
        [PROMTOOL, "check", words[0], FOLDER / words[1]], capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed; Debian has it in the package prometheus")
def test_the_alerts_begin_when_they_should() -> None:
    assert PROMTOOL is not None
    checked = subprocess.run(
        [PROMTOOL, "test", "rules", "rules_test.yml"],
        cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed; Debian has it in the package prometheus")
def test_promtool_accepts_the_metrics_themselves() -> None:
    assert PROMTOOL is not None
    from server.assembly.observation.gauges import render_metrics  # noqa: PLC0415 (needs the surroundings of a test)

    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=render_metrics(), capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
