"""Manager and workers: who there is, what they share, what happens when one dies."""

import os
import re
import select
import signal
import subprocess
import threading
import time

import pytest

import origins as o
from rawhttp import Client, Closed, wait_until
from test_drain import refuses
from weldr import BIN, child_pids, clean_environment, is_alive, run_weldr, is_vip_helper, session_members, status_field, cpu_ticks


def command_of(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().decode().rstrip("\0").split("\0")


def parent_of(pid):
    return int(status_field(pid, "PPid"))


def all_listening_inodes():
    found = {}
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(name, encoding="ascii") as file:
            for line in file.readlines()[1:]:
                row = line.split()
                if row[3] == "0A":
                    found[row[9]] = int(row[1].rsplit(":", 1)[1], 16)
    return found


def socket_inodes(pid):
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            match = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
        if match:
            found.add(match.group(1))
    return found


def same_pool(weldr):
    """All workers are at the same index with the same digest."""
    return len({(w["applied_index"], w["digest"]) for w in weldr.workers()}) == 1


@pytest.mark.smoke
def test_process_tree(lab):
    """M02, M07: the started process is the manager; its children are `weldr worker --id N`, ids from 0, and who keeps virtual IPs."""
    weldr = lab.weldr(workers=3, may_hold=True)
    workers = weldr.workers()
    keepers = [pid for pid in session_members(weldr.pid) if is_vip_helper(pid)]
    assert len(keepers) == 1 and parent_of(keepers[0]) == weldr.pid
    assert sorted(session_members(weldr.pid)) == sorted([weldr.pid, *keepers] + [w["pid"] for w in workers])
    for number, worker in enumerate(workers):
        assert parent_of(worker["pid"]) == weldr.pid
        arguments = command_of(worker["pid"])[1:]
        assert "worker" in arguments
        assert arguments[arguments.index("--id") + 1] == str(number)


def test_one_thread_each(lab):
    """M01: no threads at all."""
    weldr, _ = lab.run(o.hello, workers=2)
    weldr.ask()
    for pid in session_members(weldr.pid):
        assert status_field(pid, "Threads") == "1"


def test_one_worker_per_core_by_default(lab):
    """M06, D3."""
    weldr = lab.weldr(workers=None)
    assert len(weldr.workers()) == len(os.sched_getaffinity(0))


@pytest.mark.smoke
def test_no_hidden_ports(lab):
    """M03, M08: the manager serves the API, manager and workers talk over private sockets: no other TCP port."""
    weldr, _ = lab.run(o.hello, workers=2)
    weldr.ask()
    listening = all_listening_inodes()
    ours = {i for pid in session_members(weldr.pid) for i in socket_inodes(pid) if i in listening}
    assert {listening[i] for i in ours} == {weldr.address[1], weldr.admin[1]}
    api = {i for i in ours if listening[i] == weldr.admin[1]}
    for pid in weldr.worker_pids():
        assert not socket_inodes(pid) & api, "workers do not hold the API's socket"


def test_a_listening_socket_for_each_worker(lab):
    """M12: SO_REUSEPORT, one per slot, held by the manager too, so that none is lost with its worker."""
    weldr = lab.weldr(workers=3)
    listening = all_listening_inodes()  # others may listen at this port of other addresses
    sockets = {inode for inode in socket_inodes(weldr.pid) if listening.get(inode) == weldr.address[1]}
    assert len(sockets) == 3
    for pid in weldr.worker_pids():
        assert len(socket_inodes(pid) & sockets) == len(socket_inodes(pid) & listening.keys()) == 1


def test_all_workers_serve(lab):
    weldr, _ = lab.run(o.hello, workers=2)
    clients = [weldr.connect() for _ in range(40)]
    for client in clients:
        assert client.ask().status == 200
    wait_until(lambda: sum(w["connections"] for w in weldr.workers()) == 40, 5, "40 connections")
    assert all(w["connections"] > 0 for w in weldr.workers())


@pytest.mark.smoke
def test_killed_worker_is_replaced(lab):
    """M11: replaced with the pool as it is, restarts counted, other workers untouched."""
    weldr, origin = lab.run(o.hello, workers=2)
    old = weldr.workers()
    other = old[1]["pid"]
    os.kill(old[0]["pid"], signal.SIGKILL)
    new = weldr.wait_workers(2, not_pids=[old[0]["pid"]])
    assert [(w["id"], w["restarts"]) for w in new] == [(0, 1), (1, 0)]
    assert new[1]["pid"] == other and is_alive(other)
    assert same_pool(weldr)
    assert command_of(new[0]["pid"])[-1] == "0" or "--id" in command_of(new[0]["pid"])
    for _ in range(20):
        assert weldr.ask().status == 200
    assert weldr.api("GET", "/servers").json["servers"][0]["url"] == origin.url


@pytest.mark.smoke
def test_connections_wait_for_the_successor(lab):
    """The successor inherits the socket and its accept queue: no connect is refused, each is answered."""
    weldr, _ = lab.run(o.hello, workers=1)
    for _ in range(3):
        old = weldr.worker_pids()[0]
        os.kill(old, signal.SIGKILL)
        wait_until(lambda pid=old: not is_alive(pid), 5, "the worker is dead")
        clients = [weldr.connect() for _ in range(5)]
        for client in clients:
            assert client.ask().status == 200
        weldr.wait_workers(1, not_pids=[old])


def test_killed_worker_loses_its_own_connections_only(lab):
    weldr, _ = lab.run(o.hello, workers=2)
    clients = [weldr.connect() for _ in range(30)]
    for client in clients:
        assert client.ask().status == 200
    before = {w["id"]: w["connections"] for w in weldr.workers()}
    assert sum(before.values()) == 30
    pid = weldr.worker_pids()[0]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), 5, "the worker is dead")
    alive = 0
    for client in clients:
        try:
            alive += client.ask().status == 200
        except (Closed, OSError):
            pass
    assert alive == before[1]


