"""GET /metrics: the format, that each number is there and right, and what a scrape costs."""

import os
import re
import threading
import time

import pytest

import origins as o
from exposition import Exposition, scrape
from rawhttp import Client, wait_until
from test_api_stream import fill, url
from weldr import IS_ASAN, split_address

SOURCES = os.path.join(os.path.dirname(__file__), "../../src/stats")
OUTSIDE = "10.1.2.3"
SERVERS = int(os.environ.get("METRICS_SERVERS", "1500"))
MANY_MS = 3000 if IS_ASAN else 400
ACCEPT_OF_PROMETHEUS = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")


def rows(name):
    """(counter, kind, help) of a table of counters."""
    with open(os.path.join(SOURCES, name), encoding="utf-8") as file:
        return re.findall(r'^\w*COUNTER\((\w+), (SUM|GAUGE), "(.*)"\)', file.read(), re.MULTILINE)


TABLES = {"counters.def": "weldr_node_", "listener_counters.def": "weldr_listener_",
          "pool_counters.def": "weldr_pool_", "server_counters.def": "weldr_server_"}


def labels_of(origin, pool="default"):
    return {"pool": pool, "server": origin.url}


@pytest.mark.smoke
def test_every_counter_of_the_tables_appears(lab):
    """With name, type and help of its row."""
    weldr, _ = lab.run(o.hello)
    seen = scrape(weldr)
    for table, prefix in TABLES.items():
        for name, kind, text in rows(table):
            family = prefix + name + ("_total" if kind == "SUM" else "")
            assert seen.types[family] == ("counter" if kind == "SUM" else "gauge"), family
            assert seen.helps[family] == text
            assert len(seen.samples[family]) == 1, family
    with open(os.path.join(SOURCES, "ends.def"), encoding="utf-8") as file:
        words = re.findall(r'^END\(\w+, "(\w+)"', file.read(), re.MULTILINE)
    assert [labels["result"] for labels, _ in seen.all("weldr_results_total")] == words and len(words) > 20


@pytest.mark.smoke
def test_both_formats_say_the_same(lab):
    weldr, _ = lab.run(o.hello)
    for _ in range(5):
        weldr.ask()
    wait_until(lambda: weldr.stats()["in_flight"] == weldr.stats()["connections"]["client_open"] == 0, 5, "all are over")
    plain, open_metrics = scrape(weldr), scrape(weldr, openmetrics=True)
    moves = re.compile("process_|cpu_seconds|memory_bytes")
    for name in plain.samples.keys() | open_metrics.samples.keys():
        assert plain.samples[name].keys() == open_metrics.samples[name].keys()
        assert moves.search(name) or plain.samples[name] == open_metrics.samples[name], name
    assert open_metrics.units["weldr_node_queued_bytes"] == "bytes"
    assert open_metrics.types["weldr_build"] == "info" and plain.types["weldr_build_info"] == "gauge"


@pytest.mark.parametrize("accept, is_open", [(None, False), ("*/*", False), ("text/plain", False), (ACCEPT_OF_PROMETHEUS, True),
                                             ("text/plain, application/openmetrics-text;q=0.9", False)])
def test_accept_chooses(weldr, accept, is_open):
    answer = weldr.api("GET", "/metrics", headers={"Accept": accept} if accept else {})
    assert answer.status == 200
    Exposition(answer.text, is_open)
    assert answer.get("Content-Type").startswith("application/openmetrics-text" if is_open else "text/plain; version=0.0.4")


def test_methods(weldr):
    answer = weldr.api("HEAD", "/metrics")
    assert answer.status == 200 and answer.data == b"" and answer.get("Content-Type").startswith("text/plain")
    assert weldr.api("POST", "/metrics", {}).status == 405
    assert weldr.api("GET", "/v1/metrics").status == 200


def test_from_elsewhere_with_the_token_only(lab):
    weldr = lab.weldr(admin_ip=f"{OUTSIDE}:0", namespace=lab.namespace(OUTSIDE), env={"WELDR_ADMIN_TOKEN": "sesame"})
    assert weldr.api("GET", "/metrics").status == 401
    assert weldr.api("GET", "/metrics", headers={"Authorization": "Bearer sesame"}).status == 200


