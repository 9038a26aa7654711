"""GET /history tells the last changes, who made them and what they did; POST /history/REVISION/restore goes back to one."""

import os
import signal

import pytest

import origins as o
import tls_files as t
from failures import is_problem
from ports import Port
from test_cli_commands import columns, good
from test_cli_commands import run as run_command
from test_data_dir import description, end
from test_listeners import ask, is_refused

NO_CHECK = {"type": "none"}
KEPT = 1000
ENGINES = [{}, {"WELDR_TEST_ENGINE": "delayed:seed=3,delay=4,refuse=3,lose=3,restore=8"}]


def change(weldr, method, path, body=None, status=(200, 201, 204), headers=None):
    """A change; its revision."""
    answer = weldr.api(method, path, body, headers)
    assert answer.status in status, answer
    return int(answer.get("X-Weldr-Revision"))


def add(weldr, port, **more):
    return change(weldr, "POST", "/servers", {"url": f"http://192.0.2.1:{port}", "check": NO_CHECK, **more})


def history(weldr, query=""):
    answer = weldr.api("GET", "/history" + query)
    assert answer.status == 200, answer
    return answer.json


def revisions(weldr, query=""):
    return [entry["revision"] for entry in history(weldr, query)["history"]]


def restore(weldr, revision, query="", **more):
    return weldr.api("POST", f"/history/{revision}/restore{query}", **more)


def digest(weldr):
    return {worker["digest"] for worker in weldr.api("GET", "/workers").json["workers"]}


@pytest.mark.smoke
def test_who_when_and_what(lab):
    weldr = lab.weldr(workers=2)
    first = add(weldr, 1, weight=3)
    second = change(weldr, "PATCH", "/servers/192.0.2.1/1", {"weight": 5})
    newest, older = history(weldr, "?limit=2")["history"]
    assert (newest["revision"], older["revision"]) == (second, first)
    assert newest["request"] == "PATCH /servers/192.0.2.1/1" and older["request"] == "POST /servers"
    assert newest["summary"] == "change server http://192.0.2.1:1 in pool default"
    assert newest["by"]["address"].startswith("127.0.0.1:") and newest["by"]["token"] is None
    assert newest["at"] >= older["at"] and newest["restored"] is None and newest["can_restore"]
    assert [newest[key] for key in ("added", "changed", "removed")] == [0, 1, 0]
    whole = weldr.api("GET", f"/history/{second}").json
    assert {key: whole[key] for key in newest if key != "links"} == {key: newest[key] for key in newest if key != "links"}
    (touched,) = whole["objects"]
    assert (touched["kind"], touched["change"], touched["name"], touched["pool"]) == ("server", "changed", "http://192.0.2.1:1", "default")
    assert touched["before"]["weight"] == 3
    assert weldr.api("GET", f"/history/{first}").json["objects"][0]["before"] is None
    # A change that was refused, and one that changes nothing, are none.
    is_problem(weldr.api("POST", "/servers", {"url": "http://192.0.2.1:1", "weight": 7}), 409, "exists")
    change(weldr, "PATCH", "/servers/192.0.2.1/1", {"weight": 5})
    assert revisions(weldr, "?limit=1") == [second]


def test_what_the_flags_ask_for_is_there(lab):
    weldr = lab.weldr("--server", "http://192.0.2.1:1")
    entry = history(weldr)["history"][0]
    assert entry["by"] is None and entry["request"] == "a flag of the start"
    assert entry["summary"] == "add server http://192.0.2.1:1 in pool default"


def test_a_token_and_the_socket_are_named(lab, folder):
    os.makedirs(folder)
    tokens, socket = os.path.join(folder, "tokens"), os.path.join(folder, "api.sock")
    with open(tokens, "w", encoding="ascii") as file:
        file.write("deploy:sesame0123456789:admin\n")
    os.chmod(tokens, 0o600)
    weldr = lab.weldr("--admin-tokens-file", tokens, "--admin-socket", socket)
    change(weldr, "POST", "/pools", {"name": "a"}, headers={"Authorization": "Bearer sesame0123456789"})
    assert history(weldr)["history"][0]["by"]["token"] == "deploy"
    assert run_command(weldr, "pool", "add", "b", env={"WELDR_API": f"unix:{socket}"}).returncode == 0
    assert history(weldr)["history"][0]["by"]["address"] == "socket"


def test_page_by_page(weldr):
    made = [add(weldr, port) for port in range(1, 8)]
    found, path = [], "/history?limit=3"
    while path:
        page = weldr.api("GET", path).json
        assert len(page["history"]) <= 3 and page["total"] >= 7
        found += [entry["revision"] for entry in page["history"]]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert found[:7] == made[::-1] and found == sorted(found, reverse=True) == revisions(weldr)
    assert revisions(weldr, f"?before={made[2]}&limit=2") == [made[1], made[0]]
    assert revisions(weldr, "?before=1") == []
    assert weldr.api("GET", "/v1/history?limit=1").json["links"][1]["href"].startswith("/v1/history?")


@pytest.mark.parametrize("query, field", [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("before=0", "before"),
                                          ("before=-1", "before"), ("before=", "before")])
