"""Many certificates: what it takes to add one, to find one in a handshake, and to keep them.

TLS_CERTIFICATES=10000 in the environment (`make sizes`) makes the whole of it; `pytest -s` shows the figures.
"""

import hashlib
import http.client
import json
import os
import signal
import ssl
import time

import pytest

import tls_files as t
from sides import secure
from test_certificates import shown_to
from test_tls_keys import numbers
from weldr import cpu_ticks, rss_bytes

COUNT = int(os.environ.get("TLS_CERTIFICATES", "40"))
FEW = 10
BLOCK = 1000
WORKERS = 2
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
HANDSHAKES = max(10, COUNT // 50)  # for each name that is asked for
OPENED = COUNT // 10  # names of which handshakes are made
LIMIT_S = 60 + COUNT / 5
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017 section 9.2


def name_of(number):
    return f"n{number:06}.many.test"


class Issuer:
    """Signs certificates of one key for as many names. It is an intermediate with an RSA key, as most of the web's are.

    The openssl command makes the first. The others are its bytes with another name of the same length, signed here: that takes some
    milliseconds each, the command's start alone takes more.
    """

    def __init__(self):
        authority = t.Authority("many", t.authority(), key="rsa")
        d, self.p, self.q = (int.from_bytes(number, "big") for number in numbers(authority))
        self.d_p, self.d_q, self.q_inverse = d % (self.p - 1), d % (self.q - 1), pow(self.q, -1, self.p)
        self.bytes_n = (self.p * self.q).bit_length() // 8
        self.first, self.chain = authority.issue(name_of(0)), authority.chain()

    def sign(self, message):
        """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2.1)."""
        end = b"\0" + SHA256_INFO + hashlib.sha256(message).digest()
        number = int.from_bytes(b"\0\1" + b"\xff" * (self.bytes_n - 2 - len(end)) + end, "big")
        of_p, of_q = pow(number, self.d_p, self.p), pow(number, self.d_q, self.q)
        return (of_q + self.q * (self.q_inverse * (of_p - of_q) % self.p)).to_bytes(self.bytes_n, "big")

    def der(self, number):
        made = self.first.der.replace(name_of(0).encode(), name_of(number).encode())
        to_be_signed = made[4:8 + int.from_bytes(made[6:8], "big")]
        return made[:-self.bytes_n] + self.sign(to_be_signed)

    def body(self, number):
        chain = ssl.DER_cert_to_PEM_cert(self.der(number)) + self.chain
        return json.dumps({"chain": chain, "key": self.first.key, "name": name_of(number)})


def ms(seconds):
    return f"{seconds * 1000:.1f} ms"


def told(what, times):
    times = sorted(times)
    print(f"{what:40} p50 {ms(times[len(times) // 2])}, p99 {ms(times[len(times) * 99 // 100])}, max {ms(times[-1])}")


def add(weldr, issuer, numbers_of_them):
    """The seconds of each, on one kept connection: from the request to a response that all workers have confirmed."""
    connection, times = http.client.HTTPConnection(*weldr.admin, timeout=20), []
    for number in numbers_of_them:
        body = issuer.body(number)
        began = time.monotonic()
        connection.request("POST", "/certificates", body)
        response = connection.getresponse()
        text = response.read()
        times.append(time.monotonic() - began)
        assert response.status == 201, text
    connection.close()
    return times


def cpu_ms(weldr):
    """What manager and workers have taken of a processor, whatever else runs on the machine."""
    ticks = [cpu_ticks(weldr.pid), sum(cpu_ticks(pid) for pid in weldr.worker_pids())]
    return [1000 * n / TICKS_PER_S for n in ticks]


def tell_of_adds(weldr, issuer, some):
    if not some:
        return
    before = cpu_ms(weldr)
    told(f"add, {some.start} to {some.stop - 1}", add(weldr, issuer, some))
    manager, workers = ((after - then) / len(some) for after, then in zip(cpu_ms(weldr), before))
    print(f"  processor time of each: manager {manager:.2f} ms, {WORKERS} workers {workers:.2f} ms", flush=True)


def handshakes(weldr, issuer, number, count):
    der, times = issuer.der(number), []
    for _ in range(count):
        began = time.monotonic()
        assert shown_to(tuple(weldr.address), name_of(number)) == der
        times.append(time.monotonic() - began)
    return times


def memory(weldr):
    """Of the manager, and of each worker on average."""
    return rss_bytes(weldr.pid), sum(rss_bytes(pid) for pid in weldr.worker_pids()) / WORKERS


def kb(more, count):
    return f"{more / max(1, count) / 1000:.1f} KB"


@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
def test_many_certificates(lab):
    """The listener has all of them; each name gets its own, in each worker, also in one that started later."""
    weldr, issuer = lab.weldr(workers=WORKERS, tls=secure()), Issuer()
    some = sorted({0, COUNT // 2, COUNT - 1})
    add(weldr, issuer, range(FEW))
    print(f"\n{COUNT} certificates, chains of {len(json.loads(issuer.body(0))['chain'])} bytes, {WORKERS} workers")
    told(f"handshake among {FEW}", handshakes(weldr, issuer, 0, HANDSHAKES))
    before = memory(weldr)
    last = max(FEW, COUNT - BLOCK)
    tell_of_adds(weldr, issuer, range(FEW, min(FEW + BLOCK, last)))
    add(weldr, issuer, range(min(FEW + BLOCK, last), last))
    tell_of_adds(weldr, issuer, range(last, COUNT))
    after = memory(weldr)
    for number in some:
        told(f"handshake with {name_of(number)}", handshakes(weldr, issuer, number, HANDSHAKES))
    print(f"memory of one: manager {kb(after[0] - before[0], COUNT - FEW)}, each worker {kb(after[1] - before[1], COUNT - FEW)}")
    opened = memory(weldr)
    for number in range(1, 1 + OPENED):
        handshakes(weldr, issuer, number, 1)
    print(f"and from its first handshake on: worker {kb((memory(weldr)[1] - opened[1]) * WORKERS, OPENED)}")
    began = time.monotonic()
    pids = weldr.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    weldr.wait_workers(WORKERS, not_pids=pids)
    print(f"killed workers run again with all of them after {ms(time.monotonic() - began)}")
    for number in some:
        handshakes(weldr, issuer, number, 4 * WORKERS)
    weldr.socket_counts = {}  # of workers that are no more
