"""Which process claimed something, and whether it still lives."""

import os
import socket


def worker_name() -> str:
    """This process by host, process number and start time: enough to know later whether it still lives."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{started_at(os.getpid())}"


def is_gone(name: str) -> bool:
    """Whether the process that claimed a row ran on this machine and has ended."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    started = name.rpartition(":")[2]
    if host != socket.gethostname()[:30] or not rest.isdigit():
        return False
    return started_at(int(rest)) != started


def started_at(pid: int) -> str:
    """When a process started, as the system counts; empty when it does not exist (or the system does not tell)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "0"
