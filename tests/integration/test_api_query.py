"""The query of a request to the management API: what is not known there is refused, and nothing happens."""

import pytest
from failures import is_problem

URL = "http://127.0.0.1:12345"
PATH = "/servers/127.0.0.1/12345"

UNKNOWN = [
    ("DELETE", f"{PATH}?dry-run=true", "dry-run", 'did you mean "dry_run"?'),
    ("DELETE", f"{PATH}?Dry_Run=true", "Dry_Run", 'did you mean "dry_run"?'),
    ("DELETE", f"{PATH}?waitt=drained", "waitt", 'did you mean "wait"?'),
    ("DELETE", f"{PATH}?drain=0&now", "now", "there are drain, wait, timeout, force, dry_run"),
    ("POST", f"{PATH}/drain?delay=3", "delay", "there are drain, wait, timeout, force, dry_run"),
    ("POST", f"{PATH}/resume?drain=0", "drain", "there are dry_run"),
    ("PATCH", f"{PATH}?wait=drained", "wait", "there are force, dry_run"),
    ("POST", "/servers?dryrun=true", "dryrun", 'did you mean "dry_run"?'),
    ("GET", f"{PATH}?pretty", "pretty", "there are consistent"),
    ("GET", "/pools?name=default", "name", "there are consistent"),
    ("PATCH", "/pools/default?force=true", "force", "there are dry_run"),
    ("PATCH", "/node?dyr_run=1", "dyr_run", 'did you mean "dry_run"?'),
    ("GET", "/explain?pth=/a", "pth", 'did you mean "path"?'),
    ("GET", "/stats?reset=true", "reset", "this request takes none"),
]


@pytest.mark.smoke
def test_unknown_keys_are_refused_and_nothing_happens(weldr):
    weldr.add(URL)
    before = weldr.api("GET", "/servers")
    for method, path, key, told in UNKNOWN:
        problem = is_problem(weldr.api(method, path), 422, "unknown_key", key)
        assert told in problem["detail"], (path, problem)
    after = weldr.api("GET", "/servers")
    assert after.get("X-Weldr-Revision") == before.get("X-Weldr-Revision")
    assert [s["url"] for s in after.json["servers"]] == [URL]


def test_bad_values_are_refused_where_they_play_a_part(weldr):
    weldr.add(URL)
    for method, path, key in (("DELETE", f"{PATH}?dry_run=yes", "dry_run"), ("DELETE", f"{PATH}?drain=1d", "drain"),
                              ("POST", f"{PATH}/drain?wait=gone", "wait"), ("PATCH", "/pools/default?dry_run=", "dry_run"),
                              ("POST", "/pools?dry_run=maybe", "dry_run"), ("PATCH", "/node?dry_run=2", "dry_run"),
                              ("DELETE", f"{PATH}?dry_run=false&dry_run=true", "dry_run"),
                              ("GET", "/explain?path=/a&path=/b", "path")):
        is_problem(weldr.api(method, path, {} if method in ("PATCH", "POST") else None), 422, "invalid_value", key)
    assert len(weldr.servers()) == 1


def test_what_load_balancers_ask_takes_any_key(weldr):
    for path in ("/health?x=1&x=2", "/ready?from=elb", "/v1/health?"):
        assert weldr.api("GET", path).status == 200, path
