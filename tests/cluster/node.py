"""Weldr as a node: in a host of its own (fabric.py), with a data directory that outlives the process."""

import signal
import time

import weldr as w
from rawhttp import wait_until
from weldr import Weldr, session_members

PROXY_PORT, API_PORT, CLUSTER_PORT, ORIGIN_PORT = 8080, 8687, 8688, 9000
SETTLE_S = 60.0 if w.IS_ASAN else 30.0
# On every host there is one, and it is reached however the host is cut off.
ORIGIN_URL = f"http://127.0.0.1:{ORIGIN_PORT}"


VOTERS = {1: 1, 2: 1, 3: 3, 4: 3}  # of so many members; of more 5


def voters_of(members_n):
    return VOTERS.get(members_n, 5)


class Node:
    """One member, or one that may become so. `weldr` is the process of now, `past` are those that were. clock: of its own
    (clocks.py)."""

    def __init__(self, host, folder, *flags, workers=1, is_alone=False, env=None, clock=None):
        self.host, self.folder, self.flags, self.workers = host, folder, list(flags), workers
        self.clock, self.env = clock, {**(env or {}), **(clock.env if clock else {})}
        self.cluster_ip = None if is_alone else f"{host.ip}:{CLUSTER_PORT}"
        self.weldr, self.past, self.origin = None, [], None

    @property
    def api_address(self):
        return "127.0.0.1", API_PORT

    def __repr__(self):
        return f"<Node {self.host.ip}>"

    # ---- coming and going

    def start(self, *flags, wait=True):
        assert self.weldr is None, self
        words = ["--data-dir", self.folder, *self.flags, *flags]
        if self.cluster_ip:
            words += ["--cluster-ip", self.cluster_ip]
        self.weldr = Weldr(*words, ip=f"0.0.0.0:{PROXY_PORT}", admin_ip=f"127.0.0.1:{API_PORT}", workers=self.workers,
                           namespace=self.host.namespace, env=self.env, wait=False)
        self.host.fabric.keep(self.weldr.pid)
        if wait:
            self.weldr.wait_ready()
        return self

    def join(self, other, token=None, wait=True):
        """The first start, as a new member of the cluster of the other."""
        return self.start("--join", other.cluster_ip, "--token", token or other.token(), wait=wait)

    def kill(self):
        """kill -9 of the manager; returns when all of its processes have gone."""
        self.end(signal.SIGKILL)

    def stop(self):
        self.end(signal.SIGTERM)

    def end(self, number):
        if self.weldr is None:
            return
        gone, self.weldr = self.weldr, None
        self.past.append(gone)
        if number == signal.SIGTERM:
            gone.stop()
        else:
            if gone.process.poll() is None:  # else it has ended by itself
                gone.signal(number)
            gone.process.wait()
            gone.stopped = True
            wait_until(lambda: not session_members(gone.session), 20, f"the processes of {self} to go")
        self.host.fabric.drop(gone.pid)

    def wait_end(self, timeout_s=SETTLE_S):
        """It ends by itself; its exit code."""
        code = self.weldr.wait_exit(timeout_s)
        gone, self.weldr = self.weldr, None
        gone.stopped = True
        self.past.append(gone)
        self.host.fabric.drop(gone.pid)
        return code

    def restart(self):
        self.kill()
        return self.start()

    def run_origin(self):
        self.origin = self.host.start(w.TEST_SERVER, str(ORIGIN_PORT), env=w.clean_environment())

    @property
    def is_running(self):
        return self.weldr is not None

    @property
    def logs(self):
        return [weldr.log for weldr in [*self.past, self.weldr] if weldr]

    # ---- what it says

    def api(self, method, path, body=None, headers=None):
        return self.weldr.api(method, path, body, headers)

    def command(self, *words):
        """A command for its API, on its host: what it has printed, and its exit code."""
        return w.run_weldr(*words, "--api", f"http://127.0.0.1:{API_PORT}", namespace=self.host.namespace)

    def get(self, path):
        answer = self.api("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def change(self, method, path, body=None, status=(200, 201, 204), again=(503,), timeout_s=SETTLE_S):
        """A write that is to be done; one that was refused for want of a leader, or as `again` says, is tried again."""
        end = time.monotonic() + timeout_s
        while True:
            answer = self.api(method, path, body)
            if answer.status not in again or time.monotonic() > end:
                break
            time.sleep(0.05)
        assert answer.status in status, answer
        return answer

    def add(self, url, **more):
        return self.change("POST", "/servers", {"url": url, "check": w.NO_CHECK, **more}).json

    def urls(self):
        return {server["url"] for server in self.get("/servers")["servers"]}

    def cluster(self):
        return self.get("/cluster")

    @property
    def id(self):
        """16 hexadecimal digits."""
        return next(member["id"] for member in self.cluster()["members"] if member["is_self"])

    def leader_id(self):
        leader = self.cluster()["leader"]
        return leader and leader["id"]

    def token(self, **more):
        return self.change("POST", "/cluster/tokens", more or None).json["token"]

    def revision(self):
        return int(self.api("GET", "/pools").get("X-Weldr-Revision"))

    def digests(self):
        """What its workers have: {(revision, digest)}, one pair when they agree."""
        return {(worker["applied_index"], worker["digest"]) for worker in self.get("/workers")["workers"]}

    def ask(self):
        """One request to be proxied; its status."""
        return self.weldr.ask(target="/").status


def is_settled(nodes):
    views = [node.cluster() for node in nodes]
    leaders = {view["leader"] and view["leader"]["id"] for view in views}
    members = [sorted((m["id"], m["role"] in ("leader", "follower", "witness")) for m in view["members"]) for view in views]
    return (len(leaders) == 1 and None not in leaders and all(view["quorum"]["has"] for view in views)
            and all(shown == members[0] for shown in members) and len(members[0]) == len(nodes)
            and sum(votes for _, votes in members[0]) == voters_of(len(nodes)) == views[0]["quorum"]["voters"])


def settle(nodes, timeout_s=SETTLE_S):
    """These are the members, as each of them says, as many vote as may, and there is a leader."""
    wait_until(lambda: is_settled(nodes), timeout_s, f"the members {nodes} to settle", step_s=0.05)


def find_leader(nodes, timeout_s=SETTLE_S):
    """Who leads, as itself says."""
    def find():
        return next((node for node in nodes if node.is_running and node.cluster()["role"] == "leader"), None)
    return wait_until(find, timeout_s, f"one of {nodes} to lead", step_s=0.02)
