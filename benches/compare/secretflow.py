"""Both halves of SecretFlow PSI as two processes that talk over the loopback interface.

Called by `end_to_end compare`. Reads two files with one identifier a line; prints one JSON
document. What is measured is one call of `psi_execute` in each process, from a CSV file to the
CSV file of matches at the receiver: processor time, user and system, of each whole process, its
threads included. The library tells Python nothing of the bytes that it sends. So each half
reaches the other through a relay in this process, which counts what TCP carries, in both
directions, with the framing of the library's own transport. The relay's processor time is in no
figure.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

from measured import Measured, identifiers

HOST = "127.0.0.1"
NAMES = ["receiver", "sender"]
VARIANTS = {
    "ecdh-25519": ("PROTOCOL_ECDH", "CURVE_25519"),
    "ecdh-fourq": ("PROTOCOL_ECDH", "CURVE_FOURQ"),
    "rr22": ("PROTOCOL_RR22", None),
}


def half(rank, addresses, variant, folder):
    """One party: connects, and then measures. The library logs to standard output, so the report
    is a file."""
    from spu import libspu, psi

    desc = libspu.link.Desc()
    desc.recv_timeout_ms = 3_600_000
    desc.connect_retry_times, desc.connect_retry_interval_ms = 120, 1000
    for name, address in zip(NAMES, addresses):
        desc.add_party(name, address)
    link = libspu.link.create_brpc(desc, rank)
    protocol, curve = VARIANTS[variant]
    conf = psi.PsiProtocolConfig(protocol=psi.parse_protocol(protocol), receiver_rank=0)
    if curve:
        conf.ecdh_params = psi.EcdhParams(curve=psi.parse_curve_type(curve))
    path = os.path.join(folder, NAMES[rank])
    config = psi.PsiExecuteConfig(
        protocol_conf=conf,
        # The identifiers are distinct: to say so spares the library a check.
        input_params=psi.InputParams(path=path, selected_keys=["id"], keys_unique=True),
        output_params=psi.OutputParams(path=path + ".matches", disable_alignment=True),
    )
    measured = Measured()
    psi.psi_execute(config, link)
    used = measured.used()
    link.stop_link()
    with open(path + ".json", "w") as file:
        json.dump(used, file)


class Relay:
    """Passes connections on to a port and counts the bytes of both directions."""

    def __init__(self, port):
        self.port = port
        self.bytes = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server((HOST, 0))
        self.address = "%s:%d" % self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection((HOST, self.port))
            except OSError:
                near.close()  # The half does not listen yet: the other one tries again.
                continue
            for pair in [(near, far), (far, near)]:
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    def copy(self, source, target):
        try:
            while data := source.recv(1 << 18):
                with self.lock:
                    self.bytes += len(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # A half has ended. Whether that was too early, its exit code says.


def run(variant, items, folder):
    for name in NAMES:
        with open(os.path.join(folder, name), "w") as file:
            file.writelines(line + "\n" for line in ["id", *items[name]])
    # Free ports for the halves, held until the relays have theirs.
    probes = [socket.create_server((HOST, 0)) for _ in NAMES]
    ports = [probe.getsockname()[1] for probe in probes]
    relays = [Relay(port) for port in ports]
    for probe in probes:
        probe.close()
    halves = []
    for rank in range(2):
        # Its own port to listen on, the relay's to reach the other.
        addresses = [relay.address for relay in relays]
        addresses[rank] = f"{HOST}:{ports[rank]}"
        command = [sys.executable, __file__, "--variant", variant, "--folder", folder]
        command += ["--rank", str(rank), "--addresses", *addresses]
        with open(os.path.join(folder, f"{NAMES[rank]}.log"), "w") as log:
            halves.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))
    while None in [half.poll() for half in halves] and not any(half.poll() for half in halves):
        time.sleep(0.05)
    if any(half.poll() for half in halves):
        for half in halves:  # One that failed leaves the other waiting.
            half.kill()
            half.wait()
        for name in NAMES:
            with open(os.path.join(folder, f"{name}.log")) as log:
                sys.stderr.write(log.read()[-2000:])
        raise SystemExit("a half of SecretFlow PSI failed")
    with open(os.path.join(folder, "receiver.matches")) as file:
        matches = file.read().replace('"', "").split()[1:]
    if set(matches) != set(items["receiver"]) & set(items["sender"]):
        raise SystemExit("SecretFlow PSI answers other items than the intersection")
    used = {}
    for name in NAMES:
        with open(os.path.join(folder, f"{name}.json")) as file:
            used[name] = json.load(file)
    return {
        "answer": len(matches),
        "message_bytes": sum(relay.bytes for relay in relays),
        **used,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--receiver")
    parser.add_argument("--sender")
    parser.add_argument("--variant", choices=VARIANTS, required=True)
    parser.add_argument("--rank", type=int)
    parser.add_argument("--addresses", nargs=2)
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    if arguments.rank is not None:
        half(arguments.rank, arguments.addresses, arguments.variant, arguments.folder)
        return
    items = {name: identifiers(getattr(arguments, name)) for name in NAMES}
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(arguments.variant, items, folder)))


if __name__ == "__main__":
    main()