def test_metrics_ip_has_nothing_else(lab):
    """Without a token, from elsewhere: GET and HEAD of /metrics, and 404 to all else; the API itself asks for the token."""
    weldr = lab.weldr("--metrics-ip", f"{OUTSIDE}:0", admin_ip=f"{OUTSIDE}:0", namespace=lab.namespace(OUTSIDE),
                      env={"WELDR_ADMIN_TOKEN": "sesame"})
    there = split_address(weldr.lines(msg="metrics are served")[0]["address"])
    assert weldr.api("GET", "/metrics").status == 401
    assert scrape(weldr, admin=there).get("weldr_node_requests_total") == 0
    assert scrape(weldr, openmetrics=True, admin=there).get("weldr_node_requests_total") == 0
    head = weldr.api("HEAD", "/metrics", admin=there)
    assert head.status == 200 and head.data == b""
    token = {"Authorization": "Bearer sesame"}
    for method, path in (("GET", "/"), ("GET", "/stats"), ("GET", "/servers"), ("GET", "/health"), ("POST", "/metrics"),
                         ("OPTIONS", "/metrics"), ("DELETE", "/metrics"), ("GET", "/metrics/x"), ("GET", "/%zz"),
                         ("POST", "/servers")):
        for headers in ({}, token):
            body = {"url": "http://127.0.0.1:9"} if method == "POST" else None
            answer = weldr.api(method, path, body, headers=headers, admin=there)
            assert answer.status == 404 and answer.json["code"] == "not_found", (method, path, answer)
    assert weldr.api("GET", "/servers", headers=token).json["servers"] == []


def test_metrics_ip_alone_makes_no_token(lab):
    """Only the API is worth one."""
    weldr = lab.weldr("--metrics-ip", "0.0.0.0:0", namespace=lab.namespace(OUTSIDE))
    assert weldr.lines(msg="metrics are served") and not weldr.lines(msg="generated admin token")


def drive(weldr, host, n):
    with weldr.connect() as client:
        return [client.ask(host=host).status for _ in range(n)]


def test_numbers_are_those_of_the_load(lab):
    """Two pools, a listener of its own for the second; the load that the test has made, and what /stats says."""
    weldr = lab.weldr(workers=2)
    one, two, dead = lab.origin(o.hello), lab.origin(o.in_turn(*[o.answer(503), o.hello] * 10)), lab.dead_origin()
    weldr.add(one)
    assert weldr.api("POST", "/pools", {"name": "other"}).status == 201
    for origin in (two, dead):
        answer = weldr.api("POST", "/pools/other/servers", {"url": origin.url, "check": {"type": "none"}})
        assert answer.status == 201, answer
    rule = {"priority": 1, "conditions": {"host": "other.test"}, "action": {"forward": [{"pool": "other"}]}}
    added = weldr.api("POST", "/listeners/default/rules", rule)
    assert added.status == 201, added
    assert drive(weldr, "a.test", 30) == [200] * 30
    assert drive(weldr, "other.test", 20) == [503, 200] * 10
    with weldr.connect() as client:
        client.send(b"garbage\r\n\r\n").response()
    weldr.clients[-1].close()
    wait_until(lambda: weldr.stats()["in_flight"] == weldr.stats()["connections"]["client_open"] == 0, 5, "all are over")
    stats, seen = weldr.stats(), scrape(weldr)

    assert seen.get("weldr_node_requests_total") == stats["requests"]
    assert seen.get("weldr_node_client_success_total") == 41 and seen.get("weldr_node_client_failed_total") == 10
    assert seen.get("weldr_pool_requests_total", pool="default") == 30
    assert seen.get("weldr_pool_success_total", pool="default") == 30
    assert seen.get("weldr_pool_failed_total", pool="other") == seen.get("weldr_pool_success_total", pool="other") == 10
    assert seen.get("weldr_server_success_total", **labels_of(one)) == 30
    assert seen.get("weldr_server_failed_total", **labels_of(two, "other")) == 10
    assert seen.get("weldr_server_success_total", **labels_of(two, "other")) == 10
    assert seen.get("weldr_pool_retries_total", pool="other") == seen.get("weldr_server_failed_total", **labels_of(dead, "other")) > 0
    for result, n in stats["results"].items():
        assert seen.get("weldr_results_total", result=result) == n, result
    assert seen.get("weldr_results_total", result="bad_request") == 1
    for kind in ("pool", "listener"):
        for name, counters in stats[kind + "s"].items():
            for key, n in counters.items():
                found = [family for family in (f"weldr_{kind}_{key}", f"weldr_{kind}_{key}_total") if family in seen.samples]
                assert len(found) == 1 and seen.get(found[0], **{kind: name}) == n, (name, key)
    for server in weldr.detail():
        labels = {"pool": server["pool"], "server": f"http://{server['ip']}:{server['port']}"}
        for key in ("success", "failed"):
            assert seen.get(f"weldr_server_{key}_total", **labels) == server[key]
    assert seen.get("weldr_config_revision") == stats["revision"]

    # Classes and times: as many as were counted as success or failed.
    assert seen.get("weldr_pool_responses_total", pool="other", **{"class": "2xx"}) == 10
    assert seen.get("weldr_pool_responses_total", pool="other", **{"class": "5xx"}) == 10
    assert seen.get("weldr_server_responses_total", **labels_of(one), **{"class": "2xx"}) == 30
    assert seen.get("weldr_server_responses_total", **labels_of(dead, "other"), **{"class": "none"}) == seen.sum(
        "weldr_server_failed_total", server=dead.url)
    assert seen.get("weldr_listener_responses_total", listener="default", **{"class": "4xx"}) == 1
    for kind in ("listener", "pool", "server"):
        for labels, n in seen.all(f"weldr_{kind}_success_total"):
            n += seen.get(f"weldr_{kind}_failed_total", **labels)
            assert seen.sum(f"weldr_{kind}_responses_total", **labels) == n, labels
            if kind != "listener" and n > 0:
                assert seen.get(f"weldr_{kind}_total_seconds_count", **labels) == n, labels
    assert seen.get("weldr_server_head_seconds_count", **labels_of(one)) == 30
    assert seen.all("weldr_server_head_seconds_count", server=dead.url)[0][1] == 0
    assert seen.get("weldr_pool_head_seconds_count", pool="other") == 20


