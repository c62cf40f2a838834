"""Metrics as text: each value with its labels, histograms that add up, and a bound for what is held."""

from __future__ import annotations

import re

from models.host.metrics import METRICS, Metrics
from models.metrics import LONGEST_LABEL, MOST_SERIES, Metric, MetricSet

COUNTER = Metric("done_total", "counter", "What was done.")
GAUGE = Metric("size_bytes", "gauge", "A size.")
HISTOGRAM = Metric("wait_seconds", "histogram", "A wait.", (), (0.1, 1.0))
LINE = re.compile(r'[a-z_]+(\{[a-z]+="([^"\\\n]|\\.)*"(,[a-z]+="([^"\\\n]|\\.)*")*\})? -?[0-9.e+-]+')


def read_values(text: str) -> dict[str, float]:
    """Return the values of metrics in Prometheus' text format, by name with labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in lines), lines
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_counters_add_up_by_their_labels() -> None:
    metrics = MetricSet([COUNTER])
    metrics.add("done_total", tool="a")
    metrics.add("done_total", 2.5, tool="a")
    metrics.add("done_total", tool="b")
    assert read_values(metrics.render()) == {'done_total{tool="a"}': 3.5, 'done_total{tool="b"}': 1.0}


def test_each_metric_has_its_meaning_and_kind_before_its_values() -> None:
    text = MetricSet([COUNTER, GAUGE]).render([("size_bytes", {}, 7.0)])
    assert text == (
        "# HELP done_total What was done.\n# TYPE done_total counter\n"
        "# HELP size_bytes A size.\n# TYPE size_bytes gauge\nsize_bytes 7\n"
    )


def test_a_histogram_counts_each_value_in_all_buckets_that_hold_it() -> None:
    metrics = MetricSet([HISTOGRAM])
    for value in (0.05, 0.1, 0.5, 30.0):
        metrics.observe("wait_seconds", value)
    assert read_values(metrics.render()) == {
        'wait_seconds_bucket{le="0.1"}': 2.0,
        'wait_seconds_bucket{le="1"}': 3.0,
        'wait_seconds_bucket{le="+Inf"}': 4.0,
        "wait_seconds_sum": 30.65,
        "wait_seconds_count": 4.0,
    }


def test_no_label_can_end_its_quotes_or_its_line() -> None:
    metrics = MetricSet([COUNTER])
    metrics.add("done_total", tool='a"} 1\nevil_total 5\\')
    assert list(read_values(metrics.render())) == [r'done_total{tool="a\"} 1\nevil_total 5\\"}']


def test_a_large_number_keeps_all_its_digits() -> None:
    metrics = MetricSet([COUNTER])
    metrics.add("done_total", 123_456_789_012)
    metrics.add("done_total", 1)
    assert metrics.render().endswith("done_total 123456789013\n")


def test_labels_without_end_are_counted_together_and_cut() -> None:
    metrics = MetricSet([COUNTER])
    for number in range(MOST_SERIES + 50):
        metrics.add("done_total", path=f"/{number}" + "x" * 1000)
    values = read_values(metrics.render())
    assert len(values) == MOST_SERIES + 1
    assert values['done_total{path="other"}'] == 50
    assert max(map(len, values)) <= LONGEST_LABEL + len('done_total{path=""}')


def test_the_host_shows_what_it_counted() -> None:
    metrics = Metrics()
    metrics.add("requests_total", path="/health", status="200")
    metrics.observe("first_token_seconds", 0.02, model="mini")
    values = read_values(metrics.render({("waiting", "mini"): 3.0, ("running", ""): 1.0}))
    assert values['starling_host_requests_total{path="/health",status="200"}'] == 1
    assert values['starling_host_first_token_seconds_count{model="mini"}'] == 1
    assert values['starling_host_waiting{model="mini"}'] == 3
    assert values["starling_host_running"] == 1


def test_metrics_have_names_and_meanings_as_prometheus_wants_them() -> None:
    from server.observation.figures import METRICS as OURS  # noqa: PLC0415 (the server's, beside the host's)

    for one in (*METRICS, *OURS):
        assert re.fullmatch(r"starling_[a-z_]+", one.name)
        assert one.name.endswith("_total") is (one.kind == "counter")
        assert one.meaning.endswith(".")
        assert "\n" not in one.meaning
        assert bool(one.buckets) is (one.kind == "histogram")
