"""A pair without a witness: the second one never goes on alone by itself, and does so when its operator says that the first is off."""

import os
import pty

import weldr as w
from fabric import DEVICE
from holders import Client, Watch
from node import API_PORT, settle
from rawhttp import wait_until
from test_recover import offline, recover
from writers import Visitors, Writers, agree

VIP = "10.77.0.100"


def start(town):
    """A pair whose first node holds the address. Returns both, the voter first."""
    voter, standby = nodes = town.cluster(2, "--cluster-profile", "fast", spare_n=1)
    voter.change("PUT", f"/vips/{VIP}", {"interface": DEVICE})
    voter.change("POST", f"/vips/{VIP}/move", {"to": voter.id}, again=(409, 503, 504))
    voter.add("http://192.0.2.1:80")
    agree(nodes)
    return voter, standby


def promote(node, *words):
    return node.command("cluster", "promote", *words)


def force(node, *words):
    done = promote(node, "--force", *words)
    assert done.returncode == 0 and f"{node.id} is the whole cluster now" in done.stdout, done
    settle([node])


def refused(node, code, query="?force=true", body=None, who=None):
    """Nothing is done. What it says."""
    answer = node.api("POST", f"/cluster/members/{who or node.id}/promote{query}", body)
    assert answer.status == 409 and answer.json["code"] == code, answer
    return answer.json["detail"]


def wait_silent(node, gone_id):
    """It has heard of nobody for long enough: from then on only the word is missing."""
    def asks_for_the_word():
        answer = node.api("POST", f"/cluster/members/{node.id}/promote?force=true")
        assert answer.status == 409 and answer.json["code"] in ("voter_in_contact", "not_fenced"), answer
        return answer.json["code"] == "not_fenced" and answer.json["detail"]
    detail = wait_until(asks_for_the_word, 30, "the voter to be silent for long enough")
    assert gone_id in detail, detail


def test_the_second_says_that_nobody_leads(town):
    """It has no vote, so no election tells it that its leader is gone."""
    voter, standby = start(town)
    gone_id = voter.id
    voter.kill()
    wait_until(lambda: not standby.cluster()["quorum"]["has"], 30, "it to know of no leader")
    answer = standby.api("POST", "/servers", Writers.probe())
    assert answer.status == 503 and answer.json["code"] == "no_quorum", answer
    told, = standby.get("/events?kind=quorum_lost")["events"]
    assert told["from"] == gone_id and standby.cluster()["role"] == "standby" and standby.ask() == 200
    voter.start()
    settle([voter, standby])
    standby.add("http://192.0.2.2:80")
    agree([voter, standby])


def test_an_old_voter_is_kept_out(town):
    """It votes alone, so it leads as soon as it starts: it takes neither address nor change before it hears that it was removed."""
    voter, standby = start(town)
    with Watch([voter, standby], [VIP]) as watch:
        wait_until(lambda: watch.holder(VIP) is voter, 30, "the voter to hold it", step_s=0.01)
        voter.kill()
        recover(standby)
        wait_until(lambda: watch.holder(VIP) is standby, 30, "it to hold the address", step_s=0.01)
        changes_n = len(watch.log)
        voter.start()
        wait_until(lambda: voter.cluster()["role"] == "removed", 60, "the old one to hear of it")
        assert voter.api("POST", "/servers", Writers.probe()).status == 503
        assert watch.holder(VIP) is standby and len(watch.log) == changes_n, watch.log


def test_a_voter_alone_has_the_address_again(town):
    """It starts while the second is off: it waits for a word of it, and not for ever."""
    voter, standby = start(town)
    with Watch([voter, standby], [VIP]) as watch:
        wait_until(lambda: watch.holder(VIP) is voter, 30, "the voter to hold it", step_s=0.01)
        standby.kill()
        voter.restart()
        wait_until(lambda: watch.holder(VIP) is voter, 30, "the voter to hold it", step_s=0.01)
        voter.add("http://192.0.2.2:80")
        standby.start()
        settle([voter, standby])
        assert watch.holder(VIP) is voter


