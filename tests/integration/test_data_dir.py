"""--data-dir: what was described is there again after a kill -9; --ephemeral keeps nothing; a directory has one node."""

import json
import os
import re
import signal
import subprocess
import threading

import pytest

import origins as o
import tls_files as t
from failures import is_problem
from ports import Port
from rawhttp import wait_until
from weldr import BIN, clean_environment, is_alive, run_weldr

LOCAL = ("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0")


def end(weldr, number=signal.SIGKILL):
    weldr.signal(number)
    assert weldr.wait_exit(20) == (0 if number == signal.SIGTERM else -number)
    weldr.stopped = True


def description(weldr):
    """All that was described, as the API shows it, without what only this process knows."""
    shown = {}
    for path in ("/pools", "/listeners", "/servers", "/certificates", "/listeners/default/rules"):
        answer = weldr.api("GET", path)
        assert answer.status == 200, answer
        shown[path] = answer.json
    servers = [(s["id"], s["url"], s["weight"], s["admin"], s["pool"]) for s in shown["/servers"]["servers"]]
    certificates = [(c["id"], c["name"], c["fingerprint"]) for c in shown["/certificates"]["certificates"]]
    listeners = [(x["name"], x["addresses"], x["protocol"], x["default_action"]) for x in shown["/listeners"]["listeners"]]
    pools = [p["name"] for p in shown["/pools"]["pools"]]
    return servers, certificates, listeners, pools, shown["/listeners/default/rules"]["rules"]


def change(weldr, method, path, body=None, status=201):
    answer = weldr.api(method, path, body)
    assert answer.status == status, answer
    return answer.json


@pytest.mark.smoke
def test_all_of_it_is_there_again(lab, folder):
    origin, two, pair = lab.origin(o.hello), Port(), t.authority().issue("a.test")
    first = lab.weldr("--data-dir", folder)
    first.add(origin, weight=3)
    for port, verb in ((81, "maintenance"), (82, "drain")):
        first.add(f"http://192.0.2.2:{port}")
        change(first, "POST", f"/servers/192.0.2.2/{port}/{verb}", {"drain_ms": 0}, 200)
    change(first, "POST", "/pools", {"name": "more", "check": {"type": "none"}})
    change(first, "POST", "/certificates", pair.body(name="a"))
    change(first, "POST", "/listeners", {"name": "two", "protocol": "https", "addresses": [two.text],
                                         "default_action": {"forward": [{"pool": "default"}]}})
    change(first, "POST", "/listeners/default/rules", {"priority": 1, "conditions": {"host": "old.example"},
                                                       "action": {"redirect": {"status": 301, "host": "new.example"}}})
    before = description(first)
    end(first)
    second = lab.weldr("--data-dir", folder, "--server", "http://192.0.2.9:1")
    assert second.lines(msg="what is described is kept", state="found")
    assert description(second) == before, "and the flag plays no part"
    assert second.ask().status == 200
    assert second.lines(level="error") == []
    done = subprocess.run(["openssl", "s_client", "-connect", two.text, "-servername", "a.test", "-brief"], input="", text=True,
                          capture_output=True, check=False, timeout=20)
    assert "CN = a.test" in done.stderr + done.stdout or "a.test" in done.stderr + done.stdout, done
    end(second, signal.SIGTERM)
    third = lab.weldr("--data-dir", folder)
    assert description(third) == before


def test_keys_on_disk_are_closed(lab, folder):
    pair = t.authority().issue("a.test")
    weldr = lab.weldr("--data-dir", folder)
    change(weldr, "POST", "/certificates", pair.body(name="a"))
    with open(pair.key_path, encoding="ascii") as file:
        secret = file.read().splitlines()[1].encode()
    found = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                data = file.read()
            found += b"a.test" in data
            assert secret not in data, name
    assert found, "the certificate itself is there"
    assert os.stat(os.path.join(folder, "node.key")).st_mode & 0o777 == 0o600


