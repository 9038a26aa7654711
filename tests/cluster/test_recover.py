"""Most of the voters are gone for good: the one that is left becomes the cluster, and those that come back after all are kept out."""

import json
import subprocess

import weldr as w
from node import settle
from rawhttp import wait_until
from writers import Writers, agree


def offline(node, verb, *words):
    """weldr cluster VERB on its directory."""
    return subprocess.run([w.BIN, "cluster", verb, "--data-dir", node.folder, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False, env=w.clean_environment())


def lose_two(town):
    """Three nodes that have agreed on something; two are killed, the third knows of no leader."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    nodes[0].add("http://192.0.2.1:80")
    agree(nodes)
    for node in nodes[:2]:
        node.kill()
    left = nodes[2]
    wait_until(lambda: left.leader_id() is None, 30, "it to be alone")
    assert left.api("POST", "/servers", Writers.probe()).status == 503
    return nodes


def stored(node):
    """What its directory says while it does not run."""
    done = offline(node, "status", "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def recover(node):
    node.stop()
    done = offline(node, "recover", "--yes")
    assert done.returncode == 0 and "incarnation 2" in done.stdout, done
    node.start()
    settle([node])


def test_the_last_one_goes_on_and_old_ones_are_kept_out(town):
    first, second, left = lose_two(town)
    before = left.urls()
    recover(left)
    told, = left.get("/events?kind=cluster_recovered")["events"]
    assert told["to"] == "2" and left.urls() == before
    left.restart()
    settle([left])
    assert left.get("/events?kind=cluster_recovered")["events"] == [], "it is told once"
    left.add("http://192.0.2.2:80")
    kept = left.urls()
    term, leader = left.cluster()["term"], left.leader_id()
    # Together they are a majority of the cluster that was; but whom they call tells them that they were removed.
    first.start()
    second.start()
    wait_until(lambda: [n.cluster()["role"] for n in (first, second)] == ["removed"] * 2, 60, "the old ones to hear of it")
    left.add("http://192.0.2.3:80")
    assert first.api("POST", "/servers", Writers.probe()).status == 503
    assert left.cluster()["term"] == term and left.leader_id() == leader
    assert left.urls() == kept | {"http://192.0.2.3:80"}
    assert [m["id"] for m in left.cluster()["members"]] == [leader]


def test_an_old_one_joins_anew(town):
    first, second, left = nodes = lose_two(town)
    old_ids = {m["id"] for m in left.cluster()["members"]}
    recover(left)
    first.start()
    refused = offline(first, "rejoin")
    assert refused.returncode == 1 and "in use by process" in refused.stderr, refused
    for node in (first, second):
        node.stop()
        done = offline(node, "rejoin")
        assert done.returncode == 0 and "/old-" in done.stdout, done
        node.join(left)
        settle([first, left] if node is first else nodes)
    second.add("http://192.0.2.5:80")
    agree(nodes)
    assert {node.id for node in nodes} & old_ids == {left.id}


def test_directories_tell_which_of_them_is_ahead(town):
    first, second, third = nodes = town.cluster(3, "--cluster-profile", "fast")
    shown = first.cluster()
    third.stop()
    first.add("http://192.0.2.1:80")
    agree(nodes[:2])
    assert "in use by process" in offline(first, "status").stderr
    first.stop()
    second.stop()
    ahead, behind = stored(first), stored(third)
    assert (ahead["term"], ahead["index"]) > (behind["term"], behind["index"])
    assert {view["cluster"] for view in (ahead, behind)} == {shown["id"]}
    assert [view["place"] for view in (ahead, behind)] == ["member"] * 2 and ahead["applied"] <= ahead["index"]
    lines = offline(first, "status").stdout.splitlines()
    assert [line.split() for line in lines] == [[key, str(value)] for key, value in ahead.items()]


def test_what_is_refused(town):
    node = town.node(town.build(1)[0]).start()
    assert "in use by process" in offline(node, "recover", "--yes").stderr
    node.stop()
    asked = offline(node, "recover")
    assert asked.returncode == 2 and "--yes" in asked.stderr
    alone = offline(node, "recover", "--yes")
    assert alone.returncode == 1 and "nothing to recover" in alone.stderr, alone
    nowhere = offline(node, "rejoin", "--data-dir", town.folder + "/nowhere")
    assert nowhere.returncode == 1, nowhere
    node.start()
    node.add("http://192.0.2.1:80")
