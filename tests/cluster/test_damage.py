"""Each file of a member's data directory, damaged in each way: the node does not start, or has lost nothing."""

import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import weldr as w
from node import settle
from writers import agree

PLACES = int(os.environ.get("DAMAGE_PLACES", "1"))  # bytes of each file that are flipped
HAS_SNAPSHOT = "DAMAGE_PLACES" in os.environ
SERVERS, KEYS = 200, 32
SNAPSHOT_AFTER = 23  # changes of 1.6 MB: one comes after 32 MB
WORKERS = 2
# What may be borne. An older mark, or one slot of three: the log is held against what is left of it. The addresses in an older member file are found anew.
# The vote that is not the last one counts for nothing. What was stored and never applied looks like a write that was cut off.
BORNE = {("high_water", "older"), ("high_water", "byte"), ("member", "older"), ("metadata1", "byte"), ("metadata2", "byte"),
         ("open-1", "shorter"), ("open-1", "byte")}
# Nobody misses them, or what is in them; the process that held the directory, the room for a start, hints, a used token.
OF_NO_STATE = {"lock", "ballast", "health", "token"}
SEGMENT, SNAPSHOT = re.compile(r"\d+-(\d+)"), re.compile(r"snapshot-\d+-(\d+)-\d+")


def offline(folder):
    """What `weldr cluster status` says of it, or its error: it looks as a start does."""
    done = subprocess.run([w.BIN, "cluster", "status", "--data-dir", folder, "--json"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False, env=w.clean_environment())
    assert done.returncode in (0, 1), done
    return (json.loads(done.stdout), None) if done.returncode == 0 else (None, done.stderr)


def files(folder):
    """Their names, "log/open-1", without those of no state."""
    found = [os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names]
    return sorted(name for name in found if name not in OF_NO_STATE)


def kind(name):
    return os.path.basename(name)


def last_of(pattern, names):
    """The highest index that the names of segments or snapshots tell: "21-42", "snapshot-TERM-42-TIME"."""
    return max((int(found.group(1)) for found in map(pattern.fullmatch, map(kind, names)) if found), default=0)


def is_spare(name, names):
    """A segment that ends where a snapshot does, or before it: all that is in it is there without it."""
    return 0 < last_of(SEGMENT, [name]) <= last_of(SNAPSHOT, names)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, data):
    """None: it is missing."""
    if data is None:
        os.unlink(path)
        return
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o600)


def damages(name, whole, older):
    """(what is done to it, its bytes then). A segment that was allocated for later says nothing."""
    used = len(whole.rstrip(b"\0"))
    if used == 0:
        return
    yield "missing", None
    yield "half", whole[:used // 2]
    yield "shorter", whole[:used - 1]
    if older not in (None, whole):
        yield "older", older
    for number in range(PLACES):
        at = used * (2 * number + 1) // (2 * PLACES)
        yield f"byte {at}", whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1:]


def bears(name, what, before, after):
    """A damaged file after which the node starts all the same: it has all that was applied, and nothing else in its place."""
    applied, index = after.pop("applied"), after.pop("index")
    assert applied <= before["applied"] <= index <= before["index"] and after.items() <= before.items(), (name, what, applied, index, after, before)


def is_clear(folder, name, error):
    """It names the file (of a log that lacks something, its directory) and a way out."""
    place = os.path.join(folder, name)
    return (place in error or os.path.dirname(place) in error) and any(way in error for way in ("weldr cluster re", "put it back", "put a copy"))


class Matrix:
    """Copies of one directory, each for a thread: a file is damaged, looked at and made whole again."""

    def __init__(self, town, node, older):
        self.node, self.older = node, older
        self.before, error = offline(node.folder)
        assert error is None, error
        self.copies = [os.path.join(town.folder, f"copy{number}") for number in range(WORKERS)]
        for copy in self.copies:
            shutil.copytree(node.folder, copy)

    def try_one(self, folder, name, what, data):
        """(name, what, is refused)."""
        path = os.path.join(folder, name)
        whole = read(path)
        put(path, data)
        after, error = offline(folder)
        if error is None:
            bears(name, what, self.before, after)
        else:
            assert is_clear(folder, name, error), (name, what, error)
        put(path, whole)
        return name, what, error is not None

    def run(self):
        def take(number):
            told = []
            for name in files(self.copies[number])[number::WORKERS]:
                path, older = os.path.join(self.copies[number], name), os.path.join(self.older, name)
                old = read(older) if os.path.exists(older) else None
                told += [self.try_one(self.copies[number], name, what, data) for what, data in damages(name, read(path), old)]
            return told
        with ThreadPoolExecutor(WORKERS) as pool:
            return [line for lines in pool.map(take, range(WORKERS)) for line in lines]

    def start_without(self, name):
        """As the node itself, which says the same and ends. Not in a thread, for it forks into a namespace."""
        folder = self.copies[0]
        path = os.path.join(folder, name)
        whole = read(path)
        put(path, None)
        done = w.run_weldr("--data-dir", folder, "--cluster-ip", self.node.cluster_ip, "--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0",
                           "--workers", "1", namespace=self.node.host.namespace)
        assert done.returncode == 1 and is_clear(folder, name, done.stderr), (name, done)
        put(path, whole)


def fill(node, turn):
    """1.6 MB of the log."""
    servers = [{"url": f"http://192.0.2.1:{port}", "check": w.NO_CHECK, "meta": {f"k{k}": f"{turn:250}" for k in range(KEYS)}}
               for port in range(1, SERVERS + 1)]
    node.change("PUT", "/pools/default/servers", {"servers": servers})


def make_member(town):
    """The last of three, killed, and a copy of it when it was young. In the long form its log begins with a snapshot of the leader."""
    nodes = first, _, node = town.cluster(3)
    node.kill()
    older = os.path.join(town.folder, "older")
    shutil.copytree(node.folder, older)
    for turn in range(SNAPSHOT_AFTER if HAS_SNAPSHOT else 1):
        fill(first, turn)
    for turn in range(2 if HAS_SNAPSHOT else 1):
        node.start()
        settle(nodes)
        first.add(f"http://192.0.2.2:{turn + 1}")
        agree(nodes)
        node.kill()
    return nodes, node, older


@pytest.mark.timeout(300)
def test_each_file_in_each_way(town):
    nodes, node, older = make_member(town)
    kinds = {kind(name).rstrip("0123456789") for name in files(node.folder)}
    assert {"high_water", "identity", "member", "node.key", "metadata", "open-"} <= kinds, kinds
    assert any(name.startswith("snapshot-") for name in kinds) == HAS_SNAPSHOT
    matrix = Matrix(town, node, older)
    told = matrix.run()
    for name, what, is_refused in told:
        if is_refused and what == "missing":
            matrix.start_without(name)
    names = files(node.folder)
    borne = {(kind(name), what.partition(" ")[0]) for name, what, is_refused in told if not is_refused and not (
        what == "missing" and is_spare(name, names))}
    assert borne <= BORNE, borne
    put(os.path.join(node.folder, "high_water"), read(os.path.join(older, "high_water")))
    node.start()
    settle(nodes)
    agree(nodes)
