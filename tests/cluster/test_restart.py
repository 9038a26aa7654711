"""A node alone: what it was told outlives it, and it serves soon."""

import contextlib
import os
import time

import tls_files as t
import weldr as w
from node import ORIGIN_URL
from rawhttp import Client, Closed
from writers import Writers

# Of the issue; the release build is the one to look at the figures of (pytest -s).
SERVERS = int(os.environ.get("RESTART_SERVERS", "2000"))
CERTIFICATES = int(os.environ.get("RESTART_CERTIFICATES", "20"))
RULES = int(os.environ.get("RESTART_RULES", "200"))
KILLS = int(os.environ.get("RESTART_KILLS", "5"))
START_S = 60


def describe(node):
    urls = [f"http://192.0.2.{n // 60000 + 1}:{n % 60000 + 1}" for n in range(SERVERS - 1)]
    servers = [{"url": url, "check": w.NO_CHECK, "weight": 1} for url in [ORIGIN_URL, *urls]]
    node.change("PUT", "/pools/default/servers", {"servers": servers[:1]})
    node.change("POST", "/pools", {"name": "many"})
    node.change("PUT", "/pools/many/servers", {"servers": servers[1:]})
    for n in range(CERTIFICATES):
        node.change("POST", "/certificates", t.authority().issue(f"n{n}.test").body(name=f"c{n}"))
    for n in range(RULES):
        node.change("POST", "/listeners/default/rules", {
            "priority": n + 1, "conditions": {"host": f"h{n}.example"}, "action": {"redirect": {"status": 301, "host": "new.example"}}})


def documents(node):
    """All that was described, without what only the process of now knows."""
    pools = [pool["name"] for pool in node.get("/pools")["pools"]]
    shown = [server for pool in pools for server in every(node, f"/pools/{pool}/servers", "servers")]
    servers = {(s["id"], s["url"], s["weight"], s["pool"], str(s.get("meta"))) for s in shown}
    rules = [(r["id"], r["priority"], str(r["conditions"]), str(r["action"])) for r in every(node, "/listeners/default/rules", "rules")]
    certificates = {(c["id"], c["name"], c["fingerprint"]) for c in every(node, "/certificates", "certificates")}
    return servers, rules, certificates


def every(node, path, member):
    """A list that may come in pages."""
    found, shown = [], node.get(path)
    while True:
        found += shown[member]
        following = [link["href"] for link in shown.get("links", []) if link["rel"] == "next"]
        if not following:
            return found
        shown = node.get(following[0])


def first_times(node):
    """Seconds from the start to the first proxied response, and to /ready."""
    begin, first, ready = time.monotonic(), None, None
    node.start(wait=False)
    while first is None or ready is None:
        now = time.monotonic() - begin
        assert now < START_S and node.weldr.process.poll() is None, node.weldr.log[-4000:]
        with contextlib.suppress(OSError, Closed):
            if first is None:
                with Client(("127.0.0.1", 8080), make_socket=node.host.socket) as client:
                    first = now if client.ask().status == 200 else None
        with contextlib.suppress(OSError):
            if ready is None:
                answer = w.ask_http(node.api_address, "GET", "/ready", make_socket=node.host.socket)
                ready = now if answer.status == 200 else None
        time.sleep(0.002)
    node.weldr.wait_ready()
    return first, ready


def test_all_is_there_and_served_after_a_kill(town):
    node = town.alone()
    node.run_origin()
    describe(node)
    before = documents(node)
    assert [len(part) for part in before] == [SERVERS, RULES, CERTIFICATES]
    for _ in range(3):
        node.kill()
        first, ready = first_times(node)
        print(f"\n{SERVERS} servers: first response after {first * 1000:.0f} ms, ready after {ready * 1000:.0f} ms")
        assert documents(node) == before
        assert len(node.digests()) == 1
        assert node.weldr.lines(msg="server added") == [], "what is stored is no news"


def test_killed_again_and_again_while_it_writes(town):
    node = town.alone()
    with Writers([node]) as writers:
        for _ in range(KILLS):
            writers.wait_more(10)
            node.restart()
        writers.wait_more(10)
    writers.judge()


def fill(node, turn):
    """A change of half a megabyte; its status."""
    servers = [{"url": f"http://192.0.2.1:{port}", "check": w.NO_CHECK, "meta": {f"k{k}": f"{turn:250}" for k in range(4)}} for port in range(1, 500)]
    return node.api("PUT", "/pools/long/servers", {"servers": servers})


def test_no_room_at_the_start(town):
    """It starts and serves what it has, refuses changes, and takes them again when there is room."""
    with town.small_disk("14m") as folder:
        node = town.node(town.build(1)[0], folder=os.path.join(folder, "node"), is_alone=True).start()
        node.run_origin()
        node.add(ORIGIN_URL)
        node.kill()
        with contextlib.suppress(OSError), open(os.path.join(folder, "filler"), "wb", buffering=0) as filler:
            while True:
                filler.write(b"f" * 4096)
        node.start()  # which has what it had allocated before, and no more
        node.change("POST", "/pools", {"name": "long"})
        answers = [fill(node, 0)]
        while answers[-1].status < 300 and len(answers) < 24:
            answers.append(fill(node, len(answers)))
        assert answers[-1].status == 507 and answers[-1].json["code"] == "no_space", answers[-1]
        before = documents(node)
        for _ in range(2):
            node.restart()
            assert documents(node) == before and node.ask() == 200
        town.resize(folder, "64m")
        node.change("POST", "/pools", {"name": "more"}, again=(503, 507))
        node.restart()
        assert "more" in [pool["name"] for pool in node.get("/pools")["pools"]] and node.ask() == 200
        node.stop()
