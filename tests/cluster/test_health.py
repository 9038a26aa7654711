"""What the nodes see of the health of the servers, told to each other; with `check.agree` one goes by what most of them see."""

import socket

import weldr as w
from node import ORIGIN_PORT, ORIGIN_URL, SETTLE_S, settle
from rawhttp import wait_until

CHECK = {"type": "tcp", "interval_ms": 300, "fast_interval_ms": 100, "timeout_ms": 1000, "failures": 2, "passes": 1}
MANY = 600  # more than a message holds


class Far:
    """A server on a host of its own, which all nodes check; nobody serves but it."""

    def __init__(self, town, nodes, host, **check):
        self.nodes, self.host = nodes, host
        self.url, self.path = f"http://{host.ip}:{ORIGIN_PORT}", f"/servers/{host.ip}/{ORIGIN_PORT}"
        host.start(w.TEST_SERVER, str(ORIGIN_PORT), env=w.clean_environment())
        wait_until(self.listens, SETTLE_S, "the server to listen")  # so that no first check fails
        nodes[0].change("POST", "/servers", {"url": self.url, "check": {**CHECK, **check}})
        nodes[0].change("DELETE", "/servers/127.0.0.1/" + str(ORIGIN_PORT))
        nodes[0].change("PATCH", "/pools/default", {"fail_open": False})
        for node in nodes:
            self.wait(node, "active", {other: "active" for other in nodes})

    def listens(self):
        with self.host.socket(socket.AF_INET) as s:
            return s.connect_ex(("127.0.0.1", ORIGIN_PORT)) == 0

    def shown(self, node):
        return node.get(self.path)

    def wait(self, node, state, seen):
        """The node says of the server that it is in this state, and who sees what: a word for each node."""
        wanted = {other.known_id: word for other, word in seen.items()}

        def is_so():
            shown = self.shown(node)
            return shown["state"] == state and {view["node"]: view["state"] for view in shown["views"]} == wanted
        wait_until(is_so, SETTLE_S, f"{node} to say {state} and {seen}", step_s=0.05)


def note_ids(nodes):
    """One that was killed can't be asked."""
    for node in nodes:
        node.known_id = node.id
    return nodes


def with_far(town, **check):
    nodes = note_ids(town.cluster(3, spare_n=1))
    return nodes, Far(town, nodes, town.fabric.hosts[3], **check)


def told(node, kind):
    return node.get(f"/events?kind={kind}")["events"]


def metric(node, name):
    return int(next(line.split()[1] for line in node.api("GET", "/metrics").text.splitlines() if line.startswith(name + " ")))


def test_who_sees_what(town):
    nodes, far = with_far(town)
    first, second, third = nodes
    second.host.cut_from(far.host)
    for node in nodes:
        far.wait(node, "down" if node is second else "active", {first: "active", second: "down", third: "active"})
    assert [view["node"] for view in far.shown(first)["views"]] == sorted(node.known_id for node in nodes)
    for node in nodes:
        assert [view["node"] for view in far.shown(node)["views"] if view["is_self"]] == [node.known_id]
        assert node.get("/servers?fields=views")["servers"] == [{"views": far.shown(node)["views"]}]
        assert metric(node, "weldr_cluster_views") == 2 and metric(node, "weldr_overruled_servers") == 0
        assert not told(node, "server_overruled")
    assert second.ask() == 503 and first.ask() == 200
    town.fabric.heal()
    for node in nodes:
        far.wait(node, "active", {other: "active" for other in nodes})