def test_bad_queries(weldr, query, field):
    assert is_problem(weldr.api("GET", f"/history?{query}"), 422, "invalid_value")["field"] == field


def test_what_is_not_there(weldr):
    is_problem(weldr.api("GET", "/history?limt=1"), 422, "unknown_key")
    for revision in ("0", "x", "999", "-1", "99999999999999999999", "1%2f2"):
        is_problem(weldr.api("GET", f"/history/{revision}"), 404, "not_found")
        is_problem(restore(weldr, revision), 404, "not_found")
    made = add(weldr, 1)
    is_problem(restore(weldr, made, body={"x": 1}), 422, "unknown_key")
    is_problem(restore(weldr, made, "?wait=drained"), 422, "unknown_key")
    assert weldr.api("DELETE", f"/history/{made}").status == 405
    assert weldr.api("GET", f"/history/{made}/restore").status == 405


def make_all(weldr, port):
    """Something of each kind; the revision of the last."""
    add(weldr, 1, weight=3, meta={"zone": "a"})
    change(weldr, "POST", "/pools", {"name": "more", "min_active": 1, "check": NO_CHECK})
    change(weldr, "POST", "/pools/more/servers", {"url": "http://192.0.2.2:80"})
    change(weldr, "POST", "/listeners", {"name": "two", "addresses": [port.text], "default_action": {"forward": [{"pool": "more"}]}})
    return change(weldr, "POST", "/listeners/two/rules", {"priority": 7, "conditions": {"path_prefix": "/no"},
                                                        "action": {"fixed": {"status": 403}}})


@pytest.mark.smoke
@pytest.mark.parametrize("env", ENGINES)
def test_all_of_it_comes_back(lab, env):
    weldr, two = lab.weldr(workers=2, env=env), Port()
    made = make_all(weldr, two)
    before, workers_had = description(weldr), digest(weldr)
    change(weldr, "DELETE", "/listeners/two")
    change(weldr, "DELETE", "/pools/more")
    change(weldr, "PUT", "/servers", {"servers": [{"url": "http://192.0.2.9:9", "check": NO_CHECK}]})
    change(weldr, "PATCH", "/pools/default", {"policy": "p2c"})
    gone, workers_have = description(weldr), digest(weldr)
    assert gone != before and is_refused(two.address)
    answer = restore(weldr, made)
    assert answer.status == 200 and answer.json["restored"] == made, answer
    assert answer.json["request"] == f"POST /history/{made}/restore" and answer.json["by"]
    assert description(weldr) == before and digest(weldr) == workers_had, "ids and all"
    assert ask(weldr, two.address, target="/no/way").status == 403
    # … and forth: what the restore did is a change like others.
    last = revisions(weldr)[1]
    back = restore(weldr, last)
    assert back.status == 200 and description(weldr) == gone and digest(weldr) == workers_have
    assert restore(weldr, answer.json["revision"]).status == 200
    assert description(weldr) == before and digest(weldr) == workers_had
    # It is so already: nothing is changed.
    revision = revisions(weldr)[0]
    again = restore(weldr, made)
    assert again.status == 200 and again.json["revision"] == made and revisions(weldr)[0] == revision


def test_requests_go_on_through_a_restore(lab):
    weldr, origin = lab.run(o.hello)
    made = revisions(weldr)[0]
    change(weldr, "DELETE", origin.path)
    assert weldr.ask().status == 503
    assert restore(weldr, made).status == 200
    assert weldr.ask().status == 200, "the server that comes back serves"
    (event,) = weldr.api("GET", "/events?kind=description_restored").json["events"]
    assert event["to"] == str(made) and event["by"]["address"].startswith("127.0.0.1:"), event
    shown = weldr.api("GET", origin.path).json
    assert shown["state"] in ("active", "initial") and shown["in_flight"] == 0
    change(weldr, "DELETE", origin.path)
    assert weldr.ask().status == 503


def test_wishes_that_are_stale_or_only_tried(weldr):
    first = add(weldr, 1)
    tag = weldr.api("GET", "/history").get("ETag")
    assert tag
    second = add(weldr, 2)
    is_problem(restore(weldr, first, headers={"If-Match": tag}), 412, "precondition_failed")
    is_problem(restore(weldr, first, headers={"If-None-Match": "*"}), 412, "precondition_failed")
    tried = restore(weldr, first, "?dry_run=true")
    assert tried.status == 200 and tried.json["dry_run"] is True
    assert tried.json["change"] == f"restore revision {first}: 0 added, 0 changed, 1 removed"
    assert [(o["change"], o["name"]) for o in tried.json["objects"]] == [("removed", "http://192.0.2.1:2")]
    assert restore(weldr, second, "?dry_run=true").json["change"] == "nothing"
    assert revisions(weldr)[0] == second
    now = weldr.api("GET", "/history").get("ETag")
    assert restore(weldr, first, headers={"If-Match": now}).status == 200
    assert weldr.api("GET", "/history", headers={"If-None-Match": now}).status == 200