@pytest.mark.timeout(300)  # 21 starts
def test_killed_while_it_writes(lab, folder):
    """What was acknowledged is there, and nothing that was not asked for."""
    acknowledged, asked = set(), set()
    for turn in range(20):
        weldr = lab.weldr("--data-dir", folder)
        there = {s["url"] for s in weldr.servers()}
        assert acknowledged <= there <= asked, (turn, acknowledged - there, there - asked)
        acknowledged = there
        is_enough = threading.Event()

        def write(writer, weldr=weldr, turn=turn, is_enough=is_enough):
            for i in range(10000):
                url = f"http://192.0.2.{turn + 1}:{1000 + writer * 10000 + i}"
                asked.add(url)
                try:
                    answer = weldr.api("POST", "/servers", {"url": url, "check": {"type": "none"}})
                except OSError:
                    return
                if answer.status != 201:
                    return
                acknowledged.add(url)
                if i >= turn:
                    is_enough.set()

        writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        for writer in writers:
            writer.start()
        assert is_enough.wait(20)
        end(weldr)
        for writer in writers:
            writer.join()
    weldr = lab.weldr("--data-dir", folder)
    assert acknowledged <= {s["url"] for s in weldr.servers()} <= asked


def test_ephemeral_keeps_nothing(lab, tmp_path):
    first = lab.weldr("--ephemeral")
    assert first.lines(flag="--ephemeral")
    first.add("http://192.0.2.1:80")
    end(first)
    second = lab.weldr("--ephemeral", env={"WELDR_DATA_DIR": str(tmp_path / "unused")})
    assert second.servers() == [] and os.listdir(tmp_path) == []


def test_a_directory_has_one_node(lab, folder):
    weldr = lab.weldr("--data-dir", folder)
    weldr.add("http://192.0.2.1:80")
    result = run_weldr(*LOCAL, "--data-dir", folder)
    assert result.returncode == 1 and "in use by process" in result.stderr and folder in result.stderr, result
    assert len(weldr.servers()) == 1
    end(weldr)
    assert len(lab.weldr("--data-dir", folder).servers()) == 1


def test_a_successor_has_the_directory_while_the_old_one_drains(lab, folder):
    gate, ip = o.BodyGate(), Port()
    origin = lab.origin(gate)
    first = lab.weldr("--data-dir", folder, ip=ip.text, drain_timeout="30s")
    first.add(origin)
    client = first.connect().request()
    response = client.head()
    first.signal(signal.SIGTERM)
    second = lab.weldr("--data-dir", folder)  # which waits for a moment
    assert [s["url"] for s in second.servers()] == [origin.url]
    assert is_alive(first.pid)
    gate.open()
    assert client.body(response).body == b"first-rest"
    client.close()
    assert first.wait_exit(20) == 0
    first.stopped = True
    first.assert_no_dirt()


def test_what_is_wrong_ends_the_start(lab, folder):
    result = run_weldr(*LOCAL, "--data-dir", folder, "--ephemeral")
    assert result.returncode == 2 and "--ephemeral and --data-dir" in result.stderr, result
    result = run_weldr(*LOCAL, "--data-dir", os.path.join(folder, "deeper"))
    assert result.returncode == 2 and folder in result.stderr, result
    end(lab.weldr("--data-dir", folder))
    with open(os.path.join(folder, "node.key"), "r+b") as file:
        file.write(b"x")
    result = run_weldr(*LOCAL, "--data-dir", folder)
    assert result.returncode == 1 and "node.key" in result.stderr, result


def test_who_the_node_is_must_be_there_whole(lab, folder):
    """DIR/member: without the cluster's key no certificate could be opened."""
    pair = t.authority().issue("a.test")
    weldr = lab.weldr("--data-dir", folder)
    change(weldr, "POST", "/certificates", pair.body(name="a"))
    end(weldr)
    path = os.path.join(folder, "member")
    with open(path, "rb") as file:
        whole = file.read()
    assert os.stat(path).st_mode & 0o777 == 0o600
    for damaged in [whole[:-1], whole[:100] + b"x" + whole[101:], None]:
        os.unlink(path)
        if damaged is not None:
            with open(path, "wb") as file:
                file.write(damaged)
        result = run_weldr(*LOCAL, "--data-dir", folder)
        says = "is missing" if damaged is None else "is damaged"
        assert result.returncode == 1 and f"{path}: {says}; put a copy" in result.stderr, result
        if damaged is None:
            assert not os.path.exists(path)
    with open(path, "wb") as file:
        file.write(whole)
    weldr = lab.weldr("--data-dir", folder)
    assert weldr.api("GET", "/certificates").json["certificates"][0]["name"] == "a"