def test_one_follows_most(town):
    """Its checks fail: the workers go on sending. The checks of the others fail: they do not, though its own pass."""
    nodes, far = with_far(town, agree="majority")
    first, second, third = nodes
    second.host.cut_from(far.host)
    for node in nodes:
        far.wait(node, "active", {first: "active", second: "down", third: "active"})
    reason = far.shown(second)["reason"]
    assert reason.startswith("2 of 3 nodes see it active; here ") and "failed checks" in reason, reason
    assert far.shown(first)["reason"] is None
    assert [event["to"] for event in told(second, "server_overruled")] == ["active"] and not told(first, "server_overruled")
    assert metric(second, "weldr_overruled_servers") == 1 and metric(first, "weldr_overruled_servers") == 0
    third.host.cut_from(far.host)
    for node in nodes:
        far.wait(node, "down", {first: "active", second: "down", third: "down"})
    assert far.shown(first)["reason"] == "2 of 3 nodes see it down; here its checks pass"
    assert [event["to"] for event in told(first, "server_overruled")] == ["down"] and told(second, "server_overruled_ended")
    wait_until(lambda: first.ask() == 503, SETTLE_S, "the workers of the first to leave it alone")
    town.fabric.heal()
    for node in nodes:
        far.wait(node, "active", {other: "active" for other in nodes})
    wait_until(lambda: first.ask() == 200, SETTLE_S, "the workers of the first to send to it again")


def test_it_is_set_at_run_time(town):
    nodes, far = with_far(town)
    first, second, third = nodes
    seen = {first: "active", second: "down", third: "active"}
    second.host.cut_from(far.host)
    far.wait(second, "down", seen)
    refused = second.api("PATCH", "/pools/default", {"check": {"agree": "most"}})
    assert (refused.status, refused.json["field"]) == (422, "check.agree"), refused
    for path in "/pools/default", far.path:
        third.change("PATCH", path, {"check": {"agree": "majority"}})
        far.wait(second, "active", seen)
        third.change("PATCH", path, {"check": {"agree": "own"}})
        far.wait(second, "down", seen)


def test_who_dies_is_forgotten(town):
    """Of the two that are left one sees it up and one down: the own view counts."""
    nodes, far = with_far(town, agree="majority")
    first, second, third = nodes
    second.host.cut_from(far.host)
    far.wait(second, "active", {first: "active", second: "down", third: "active"})
    third.kill()
    far.wait(second, "down", {first: "active", second: "down"})
    far.wait(first, "active", {first: "active", second: "down"})
    assert metric(first, "weldr_cluster_views") == 1
    third.start()
    settle(nodes)
    for node in nodes:
        far.wait(node, "active", {first: "active", second: "down", third: "active"})


def test_who_is_cut_off_has_its_own_view(town):
    nodes, far = with_far(town, agree="majority")
    first, second, third = nodes
    second.host.cut()
    far.wait(second, "down", {second: "down"})
    for node in first, third:
        far.wait(node, "active", {first: "active", third: "active"})
    second.host.mend()
    settle(nodes)
    for node in nodes:
        far.wait(node, "active", {other: "active" for other in nodes})


def test_a_witness_sees_too(town):
    hosts = town.build(4)
    first, second, witness = nodes = [town.node(host) for host in hosts[:3]]
    for node in (first, second):
        node.run_origin()
    first.start()
    first.add(ORIGIN_URL)
    second.join(first)
    witness.start("--witness", "--join", first.cluster_ip, "--token", first.token())
    settle(nodes)
    far = Far(town, note_ids(nodes), hosts[3], agree="majority")
    first.host.cut_from(far.host)
    for node in nodes:
        far.wait(node, "active", {first: "down", second: "active", witness: "active"})


def test_who_comes_back_hears_of_all(town):
    nodes = note_ids(town.cluster(3))
    wanted = [{"url": f"http://192.0.2.{n // 200}:{1000 + n % 200}", "check": w.NO_CHECK} for n in range(MANY)]
    nodes[0].change("PUT", "/servers", {"servers": wanted})

    def knows_all(node):
        servers = node.get("/servers?fields=views")["servers"]
        return len(servers) == MANY and all([view["state"] for view in server["views"]] == ["active"] * 3 for server in servers)
    for node in nodes:
        wait_until(lambda node=node: knows_all(node), SETTLE_S, f"{node} to know what all see")
    nodes[2].restart()
    for node in nodes:
        wait_until(lambda node=node: knows_all(node), SETTLE_S, f"{node} to know what all see again")