def test_min_active_holds_it_back(weldr):
    empty = change(weldr, "PATCH", "/pools/default", {"min_active": 1})
    add(weldr, 1)
    is_problem(restore(weldr, empty), 409, "would_empty_pool")
    assert restore(weldr, empty, "?force=true").status == 200
    assert weldr.servers() == []


def test_certificates_stay_and_keys_are_told_to_nobody(lab):
    weldr, two = lab.weldr(), Port()
    pair, other = t.authority().issue("a.test"), t.authority().issue("b.test")
    before = change(weldr, "POST", "/certificates", pair.body(name="shop"))
    change(weldr, "POST", "/certificates", other.body(name="other"))
    both = change(weldr, "POST", "/listeners", {"name": "two", "protocol": "https", "addresses": [two.text],
                                               "tls": {"certificates": ["shop", "other"]}})
    gone = change(weldr, "DELETE", "/certificates/shop")
    shown = weldr.api("GET", f"/history/{gone}").json
    assert [(o["kind"], o["change"], o["before"] is None) for o in shown["objects"]] == [("certificate", "removed", True),
                                                                                       ("listener", "changed", False)]
    for revision in revisions(weldr):
        assert "key" not in [key for o in weldr.api("GET", f"/history/{revision}").json["objects"] for key in (o["before"] or {})]
    refused = is_problem(restore(weldr, both), 409, "certificate_gone")
    assert "shop" in refused["detail"] and "other" not in refused["detail"]
    assert restore(weldr, before).status == 200, "that needs none of them"
    assert [c["name"] for c in weldr.api("GET", "/certificates").json["certificates"]] == ["other"], "what came since stays"
    change(weldr, "POST", "/certificates", pair.body(name="shop"))
    assert restore(weldr, both).status == 200
    assert weldr.api("GET", "/listeners/two").json["tls"]["certificates"] == ["shop", "other"]


@pytest.mark.smoke
def test_a_restart_keeps_it(lab, folder):
    weldr, two = lab.weldr("--data-dir", folder), Port()
    made = make_all(weldr, two)
    before, told = description(weldr), history(weldr)["history"]
    change(weldr, "DELETE", "/listeners/two")
    end(weldr)
    weldr = lab.weldr("--data-dir", folder)
    assert history(weldr)["history"][1:] == told
    assert restore(weldr, made).status == 200 and description(weldr) == before
    end(weldr, signal.SIGTERM)
    weldr = lab.weldr("--data-dir", folder)
    assert description(weldr) == before and history(weldr)["history"][0]["restored"] == made
    assert ask(weldr, two.address, target="/no/way").status == 403


def test_the_first_gives_way_to_the_last(lab, folder):
    weldr = lab.weldr("--data-dir", folder)
    made = [add(weldr, 1, weight=1)] + [change(weldr, "PATCH", "/servers/192.0.2.1/1", {"weight": 2 + i % 2}) for i in range(KEPT)]
    shown = history(weldr, "?limit=1000")
    assert shown["total"] == KEPT and [entry["revision"] for entry in shown["history"]] == made[:0:-1]
    assert not [link for link in shown["links"] if link["rel"] == "next"]
    is_problem(restore(weldr, made[0]), 404, "not_found")
    end(weldr)  # from a snapshot and the entries behind it
    weldr = lab.weldr("--data-dir", folder)
    assert revisions(weldr, "?limit=1000") == made[:0:-1]
    assert restore(weldr, made[1]).status == 200
    assert weldr.servers()[0]["weight"] == 2 and history(weldr)["total"] == KEPT


def test_what_is_too_large_is_told_and_not_kept(weldr):
    def servers(weight):
        return {"servers": [{"url": f"http://192.0.{i // 250}.{i % 250 + 1}:80", "weight": weight, "check": NO_CHECK,
                             "meta": {"note": "x" * 250}} for i in range(6000)]}
    first = change(weldr, "PUT", "/servers", servers(1))
    second = change(weldr, "PUT", "/servers", servers(2))
    newest, older = history(weldr, "?limit=2")["history"]
    assert (newest["revision"], newest["changed"], newest["can_restore"]) == (second, 6000, True)
    assert (older["revision"], older["added"], older["can_restore"]) == (first, 6000, False)
    assert weldr.api("GET", f"/history/{second}").json["objects"] is None
    assert f"revision {second} is the oldest" in is_problem(restore(weldr, first), 409, "no_way_back")["detail"]
    change(weldr, "DELETE", "/servers/192.0.0.1/80")
    assert restore(weldr, second).status == 200 and len(weldr.servers()) == 6000


def test_commands(weldr):
    first = add(weldr, 1)
    add(weldr, 2)
    table = columns(good(weldr, "history", "ls", "limit=1"))
    assert len(table) == 1 and int(table[0]["REVISION"]) > first
    assert "http://192.0.2.1:1" in good(weldr, "history", "show", str(first))
    assert good(weldr, "history", "restore", str(first), "--dry-run") == f"restore revision {first}: 0 added, 0 changed, 1 removed\n"
    assert f"restore revision {first}" in good(weldr, "history", "restore", str(first))
    assert len(weldr.servers()) == 1
    refused = run_command(weldr, "history", "restore", "999")
    assert refused.returncode == 1 and "(not_found)" in refused.stderr