def test_the_key_lies_elsewhere(lab, folder, tmp_path):
    """--node-key-file: the directory alone opens nothing; another key, a missing one or one that all can read is refused."""
    pair, key = t.authority().issue("a.test"), tmp_path / "node key"
    result = run_weldr(*LOCAL, "--data-dir", folder, "--node-key-file", str(key))
    assert result.returncode == 1 and f"{key}: can't open it: No such file" in result.stderr, result
    key.write_bytes(bytes(range(32)))
    result = run_weldr(*LOCAL, "--data-dir", folder, "--node-key-file", str(key))
    assert result.returncode == 1 and f"{key}: others can get at it (mode 0644)" in result.stderr, result
    key.chmod(0o600)
    weldr = lab.weldr("--data-dir", folder, "--node-key-file", str(key))
    change(weldr, "POST", "/certificates", pair.body(name="a"))
    before = description(weldr)
    end(weldr)
    assert not os.path.exists(os.path.join(folder, "node.key"))
    result = run_weldr(*LOCAL, "--data-dir", folder)
    assert result.returncode == 1 and f"{folder}/node.key: is missing; put it back, or name the file" in result.stderr, result
    other = tmp_path / "another"
    other.write_bytes(bytes(32))
    other.chmod(0o600)
    result = run_weldr(*LOCAL, "--data-dir", folder, "--node-key-file", str(other))
    assert result.returncode == 1 and "was closed with another node key" in result.stderr, result
    assert description(lab.weldr("--data-dir", folder, "--node-key-file", str(key))) == before


# ---- damage, and the way out

