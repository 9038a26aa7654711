"""Hosts on a switch (switch.py): each a network namespace with a loopback and an interface with an address of either family.

Nothing here has a name on the machine, so any number of fabrics stand side by side, and nothing stays: a namespace lives as long
as its descriptor is open or a process is in it, and what was started is killed by the switch when this process has gone.
"""

import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import threading

from netns import Namespace

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
DEVICE = "lan0"
# Few frames for much data: the switch pays for each.
MTU = 9000
ANSWER_S = 20
SWITCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "switch.py")
RELAY = os.path.join(os.path.dirname(SWITCH), "relay.py")


class Host:
    """One namespace. `number` is that of its port at the switch, and of its addresses."""

    def __init__(self, fabric, number):
        self.fabric, self.number = fabric, number
        self.ip, self.ip6 = f"10.77.0.{number + 1}", f"fd77:7765::{number + 1:x}"
        self.namespace = Namespace()
        self.tap = self.namespace.run_inside(self.plug_in)
        self.processes = []

    def plug_in(self):
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TAP | IFF_NO_PI))
        for words in (f"link set {DEVICE} address 02:00:00:00:00:{self.number + 1:02x} mtu {MTU} txqueuelen 1000 up",
                      f"addr add {self.ip}/24 dev {DEVICE}", f"addr add {self.ip6}/64 dev {DEVICE} nodad"):
            subprocess.run(["ip", *words.split()], check=True)
        return tap

    def hide_behind(self, port):
        """It gets an address that no other host has a way to; whoever connects to this port of its own address is led there."""
        inside = f"10.78.0.{self.number + 1}"
        self.namespace.run_inside(lambda: subprocess.run(["ip", "addr", "add", f"{inside}/32", "dev", "lo"], check=True))
        relay = self.start(sys.executable, "-B", RELAY, f"{self.ip}:{port}", f"{inside}:{port}", stdout=subprocess.PIPE)
        assert relay.stdout.readline(), "the relay has ended"
        return inside

    def socket(self, family):
        return self.namespace.socket(family)

    def start(self, *command, **more):
        """A process inside, that ends with the fabric."""
        process = subprocess.Popen(command, preexec_fn=self.namespace.enter, stdin=subprocess.DEVNULL, **more)
        self.processes.append(process)
        self.fabric.keep(process.pid)
        return process

    # ---- the wire

    def cut(self):
        """As a cable that is pulled: the interface stays up, nothing comes or goes."""
        self.fabric.ask(cut=[self.number, None])
        self.fabric.ask(cut=[None, self.number])

    def mend(self):
        self.fabric.ask(mend=[self.number, None])
        self.fabric.ask(mend=[None, self.number])

    def mute(self):
        """It hears, and isn't heard."""
        self.fabric.ask(cut=[self.number, None])

    def deafen(self):
        """It is heard, and doesn't hear."""
        self.fabric.ask(cut=[None, self.number])

    def cut_from(self, *others):
        for other in others:
            self.fabric.ask(cut=[self.number, other.number])
            self.fabric.ask(cut=[other.number, self.number])

    def mend_from(self, *others):
        for other in others:
            self.fabric.ask(mend=[self.number, other.number])
            self.fabric.ask(mend=[other.number, self.number])

    def rough(self, loss=0.0, delay_s=0.0):
        """Both for each frame that it sends and that it is sent; nothing of it without arguments."""
        self.fabric.ask(rough=self.number, loss=loss, delay_s=delay_s)


class Fabric:
    def __init__(self, hosts_n):
        self.lock, self.kept = threading.Lock(), set()
        self.hosts = [Host(self, number) for number in range(hosts_n)]
        taps = [host.tap for host in self.hosts]
        self.switch = subprocess.Popen([sys.executable, "-B", SWITCH, *map(str, taps)], pass_fds=taps, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, start_new_session=True)
        for tap in taps:
            os.close(tap)
        self.ask()

    def ask(self, **request):
        """The switch has done it when this returns."""
        with self.lock:
            self.switch.stdin.write(json.dumps(request).encode() + b"\n")
            self.switch.stdin.flush()
            assert select.select([self.switch.stdout], [], [], ANSWER_S)[0], "the switch doesn't answer"
            line = self.switch.stdout.readline()
            assert line, "the switch has ended"
            return json.loads(line)

    def keep(self, pid):
        self.ask(keep=pid)
        self.kept.add(pid)

    def drop(self, pid):
        """It has ended, or is another's business."""
        if pid in self.kept:
            self.kept.remove(pid)
            self.ask(drop=pid)

    def silences(self):
        """{(source, target): seconds}: the longest in which no data went from port to port since the last call."""
        return {(source, target): seconds for source, target, seconds in self.ask(silences=True)["silences"]}

    def heal(self):
        """All cuts are mended, nothing is lost or late any more."""
        self.ask(heal=True)

    def close(self):
        for host in self.hosts:
            for process in host.processes:
                process.kill()
                process.wait()
        self.switch.stdin.close()
        self.switch.wait(ANSWER_S)
        self.switch.stdout.close()
        for host in self.hosts:
            host.namespace.close()
