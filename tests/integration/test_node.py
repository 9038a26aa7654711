"""Settings of this machine: not agreed with anybody, in force when the answer is there."""

import origins as o
import pytest
from failures import is_problem


@pytest.mark.smoke
def test_node_document(weldr):
    node = weldr.api("GET", "/node").json
    assert (node["limits"], node["workers"], node["log_level"]) == ({"queue_bytes": 64 << 20}, 1, "info")
    revision = weldr.api("GET", "/node").get("X-Weldr-Revision")
    changed = weldr.patch_node({"limits": {"queue_bytes": 2 << 20}})
    assert changed["limits"] == {"queue_bytes": 2 << 20} and changed["log_level"] == "info"
    assert weldr.api("GET", "/node").json == changed
    assert weldr.api("GET", "/node").get("X-Weldr-Revision") == revision  # it is not in the description
    assert weldr.api("PATCH", "/node", changed).json == changed  # what GET has answered


def test_refusals(weldr):
    before = weldr.api("GET", "/node").json
    for body, code, field in (({"limits": {"queue_bytes": 5}}, "invalid_value", "limits.queue_bytes"),
                              ({"log_level": "loud"}, "invalid_value", "log_level"),
                              ({"colour": 1}, "unknown_key", "colour"),
                              ({"limits": {"hops": 3}}, "moved", "limits.hops")):
        is_problem(weldr.api("PATCH", "/node", body), 422, code, field)
    is_problem(weldr.api("PATCH", "/node", "{"), 400, "invalid_json")
    is_problem(weldr.api("DELETE", "/node"), 405, "method_not_allowed")
    assert weldr.api("PATCH", "/node?dry_run=true", {"log_level": "debug"}).json["dry_run"] is True
    assert weldr.api("GET", "/node").json == before


def test_log_level_changes_while_it_runs(lab):
    """In the manager and in every worker, those too that are started later."""
    weldr, _ = lab.run(o.hello, workers=2)
    assert not weldr.lines(level="debug")
    weldr.patch_node({"log_level": "debug"})
    weldr.api("GET", "/stats")
    weldr.wait_log(role="manager", level="debug", msg="api request")
    weldr.patch_node({"log_level": "error"})
    count = len(weldr.lines())
    weldr.api("GET", "/stats")
    weldr.patch_pool({"drain_ms": 5})
    assert len(weldr.lines()) == count
