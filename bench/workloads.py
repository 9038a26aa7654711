"""The workloads of `make bench`, whom each compares, and the limits that Weldr has set itself.

A limit is the most that Weldr's figure may be, over that of whoever it names: medians of one run,
five rounds. "own" is Weldr itself as it does W1, measured in the same rounds.
"""
import dataclasses

MANY_SERVERS = 1000
MANY_RULES = 1000
MANY_WORKERS = 4
IDLE_BYTES_LIMIT = 300
IDLE_TLS_CONNECTIONS = 5000

ECDSA = "P-256"

PEERS = ("nginx", "haproxy")
ALL = ("weldr", "nginx", "haproxy", "relay")
NO_RELAY = ("weldr", "nginx", "haproxy")


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    connections: int
    answer_bytes: int = 12
    contestants: tuple = ALL
    measured: str = "weldr"  # whose figure the limits are about
    limits: dict = dataclasses.field(default_factory=dict)  # against whom: ratio of CPU per request
    p99_limits: dict = dataclasses.field(default_factory=dict)  # the same for p99
    is_idle: bool = False  # memory of connections that do nothing is measured, not time
    bytes_limit: float = None  # the same in bytes, of who is idle
    is_wide: bool = False  # as many connections as the descriptors allow
    certificate: str = None  # TLS with one of this kind (certificates.py) …
    is_tls_to_proxy: bool = True  # … between the load and the proxy
    is_tls_to_origin: bool = False
    load: dict = dataclasses.field(default_factory=dict)  # further words for the load generator

    @property
    def front(self):
        """The certificate that clients see; None: they come in clear."""
        return self.certificate if self.is_tls_to_proxy else None

    @property
    def back(self):
        """The same of the origin."""
        return self.certificate if self.is_tls_to_origin else None

    @property
    def unit(self):
        return "bytes per connection" if self.is_idle else "µs of CPU per request"


def vs(nginx, haproxy, relay=None):
    limits = {"nginx": nginx, "haproxy": haproxy}
    return limits if relay is None else {**limits, "relay": relay}


WORKLOADS = {workload.name: workload for workload in (
    Workload("W1", "keep-alive GET of 12 bytes, 64 connections", 64, limits=vs(0.78, 0.78, 1.12)),
    Workload("W2", "keep-alive GET of 1 KiB, 256 connections", 256, 1024, limits=vs(0.72, 0.75, 1.12)),
    Workload("W3", "keep-alive GET of 64 KiB, 32 connections", 32, 65536, limits=vs(0.80, 0.65, 1.08)),
    Workload("W4", "keep-alive GET of 1 MiB, 16 connections", 16, 1048576, limits=vs(0.62, 0.75, 0.92)),
    Workload("W5", "a new connection for each GET, 64 at once", 64, contestants=NO_RELAY,
             limits=vs(0.78, 0.75), load={"close": 1}),
    Workload("W6", "POST of 16 KiB, 64 connections", 64, limits=vs(0.70, 0.70, 1.12), load={"post": 16384}),
    Workload("W7", "GET of 12 bytes, 16 pipelined, 64 connections", 64, contestants=NO_RELAY,
             limits=vs(0.75, 0.75), load={"pipeline": 16}),
    Workload("L2", "W1 at a steady 30,000 requests/s", 64, limits=vs(0.88, 0.78, 1.10),
             p99_limits=vs(1.0, 1.0), load={"rate": 30000}),
    Workload("L5", "W5 at a steady 5,000 requests/s", 64, contestants=NO_RELAY, load={"close": 1, "rate": 5000}),
    Workload("W8", "idle keep-alive connections, each of which made a request", 10000,
             contestants=NO_RELAY, is_idle=True, bytes_limit=IDLE_BYTES_LIMIT, is_wide=True),
    Workload("W1-servers", f"W1 with {MANY_SERVERS:,} servers in the pool", 64,
             contestants=("weldr", "weldr-servers"), measured="weldr-servers", limits={"weldr": 1.03}),
    Workload("W1-rules", f"W1 with {MANY_RULES:,} rules, none of which is for it", 64,
             contestants=("weldr", "weldr-rules"), measured="weldr-rules", limits={"weldr": 1.02}),
    Workload("W1-fields", "W1 with 64 request fields (a head of 2 kB)", 64, load={"fields": 61}),
    Workload("W1-log", "W1 with the access log on, to a file", 64,
             contestants=("weldr", "weldr-log"), measured="weldr-log", limits={"weldr": 1.06}),
    Workload("W1-workers", f"W1 with {MANY_WORKERS} workers, on the cores that the load leaves free", 64,
             contestants=("weldr", "weldr-workers"), measured="weldr-workers"),
    Workload("W1-10k", "W1 with 100 active connections among very many", 10000, is_wide=True,
             load={"active": 100}),
    Workload("W9a", "TLS 1.3, keep-alive GET of 1 KiB, 64 connections", 64, 1024, contestants=NO_RELAY,
             certificate=ECDSA, limits=vs(0.80, 0.80)),
    Workload("W9b", "TLS 1.3, a full handshake for each GET of 12 bytes, P-256, 64 at once", 64, contestants=NO_RELAY,
             certificate=ECDSA, limits=vs(0.80, 0.80), load={"close": 1}),
    Workload("W9b-rsa", "W9b with a certificate of RSA-2048", 64, contestants=NO_RELAY, certificate="RSA-2048",
             load={"close": 1}),
    Workload("W9r", "W9b with each handshake but the first resumed", 64, contestants=NO_RELAY,
             certificate=ECDSA, limits=vs(0.85, 0.85), load={"close": 1, "resume": 1}),
    Workload("W9c", "TLS 1.3, keep-alive GET of 64 KiB, 32 connections", 32, 65536, contestants=NO_RELAY,
             certificate=ECDSA, limits=vs(0.80, 0.80)),
    Workload("W9d", "TLS 1.3 to the origin alone, keep-alive GET of 1 KiB, 64 connections", 64, 1024,
             contestants=NO_RELAY, certificate=ECDSA, is_tls_to_proxy=False, is_tls_to_origin=True),
    Workload("W8t", "idle keep-alive connections over TLS, each of which made a request", IDLE_TLS_CONNECTIONS,
             contestants=NO_RELAY, certificate=ECDSA, limits=vs(0.95, 0.95), is_idle=True, is_wide=True),
)}


def wide_connections(workload, most):
    """How many connections a workload has on a machine that allows so many to a process."""
    return min(workload.connections, most) if workload.is_wide else workload.connections


def describe(workload):
    parts = [f"{against} {limit:.2f}" for against, limit in workload.limits.items()]
    parts += [f"p99 of {against} {limit:.2f}" for against, limit in workload.p99_limits.items()]
    if workload.bytes_limit is not None:
        parts.append(f"{workload.bytes_limit} bytes")
    return f"{workload.name:12}{workload.title}\n{'':12}limits: {', '.join(parts) or 'none'}"
