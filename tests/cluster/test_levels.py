"""Two versions of Weldr together: a rolling upgrade, and a node that can't read what the others have agreed on.

There is no older Weldr that knows clusters (git tag): WELDR_TEST_LEVEL makes of this one a Weldr that knows a level of features less.
"""

import re
import subprocess

import weldr as w
from node import API_PORT, find_leader, settle
from rawhttp import wait_until
from writers import Writers, agree

ALONE = ("--cluster-profile", "fast")
OLDER = {"WELDR_TEST_LEVEL": "1"}
OLD, NEW = 1, 5  # src/pool/levels.def: the newest, and what OLDER knows
HISTORY = 3  # what an entry that adds a server needs


def levels(node):
    """Of the members, as this one was told."""
    return {member["id"]: member["level"] for member in node.cluster()["members"]}


def revisions(node):
    """Of the history (level 3), the newest first."""
    return [entry["revision"] for entry in node.get("/history?limit=1000")["history"]]


def replace(node, env):
    """The same directory with another Weldr."""
    node.stop()
    node.env = env
    node.start()


def wait_level(nodes, level):
    wait_until(lambda: {node.cluster()["level"] for node in nodes} == {level}, 60, f"level {level} on {nodes}")


def wait_known(node, who, level):
    wait_until(lambda: levels(node)[who] == level, 60, f"{node} to hear that {who} knows level {level}")


def test_a_rolling_upgrade(town):
    nodes = town.cluster(3, *ALONE, env=OLDER)
    assert {(node.cluster()["level"], node.cluster()["known_level"]) for node in nodes} == {(OLD, OLD)}
    leader = find_leader(nodes)
    followers = [node for node in nodes if node is not leader]
    with Writers(nodes) as writers:
        for node in followers:
            writers.wait_more()
            replace(node, None)
            settle(nodes)
            wait_known(leader, node.id, NEW)
            writers.wait_more()
            assert {n.cluster()["level"] for n in nodes} == {OLD} and node.cluster()["known_level"] == NEW
            assert node.ask() == 200
        leader.change("POST", "/cluster/transfer", {})
        wait_until(lambda: find_leader(nodes) is not leader, 60, "another one to lead")
        writers.wait_more()
        assert {n.cluster()["level"] for n in nodes} == {OLD}
        assert [revisions(node) for node in nodes] == [[], [], []], "an entry that the older one could not read"
        replace(leader, None)
        wait_level(nodes, NEW)
        writers.wait_more()
    settle(nodes)
    writers.judge()
    first, *others = [revisions(node) for node in nodes]
    assert first and others == [first, first]
    for node in nodes:
        told = node.weldr.lines(msg="all members use another level of features from now on")
        assert [(line["from"], line["to"]) for line in told] == [(str(OLD), str(NEW))]
        assert set(levels(node).values()) == {NEW} and node.cluster()["halted"] is None


def put_one_back(town):
    """The third has told that it knows the new level, and is an older one again when the others have agreed on it."""
    nodes = first, second, third = town.cluster(3, *ALONE, env=OLDER)
    gone_id = third.id
    replace(third, None)
    for node in first, second:
        wait_known(node, gone_id, NEW)
    agree(nodes)
    third.stop()
    for node in first, second:
        replace(node, None)
        find_leader([first, second])
    wait_level([first, second], NEW)
    first.add("http://192.0.2.1:80")
    third.env = OLDER
    third.start()
    return nodes


def status(node):
    """weldr cluster status."""
    return subprocess.run([w.BIN, "cluster", "status", "--api", f"http://127.0.0.1:{API_PORT}"], preexec_fn=node.host.namespace.enter,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True, env=w.clean_environment()).stdout


def assert_halted(node, rest):
    wait_until(lambda: node.cluster()["halted"], 60, f"{node} to halt")
    told = node.cluster()
    halt = told["halted"]
    assert halt["index"] > told["applied"] and halt["level"] == NEW and halt["version"] == rest[0].cluster()["members"][0]["version"]
    assert f"needs level {NEW}" in halt["reason"] and (told["known_level"], told["role"]) == (OLD, "follower"), told
    for refused in (node.api("POST", "/servers", Writers.probe()), node.api("GET", "/servers?consistent=true")):
        assert refused.status == 503 and refused.json["code"] == "halted" and halt["reason"] in refused.json["detail"], refused
    assert node.api("GET", "/ready").status == 200 and node.ask() == 200
    line, = node.weldr.wait_log(level="error", why=halt["reason"])  # told in a turn behind that in which it halted
    assert [event["reason"] for event in node.get("/events?kind=node_halted")["events"]] == [halt["reason"]]
    assert line["version"] == halt["version"]
    assert re.search(r"^weldr_cluster_is_halted 1$", node.api("GET", "/metrics").text, re.M)
    assert status(node).endswith(f"\nHALTED: {halt['reason']}\n")
    return halt


def test_one_that_was_put_back_halts(town):
    first, second, third = nodes = put_one_back(town)
    rest = [first, second]
    before = third.urls()
    halt = assert_halted(third, rest)
    for number, node in enumerate(rest):
        node.add(f"http://192.0.2.{number + 2}:80")
    agree(rest)
    assert third.urls() == before, "nothing behind it is applied"
    for node in rest:
        answer = node.api("PATCH", "/pools/default", {"drain_ms": 1000 + node.host.number}, {"Prefer": "wait=applied"})
        assert answer.get("Preference-Applied") == "wait=applied" and answer.get("X-Weldr-Not-Applied") == third.id, answer
    third.restart()
    assert assert_halted(third, rest) == halt and third.urls() == before
    # It votes: of three nodes another one may go.
    second.kill()
    first.add("http://192.0.2.5:80")
    assert third.cluster()["halted"] == halt
    second.start()
    replace(third, None)
    agree(nodes)
    assert third.cluster()["halted"] is None and third.cluster()["level"] == NEW
    assert re.search(r"^weldr_cluster_is_halted 0$", third.api("GET", "/metrics").text, re.M)
    third.add("http://192.0.2.6:80")
    settle(nodes)
    agree(nodes)


def test_it_is_not_put_back_later(town):
    node = town.node(town.build(1)[0]).start()
    wait_level([node], NEW)
    node.add("http://192.0.2.1:80")
    node.stop()
    node.env = OLDER
    node.start(wait=False)
    assert node.wait_end() == 1
    line, = node.past[-1].lines(msg="what is stored can't be used")
    assert f"needs level {HISTORY} of features, and this Weldr knows {OLD}" in line["why"], line
    node.env = None
    node.start()
    assert node.urls() == {"http://192.0.2.1:80"}


def test_a_newcomer_that_is_too_old(town):
    first, late = (town.node(host) for host in town.build(2))
    first.start()
    token = first.token()
    late.env = OLDER
    late.join(first, token, wait=False)
    assert late.wait_end() == 1
    line, = late.past[-1].lines(msg="can't join the cluster")
    assert f"use level {NEW} of features" in line["reason"] and f"knows {OLD}" in line["reason"], line
    assert [member["is_self"] for member in first.cluster()["members"]] == [True]
    subprocess.run(["rm", "-r", late.folder], check=True)
    late.env = None
    late.join(first, token)
    settle([first, late])
