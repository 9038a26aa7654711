"""GET /stats/samples: what was served in the last time, step by step."""

import time

import pytest

import origins as o
from rawhttp import wait_until
from test_counters_restart import end


def samples(weldr, query=""):
    response = weldr.api("GET", f"/stats/samples{query}")
    assert response.status == 200, response.data
    return response.json


def pair_by_pair(document):
    """All lists of a document of the node are equally long."""
    keys = ("requests", "failed", "bytes_in", "bytes_out", "statuses", "latency")
    return {len(document[key]) for key in keys}


@pytest.mark.smoke
def test_requests_show_within_two_seconds(lab):
    weldr, _ = lab.run(o.in_turn(o.answer(200), o.answer(404), o.answer(500)), workers=2)
    for _ in range(6):
        weldr.ask()
    began = time.monotonic()
    wait_until(lambda: sum(samples(weldr, "?step=1")["requests"]) == 6, 5, "six requests in samples")
    assert time.monotonic() - began < 2.5
    for step in (1, 10, 60):
        document = samples(weldr, f"?step={step}")
        assert document["step"] == step and 1 <= document["seconds"] <= step
        assert len(pair_by_pair(document)) == 1
        assert sum(document["requests"]) == 6 and sum(document["failed"]) == 4
        statuses = [sum(row[i] for row in document["statuses"] if len(row) > i) for i in range(7)]
        assert statuses == [0, 0, 1, 0, 1, 4, 0]
        assert sum(map(sum, document["latency"])) == 6
        assert sum(document["bytes_out"]) > 0
        assert document["latency_below_us"] == sorted(document["latency_below_us"])


def test_a_limit_gives_the_newest(lab):
    weldr = lab.weldr()
    whole = wait_until(lambda: (lambda d: d if len(d["requests"]) >= 3 else None)(samples(weldr, "?step=1")), 8)
    part = samples(weldr, "?step=1&limit=2")
    assert len(part["requests"]) == 2
    assert part["first"] + 1 >= whole["first"] + len(whole["requests"]) - 1
    assert samples(weldr)["step"] == 10


@pytest.mark.parametrize("query, field", [
    ("step=5", "step"), ("step=x", "step"), ("limit=0", "limit"), ("limit=1001", "limit"),
    ("servers=1f", "servers"), ("servers=" + ",".join(["s-1"] * 65), "servers"),
    ("pools=" + ",".join(["a"] * 65), "pools"), ("pools=%zz", "pools"), ("step=1&pools=default", "step"),
    ("colour=red", "colour")])
def test_bad_input_is_named(weldr, query, field):
    response = weldr.api("GET", f"/stats/samples?{query}")
    assert response.status == 422 and response.json["field"] == field


def test_what_is_served_in_the_second_of_the_start(lab):
    """... and nothing behind it. Lines have their turn by the second, on the manager's clock: this pool's is the one of the start."""
    wait_until(lambda: int(time.monotonic()) % 10 == 0 and time.monotonic() % 1 < 0.3, 12, "the second of its turn")
    weldr = lab.weldr()
    weldr.add(lab.origin(o.hello))
    for _ in range(8):
        weldr.ask()

    def counted():
        return sum(sum(line["requests"]) for line in samples(weldr, "?pools=default")["pools"]) == 8
    wait_until(counted, 40, "all that was served")


def test_lines_of_pools_and_servers(lab):
    weldr = lab.weldr()
    good, bad = lab.origin(o.hello), lab.origin(o.answer(500))
    ids = {}
    for origin in (good, bad):
        weldr.add(origin)
    for server in weldr.api("GET", "/servers").json["servers"]:
        ids[server["url"].rsplit(":", 1)[1]] = server["id"]
    both = f"{ids[str(good.port)]},{ids[str(bad.port)]}"
    quiet = samples(weldr, f"?servers={both}&pools=default,nobody")
    assert [line["requests"] for line in quiet["servers"]] == [[], []]
    assert [line["name"] for line in quiet["pools"]] == ["default"]
    for _ in range(8):
        weldr.ask()

    def counted():
        lines = samples(weldr, f"?servers={both},s-fff&pools=default")
        lines["servers"].sort(key=lambda line: line["id"] == ids[str(bad.port)])  # they are listed by their addresses
        sums = [(sum(line["requests"]), sum(line["failed"])) for line in lines["servers"] + lines["pools"]]
        return lines if sums == [(4, 0), (4, 4), (8, 4)] else None
    lines = wait_until(counted, 40, "all that was served")  # a line is looked at each 10 s
    assert all(max(line["mean_us"]) > 0 for line in lines["servers"] + lines["pools"])
    short = samples(weldr, f"?servers={both}&limit=3")["servers"][0]
    assert len(short["requests"]) == len(short["failed"]) == len(short["mean_us"]) == 3


def test_a_start_begins_anew(lab, folder):
    weldr = lab.weldr("--data-dir", folder)
    weldr.add(lab.origin())
    for _ in range(5):
        weldr.ask()
    wait_until(lambda: sum(samples(weldr, "?step=1")["requests"]) == 5, 5)
    server = weldr.api("GET", "/servers").json["servers"][0]["id"]
    end(weldr)
    again = lab.weldr("--data-dir", folder)
    wait_until(lambda: again.stats()["client"]["success"] == 5, 5)
    wait_until(lambda: len(samples(again, "?step=1")["requests"]) >= 2, 5, "a second is over")
    assert sum(samples(again, "?step=1")["requests"]) == 0
    assert sum(sum(line["requests"]) for line in samples(again, f"?servers={server}")["servers"]) == 0
