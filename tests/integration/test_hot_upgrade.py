"""Issue 14, must hold 4: another Weldr takes the place of one that serves, and nobody who asks it notices.

Twenty upgrades in a row are a few here; UPGRADES=20 makes the whole of it.
"""

import os
import shutil
import signal
import ssl
import tempfile

import pytest

import heirs
import origins as o
from heirs import end_of, failures, follow, program, upgrade
from load import Load
from ports import Port
from rawhttp import Client, wait_until
from test_tls_listeners import NAME, add_listener, anybody, ask, post, shake
from tls_files import authority
from weldr import BIN, is_alive, rss_bytes, run_weldr, session_members

UPGRADES = int(os.environ.get("UPGRADES", "4"))
SLOW = "sock.recv(1)\n"  # it waits for a word that never comes, and ends with its predecessor


@pytest.fixture(autouse=True)
def orphans():
    heirs.take_orphans()


@pytest.fixture(name="folder")
def make_folder():
    with tempfile.TemporaryDirectory(prefix="weldr-upgrade-") as folder:
        os.chmod(folder, 0o755)
        yield folder


@pytest.fixture(name="kept", params=["ephemeral", "data_dir"])
def make_kept(request, folder):
    """Flags of a node that keeps nothing, and of one that does; the API's socket has a name as well."""
    where = [] if request.param == "ephemeral" else ["--data-dir", os.path.join(folder, "data")]
    return [*where, "--admin-socket", os.path.join(folder, "api")]


def served(weldr):
    stats = weldr.stats()
    return stats["client"]["success"], stats["client"]["failed"], stats["requests"]


@pytest.mark.tls
def test_nobody_notices(lab, kept):
    """Keep-alive and new connections under load, through three upgrades: not one fails, and each is counted."""
    weldr, origin = start(lab, kept, o.hello)
    load = Load(weldr)
    fresh = 0
    try:
        for _ in range(3):
            for _ in range(20):
                assert weldr.ask(target="/fresh").status == 200
            upgrade(weldr)
            fresh += 20
        for _ in range(20):
            assert weldr.ask(target="/fresh").status == 200
        fresh += 20
    finally:
        load.end()
    assert not load.bad and not load.cut, (load.bad[:3], load.cut[:3])
    wait_until(lambda: served(weldr)[2] == load.good + fresh, 10, "all requests to be counted")
    assert served(weldr) == (load.good + fresh, 0, load.good + fresh)
    assert [server["url"] for server in weldr.servers()] == [origin.url]


def start(lab, flags, *behaviours, workers=2, **more):
    weldr = lab.weldr(*flags, workers=workers, **more)
    origins = [lab.origin(behave) for behave in behaviours]
    for origin in origins:
        weldr.add(origin)
    return (weldr, *origins)


def test_what_is_under_way_finishes(lab, kept):
    """A response that takes long, and a tunnel: the first ends well, the other by the drain limit."""
    gate = o.BodyGate()
    weldr, *_ = start(lab, kept, o.by_target({"/slow": gate, "/chat": tunnel}, o.hello), workers=1, drain_timeout="3s")
    slow, chat = weldr.connect().request(target="/slow"), weldr.connect()
    response = slow.head()
    chat.request(target="/chat", fields=[("Connection", "upgrade"), ("Upgrade", "echo")])
    assert chat.head().status == 101
    chat.send(b"before")
    assert chat.exactly(6) == b"before"
    old = weldr.process
    upgrade(weldr, waits=False)
    chat.send(b"during")
    assert chat.exactly(6) == b"during"
    assert weldr.ask().status == 200 and weldr.stats()["requests"] > 0
    gate.open()
    assert slow.body(response).body == b"first-rest" and response.get("Connection") is None
    refused = weldr.api("POST", "/upgrade")
    assert (refused.status, refused.json["code"]) == (409, "upgrade_under_way") or not is_alive(old.pid)
    assert end_of(old) == 0
    assert chat.is_closed()
    wait_until(lambda: served(weldr)[2] == 3, 10, "what the old workers counted to be counted")


def tunnel(lane, seen):
    lane.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    while True:
        lane.send(lane.exactly(6))


