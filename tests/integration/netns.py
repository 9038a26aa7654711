"""A network namespace of a test's own: fixed ports and non-loopback addresses without leaving the machine.

The namespace lives as long as its descriptor is open; it has a loopback device with the addresses that the test asks for and no
way out. Needs root, as in CI.
"""

import ctypes
import os
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def call(function, *arguments):
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Namespace:
    def __init__(self, *addresses):
        self.fd = -1
        self.run_inside(self.make, addresses, fresh=True)

    def make(self, addresses):
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for address in addresses:
            bits = "128" if ":" in address else "32"
            subprocess.run(["ip", "addr", "add", f"{address}/{bits}", "dev", "lo"], check=True)

    def run_inside(self, function, *arguments, fresh=False):
        """Calls a function in a thread that is inside; threads have a network namespace each."""
        result, failure = [], []

        def body():
            try:
                if fresh:
                    call(LIBC.unshare, CLONE_NEWNET)
                else:
                    self.enter()
                result.append(function(*arguments))
            except BaseException as error:  # handed to the caller
                failure.append(error)
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    def enter(self):
        call(LIBC.setns, self.fd, CLONE_NEWNET)

    def socket(self, family):
        return self.run_inside(socket.socket, family, socket.SOCK_STREAM)

    def close(self):
        os.close(self.fd)
