"""How late the machine is: a time that is held to a limit is longer by what its processes waited for a processor."""

import contextlib
import os


def waited_s(pids):
    """For how long all threads of these processes were ready and not let run, added up."""
    total_ns = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                    total_ns += int(file.read().split()[1])
    return total_ns / 1e9


class Lateness:
    """From now on, of these processes. Of those that wait for each other that is more than what it costs, and on a machine with
    nothing else to do it is next to nothing."""

    def __init__(self, pids):
        self.pids = list(pids)
        self.begun_s = waited_s(self.pids)

    def seconds(self):
        return max(0.0, waited_s(self.pids) - self.begun_s)
