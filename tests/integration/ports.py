"""Ports that are let go and expected to stay free: kept by us meanwhile."""

import socket


class Port:
    """A port that nobody else gets: bound and never listening, so that a listener may have it, and connects are refused
    while it has not."""

    def __init__(self, host="127.0.0.1"):
        self.keeper = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.keeper.bind((host, 0))
        self.host, self.port = host, self.keeper.getsockname()[1]

    @property
    def text(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def address(self):
        return self.host, self.port
