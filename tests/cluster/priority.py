"""What runs elsewhere in earnest: on this machine it is not to have the processors of what is measured."""

import contextlib

ELSEWHERE = 19


def place(pid, nice):
    """Of a whole session: Linux shares the processors out between sessions first, and a nice value counts within one only (sched(7),
    autogroup). Without that in the kernel nothing changes."""
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as file:
        file.write(str(nice))
