"""What a process used: for the scripts of this folder that run another program's two halves."""

import time


def identifiers(path):
    """One identifier a line."""
    with open(path, encoding="ascii") as file:
        return file.read().split()


class Measured:
    """Begins where it is made: processor time, user and system, of this process with all its
    threads; its peak memory."""

    def __init__(self):
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass  # The peak is then the process's whole life, with its imports and identifiers.
        self.cpu = time.process_time()
        self.wall = time.monotonic()

    def used(self):
        wall = time.monotonic() - self.wall
        cpu = time.process_time() - self.cpu
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
        peak = int(line.split()[1]) * 1024
        return {"cpu_seconds": cpu, "wall_seconds": wall, "peak_rss_bytes": peak}