def test_back_off_of_a_worker_that_keeps_dying(lab):
    """Not in a tight loop: the pauses grow from 0.1 s on; the manager serves on."""
    weldr = lab.weldr(workers=1)
    deaths, start = 0, time.monotonic()
    while time.monotonic() - start < 4 or deaths < 2:
        workers = weldr.workers()
        if workers[0]["state"] == "running" and is_alive(workers[0]["pid"]):
            os.kill(workers[0]["pid"], signal.SIGKILL)
            deaths += 1
            pid = workers[0]["pid"]
            wait_until(lambda p=pid: weldr.workers()[0]["pid"] != p, 15, "the death is noticed")
    assert deaths <= 20, deaths
    running = weldr.wait_workers(1, 15)
    assert running[0]["restarts"] >= deaths - 1
    assert weldr.ask().status == 503


@pytest.mark.smoke
def test_pool_changes_while_a_worker_is_down(lab):
    """M09: a late worker starts from a full snapshot."""
    weldr = lab.weldr(workers=2)
    first, second = lab.origin(o.named("1")), lab.origin(o.named("2"))
    weldr.add(first)
    old = weldr.worker_pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    weldr.add(second)
    weldr.delete(first)
    weldr.wait_workers(2, not_pids=old)
    assert same_pool(weldr)
    assert {weldr.ask().text for _ in range(20)} == {"2"}


@pytest.mark.smoke
def test_no_update_is_skipped_for_a_slow_worker(lab):
    """M10: a worker that stands still for a while misses nothing."""
    weldr = lab.weldr(workers=2)
    weldr.add(lab.origin())
    slow = weldr.worker_pids()[0]
    answers = []
    os.kill(slow, signal.SIGSTOP)

    def write(number):
        answers.append(weldr.api("POST", "/servers", {"url": f"http://127.0.0.1:{20000 + number}", "weight": 0,
                                                      "check": {"type": "none"}}, ).status)
    threads = [threading.Thread(target=write, args=(n,)) for n in range(30)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(weldr.servers()) == 31, 10, "reads go on meanwhile")
    os.kill(slow, signal.SIGCONT)
    for thread in threads:
        thread.join()
    assert answers == [201] * 30
    wait_until(lambda: same_pool(weldr), 10, "both workers have the same pool")
    assert len(weldr.servers()) == 31
    assert len(weldr.wait_workers(2)) == 2


def test_workers_agree_after_many_changes(lab):
    """M05: acknowledged with index and digest."""
    weldr = lab.weldr(workers=4)
    for number in range(50):
        weldr.add(f"http://127.0.0.1:{21000 + number}", weight=number)
    for number in range(0, 50, 2):
        assert weldr.api("DELETE", f"/servers/127.0.0.1/{21000 + number}").status == 200
        assert same_pool(weldr)
    assert weldr.workers()[0]["applied_index"] == int(weldr.api("GET", "/").get("X-Weldr-Revision"))


