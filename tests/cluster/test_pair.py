"""A pair without a witness: what either of them does without the other."""

from fabric import DEVICE
from holders import Watch
from node import settle
from rawhttp import wait_until
from test_recover import recover
from writers import Writers, agree

VIP = "10.77.0.100"


def start(town):
    """A pair whose first node holds the address. Returns both, the voter first."""
    voter, standby = nodes = town.cluster(2, "--cluster-profile", "fast", spare_n=1)
    voter.change("PUT", f"/vips/{VIP}", {"interface": DEVICE})
    voter.change("POST", f"/vips/{VIP}/move", {"to": voter.id}, again=(409, 503, 504))
    voter.add("http://192.0.2.1:80")
    agree(nodes)
    return voter, standby


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