def test_all_that_is_described_stays(lab, kept):
    """Servers, pools, listeners at ports by chance, rules, settings of the node, revision, counting since when."""
    weldr, origin = start(lab, kept, o.hello)
    for method, path, body in (("POST", "/pools", {"name": "web"}), ("POST", "/listeners", {"name": "shop", "addresses": [Port().text]}),
                               ("POST", "/listeners/shop/rules", {"priority": 5, "action": {"fixed": {"status": 418}}})):
        assert weldr.api(method, path, body).status == 201
    weldr.patch_node({"workers": 3, "log_level": "debug", "limits": {"queue_bytes": 50 << 20}})
    weldr.wait_workers(3)
    weldr.patch_node({"workers": 2})
    weldr.wait_workers(2)

    def look():
        found = {path: weldr.api("GET", path).json for path in ("/pools", "/listeners", "/listeners/shop/rules", "/node", "/certificates")}
        return found, weldr.stats()["counting_since"], [(s["id"], s["url"]) for s in weldr.servers()]
    before = look()
    bound = before[0]["/listeners"]["listeners"][1]["bound"][0]["address"]
    upgrade(weldr)
    assert look() == before
    host, port = bound.rsplit(":", 1)
    with Client((host, int(port))) as client:
        assert client.ask().status == 418
    assert weldr.ask().status == 200 and origin.url
    path = kept[kept.index("--admin-socket") + 1]
    result = run_weldr("stats", "--api", f"unix:{path}")
    assert result.returncode == 0, result
    event, = weldr.api("GET", "/events?kind=node_upgraded").json["events"]
    assert event["kind"] == "node_upgraded"
    assert 'weldr_upgrades_total{result="done"} 1' in weldr.api("GET", "/metrics").text
    assert weldr.api("POST", "/servers", {"url": "http://127.0.0.1:1"}).status == 201
    weldr.stop()
    assert not os.path.exists(path)


def test_signal(lab, kept):
    """SIGUSR2 is an upgrade to the file from which it was started."""
    weldr, *_ = start(lab, kept, o.hello)
    weldr.signal(signal.SIGUSR2)
    pid = int(weldr.wait_log(msg="upgraded: the successor serves, this process ends when its workers have")[0]["pid"])
    assert end_of(follow(weldr, pid)) == 0
    assert weldr.ask().status == 200


def test_command(lab, kept, folder):
    """weldr upgrade, with a relative path, of a link to another file; the next one without a word starts that one again."""
    weldr, *_ = start(lab, kept, o.hello)
    shutil.copy(os.path.realpath(BIN), os.path.join(folder, "new"))
    api = ["--api", "unix:" + kept[kept.index("--admin-socket") + 1]]
    for words in (["new"], []):
        result = run_in(folder, "upgrade", *words, *api)
        assert result.returncode == 0 and result.stdout.startswith("weldr "), result
        before = follow(weldr, int(result.stdout.split()[-1]))
        assert end_of(before) == 0
        assert os.readlink(f"/proc/{weldr.pid}/exe") == os.path.join(folder, "new")
        wait_until(lambda: not heirs.owes_predecessor(weldr), 10, "the successor to hear of the end")
    result = run_in(folder, "upgrade", "nothing", *api)
    assert result.returncode == 1 and "nothing: No such file" in result.stderr, result
    assert weldr.ask().status == 200


