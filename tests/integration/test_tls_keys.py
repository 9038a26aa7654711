"""Private keys are nowhere to be found: in no response, no log, no environment, and in no memory that a core file would have."""

import array
import re
import shutil
import signal
import socket
import ssl

import pytest

import origins as o
import tls_files as t
from rawhttp import wait_until
from test_tls_servers import HOST, serving
from weldr import BUILD

PAGE_BYTES = 4096
SHOWN = ("/", "/node", "/workers", "/stats", "/metrics", "/ready", "/openapi.json", "/events?since=0", "/pools", "/pools/default", "/servers",
         "/listeners", "/certificates", "/certificates/mine", "/certificates/shown", "/certificates/file.test")


def dumped_memory(pid):
    """Pieces of the memory of a process that the kernel would write to a core file: all but what is marked not to be dumped ("dd")."""
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        text = file.read()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory, open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for mapping in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", text, flags=re.MULTILINE)[1:]:
            first, last = (int(n, 16) // PAGE_BYTES for n in mapping.split(" ", 1)[0].split("-"))
            flags = re.search(r"^VmFlags: (.*)$", mapping, re.MULTILINE).group(1).split()
            if "dd" in flags or "io" in flags or "Rss:                   0 kB" in mapping:
                continue
            for page, count in used_pages(pagemap, first, last):
                memory.seek(page * PAGE_BYTES)
                yield memory.read(count * PAGE_BYTES)


def used_pages(pagemap, first, last):
    """Runs of pages that have memory: (the first, how many)."""
    pagemap.seek(8 * first)
    pages = array.array("Q", pagemap.read(8 * (last - first)))
    start = None
    for number, page in enumerate(pages):
        is_used = page >> 62 != 0
        if is_used and start is None:
            start = number
        elif not is_used and start is not None:
            yield first + start, number - start
            start = None
    if start is not None:
        yield first + start, len(pages) - start


def numbers(pair):
    """The secret numbers of its key, as bytes."""
    text = t.openssl("pkey", "-in", pair.key_path, "-noout", "-text").decode()
    found = re.findall(r"^(?:priv|prime1|prime2|privateExponent):\n((?: +[0-9a-f:]+\n)+)", text, re.MULTILINE)
    assert found
    return [bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0") for digits in found]


def secrets(pair):
    """What must not be found: lines of the PEM, and the numbers in both orders of bytes, as libraries keep them."""
    lines = [line.encode() for line in pair.key.splitlines() if not line.startswith("-") and len(line) > 20]
    raw = numbers(pair)
    return {name: needle for name, needle in [
        *((f"line {n}", line) for n, line in enumerate(lines)),
        *((f"number {n}", number[:32]) for n, number in enumerate(raw)),
        *((f"number {n}, the last byte first", number[::-1][:32]) for n, number in enumerate(raw)),
    ]}


def find(pid, pairs):
    wanted = {(index, name): needle for index, pair in enumerate(pairs) for name, needle in secrets(pair).items()}
    return sorted({key for piece in dumped_memory(pid) for key, needle in wanted.items() if needle in piece})


def is_dumped(pid, needle):
    return any(needle in piece for piece in dumped_memory(pid))


@pytest.fixture
def root():
    return t.authority()


@pytest.mark.smoke
def test_no_key_is_in_a_core_file_nor_told(lab, root, tmp_path):
    of_file, of_api, replaced, refused, rsa = (root.issue("file.test"), root.issue("api.test"), root.issue("api.test", again=1),
                                               root.issue("no.test"), root.issue("rsa.test", key="rsa"))
    of_pool = root.issue("weldr.test", client=True)
    pairs = (of_file, of_api, replaced, refused, rsa, of_pool)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    shutil.copy(of_file.chain_path, chain)
    shutil.copy(of_file.key_path, key)
    lines = tmp_path / "access.log"
    weldr = lab.weldr("--ip", "127.0.0.1:0,tls", "--certificate", str(chain), "--certificate-key", str(key), "--log-level", "trace",
                      "--access-log", str(lines), env={"SSL_CERT_FILE": root.path})
    weldr.add(lab.origin(o.hello, tls=serving(root.issue(HOST), client_ca=root)))
    answers = [weldr.api("POST", "/certificates", of_api.body(name="mine")), weldr.api("POST", "/certificates", rsa.body()),
               weldr.api("PUT", "/certificates/mine", replaced.body()),
               weldr.api("POST", "/certificates", {"chain": of_api.chain, "key": refused.key}),
               weldr.api("POST", "/certificates", refused.body(key=refused.key[:-40])),
               weldr.api("POST", "/certificates", "{" + refused.key), weldr.api("POST", "/certificates", of_pool.body(name="shown"))]
    assert [a.status for a in answers] == [201, 201, 200, 422, 422, 400, 201], answers
    weldr.patch_pool({"tls": {"certificate": "shown"}})
    assert weldr.ask().status == 200
    for name in ("file.test", "api.test", "rsa.test"):
        shake_hands(weldr, root, name)
    shown = [weldr.api("GET", path) for path in SHOWN]
    assert {a.status for a in shown} == {200}, shown
    weldr.signal(signal.SIGUSR1)  # manager and workers tell all that they are at
    weldr.wait_log(msg="dump pool", pool="default")
    wait_until(lambda: lines.read_text().count("\n") == 1, 10, "the line of the request")
    told = "".join(a.text for a in answers + shown) + weldr.log + lines.read_text()
    (worker,) = weldr.worker_pids()
    for pid in (weldr.pid, worker):
        with open(f"/proc/{pid}/environ", encoding="utf-8", errors="replace") as file:
            told += file.read()
    assert replaced.fingerprint in told, "the search finds what is there"
    for pair in pairs:
        assert not [name for name, needle in secrets(pair).items() if name.startswith("line") and needle.decode() in told]
    if BUILD == "asan":
        return  # there the library of TLS has its memory from malloc, so that errors are found
    assert is_dumped(weldr.pid, replaced.fingerprint.encode()), "the search finds what is there"
    assert is_dumped(worker, replaced.chain.splitlines()[2].encode())
    assert find(weldr.pid, pairs) == []
    assert find(worker, pairs) == []


def shake_hands(weldr, root, name):
    address = next(a for a in weldr.proxies if a != weldr.address)
    with t.trusting(root).wrap_socket(socket.create_connection(address, timeout=15), server_hostname=name) as client:
        assert isinstance(client, ssl.SSLSocket) and client.version()
