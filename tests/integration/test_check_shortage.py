"""What the manager lacks itself is no failed check: it is put off, told by its name, and made up for soon."""

import socket

import origins as o
from rawhttp import wait_until

FAST = {"interval_ms": 100, "fast_interval_ms": 100, "timeout_ms": 1000, "failures": 1}
FEW = 32  # enough for the few API requests, which use up ports of their own


def write_inside(namespace, path, text):
    def write():
        with open("/proc/sys/net/" + path, "w", encoding="ascii") as file:
            file.write(text)
        return True
    namespace.run_inside(write)


def use_all_ports(namespace, address):
    """Connections from every local port there is to this address."""
    held = []
    write_inside(namespace, "ipv4/ip_local_port_range", f"40000 {40000 + FEW - 1}")
    while True:
        sock = namespace.socket(socket.AF_INET)
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            return held
        held.append(sock)


def end_shortage(namespace, held):
    write_inside(namespace, "ipv4/ip_local_port_range", "32768 60999")
    for sock in held:
        sock.close()


def test_no_local_port(lab):
    namespace = lab.namespace()
    weldr = lab.weldr(namespace=namespace)
    origin = namespace.run_inside(lab.origin, o.by_target({"/health": o.hello}))
    held = use_all_ports(namespace, ("127.0.0.1", origin.port))
    weldr.add(origin, check={**FAST, "type": "tcp"})
    put_off = wait_until(lambda: weldr.lines(msg="health check put off"), 20, "a shortage")
    assert put_off[0]["reason"] == "no local port"
    wait_until(lambda: len(weldr.lines(msg="health check put off")) >= 3, 20, "it is tried again and again")
    server = weldr.server(origin)
    assert (server["state"], server["last_check"]) == ("active", None), server
    end_shortage(namespace, held)
    wait_until(lambda: (weldr.server(origin)["last_check"] or {}).get("ok"), 20, "a check after the shortage")
    assert weldr.state(origin) == "active"


def test_no_local_port_keeps_a_verdict(lab):
    """A server that is down stays so, too."""
    namespace = lab.namespace()
    weldr = lab.weldr(namespace=namespace)
    health = o.Health(500)
    origin = namespace.run_inside(lab.origin, health)
    weldr.add(origin, check={**FAST, "path": "/health"})
    weldr.wait_state(origin, "down")
    held = use_all_ports(namespace, ("127.0.0.1", origin.port))
    wait_until(lambda: weldr.lines(msg="health check put off"), 20, "a shortage")
    last = weldr.server(origin)["last_check"]
    count = len(weldr.lines(msg="health check put off"))
    wait_until(lambda: len(weldr.lines(msg="health check put off")) > count, 20, "another one")
    assert weldr.server(origin)["last_check"] == last and weldr.state(origin) == "down"
    end_shortage(namespace, held)


def test_address_of_a_family_that_is_off(lab):
    """The kernel says the same word when this host has no address to connect from. That is the server's end."""
    namespace = lab.namespace()
    write_inside(namespace, "ipv6/conf/lo/disable_ipv6", "1")
    weldr = lab.weldr(namespace=namespace)
    weldr.add("http://[::1]:9", check=FAST)
    wait_until(lambda: weldr.state("http://[::1]:9") == "down", 20, "a failed check")
    assert weldr.server("http://[::1]:9")["last_check"]["error"] == "host or network unreachable"
    assert not weldr.lines(msg="health check put off")