def run_in(folder, *words):
    import subprocess
    return subprocess.run([os.path.abspath(BIN), *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_tickets_are_good_across(lab, kept):
    root = authority()
    weldr, *_ = start(lab, kept, o.hello)
    post(weldr, root.issue(NAME), "a")
    port = add_listener(weldr, "https")
    context = anybody(maximum_version=ssl.TLSVersion.TLSv1_2)
    with shake(port, context) as tls:
        session = tls.session
        assert ask(tls).startswith("HTTP/1.1 200 ")
    for _ in range(2):
        upgrade(weldr)
        for _ in range(6):
            with shake(port, context, session=session) as tls:
                assert tls.session_reused and ask(tls).startswith("HTTP/1.1 200 ")
    assert weldr.stats()["listeners"]["https"]["tls_resumed"] == 12


def test_generated_token_stays(lab):
    """An API that strangers reach has a token that is told once."""
    weldr = lab.weldr(admin_ip="0.0.0.0:0", wait=False)
    token = weldr.wait_log(msg="generated admin token")[0]["token"]
    weldr.token = token
    weldr.wait_ready()
    weldr.apis = [("127.0.0.1", port) for _, port in weldr.apis]
    upgrade(weldr)
    assert weldr.api("GET", "/servers", headers={"Authorization": f"Bearer {token}"}).status == 200
    assert len(weldr.lines(msg="generated admin token")) == 1


def test_environment_goes_along(lab):
    """A token of the environment is wiped from there, and is the successor's all the same."""
    weldr = lab.weldr("--admin-token-required", env={"WELDR_ADMIN_TOKEN": "a" * 40}, token="a" * 40)
    upgrade(weldr)
    assert weldr.api("GET", "/servers").status == 200
    assert weldr.api("GET", "/servers", headers={"Authorization": "Bearer " + "b" * 40}).status == 401


BAD = {
    "no_such_file": (None, "No such file"),
    "not_executable": ("", "Permission denied"),
    "no_program": ("\0\0\0\0", "can't be executed"),
    "ends_at_once": ("#!/bin/sh\nexit 7\n", "exit code 7"),
    "refuses_the_flags": ("#!/bin/sh\nexec /bin/ls --no-such-flag\n", "exit code 2"),
    "is_killed": ("#!/bin/sh\nkill -SEGV $$\n", "signal 11"),
    "is_no_weldr": (heirs.HEAD + "sock.send(b'GET / HTTP/1.1')\ntime.sleep(60)\n", "does not keep to the protocol"),
    "is_ready_at_once": (heirs.HEAD + "ready()\ntime.sleep(60)\n", "does not keep to the protocol"),
    "another_protocol": (heirs.HEAD + "hello(9)\ntime.sleep(60)\n", "can't take over from this version"),
}


@pytest.mark.parametrize("how", sorted(BAD))
def test_a_bad_successor_changes_nothing(lab, kept, folder, how):
    weldr, origin = start(lab, kept, o.hello)
    text, said = BAD[how]
    path = os.path.join(folder, "bad")
    if text is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644 if how == "not_executable" else 0o755)
    before, workers = weldr.pid, weldr.worker_pids()
    with weldr.connect() as client:
        assert client.ask().status == 200
        answer = weldr.api("POST", "/upgrade", {"binary": path})
        assert (answer.status, answer.json["code"]) == (409, "upgrade_failed") and said in answer.json["detail"], answer
        assert client.ask().status == 200
    assert [said in reason for reason in failures(weldr)] == [True]
    assert 'weldr_upgrades_total{result="failed"} 1' in weldr.api("GET", "/metrics").text
    assert is_alive(before) and weldr.worker_pids() == workers
    assert weldr.api("POST", "/servers", {"url": "http://127.0.0.1:1"}).status == 201
    assert origin.url and sorted(heirs.descriptors(before)).count("memfd") <= 1
    upgrade(weldr)


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_a_file_that_others_may_write_is_not_started(lab, folder, what):
    """Who may use the API need not be one who may run programs as Weldr's user."""
    weldr = lab.weldr()
    below, path = os.path.join(folder, "below"), os.path.join(folder, "below", "new")
    os.mkdir(below, 0o755)
    shutil.copy(os.path.realpath(BIN), path)
    if what == "link":  # in a folder of everybody's, to a file that is not
        os.chmod(folder, 0o777)
        os.symlink(path, os.path.join(folder, "link"))
        path = os.path.join(folder, "link")
    else:
        os.chmod(path if what == "file" else below, 0o777)
    answer = weldr.api("POST", "/upgrade", {"binary": path})
    assert (answer.status, answer.json["code"]) == (409, "upgrade_failed") and "may write" in answer.json["detail"], answer
    os.chmod(folder, 0o755)
    os.chmod(below, 0o755)
    os.chmod(os.path.realpath(path), 0o755)
    upgrade(weldr, path)


def test_requests_that_make_no_sense(lab):
    weldr = lab.weldr()
    for body, status, code in (({"binary": "weldr"}, 409, "upgrade_failed"), ({"binary": 5}, 422, "invalid_value"), ({"file": "/x"}, 422, "unknown_key"),
                               ({"binary": "/" + "x" * 5000}, 422, "invalid_value"), ({"binary": "/"}, 409, "upgrade_failed")):
        answer = weldr.api("POST", "/upgrade", body)
        assert (answer.status, answer.json["code"]) == (status, code), answer
    assert is_alive(weldr.pid) and weldr.api("GET", "/servers").status == 200


def begin_slow(weldr, folder, text=SLOW):
    """An upgrade whose successor is in no hurry. Returns a client that waits for the answer, and the successor."""
    client = Client(weldr.admin)
    n = len(weldr.lines(msg="upgrade: a successor is started"))
    path = program(folder, text)
    body = f'{{"binary":"{path}"}}'.encode()
    client.request("POST", "/upgrade", body=body, fields=[("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    line = wait_until(lambda: weldr.lines(msg="upgrade: a successor is started")[n:], 10, "a successor")[0]
    return client, int(line["pid"])


def test_one_at_a_time(lab, kept, folder):
    weldr, *_ = start(lab, kept, o.hello)
    client, pid = begin_slow(weldr, folder)
    with client:
        answer = weldr.api("POST", "/upgrade")
        assert (answer.status, answer.json["code"]) == (409, "upgrade_under_way")
        assert answer.get("Retry-After")
        weldr.signal(signal.SIGUSR2)
        weldr.wait_log(msg="upgrade is refused")
        os.kill(pid, signal.SIGKILL)
        answer = client.response("POST")
        assert (answer.status, b"signal 9" in answer.body) == (409, True)
    upgrade(weldr)


def test_asked_and_gone(lab, folder):
    """Who asked does not wait for the answer: nothing is lost by it."""
    weldr, *_ = start(lab, [], o.hello)
    client, pid = begin_slow(weldr, folder)
    client.close()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: failures(weldr), 10, "the failure")
    upgrade(weldr)


@pytest.mark.parametrize("text", [SLOW, "hello()\nread_to_go()\nsock.recv(1)\n"], ids=["started", "waiting"])
def test_told_to_end_meanwhile(lab, kept, folder, text):
    """SIGTERM ends both, in order."""
    weldr, *_ = start(lab, [*kept, "--log-level", "debug"], o.hello)
    client, pid = begin_slow(weldr, folder, text)
    with client:
        if "hello" in text:
            weldr.wait_log(to="WAITING")
        weldr.signal(signal.SIGTERM)
        assert weldr.wait_exit(20) == 0
    assert not is_alive(pid)
    weldr.stop()


@pytest.mark.parametrize("text", ["hello()\nread_to_go()\nsys.exit(5)\n", "hello()\nsys.exit(5)\n", "hello()\nread_to_go()\nsock.recv(1)\n"],
                         ids=["ends", "ends_early", "killed"])
def test_a_successor_that_dies_late(lab, kept, folder, text):
    """It had the directory: a process of the old file takes over, and nothing is lost meanwhile."""
    weldr, origin = start(lab, [*kept, "--log-level", "debug"], o.hello)
    load = Load(weldr, clients=2)
    try:
        client, pid = begin_slow(weldr, folder, text)
        with client:
            if "recv" in text:
                weldr.wait_log(to="WAITING")
                os.kill(pid, signal.SIGKILL)
            answer = client.response("POST")
            assert (answer.status, b"upgrade_failed" in answer.body) == (409, True)
        line = weldr.wait_log(msg="upgraded: the successor serves, this process ends when its workers have")[0]
        assert end_of(follow(weldr, int(line["pid"]))) == 0
        good = load.good
        assert good >= 0 and weldr.ask().status == 200
    finally:
        load.end()
    assert not load.bad and not load.cut, (load.bad[:3], load.cut[:3])
    assert [server["url"] for server in weldr.servers()] == [origin.url]
    assert 'weldr_upgrades_total{result="failed"} 1' in weldr.api("GET", "/metrics").text
    assert weldr.api("POST", "/servers", {"url": "http://127.0.0.1:1"}).status == 201
    assert os.readlink(f"/proc/{weldr.pid}/exe") == os.path.realpath(BIN)


def test_the_old_one_is_killed_before(lab, kept, folder):
    """As a manager that is killed, and nothing stays of the successor."""
    weldr, *_ = start(lab, kept, o.hello)
    client, pid = begin_slow(weldr, folder, "hello(1)\n" + SLOW)
    weldr.signal(signal.SIGKILL)
    weldr.wait_exit()
    weldr.stopped = True
    client.close()
    wait_until(lambda: not session_members(weldr.session), 20, "all processes to end")
    assert not is_alive(pid)


def test_the_old_one_is_killed_when_all_was_sent(lab, kept):
    """The successor has all that it needs: it serves, with the description."""
    weldr, origin = start(lab, [*kept, "--log-level", "debug"], o.hello)
    weldr.signal(signal.SIGUSR2)
    line = weldr.wait_log(msg="upgrade: a successor is started")[0]
    weldr.wait_log(to="WAITING")
    weldr.signal(signal.SIGKILL)
    weldr.wait_exit()
    follow(weldr, int(line["pid"]))
    wait_until(lambda: len(weldr.lines(msg="ready")) == 2, 20, "the successor to be ready")
    assert weldr.ask().status == 200
    assert [server["url"] for server in weldr.servers()] == [origin.url]


def test_the_old_one_is_killed_while_it_drains(lab, kept):
    """Its workers finish what they have, and the next upgrade is not refused."""
    gate = o.BodyGate()
    weldr, *_ = start(lab, kept, o.by_target({"/slow": gate}, o.hello), drain_timeout="20s")
    slow = weldr.connect().request(target="/slow")
    response = slow.head()
    old = weldr.process
    upgrade(weldr, waits=False)
    os.kill(old.pid, signal.SIGKILL)
    old.wait(10)
    gate.open()
    assert slow.body(response).body == b"first-rest"
    wait_until(lambda: not heirs.owes_predecessor(weldr), 10, "the successor to hear of the end")
    upgrade(weldr)
    assert weldr.ask().status == 200


def test_the_successor_is_killed_while_the_old_one_drains(lab, kept):
    """It was ready: from then on it is as if a manager was killed, and a new start has the directory and the addresses."""
    gate = o.BodyGate()
    weldr, *_ = start(lab, kept, o.by_target({"/slow": gate}, o.hello), drain_timeout="20s")
    slow = weldr.connect().request(target="/slow")
    response = slow.head()
    old = weldr.process
    upgrade(weldr, waits=False)
    os.kill(weldr.pid, signal.SIGKILL)
    weldr.wait_log(msg="the successor has ended")
    gate.open()
    assert slow.body(response).body == b"first-rest"
    assert old.wait(30) == 0
    weldr.stopped = True
    wait_until(lambda: not session_members(weldr.session), 20, "all processes to end")
    weldr.assert_no_dirt()


def test_many_in_a_row_leak_nothing(lab, kept):
    weldr, origin = start(lab, kept, o.hello, drain_timeout="5")
    folder = kept[kept.index("--data-dir") + 1] if "--data-dir" in kept else None
    assert weldr.ask().status == 200
    upgrade(weldr)
    heirs.settle_sockets(weldr.pid)
    first, resident = heirs.descriptors(weldr.pid), rss_bytes(weldr.pid)
    files = sorted(os.listdir(folder)) if folder else []
    for number in range(UPGRADES):
        assert weldr.ask().status == 200
        upgrade(weldr)
        assert served(weldr)[2] == number + 2
    heirs.settle_sockets(weldr.pid)
    assert heirs.descriptors(weldr.pid) == first
    assert rss_bytes(weldr.pid) < 1.5 * resident + (4 << 20)
    assert (sorted(os.listdir(folder)) if folder else []) == files
    assert sorted(session_members(weldr.session)) == sorted([weldr.pid, *weldr.worker_pids()])
    assert heirs.zombies(weldr.session) == []
    assert f'weldr_upgrades_total{{result="done"}} {UPGRADES + 1}' in weldr.api("GET", "/metrics").text
    assert [server["url"] for server in weldr.servers()] == [origin.url]


def test_without_rights(lab, kept, folder):
    """As a user who is nobody, or as whoever runs this."""
    nobody = (65534, 65534) if os.geteuid() == 0 else None
    if nobody:
        os.chown(folder, *nobody)
    weldr, origin = start(lab, kept, o.hello, user=nobody)
    for _ in range(2):
        upgrade(weldr)
        assert weldr.ask().status == 200
    assert [server["url"] for server in weldr.servers()] == [origin.url]
    assert os.stat(f"/proc/{weldr.pid}").st_uid == (nobody[0] if nobody else os.geteuid())


def test_more_sockets_than_go_at_once(lab, folder):
    """The successor takes them one after the other; one that takes none is killed, and nothing is lost."""
    weldr, origin = start(lab, ["--log-level", "debug"], o.hello, workers=8)
    ports = [Port() for _ in range(40)]
    for number in range(5):
        addresses = [port.text for port in ports[8 * number:8 * number + 8]]
        assert weldr.api("POST", "/listeners", {"name": f"l{number}", "addresses": addresses}).status == 201
    client, pid = begin_slow(weldr, folder, "hello()\ntime.sleep(600)\n")
    with client:
        weldr.wait_log(to="HANDING")
        assert weldr.ask().status == 200
        assert not weldr.lines(to="WAITING")
        os.kill(pid, signal.SIGKILL)
        assert client.response("POST").status == 409
    line = weldr.wait_log(msg="upgraded: the successor serves, this process ends when its workers have")[0]
    assert end_of(follow(weldr, int(line["pid"]))) == 0
    for port in ports:
        with Client(port.address) as client:
            assert client.ask().status == 200
    assert [server["url"] for server in weldr.servers()] == [origin.url]