@pytest.mark.smoke
def test_manager_killed(lab):
    """Workers notice, finish what is in flight, and end."""
    gate = o.BodyGate()
    weldr, _ = lab.run(gate, workers=2)
    client = weldr.connect().request()
    response = client.head()
    workers = weldr.worker_pids()
    weldr.signal(signal.SIGKILL)
    weldr.wait_exit()
    wait_until(lambda: refuses(weldr.address), 10, "the workers have noticed")
    gate.open()
    assert client.body(response).body == b"first-rest"
    wait_until(lambda: not any(is_alive(pid) for pid in workers), 10, "the workers have ended")
    weldr.stopped = True
    weldr.assert_no_dirt()


def test_closed_standard_descriptors(lab):
    """Else a socket would get the number of stderr, and the log would be written to a client."""
    process = subprocess.Popen([BIN, "--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0", "--workers", "1"],
                               env=clean_environment(), preexec_fn=lambda: [os.close(fd) for fd in (0, 1, 2)])
    pids = [process.pid]
    try:
        wait_until(lambda: child_pids(process.pid), 20, "the worker")
        pids += child_pids(process.pid)
        for pid in pids:
            wait_until(lambda pid=pid: os.readlink(f"/proc/{pid}/fd/2") == "/dev/null", 5, "stderr on /dev/null")
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_manager_killed_with_idle_clients(lab):
    weldr, _ = lab.run(o.hello, workers=2)
    clients = [weldr.connect() for _ in range(10)]
    for client in clients:
        client.ask()
    workers = weldr.worker_pids()
    weldr.signal(signal.SIGKILL)
    weldr.wait_exit()
    wait_until(lambda: not any(is_alive(pid) for pid in workers), 10, "the workers have ended")
    weldr.stopped = True
    weldr.assert_no_dirt()


def test_idle_processes_use_no_cpu(lab):
    """Nothing spins: neither after a start nor with idle clients and a half-closed one."""
    weldr, _ = lab.run(o.hello, workers=2)
    clients = [weldr.connect() for _ in range(20)]
    for client in clients:
        client.ask()
    clients[0].finish()
    gate = weldr.connect().send(b"GET / HTTP/1.1\r\n")
    assert gate
    pids = session_members(weldr.pid)
    before = {pid: cpu_ticks(pid) for pid in pids}
    time.sleep(2.0)
    for pid in pids:
        assert cpu_ticks(pid) - before[pid] <= 10, f"{command_of(pid)} used {cpu_ticks(pid) - before[pid]} ticks in 2 s"


def test_worker_alone_refuses_to_run():
    """Without its manager a worker says so and ends."""
    result = run_weldr("worker", "--id", "0")
    assert result.returncode != 0 and result.returncode < 128 and result.stderr.strip()


def test_descriptors_are_not_inherited_twice(lab):
    """A worker holds no descriptor of another worker's channel, listener or inbox, or of the API's clients; what all
    hold is one way into each inbox."""
    weldr = lab.weldr(workers=3)
    with Client(weldr.admin) as client:
        client.ask(target="/servers")
        old = weldr.worker_pids()[2]
        os.kill(old, signal.SIGKILL)
        new = weldr.wait_workers(3, not_pids=[old])[2]["pid"]
        mine = socket_inodes(new)
        others = [socket_inodes(pid) for pid in weldr.worker_pids()[:2]]
        assert mine & others[0] == mine & others[1] == others[0] & others[1]
        assert len(mine & others[0]) == 3
        assert client.ask(target="/servers").status == 200


def test_short_of_descriptors_while_serving(lab):
    """Short of something: refuse new work first, never kill work in progress, recover by itself."""
    weldr = lab.weldr(workers=1, nofile=64)
    weldr.add(lab.origin())
    keeper = weldr.connect()
    assert keeper.ask().status == 200
    crowd = [weldr.connect().send("GET") for _ in range(100)]
    assert select.select([client.sock for client in crowd], [], [], 20)[0], "newcomers are refused"
    assert keeper.ask().status == 200
    for client in crowd:
        client.close()

    def recovered():
        try:
            return weldr.ask().status == 200
        except (Closed, OSError):
            return False
    wait_until(recovered, 10, "service after the crowd has left")
