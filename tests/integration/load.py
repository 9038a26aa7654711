"""Clients that ask without pause, for tests in which something happens meanwhile."""

import threading
import time

from rawhttp import Client, Closed


class Load:
    """Clients that ask without pause, each on a connection of its own, and remember how it went.

    A failure is kept as (from, to, …): for a bad answer the time of its request, for a cut connection the time since it
    was certainly there.
    """

    def __init__(self, weldr, clients=8):
        self.weldr, self.done = weldr, threading.Event()
        self.lock = threading.Lock()
        self.good, self.bad, self.cut = 0, [], []
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        good, client, alive = 0, None, 0.0
        while not self.done.is_set():
            started = time.monotonic()
            try:
                if not client:
                    alive = started
                    client = Client(self.weldr.address)
                response = client.ask(target="/load")
                alive = started  # or later: its answer may have waited for us
                if response.status == 200:
                    good += 1
                else:
                    with self.lock:
                        self.bad.append((started, time.monotonic(), response.status, response.get("Weldr-Error")))
                if response.get("Connection", "").lower() == "close":
                    client.close()
                    client = None
            except (Closed, OSError) as error:
                with self.lock:
                    self.cut.append((alive, time.monotonic(), str(error)))
                client = client and client.close()
        if client:
            client.close()
        with self.lock:
            self.good += good

    def end(self):
        self.done.set()
        for thread in self.threads:
            thread.join()