def test_the_voter_is_off(town):
    voter, standby = start(town)
    gone_id, own_id, urls, client_host = voter.id, standby.id, standby.urls(), town.fabric.hosts[-1]
    with Watch([voter, standby], [VIP]) as watch, Visitors([standby]), Client(client_host, standby.host.ip, patience_s=10) as client:
        wait_until(lambda: watch.holder(VIP) is voter, 30, "the voter to hold it", step_s=0.01)
        assert "heard of" in refused(standby, "voter_in_contact", body={"fenced": gone_id})
        assert "power it off" not in promote(standby, own_id).stderr
        voter.kill()
        wait_silent(standby, gone_id)
        # It goes on alone by itself never: no address, no change.
        assert standby.api("POST", "/servers", Writers.probe()).status == 503 and not watch.holders[VIP]
        assert standby.get(f"/vips/{VIP}")["why"] and standby.id == own_id
        refused(standby, "not_fenced", body={"fenced": own_id})
        refused(standby, "force_not_possible", body={"fenced": gone_id}, who=gone_id)
        for words, said in (((), gone_id), (("--fenced", own_id), "power it off"), (("--fenced", "0"), "fenced must be the id of a member")):
            asked = promote(standby, "--force", *words)
            assert asked.returncode != 0 and said in asked.stderr, asked
        assert standby.cluster()["incarnation"] == 1 and len(standby.cluster()["members"]) == 2
        force(standby, "--fenced", gone_id)
        standby.add("http://192.0.2.2:80")
        wait_until(lambda: watch.holder(VIP) is standby, 30, "it to hold the address", step_s=0.01)
        assert standby.urls() == urls | {"http://192.0.2.2:80"} and standby.id == own_id
        assert standby.cluster()["incarnation"] == 2 and [m["id"] for m in standby.cluster()["members"]] == [own_id]
        told, = standby.get("/events?kind=cluster_recovered")["events"]
        assert told["to"] == "2", told
        refused(standby, "force_not_possible", body={"fenced": gone_id})
        # The old one is back: it is kept out, and has the address at no time.
        changes_n = len(watch.log)
        voter.start()
        wait_until(lambda: voter.cluster()["role"] == "removed", 60, "the old one to hear of it")
        assert voter.api("POST", "/servers", Writers.probe()).status == 503
        assert watch.holder(VIP) is standby and len(watch.log) == changes_n
        assert client.failed_n == 0 and client.asked_n, (client.failed_n, client.asked_n)
    assert voter in watch.log[0][2] and not [entry for entry in watch.log[1:] if voter in entry[2]]
    voter.stop()
    assert offline(voter, "rejoin").returncode == 0
    voter.join(standby)
    settle([voter, standby])
    agree([voter, standby])
    assert voter.cluster()["role"] == "standby" and voter.urls() == standby.urls() == urls | {"http://192.0.2.2:80"}


def test_the_voter_is_cut_off(town):
    """What the words are for: a voter that is only cut off holds the address as well, until it hears that it was removed."""
    voter, standby = start(town)
    gone_id = voter.id
    watch = Watch([voter, standby], [VIP])
    wait_until(lambda: watch.holder(VIP) is voter, 30, "the voter to hold it", step_s=0.01)
    voter.host.cut_from(standby.host)
    wait_silent(standby, gone_id)
    voter.add("http://192.0.2.3:80")
    assert watch.holder(VIP) is voter, "alone it keeps the majority, which is itself"
    force(standby, "--fenced", gone_id)
    wait_until(lambda: watch.holders[VIP] == {voter, standby}, 30, "both to hold it: the word was wrong", step_s=0.01)
    standby.add("http://192.0.2.4:80")
    town.fabric.heal()
    wait_until(lambda: voter.cluster()["role"] == "removed", 60, "the old one to hear of it")
    wait_until(lambda: watch.holder(VIP) is standby, 30, "it to let the address go", step_s=0.01)
    assert "http://192.0.2.3:80" not in standby.urls() and "http://192.0.2.4:80" in standby.urls()
    watch.both.clear()
    watch.stop()


def type_at(node, text):
    """The command at a terminal, where this is typed: its exit code, and what stood there."""
    master, slave = pty.openpty()
    try:
        os.write(master, text.encode() + b"\n")
        done = w.run_weldr("cluster", "promote", "--force", "--api", f"http://127.0.0.1:{API_PORT}", namespace=node.host.namespace,
                           stdin=slave)
    finally:
        os.close(slave)
        os.close(master)
    return done


def test_the_word_is_typed(town):
    voter, standby = start(town)
    gone_id = voter.id
    voter.kill()
    wait_silent(standby, gone_id)
    wrong = type_at(standby, "yes")
    assert wrong.returncode == 2 and "nothing was done" in wrong.stderr and "its power is off" in wrong.stderr, wrong
    right = type_at(standby, gone_id)
    assert right.returncode == 0, right
    settle([standby])
    standby.add("http://192.0.2.2:80")


def test_it_is_for_a_pair_alone(town):
    """Of three the way is weldr cluster recover, and a voter that leads has nothing to force."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    left = nodes[2]
    ids = [node.id for node in nodes]
    for node in nodes[:2]:
        node.kill()
    wait_until(lambda: left.leader_id() is None, 30, "it to be alone")
    assert "weldr cluster recover" in refused(left, "force_not_possible", body={"fenced": ids[0]})
    assert "fenced" in left.api("POST", f"/cluster/members/{ids[2]}/promote", {"fenced": ids[0]}).json["detail"]
    assert promote(left, ids[2], "--fenced", ids[0]).returncode == 2
    assert promote(left).returncode == 2
