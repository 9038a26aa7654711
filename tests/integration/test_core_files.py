"""Core files have no private key in them: those that the kernel writes at a SIGABRT, and of processes for which it writes none, what it would."""

import base64
import os
import signal

import pytest

import origins as o
import tls_files
from rawhttp import wait_until
from test_admin_tls import Api, start
from test_tls_keys import dumped_memory, numbers, secrets, shake_hands
from test_tls_servers import HOST, serving
from weldr import BUILD, is_alive, status_field

PIECE_BYTES = 1 << 20
CORE_BYTES_MAX = 256 << 20
CORES_OF_ASAN = os.environ.get("ASAN_OPTIONS", "") + ":disable_coredump=0"
OVERLAP_BYTES = 8192  # a needle that lies in two pieces is found in one


def is_written_by_kernel(pid):
    """Not where cores are piped to a program of this machine or lie in a folder of all; not of a process that has changed its user
    (workers of a manager that is root: the kernel takes their "dumpable" away, /proc shows them as root's), and not in a folder of
    somebody else."""
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        is_here = file.read().strip() == "core"
    user = int(status_field(pid, "Uid").split()[0])
    return is_here and {os.stat(f"/proc/{pid}").st_uid, os.stat(f"/proc/{pid}/cwd").st_uid} == {user}


def kernel_core(pid, folder, path):
    before = {entry.name for entry in folder.iterdir()}
    os.kill(pid, signal.SIGABRT)
    wait_until(lambda: not is_alive(pid), 60, f"process {pid} has ended")
    (made,) = {entry.name for entry in folder.iterdir()} - before
    assert made in ("core", f"core.{pid}")
    (folder / made).rename(path)
    with path.open("rb") as file:
        assert file.read(4) == b"\x7fELF", "the kernel has written it"
    if BUILD != "asan":  # whose own tables are terabytes
        assert path.stat().st_size < CORE_BYTES_MAX, "the counters that manager and workers share, 2.6 GB, are not in it"


def own_core(pid, path):
    """From the same mappings that the kernel would write."""
    os.kill(pid, signal.SIGSTOP)
    path.write_bytes(b"".join(dumped_memory(pid)))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), 60, f"process {pid} has ended")


def core_of(pid, folder):
    """Ends this process; returns its core file: the kernel's where it writes one, else one of our own."""
    path = folder / f"core-of-{pid}"
    kernel_core(pid, folder, path) if is_written_by_kernel(pid) else own_core(pid, path)
    return path


def pieces(path):
    """What the file has, without its holes."""
    end = os.path.getsize(path)
    with path.open("rb", buffering=0) as file:
        at = 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            hole = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < hole:
                file.seek(at)
                yield file.read(min(PIECE_BYTES, hole - at) + OVERLAP_BYTES)
                at = min(at + PIECE_BYTES, hole)


def forms(pair):
    """secrets() has lines of the PEM and the numbers in both orders of bytes; here also what the key is in DER, and the whole text."""
    body = "".join(line for line in pair.key.splitlines() if not line.startswith("-"))
    der = base64.b64decode(body)
    at = max(der.find(number[:16]) for number in numbers(pair))
    assert at > 0
    return {**secrets(pair), "text": pair.key.strip().encode(), "DER": der, "DER around a number": der[at - 2:at + 30]}


def find(path, wanted):
    found = set()
    for piece in pieces(path):
        found |= {name for name, needle in wanted.items() if needle in piece}
    return sorted(found)


@pytest.fixture
def root():
    return tls_files.authority()


def use(lab, weldr, root):
    """Certificates of all origins: EC and RSA, by file and by API, shown to clients and to a server that wants one."""
    pairs = {"API, EC": root.issue("api.test"), "API, RSA": root.issue("rsa.test", key="rsa"),
             "client": root.issue("weldr.test", client=True), "client, RSA": root.issue("weldr.test", client=True, key="rsa")}
    for name in ("API, EC", "API, RSA"):
        assert weldr.api("POST", "/certificates", pairs[name].body()).status == 201
    assert weldr.api("POST", "/certificates", pairs["client"].body(name="mine")).status == 201
    weldr.patch_pool({"tls": {"certificate": "mine"}})
    weldr.add(lab.origin(o.hello, tls=serving(root.issue(HOST), client_ca=root)))
    for pair in ("client", "client, RSA"):
        assert weldr.api("PUT", "/certificates/mine", pairs[pair].body()).status == 200
        for _ in range(3):
            with weldr.connect() as connection:
                assert connection.ask().status == 200
    for name in ("file.test", "api.test", "rsa.test"):
        shake_hands(weldr, root, name)
    return pairs


@pytest.mark.smoke
@pytest.mark.parametrize("key", ["ec", "rsa"])
def test_no_key_is_in_a_forced_core_file(lab, root, tmp_path, key):
    of_file = root.issue("file.test", key=key)
    weldr = lab.weldr("--ip", "127.0.0.1:0,tls", "--certificate", of_file.chain_path, "--certificate-key", of_file.key_path,
                      env={"SSL_CERT_FILE": root.path, "ASAN_OPTIONS": CORES_OF_ASAN}, cores=tmp_path)
    pairs = {"file": of_file, **use(lab, weldr, root)}
    wanted = {f"{who}: {name}": needle for who, pair in pairs.items() for name, needle in forms(pair).items()}
    (worker,) = weldr.worker_pids()
    cores = {"worker": core_of(worker, tmp_path)}
    weldr.wait_workers(1, not_pids=[worker])
    cores["manager"] = core_of(weldr.pid, tmp_path)
    weldr.stop(exit_code=None)
    line = pairs["API, EC"].chain.splitlines()[2].encode()
    for who, path in cores.items():
        assert find(path, {"a line of a chain": line}), f"{who}: the search finds what is there"
    if BUILD == "asan":  # there the TLS library has its memory from malloc, so that errors are found: keys are in the worker's core
        assert find(cores["worker"], wanted), "the search finds keys where they are"
        return
    assert {who: find(path, wanted) for who, path in cores.items()} == {"worker": [], "manager": []}


@pytest.mark.smoke
def test_no_key_that_came_over_tls_is_in_a_forced_core_file(lab, root, tmp_path):
    """Bodies pass through what the manager decrypts into. A chain may be a file that holds the key too."""
    pairs = {key: root.issue(f"{key}.test", key=key) for key in ("ec", "rsa", "ed25519")}
    weldr = start(lab, root.issue("127.0.0.1"), env={"ASAN_OPTIONS": CORES_OF_ASAN}, cores=tmp_path)
    api = Api(weldr, tls_files.trusting(root))
    for pair in pairs.values():
        assert api.ask("POST", "/certificates", {"chain": pair.chain + pair.key, "key": pair.key})[0] == 201
    wanted = {f"{key}, a line": pair.key.splitlines()[1].encode() for key, pair in pairs.items()}
    core = core_of(weldr.pid, tmp_path)
    weldr.stop(exit_code=None)
    line = pairs["ec"].chain.splitlines()[2].encode()
    assert find(core, {"a line of a chain": line}), "the search finds what is there"
    if BUILD != "asan":  # there the TLS library has its memory from malloc
        assert find(core, wanted) == []