def late(head_s, end_s):
    def behave(lane, seen):
        time.sleep(head_s)
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        time.sleep(end_s)
        lane.send(b"llo")
    return behave


def bucket_of(seen, family, **labels):
    """(above, not above): the bounds between which the one time that was measured lies."""
    rows = sorted((float(row["le"]), n) for row, n in seen.all(family + "_bucket", **labels))
    first = next(i for i, (_, n) in enumerate(rows) if n > 0)
    assert all(n == 1 for _, n in rows[first:])
    return rows[first - 1][0] if first else 0.0, rows[first][0]


def test_times_are_measured(lab):
    """One request: the head comes late, and the end later."""
    weldr, origin = lab.run(late(0.06, 0.3))
    assert weldr.ask().status == 200
    wait_until(lambda: weldr.stats()["in_flight"] == 0, 5, "it is over")
    seen = scrape(weldr)
    for family, labels in (("weldr_server", labels_of(origin)), ("weldr_pool", {"pool": "default"})):
        for what, least_s in (("head", 0.06), ("total", 0.36)):
            name = f"{family}_{what}_seconds"
            sum_s = seen.get(name + "_sum", **labels)
            low, high = bucket_of(seen, name, **labels)
            assert least_s <= sum_s < 5 and low < sum_s <= high, (name, low, sum_s, high)


def test_added_time_is_of_few_requests_or_of_all_with_an_access_log(lab, tmp_path):
    weldr, _ = lab.run(o.hello)
    logging = lab.weldr("--access-log", str(tmp_path / "access.log"))
    logging.add(lab.origin(o.hello))
    with weldr.connect() as client, logging.connect() as logged:
        for _ in range(1500):
            assert client.ask().status == 200
        for _ in range(50):
            assert logged.ask().status == 200
    wait_until(lambda: weldr.stats()["in_flight"] + logging.stats()["in_flight"] == 0, 5, "all are over")
    seen = scrape(weldr)
    n = seen.get("weldr_pool_added_seconds_count", pool="default")
    assert 0 < n < 300 and 0 < seen.get("weldr_pool_added_seconds_sum", pool="default") < n
    assert scrape(logging).get("weldr_pool_added_seconds_count", pool="default") == 50


