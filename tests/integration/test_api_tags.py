"""ETag, If-Match and If-None-Match: nobody's change is lost, and nobody reads twice what has not changed."""

import threading

import origins as o
import pytest
from failures import is_problem

URL = "http://127.0.0.1:12345"
PATH = "/servers/127.0.0.1/12345"
RULE = {"priority": 10, "conditions": {"path_prefix": "/a"}, "action": {"fixed": {"status": 403}}}
ENGINES = [{}, {"WELDR_TEST_ENGINE": "delayed"}]


def tag_of(weldr, path):
    answer = weldr.api("GET", path)
    assert answer.status == 200, answer
    return answer.get("ETag")


def make_all(weldr):
    weldr.add(URL)
    assert weldr.api("POST", "/pools", {"name": "green"}).status == 201
    assert weldr.api("POST", "/listeners/default/rules", RULE).status == 201


RESOURCES = ["/", "/servers", PATH, "/pools", "/pools/green", "/pools/green/servers", "/listeners", "/listeners/default",
             "/listeners/default/rules", "/listeners/default/rules/10", "/node"]


@pytest.mark.smoke
def test_every_resource_has_a_tag_and_is_read_once(weldr):
    make_all(weldr)
    for path in RESOURCES + ["/stats", "/stats/detail", "/workers", "/health"]:
        assert tag_of(weldr, path), path
    for path in RESOURCES:
        tag = tag_of(weldr, path)
        for wanted in (tag, f'"x", {tag}', "*", f"W/{tag}"):
            answer = weldr.api("GET", path, headers={"If-None-Match": wanted})
            assert (answer.status, answer.text, answer.get("ETag")) == (304, "", tag), (path, wanted)
        assert weldr.api("HEAD", path, headers={"If-None-Match": tag}).status == 304
        assert weldr.api("GET", path, headers={"If-None-Match": '"0000000000000001"'}).status == 200
        assert weldr.api("GET", path, headers={"If-Match": tag}).status == 200
        is_problem(weldr.api("GET", path, headers={"If-Match": '"0000000000000001"'}), 412, "precondition_failed")


CHANGES = [
    ("PATCH", PATH, {"weight": 3}), ("PUT", PATH, {"weight": 4}), ("POST", f"{PATH}/drain", None), ("POST", f"{PATH}/resume", None),
    ("DELETE", PATH, None), ("PATCH", "/pools/green", {"min_active": 3}), ("PUT", "/pools/green", {}),
    ("DELETE", "/pools/green", None), ("PATCH", "/listeners/default/rules/10", {"name": "x"}),
    ("PUT", "/listeners/default/rules/10", RULE), ("DELETE", "/listeners/default/rules/10", None),
    ("PATCH", "/listeners/default", {"client_abort_on_fin": True}), ("PATCH", "/node", {"log_level": "debug"}),
]


@pytest.mark.parametrize("env", ENGINES)
def test_a_change_needs_the_tag_of_now(lab, env):
    weldr = lab.weldr(env=env)
    make_all(weldr)
    for method, path, body in CHANGES:
        resource = path.removesuffix("/drain").removesuffix("/resume")
        tag = tag_of(weldr, resource)
        for wanted in ('"0000000000000001"', "W/" + tag, "nonsense", ""):
            is_problem(weldr.api(method, path, body, headers={"If-Match": wanted}), 412, "precondition_failed")
        is_problem(weldr.api(method, path, body, headers={"If-None-Match": tag}), 412, "precondition_failed")
        assert tag_of(weldr, resource) == tag
        answer = weldr.api(method, path, body, headers={"If-Match": f'"x", {tag}'})
        assert answer.status in (200, 202), (method, path, answer)
        if method != "DELETE":
            assert answer.get("ETag") == tag_of(weldr, resource) != tag, (method, path)


@pytest.mark.parametrize("env", ENGINES)
def test_what_must_be_there_or_must_not(lab, env):
    weldr = lab.weldr(env=env)
    for path, body in ((PATH, {"url": URL}), ("/pools/green", {}), ("/listeners/default/rules/10", RULE)):
        is_problem(weldr.api("PUT", path, body, headers={"If-Match": "*"}), 412, "precondition_failed")
        made = weldr.api("PUT", path, body, headers={"If-None-Match": "*"})
        assert made.status == 201 and made.get("ETag") == tag_of(weldr, path), made
        is_problem(weldr.api("PUT", path, body, headers={"If-None-Match": "*"}), 412, "precondition_failed")
        assert weldr.api("PUT", path, body, headers={"If-Match": "*"}).status == 200


def test_a_list_has_a_tag_too(weldr):
    for path, body in (("/servers", {"url": URL}), ("/pools", {"name": "green"}), ("/listeners/default/rules", RULE)):
        empty = tag_of(weldr, path)
        assert weldr.api("POST", path, body, headers={"If-Match": empty}).status == 201
        other = {**body, "url": URL[:-1] + "6"} if "url" in body else {**body, "name": "blue"} if "name" in body else {**body, "priority": 11}
        is_problem(weldr.api("POST", path, other, headers={"If-Match": empty}), 412, "precondition_failed")
        assert weldr.api("POST", path, other, headers={"If-Match": tag_of(weldr, path)}).status == 201


def test_what_only_reports_makes_no_other_tag(lab):
    weldr, origin = lab.run(o.hello)
    tag = tag_of(weldr, origin.path)
    pool = tag_of(weldr, "/pools/default")
    assert weldr.ask().status == 200
    weldr.add(URL)
    assert tag_of(weldr, origin.path) == tag
    assert tag_of(weldr, "/pools/default") == pool


def test_a_stale_revision_is_no_error(weldr):
    """It only reports; whoever wants to be told of other changes says If-Match."""
    for path, change in (("/pools/default", {"min_active": 1}), ("/listeners/default", {"client_abort_on_fin": True})):
        document = weldr.api("GET", path).json
        weldr.add(URL[:-2] + str(len(path)))
        assert weldr.api("PATCH", path, {**document, **change}).status == 200, path
    assert weldr.api("PUT", "/pools/default", weldr.api("GET", "/pools/default").json).status == 200


def add_one(weldr, outcomes):
    """Reads, adds 1, writes; again until it was not in another one's way."""
    while True:
        now = weldr.api("GET", "/pools/default")
        answer = weldr.api("PATCH", "/pools/default", {"drain_ms": now.json["drain_ms"] + 1},
                           headers={"If-Match": now.get("ETag")})
        outcomes.append(answer.status)
        if answer.status == 200:
            return


@pytest.mark.parametrize("env", ENGINES)
def test_twenty_writers_lose_nothing(lab, env):
    weldr = lab.weldr(env=env)
    assert weldr.api("PATCH", "/pools/default", {"drain_ms": 1000}).status == 200
    outcomes = []
    writers = [threading.Thread(target=add_one, args=(weldr, outcomes)) for _ in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert weldr.api("GET", "/pools/default").json["drain_ms"] == 1020
    assert outcomes.count(200) == 20 and set(outcomes) <= {200, 412}, outcomes
