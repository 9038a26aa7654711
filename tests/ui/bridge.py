"""A port on this machine that leads to an API inside a network namespace: the browser is not in there."""

import contextlib
import random
import socket
import threading


class Bridge:
    """`address` leads to `target` as host (fabric.py) sees it. While nobody listens there, who connects is closed at once. The port is
    that of the target, as an API wants it of a page that changes something; so the address is one of loopback's many."""

    def __init__(self, host, target):
        self.host, self.target = host, target
        self.listener = socket.create_server((f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.1", target[1]))
        self.address = self.listener.getsockname()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):  # close() ends it
            while True:
                here, _ = self.listener.accept()
                there = self.host.socket(socket.AF_INET)
                try:
                    there.connect(self.target)
                except OSError:
                    here.close()
                    there.close()
                    continue
                for ends in (here, there), (there, here):
                    threading.Thread(target=self.pump, args=ends, daemon=True).start()

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in source, sink:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
