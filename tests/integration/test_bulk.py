"""A whole pool set in one change: exactly what a dry run says, and back from a file as it stood."""

NONE = {"type": "none"}


def url(i):
    return f"http://127.{i >> 16}.{i >> 8 & 255}.{i & 255}:80"


def item(i, **more):
    return {"url": url(i), **more}


def put(weldr, items, query=""):
    answer = weldr.api("PUT", "/servers" + query, {"servers": items})
    assert answer.status == 200, answer
    return answer.json


def told(weldr):
    return {s["url"]: s for s in weldr.servers()}


def test_a_dry_run_of_thousands_is_exact(weldr):
    weldr.patch_pool({"check": NONE})
    put(weldr, [item(i) for i in range(1, 3001)])
    before = told(weldr)
    wanted = [item(i, weight=1 + i % 2) for i in range(1001, 4001)]
    plan = put(weldr, wanted, "?dry_run=true")
    assert told(weldr) == before
    put(weldr, wanted)
    after = told(weldr)
    assert set(plan["added"]) == set(after) - set(before) and len(plan["added"]) == 1000
    assert set(plan["removed"]) == set(before) - set(after) and len(plan["removed"]) == 1000
    both = set(after) & set(before)
    assert set(plan["changed"]) == {u for u in both if after[u]["weight"] != before[u]["weight"]} and len(plan["changed"]) == 1000
    assert plan["total"] == len(after) == 3000
    assert all(after[u]["id"] == before[u]["id"] for u in both)


def test_servers_come_back_from_a_file_as_they_stood(lab):
    weldr = lab.weldr(workers=2)
    weldr.patch_pool({"check": NONE, "drain_ms": 1234})
    put(weldr, [item(1), item(2), item(3, weight=7)])
    assert weldr.api("POST", "/servers/127.0.0.1/80/maintenance").status == 200
    assert weldr.api("POST", "/servers/127.0.0.2/80/drain", {"drain_ms": 99}).status == 200
    file = weldr.api("GET", "/servers").json
    assert put(weldr, [])["total"] == 0
    assert weldr.api("PUT", "/servers", file).json["total"] == 3
    again = told(weldr)
    assert [again[url(i)]["admin"] for i in (1, 2, 3)] == ["maintenance", "draining", "enabled"]
    assert [again[url(i)]["state"] for i in (1, 2)] == ["maintenance", "draining"]
    assert (again[url(2)]["drain_ms"], again[url(3)]["drain_ms"], again[url(3)]["weight"]) == (99, 0, 7)
    assert len({w["digest"] for w in weldr.workers()}) == 1
    weldr.api("POST", "/servers/127.0.0.1/80/resume")
    weldr.api("PUT", "/servers", file)
    assert told(weldr)[url(1)]["admin"] == "enabled", "what people made of one that is there stays"