def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def offline(verb, folder, *words):
    return subprocess.run([BIN, "cluster", verb, "--data-dir", folder, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False, env=clean_environment())


def fill(lab, folder, servers_n=30):
    """A node that was killed; the URLs of its servers, in the order in which they were added."""
    weldr = lab.weldr("--data-dir", folder)
    urls = [f"http://192.0.2.1:{port}" for port in range(1, servers_n + 1)]
    for url in urls:
        weldr.add(url, check={"type": "none"})
    end(weldr)
    return urls


def refuse(folder, name):
    """It does not start, and says what is damaged and what to do."""
    result = run_weldr(*LOCAL, "--data-dir", folder)
    assert result.returncode == 1 and name in result.stderr and "weldr cluster repair" in result.stderr, result


def written_segment(folder):
    """The segment of the log that has the most in it, and how much: an open one ends in zeros."""
    found = {}
    for name in os.listdir(os.path.join(folder, "log")):
        if name.startswith(("open-", "0")):
            path = os.path.join(folder, "log", name)
            with open(path, "rb") as file:
                found[path] = len(file.read().rstrip(b"\0"))
    path = max(found, key=found.get)
    return path, found[path]


def start_on(lab, folder, urls):
    """These are its servers, and another one can be added, which is there after a kill."""
    weldr = lab.weldr("--data-dir", folder)
    assert [server["url"] for server in weldr.servers()] == urls
    weldr.add("http://192.0.2.2:1", check={"type": "none"})
    end(weldr)
    again = lab.weldr("--data-dir", folder)
    assert len(again.servers()) == len(urls) + 1
    end(again)


@pytest.mark.parametrize("place", [0.4, 0.7, 0.99])
def test_a_damaged_log_is_repaired(lab, folder, place):
    urls = fill(lab, folder)
    path, used = written_segment(folder)
    flip(path, int(used * place))
    refuse(folder, path)
    asked = offline("repair", folder)
    lost = re.search(r"all is whole up to entry (\d+); entries (\d+) to (\d+) are lost, acknowledged changes among them", asked.stderr)
    assert asked.returncode == 1 and lost, asked
    last, first_lost, last_lost = map(int, lost.groups())
    lost_n = last_lost - last
    assert first_lost == last + 1 and 0 < lost_n < len(urls)
    refuse(folder, path)  # nothing was done
    done = offline("repair", folder, "--yes")
    assert done.returncode == 0 and f"kept: all up to entry {last}\nlost: entries {first_lost} to {last_lost}\n" in done.stdout, done
    old = re.search(r"what was damaged is in (\S+);", done.stdout).group(1)
    assert os.path.exists(os.path.join(old, "log", os.path.basename(path)))
    start_on(lab, folder, urls[:-lost_n])
    whole = offline("repair", folder)
    assert whole.returncode == 0 and "nothing is damaged" in whole.stdout, whole


@pytest.mark.parametrize("name,is_guess", [("identity", False), ("high_water", True), ("log/metadata1", False)])
@pytest.mark.parametrize("is_missing", [False, True])
def test_what_can_be_made_anew_is(lab, folder, name, is_guess, is_missing):
    urls = fill(lab, folder)
    path = os.path.join(folder, name)
    if is_missing:
        os.unlink(path)
    else:
        with open(path, "r+b") as file:
            file.truncate(20)
    result = run_weldr(*LOCAL, "--data-dir", folder)
    assert result.returncode == 1 and "weldr cluster repair" in result.stderr, result
    if is_guess:
        asked = offline("repair", folder)
        assert asked.returncode == 1 and "nobody can tell whether there were more" in asked.stderr, asked
    done = offline("repair", folder, *(["--yes"] if is_guess else []))
    assert done.returncode == 0 and "lost: entries" not in done.stdout, done
    start_on(lab, folder, urls)


@pytest.mark.parametrize("name", ["member", "node.key"])
def test_what_is_beyond_repair(lab, folder, name):
    """The keys are in no other file; what is there is moved aside, and the node begins anew."""
    fill(lab, folder, 1)
    flip(os.path.join(folder, name), 30)
    result = run_weldr(*LOCAL, "--data-dir", folder)
    assert result.returncode == 1 and name in result.stderr, result
    refused = offline("repair", folder, "--yes")
    assert refused.returncode == 1 and "what it holds is in no other file" in refused.stderr, refused
    moved = offline("rejoin", folder)
    assert moved.returncode == 0, moved
    start_on(lab, folder, [])


def test_a_directory_is_looked_at_while_nobody_runs(lab, folder):
    urls = fill(lab, folder)
    shown = json.loads(offline("status", folder, "--json").stdout)
    assert shown["place"] == "alone" and shown["cluster"] is None and shown["index"] >= shown["applied"] >= len(urls), shown
    lines = offline("status", folder).stdout.splitlines()
    assert lines[0].split() == ["node", shown["node"]] and lines[-1].split() == ["applied", str(shown["applied"])]
    weldr = lab.weldr("--data-dir", folder)
    running = offline("status", folder)
    assert running.returncode == 1 and "in use by process" in running.stderr, running
    end(weldr)
    path, used = written_segment(folder)
    flip(path, used // 2)
    damaged = offline("status", folder)
    assert damaged.returncode == 1 and path in damaged.stderr, damaged


def test_nearby_where_the_usual_place_cant_be_written(tmp_path):
    """As somebody who may not write /var/lib."""
    os.chmod(tmp_path, 0o755)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)
    for parent in home.parents:
        if parent.stat().st_mode & 0o001 == 0:
            os.chmod(parent, 0o711)
    environment = clean_environment({"WELDR_EPHEMERAL": "no"})
    with subprocess.Popen([BIN, *LOCAL, "--workers", "1"], cwd=home, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, user=12345, group=12345, extra_groups=[]) as process:
        said = ""
        for line in process.stderr:
            said += line
            if "msg=ready" in line:
                break
        process.terminate()
        process.stderr.read()
    assert "directory=weldr-data" in said, said
    assert (home / "weldr-data" / "identity").exists()


def test_a_full_disk(lab, tmp_path):
    """Changes are refused while there is no room, requests go on, and all is well again without a restart."""
    origin, folder = lab.origin(o.hello), tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=14m", "tmpfs", str(folder)], check=True)
    try:
        weldr = lab.weldr("--data-dir", str(folder / "node"))
        weldr.add(origin)
        change(weldr, "POST", "/pools", {"name": "long", "check": {"type": "none"}})

        def fill(turn):
            servers = [{"url": f"http://192.0.2.1:{port}", "meta": {f"k{k}": f"{turn:250}" for k in range(4)}} for port in range(1, 800)]
            return weldr.api("PUT", "/pools/long/servers", {"servers": servers})

        answers = [fill(turn) for turn in range(14)]
        refused = [answer for answer in answers if answer.status == 507]
        assert answers[0].status in (200, 201) and refused, answers
        is_problem(refused[0], 507, "no_space")
        is_problem(weldr.api("POST", "/pools", {"name": "more"}), 507, "no_space")
        assert weldr.ask().status == 200
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        wait_until(lambda: weldr.api("POST", "/pools", {"name": "more"}).status == 201, 30, "changes are taken again")
        before = description(weldr)
        end(weldr)
        again = lab.weldr("--data-dir", str(folder / "node"))
        assert description(again) == before
        end(again)
    except Exception:
        for weldr in lab.weldrs:
            weldr.kill()
        raise
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
