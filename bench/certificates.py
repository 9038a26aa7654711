"""Certificates for workloads with TLS, made by the openssl command when they are needed.

Each is its own authority, for bench.example and 127.0.0.1, and lies with its key in two files, and in one for haproxy.
"""
import dataclasses
import os
import subprocess

import machine

KINDS = {
    "P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "RSA-2048": ["-newkey", "rsa:2048"],
}
NAME = "bench.example"
DAYS = "30"


@dataclasses.dataclass(frozen=True)
class Pair:
    certificate: str
    key: str
    both: str


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def make(folder, kind):
    """A Pair of paths in this folder."""
    pair = Pair(*(os.path.join(folder, f"{kind}.{ending}") for ending in ("crt", "key", "pem")))
    subprocess.run(
        [machine.find_program("openssl") or "openssl", "req", "-x509", *KINDS[kind], "-nodes", "-days", DAYS,
         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1", "-keyout", pair.key, "-out",
         pair.certificate],
        check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(pair.both, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(read(pair.certificate) + read(pair.key))
    return pair
