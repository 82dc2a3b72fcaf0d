"""A list of matches beside a count of the same size: CPU, bytes on the wire, peak memory.

    python3 benches/compare/lists.py target/release/psi-node --rows 100000

Starts two nodes on this machine whose tables are served under two names each, one with the rule
`list` and one with the rule `aggregation`, over the same CSV file. Asks for the count and for the
list in turn, checks both answers, and prints a Markdown table. Half of the rows are shared.
"""

import argparse
import hashlib
import json
import os
import socket
import subprocess
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")
FROM = "FROM anna.{0} a JOIN bert.{0} b ON a.id = b.id"


def identifier(number):
    return hashlib.sha256(str(number).encode()).hexdigest()


def free_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def tables(rows):
    return "".join(
        f'[table.{name}]\nsource = "ids.csv"\nrule = "{rule}"\nminimum = 1\n'
        f'[[table.{name}.key]]\ncolumns = ["id"]\nkinds = ["text"]\nunique = true\n'
        f"identities = {rows}\n"
        for name, rule in [("counted", "aggregation"), ("listed", "list")]
    )


class Node:
    def __init__(self, program, folder, name, numbers):
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
            file.write("id\n")
            file.writelines(identifier(number) + "\n" for number in numbers)
        with open(self.config, "w") as file:
            file.write(f'name = "{name}"\nlisten = "{self.address}"\nstate_dir = "state"\n')
            file.write(tables(len(numbers)))
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


def ask(nodes, what, output, shared):
    anna = nodes[0]
    for node in nodes:
        node.reset_peak()
    before = idle(nodes)
    started = time.monotonic()
    query = ["query", "--collab", "bench", "--format", "json"]
    if what == "count":
        document = json.loads(anna.run(*query, "SELECT COUNT(*) " + FROM.format("counted")))
        assert document["rows"] == [[shared]], document
    else:
        sql = "SELECT a.id " + FROM.format("listed")
        document = json.loads(anna.run(*query, "--output", output, "--force", sql))
        with open(output) as file:
            lines = file.read().split()
        assert lines[0] == "id" and set(lines[1:]) == {identifier(n) for n in range(shared)}
        assert len(lines) == shared + 1
    wall = time.monotonic() - started
    cpu = idle(nodes) - before
    stats = document["stats"]
    peaks = " / ".join(f"{node.peak_mb():.0f}" for node in nodes)
    return cpu, stats["bytes_sent"], stats["bytes_received"], peaks, wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the psi-node to run")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    rows, shared = arguments.rows, arguments.rows // 2
    program = os.path.abspath(arguments.program)
    with tempfile.TemporaryDirectory() as folder:
        nodes = [
            Node(program, folder, "anna", range(rows)),
            Node(program, folder, "bert", [*range(shared), *range(rows, 2 * rows - shared)]),
        ]
        file = os.path.join(folder, "bench.toml")
        # A member that may not receive is never the Receiver: the roles of both are the same.
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
            print("| asked | CPU s, both | bytes from the asker | bytes to it | peak MB | wall s |")
            print("|---|---|---|---|---|---|")
            for _ in range(arguments.repeat):
                for what in ["count", "list"]:
                    output = os.path.join(folder, "matches.csv")
                    cpu, sent, received, peaks, wall = ask(nodes, what, output, shared)
                    print(
                        f"| {what} | {cpu:.2f} | {sent:,} | {received:,} | {peaks} | {wall:.1f} |",
                        flush=True,
                    )
        finally:
            for node in nodes:
                if hasattr(node, "daemon"):
                    node.daemon.terminate()
                    node.daemon.wait()


if __name__ == "__main__":
    main()