def test_servers_without_traffic_have_no_histograms(lab):
    """Ten thousand of them would be half a million lines of zeros."""
    weldr, origin = lab.run(o.hello)
    assert scrape(weldr).all("weldr_server_total_seconds_count", server=origin.url) == []
    assert weldr.ask().status == 200
    wait_until(lambda: scrape(weldr).sum("weldr_server_total_seconds_count", server=origin.url) == 1, 5, "one")


def test_in_flight_is_seen(lab):
    weldr, origin = lab.run(o.stall)
    with weldr.connect() as client:
        client.request("GET", "/")
        wait_until(lambda: weldr.stats()["in_flight"] == 1, 5, "a request in flight")
        seen = scrape(weldr)
        assert seen.get("weldr_node_in_flight") == seen.get("weldr_pool_in_flight", pool="default") == 1
        assert seen.get("weldr_server_in_flight", **labels_of(origin)) == seen.sum("weldr_worker_in_flight") == 1
        assert seen.get("weldr_node_client_open") == seen.get("weldr_listener_open", listener="default") == 1


def state_of(seen, origin):
    found = seen.all("weldr_server_state", **labels_of(origin))
    assert len(found) == 1 and found[0][1] == 1
    return found[0][0]["state"]


def test_states_and_checks(lab):
    """State, since when, and the last check of each server."""
    began_s = time.time()
    weldr = lab.weldr()
    good, bad, idle = lab.origin(), lab.dead_origin(), lab.origin()
    check = {"interval_ms": 100, "fast_interval_ms": 100}
    weldr.add(good, check=check)
    weldr.add(bad, check=check)
    weldr.add(idle)
    weldr.wait_state(bad, "down")
    wait_until(lambda: scrape(weldr).sum("weldr_server_check_success", server=good.url) == 1, 10, "a passed check")
    seen = scrape(weldr)
    assert state_of(seen, good) == "active" and state_of(seen, bad) == "down" and state_of(seen, idle) == "active"
    assert seen.get("weldr_server_check_success", **labels_of(bad)) == 0
    assert labels_of(idle)["server"] not in [labels["server"] for labels, _ in seen.all("weldr_server_check_success")]
    assert 0 <= seen.get("weldr_server_check_duration_seconds", **labels_of(good)) < 5
    for name in ("check_timestamp_seconds", "health_changed_timestamp_seconds"):
        for origin in (good, bad):
            assert began_s - 1 < seen.get(f"weldr_server_{name}", **labels_of(origin)) < time.time() + 1
    assert weldr.api("POST", good.path + "/maintenance").status in (200, 202)
    assert state_of(scrape(weldr), good) == "maintenance"


def test_fail_open_is_told(lab):
    weldr = lab.weldr()
    bad = lab.dead_origin()
    assert scrape(weldr).get("weldr_pool_fail_open", pool="default") == 0
    weldr.add(bad, check={"interval_ms": 100, "fast_interval_ms": 100})
    weldr.wait_state(bad, "down")
    assert scrape(weldr).get("weldr_pool_fail_open", pool="default") == 1


def test_workers_and_process(lab):
    began_s = time.time()
    weldr = lab.weldr(workers=2)
    seen = scrape(weldr)
    assert [value for _, value in seen.all("weldr_worker_serving")] == [1, 1]
    assert began_s - 1 < seen.get("process_start_time_seconds") < time.time() + 1
    assert seen.get("process_resident_memory_bytes") > 1e6 and seen.get("process_cpu_seconds_total") > 0
    assert min(value for _, value in seen.all("weldr_worker_resident_memory_bytes")) > 1e6
    assert len(seen.all("weldr_build_info")) == 1 and seen.sum("weldr_build_info") == 1
    pids = weldr.worker_pids()
    os.kill(pids[0], 9)
    weldr.wait_workers(2, not_pids=pids[:1])
    seen = scrape(weldr)
    assert seen.sum("weldr_worker_restarts_total") == 1 and seen.sum("weldr_worker_serving") == 2


