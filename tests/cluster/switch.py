"""The switch between the namespaces of a test, and the undertaker of what the test has started: a process of its own.

A host is plugged in by a TAP device, whose descriptor stands on the command line; the switch reads the host's frames and hands
them to where their destination says. Frames are dropped, or held back, as the test asks for. The kernel's own means for that
(netem) are not in every kernel, and those of nftables know no delay.

Requests are lines of JSON on stdin, each answered by a line on stdout:

    {"cut": [P, Q]}            nothing goes from port P to port Q any more, until {"mend": [P, Q]}; null stands for every port
    {"heal": true}             all cuts are mended, nothing is lost or late any more
    {"rough": P, "loss": F, "delay_s": S}   what port P sends and is sent is lost with that probability, and late by so much each way
    {"keep": PID} {"drop": PID}  this process is killed when the test has gone, whatever it died of; or not any more
    {"counts": true}           frames carried and lost since the start
    {"silences": true}         from now on, and the longest until now from port to port: seconds in which no data came

stdin ends with the test: then all is killed that was kept, and namespaces and devices go with their last descriptor.
"""

import heapq
import json
import os
import random
import selectors
import signal
import sys
import time

FRAME_MAX = 70_000
BURST_N = 64  # of one port, before others have their turn
MULTICAST_BIT = 1
BARE_MAX = 90  # an acknowledgement has less, and a message of TLS more


class Links:
    """Which frames get through, and when: a decision for each pair of ports. `chance`: random numbers from 0 to 1."""

    def __init__(self, chance):
        self.cuts, self.loss, self.delay_s, self.chance = set(), {}, {}, chance

    def cut(self, source, target):
        self.cuts.add((source, target))

    def mend(self, source, target):
        self.cuts.discard((source, target))

    def rough(self, port, loss, delay_s):
        self.loss[port], self.delay_s[port] = loss, delay_s

    def heal(self):
        for kept in self.cuts, self.loss, self.delay_s:
            kept.clear()

    def is_cut(self, source, target):
        return not self.cuts.isdisjoint({(source, target), (source, None), (None, target), (None, None)})

    def delay_of(self, source, target):
        """Seconds; None: the frame is lost."""
        if self.cuts and self.is_cut(source, target):
            return None
        if any(self.chance() < self.loss[port] for port in (source, target) if self.loss.get(port)):
            return None
        return self.delay_s.get(source, 0) + self.delay_s.get(target, 0)


class Silences:
    """How long no data went from port to port."""

    def __init__(self, clock=time.monotonic):
        self.clock, self.began, self.last, self.longest = clock, clock(), {}, {}

    def hear(self, source, target):
        now, pair = self.clock(), (source, target)
        self.longest[pair] = max(self.longest.get(pair, 0), now - self.last.get(pair, self.began))
        self.last[pair] = now

    def tell(self):
        """[source, target, seconds], the silence of now included; it begins anew."""
        for pair in list(self.last):
            self.hear(*pair)
        told = [[*pair, longest] for pair, longest in self.longest.items()]
        self.began, self.longest = self.clock(), {}
        self.last = {pair: self.began for pair in self.last}
        return told


class Switch:
    def __init__(self, fds, seed=1):
        self.fds = fds
        self.links = Links(random.Random(seed).random)
        self.selector = selectors.DefaultSelector()
        self.ports = {}  # of a source address, as learned
        self.late, self.late_n = [], 0
        self.carried_n = self.lost_n = 0
        self.silences = None
        self.kept = {}  # pid → pidfd
        self.requests = b""
        self.is_over = False
        for port, fd in enumerate(fds):
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_READ, port)
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, None)

    # ---- frames

    def put(self, target, frame):
        try:
            os.write(self.fds[target], frame)
            self.carried_n += 1
        except OSError:  # its queue is full, or the device is down: as with any switch the frame is lost
            self.lost_n += 1

    def carry(self, source, target, frame):
        delay_s = self.links.delay_of(source, target)
        if delay_s is None:
            self.lost_n += 1
        elif delay_s:
            self.late_n += 1  # of frames that are due at the same time the first goes first
            heapq.heappush(self.late, (time.monotonic() + delay_s, self.late_n, target, frame))
        else:
            self.put(target, frame)
        if self.silences and len(frame) > BARE_MAX:
            self.silences.hear(source, target)

    def take(self, source):
        for _ in range(BURST_N):
            try:
                frame = os.read(self.fds[source], FRAME_MAX)
            except OSError:
                return
            self.ports[frame[6:12]] = source
            target = None if frame[0] & MULTICAST_BIT else self.ports.get(frame[0:6])
            for port in range(len(self.fds)) if target is None else (target,):
                if port != source:
                    self.carry(source, port, frame)

    def put_late(self):
        """Seconds until the next is due, or None."""
        while self.late:
            wait_s = self.late[0][0] - time.monotonic()
            if wait_s > 0:
                return wait_s
            _, _, target, frame = heapq.heappop(self.late)
            self.put(target, frame)
        return None

    # ---- requests

    def obey(self, request):
        if "cut" in request:
            self.links.cut(*request["cut"])
        elif "mend" in request:
            self.links.mend(*request["mend"])
        elif "heal" in request:
            self.links.heal()
        elif "rough" in request:
            self.links.rough(request["rough"], request["loss"], request["delay_s"])
        elif "keep" in request:
            self.kept[request["keep"]] = os.pidfd_open(request["keep"])
        elif "drop" in request:
            os.close(self.kept.pop(request["drop"]))
        elif "silences" in request:
            told = self.silences.tell() if self.silences else []
            self.silences = self.silences or Silences()
            return {"silences": told}
        return {"carried": self.carried_n, "lost": self.lost_n}

    def read_requests(self):
        try:
            data = os.read(0, 65536)
        except BlockingIOError:
            return
        self.is_over = not data
        *lines, self.requests = (self.requests + data).split(b"\n")
        for line in lines:
            print(json.dumps(self.obey(json.loads(line))), flush=True)

    def bury(self):
        for pidfd in self.kept.values():
            try:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def run(self):
        try:
            while not self.is_over:
                for key, _ in self.selector.select(self.put_late()):
                    if key.data is None:
                        self.read_requests()
                    else:
                        self.take(key.data)
        finally:
            self.bury()


if __name__ == "__main__":
    # Ctrl-C is for the test; it ends, and with it our stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Switch([int(text) for text in sys.argv[1:]]).run()
