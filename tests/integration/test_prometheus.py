"""What Prometheus itself says of /metrics, and of the alerts and the dashboard in contrib/."""

import glob
import json
import os
import re
import shutil
import subprocess
import urllib.parse

import pytest

import origins as o
from exposition import scrape
from rawhttp import wait_until
from weldr import ask_http

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
ALERTS = os.path.join(ROOT, "contrib/prometheus-alerts.yml")
DASHBOARD = os.path.join(ROOT, "contrib/grafana-dashboard.json")
NAMES = re.compile(r"\b(?:weldr|process)_[a-z0-9_]+\b")


def tool(name):
    """As tools/deps test has unpacked it, or as the system has it."""
    path = os.path.join(ROOT, "build-tools", name)
    found = path if os.path.exists(path) else shutil.which(name)
    assert found, f"there is no {name}: run tools/deps test"
    return found


def promtool(*arguments, text=None):
    return subprocess.run([tool("promtool"), *arguments], input=text, capture_output=True, timeout=60, check=False)


@pytest.fixture
def busy(lab):
    """Something of everything: pools, servers that are up, down and on their way out, results of several kinds."""
    weldr = lab.weldr(workers=2)
    bad = lab.dead_origin()
    weldr.add(lab.origin(o.hello))
    weldr.add(bad, check={"interval_ms": 100, "fast_interval_ms": 100})
    weldr.wait_state(bad, "down")
    assert weldr.api("POST", "/pools", {"name": "a.b_c-D"}).status == 201
    assert weldr.api("POST", "/pools/a.b_c-D/servers", {"url": "http://[::1]:9", "check": {"type": "none"}}).status == 201
    for _ in range(20):
        assert weldr.ask().status == 200
    weldr.connect().send(b"garbage\r\n\r\n").response()
    wait_until(lambda: weldr.stats()["in_flight"] == 0, 5, "all are over")
    return weldr


def test_promtool_has_no_complaint(busy):
    text = busy.api("GET", "/metrics").data
    checked = promtool("check", "metrics", text=text)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr, checked
    assert promtool("check", "metrics", text=text.replace(b"_requests_total", b"_requests_ms")).returncode != 0


def test_alerts_are_good_rules():
    checked = promtool("check", "rules", ALERTS)
    assert checked.returncode == 0 and b"SUCCESS" in checked.stdout, checked


def names_of(seen):
    """Families, and what histograms have of them."""
    return set(seen.samples) | set(seen.types)


@pytest.mark.parametrize("path", [ALERTS, DASHBOARD])
def test_what_contrib_asks_for_is_there(busy, path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path == DASHBOARD:
        panels = json.loads(text)["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels) > 10
        text = "\n".join(target["expr"] for panel in panels for target in panel["targets"])
    asked = set(NAMES.findall(text))
    assert len(asked) > 8 and asked <= names_of(scrape(busy)), asked - names_of(scrape(busy))


def listening_port(pid):
    inodes = set()
    for fd in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(fd)))
        except OSError:
            pass  # closed meanwhile
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    ports = [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes]
    return ports[0] if ports else None


@pytest.fixture
def prometheus(busy, tmp_path):
    """A real one, which scrapes busy four times a second with the alerts loaded; its address."""
    config = tmp_path / "prometheus.yml"
    config.write_text(f"""
global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}}
rule_files: ['{ALERTS}']
scrape_configs:
  - job_name: weldr
    static_configs: [{{targets: ['{busy.admin[0]}:{busy.admin[1]}']}}]
""")
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data",
             "--web.listen-address=127.0.0.1:0"], stdout=log, stderr=log, env={"GOMAXPROCS": "1"})
    try:
        port = wait_until(lambda: listening_port(process.pid), 30, "Prometheus listens")
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(30)


def query(address, expr):
    answer = ask_http(address, "GET", "/api/v1/query?query=" + urllib.parse.quote(expr))
    return [float(row["value"][1]) for row in answer.json["data"]["result"]] if answer.status == 200 else []


def test_a_real_prometheus_reads_it(busy, prometheus):
    """Every scrape is taken whole, its numbers are those of /stats, and the alerts hold what they say."""
    wait_until(lambda: query(prometheus, 'sum_over_time(up{job="weldr"}[1m])') > [2], 30, "three scrapes")
    assert query(prometheus, 'min_over_time(up{job="weldr"}[1m])') == [1]
    stats = busy.stats()
    assert query(prometheus, "weldr_node_requests_total") == [stats["requests"]]
    for name, pool in stats["pools"].items():
        assert query(prometheus, f'weldr_pool_requests_total{{pool="{name}"}}') == [pool["requests"]]
    assert query(prometheus, 'sum(weldr_pool_total_seconds_count)') == [20]
    assert query(prometheus, 'sum(weldr_pool_total_seconds_bucket{le="+Inf"})') == [20]
    assert query(prometheus, 'count(weldr_server_state{state="down"})') == [1]
    states = wait_until(lambda: query(prometheus, 'ALERTS{alertname="WeldrServerDown",alertstate="pending"}'), 20, "an alert")
    assert states == [1]

    def are_rules_good():
        rules = ask_http(prometheus, "GET", "/api/v1/rules").json["data"]["groups"][0]["rules"]
        assert not any(rule.get("lastError") for rule in rules), rules
        return len(rules) > 8 and all(rule["health"] == "ok" for rule in rules)
    wait_until(are_rules_good, 10, "every rule was evaluated")
