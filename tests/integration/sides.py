"""Where TLS is spoken in a test: by its clients, by its servers, by both or by nobody.

A test (or a file: pytestmark) marked `tls` runs in clear and once more with TLS on both sides, or on the sides that the marker names:
`@pytest.mark.tls("tls-clear", "clear-tls")`, of the client and of the server. `in_clear("reason")` takes a test of such a file out.
conftest.py does the rest: Lab's weldrs, clients and origins speak what the side says.
"""

import functools
import ssl

from tls_files import authority, trusting

HOST = "test.example"
NAMES = ("a", "b", HOST, "localhost", "127.0.0.1", "127.0.0.2", "127.0.0.3", "::1")
SIDES = ("clear", "tls-clear", "clear-tls", "tls-tls")


class Address(tuple):
    """(host, port), and how a client speaks TLS there: a context, None in clear."""

    context = None

    @classmethod
    def secure(cls, address, context):
        made = cls(address)
        made.context = context
        return made


class Secure:
    """One certificate for all names that tests use, and who trusts it."""

    def __init__(self):
        root = authority()
        self.root, self.pair = root, root.issue(*NAMES)
        self.client = trusting(root)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.pair.chain_path, self.pair.key_path)
        self.flags = ("--certificate", self.pair.chain_path, "--certificate-key", self.pair.key_path)
        self.environment = {"SSL_CERT_FILE": root.path}


@functools.cache
def secure():
    return Secure()


def of_clients(side):
    """A Secure, or None when the clients speak in clear."""
    return secure() if side.startswith("tls-") else None


def of_servers(side):
    return secure() if side.endswith("-tls") else None


def wanted(definition):
    """The sides on which a test is run; None: as it says itself."""
    marker = definition.get_closest_marker("tls")
    if marker is None or definition.get_closest_marker("in_clear"):
        return None
    sides = ["clear", *(marker.args or ["tls-tls"])]
    assert set(sides) <= set(SIDES), sides
    return sides
