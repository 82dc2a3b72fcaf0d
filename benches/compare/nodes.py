"""Two nodes on this machine for the comparisons of this folder: start, ask, CPU, peak memory."""

import os
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

TICKS = os.sysconf("SC_CLK_TCK")


def free_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


class Node:
    """A node with one CSV file, `ids.csv`, and the tables that `tables` says."""

    def __init__(self, program, folder, name, lines, tables):
        self.program = program
        self.name = name
        self.address = free_address()
        self.folder = os.path.join(folder, name)
        self.config = os.path.join(self.folder, "node.toml")
        subprocess.run(
            [program, "init", self.folder, "--name", name, "--listen", self.address],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with open(os.path.join(self.folder, "ids.csv"), "w") as file:
            file.writelines(line + "\n" for line in lines)
        with open(self.config, "w") as file:
            file.write(f'name = "{name}"\nlisten = "{self.address}"\nstate_dir = "state"\n')
            file.write(tables)
        self.id = self.run("id").strip()

    def run(self, *arguments):
        command = [self.program, *arguments, "--config", self.config]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def serve(self):
        self.log = open(os.path.join(self.folder, "serve.log"), "w")
        command = [self.program, "serve", "--config", self.config]
        self.daemon = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        for line in self.daemon.stdout:
            if "listening on" in line:
                return
        raise SystemExit(f"{self.name} did not start: see {self.log.name}")

    def cpu_seconds(self):
        with open(f"/proc/{self.daemon.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def reset_peak(self):
        with open(f"/proc/{self.daemon.pid}/clear_refs", "w") as file:
            file.write("5")

    def peak_mb(self):
        with open(f"/proc/{self.daemon.pid}/status") as file:
            line = next(line for line in file if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6


def idle(nodes):
    """CPU of both once neither works any more."""
    last = None
    while True:
        now = [node.cpu_seconds() for node in nodes]
        if now == last:
            return sum(now)
        last = now
        time.sleep(0.5)


@contextmanager
def serving(program, csv, tables):
    """Nodes `anna` and `bert`, of which anna alone may receive, so that she is the Receiver."""
    program = os.path.abspath(program)
    with tempfile.TemporaryDirectory() as folder:
        nodes = [
            Node(program, folder, name, lines, tables)
            for name, lines in zip(["anna", "bert"], csv)
        ]
        file = os.path.join(folder, "bench.toml")
        new = ["collab", "new", "--name", "bench", "--no-receive", "bert", "-o", file]
        for node in nodes:
            new += ["--member", f"{node.name}={node.id}@{node.address}"]
        subprocess.run([program, *new], check=True, stdout=subprocess.DEVNULL)
        for step in ["sign", "join"]:
            for node in nodes:
                node.run("collab", step, file)
        try:
            for node in nodes:
                node.serve()
            yield nodes, folder
        finally:
            for node in nodes:
                if hasattr(node, "daemon"):
                    node.daemon.terminate()
                    node.daemon.wait()