def add_rule(weldr, priority, conditions, action, listener="default"):
    body = {"priority": priority, "conditions": conditions, "action": action}
    added = weldr.api("POST", f"/listeners/{listener}/rules", body)
    assert added.status == 201, added
    return added.json["id"]


def test_requests_of_rules_are_counted(lab):
    """By whichever worker took them; a rule that was moved keeps its number, one that was removed is not shown."""
    weldr, _ = lab.run(o.hello, workers=2)
    forward = {"forward": [{"pool": "default"}]}
    fixed = {"fixed": {"status": 204}}
    ids = [add_rule(weldr, 10, {"host": "a.test"}, forward), add_rule(weldr, 20, {"path": "/none"}, fixed),
           add_rule(weldr, 30, {"host": "never.test"}, forward)]
    for _ in range(4):
        with weldr.connect() as client:
            assert [client.ask(host="a.test").status for _ in range(5)] == [200] * 5
            assert client.ask(target="/none").status == 204
            assert client.ask().status == 200

    def counted():
        return {(labels["rule"], labels["priority"]): n
                for labels, n in scrape(weldr).all("weldr_rule_requests_total", listener="default")}
    assert counted() == {(ids[0], "10"): 20, (ids[1], "20"): 4, (ids[2], "30"): 0}
    assert weldr.api("PATCH", "/listeners/default/rules/10", {"priority": 25}).status == 200
    assert weldr.api("DELETE", "/listeners/default/rules/20").status == 200
    assert counted() == {(ids[0], "25"): 20, (ids[2], "30"): 0}
    assert weldr.ask(host="a.test").status == 200
    assert counted() == {(ids[0], "25"): 21, (ids[2], "30"): 0}


# ---- many servers


@pytest.fixture
def crowded(lab):
    weldr = lab.weldr(nofile=8192)
    fill(weldr, SERVERS)
    return weldr


def cpu_ms(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


@pytest.mark.timeout(300)
def test_many_servers_are_all_there_once(crowded):
    """Page by page, of whatever length; the manager works as long as the number of servers says."""
    wanted = [url(i) for i in range(SERVERS)]
    before_ms = cpu_ms(crowded.pid)
    answer = crowded.api("GET", "/metrics")
    took_ms = cpu_ms(crowded.pid) - before_ms
    assert answer.get("Transfer-Encoding") == "chunked"
    seen = Exposition(answer.text)
    families = [name for name in seen.samples if name.startswith("weldr_server_")]
    assert len(families) > 6
    for name in families:
        if "_check_" not in name:
            assert [labels["server"] for labels, _ in seen.all(name)] == wanted, name
    assert took_ms < MANY_MS * max(SERVERS, 1500) / 10000 * 1.5, f"{took_ms} ms"
    with Client(crowded.admin) as old:
        Exposition(old.ask(target="/metrics", version="HTTP/1.0").text)


@pytest.mark.timeout(300)
def test_health_is_not_held_up_by_a_scrape(crowded):
    """The loop turns between the pages: /health is answered while a scrape is under way."""
    done = threading.Event()

    def scrape_on():
        for _ in range(3):
            crowded.api("GET", "/metrics")
        done.set()

    thread = threading.Thread(target=scrape_on)
    thread.start()
    answered = 0
    while not done.is_set():
        assert crowded.api("GET", "/health").status == 200
        answered += 1
    thread.join()
    assert answered >= 6, "once or more in each scrape"


@pytest.mark.timeout(300)
def test_servers_that_come_and_go_meanwhile(crowded):
    """A server that is removed and added again under the same URL in the middle of a scrape is not there twice."""
    with Client(crowded.admin, receive_bytes=4096) as client:
        client.request("GET", "/metrics")
        response = client.head()  # and no more is read
        for i in range(0, 40):
            path = f"/servers/127.9.0.{i + 1}/9"
            assert crowded.api("DELETE", path).status in (200, 202)
        for i in range(0, 40):
            body = {"url": url(i), "check": {"type": "none"}}
            assert crowded.api("POST", "/servers", body, {"Prefer": "return=minimal"}).status == 201
        text = client.body(response).text
    seen = Exposition(text)
    last = [labels["server"] for labels, _ in seen.all("weldr_server_state")]
    assert last == [url(i) for i in range(40, SERVERS)]
