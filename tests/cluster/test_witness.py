"""Two nodes that serve and a witness: a third vote without a worker and without a listener."""

import socket

import pytest
from node import ORIGIN_URL, PROXY_PORT, find_leader, settle
from rawhttp import wait_until
from weldr import run_weldr, session_members
from writers import Visitors, Writers, agree


def with_witness(town):
    first, second, witness = nodes = [town.node(host) for host in town.build(3)]
    for node in (first, second):
        node.run_origin()
    first.start()
    first.add(ORIGIN_URL)
    second.join(first)
    settle([first, second])
    witness.start("--witness", "--join", first.cluster_ip, "--token", first.token())
    settle(nodes)
    return nodes


def listens(node, port):
    with node.host.socket(socket.AF_INET) as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def status_of(node):
    return run_weldr("cluster", "status", namespace=node.host.namespace).stdout


def assert_serves_nobody(witness):
    assert session_members(witness.weldr.pid) == [witness.weldr.pid], "the manager alone"
    assert not listens(witness, PROXY_PORT) and listens(witness, witness.api_address[1])
    shown = witness.get("/workers")
    assert shown["workers"] == [] and shown["is_witness"] is True
    for path in "/ready", "/health":
        health = witness.get(path)
        assert (health["status"], health["workers"], health["of"], health["addresses"]["of"]) == ("witness", 0, 0, 0), health
    assert witness.get("/stats")["workers"] == 0 and witness.get("/node")["workers"] == 0
    assert witness.weldr.lines(msg="this node is a witness: it votes, runs no workers and listens for no clients")


def test_a_witness_serves_nobody(town):
    first, second, witness = nodes = with_witness(town)
    assert_serves_nobody(witness)
    view = witness.cluster()
    assert view["role"] == "witness" and view["quorum"] == {"voters": 3, "needed": 2, "has": True} and not view["warning"], view
    assert [m["role"] for m in first.cluster()["members"] if m["id"] == witness.id] == ["witness"]
    assert status_of(witness).split("role", 1)[1].split()[0] == "witness"
    witness.add("http://192.0.2.1:80")  # its API takes changes, of listeners too
    assert first.get("/workers")["is_witness"] is False and first.get("/workers")["workers"]
    witness.change("PATCH", "/listeners/default", {"addresses": [f"0.0.0.0:{PROXY_PORT}", "0.0.0.0:8081"]})
    wait_until(lambda: listens(first, 8081) and listens(second, 8081), 20, "those that serve to listen")
    assert not listens(witness, 8081) and witness.get("/listeners/default")["bound"] == []
    refused = witness.api("PATCH", "/node", {"workers": 2})
    assert refused.status == 409 and refused.json["code"] == "witness", refused
    assert witness.change("PATCH", "/node", {"log_level": "debug"}).json["workers"] == 0
    agree([first, second])
    witness.kill()
    witness.start()  # without the flag: what it was when it joined it stays
    settle(nodes)
    assert_serves_nobody(witness)
    assert witness.revision() == first.revision()


@pytest.mark.parametrize("which", ["leader", "follower"])
def test_its_vote_counts(town, which):
    """One of the two that serve is killed: writes go on, and the one that serves leads."""
    first, second, witness = nodes = with_witness(town)
    leader = find_leader(nodes)
    assert leader is not witness
    other = second if leader is first else first
    gone, left = (leader, other) if which == "leader" else (other, leader)
    with Writers([left, witness]) as writers, Visitors([left]):
        gone.kill()
        writers.wait_more()
        wait_until(lambda: left.cluster()["role"] == "leader" and witness.cluster()["role"] == "witness", 30, "it to lead")
        writers.wait_more()
    gone.start()
    settle(nodes)
    writers.judge()


def test_without_it_two_of_three_go_on_and_one_does_not(town):
    first, second, witness = nodes = with_witness(town)
    witness.kill()
    first.add("http://192.0.2.1:80")
    second.kill()
    wait_until(lambda: first.api("POST", "/servers", Writers.probe()).status == 503, 30, "one of three to refuse")
    assert first.ask() == 200
    witness.start()
    first.add("http://192.0.2.2:80")
    second.start()
    settle(nodes)
    agree([first, second])


def test_a_witness_that_leads_hands_over(town):
    first, second, witness = nodes = with_witness(town)
    term = witness.cluster()["term"]
    with Writers(nodes) as writers, Visitors([first, second]):
        writers.wait_more()
        find_leader(nodes).change("POST", "/cluster/transfer", {"to": witness.id})
        witness.weldr.wait_log(msg="a witness need not lead: another one does")
        wait_until(lambda: witness.cluster()["role"] == "witness", 30, "another one to lead")
        writers.wait_more()
    settle(nodes)
    assert find_leader(nodes) is not witness and witness.cluster()["term"] >= term + 2
    writers.judge()
