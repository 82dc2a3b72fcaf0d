"""Both halves of OpenMined PSI as two processes that exchange serialized messages.

Called by `end_to_end compare`. Reads two files with one identifier a line; prints one JSON
document. The client learns the size of the intersection and not its items
(reveal_intersection=False). What is measured begins when both processes hold their identifiers in
memory and ends when the client has the size: processor time, user and system, of each whole
process; bytes of serialized messages in both directions.
"""

import argparse
import json
import os
import socket
import struct
import threading
import time

import private_set_intersection.python as psi

# The false-positive rate that a setup message of GCS is made for; RAW has none.
FALSE_POSITIVES = 1e-9


def identifiers(path):
    with open(path, encoding="ascii") as file:
        return file.read().split()


def send(stream, data):
    stream.sendall(struct.pack("<Q", len(data)))
    stream.sendall(data)


def receive(stream):
    def exactly(length):
        data = bytearray(length)
        view = memoryview(data)
        while view:
            view = view[stream.recv_into(view) or exit("the other half is gone"):]
        return bytes(data)

    return exactly(struct.unpack("<Q", exactly(8))[0])


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # The peak is then the process's whole life, with its imports and identifiers.


def peak_rss_bytes():
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def serve(stream, path, structure):
    items = identifiers(path)
    receive(stream)
    reset_peak()
    started = time.process_time()
    clients = struct.unpack("<Q", receive(stream))[0]
    server = psi.server.CreateWithNewKey(False)
    setup = server.CreateSetupMessage(FALSE_POSITIVES, clients, items, ds=structure)
    send(stream, setup.SerializeToString())
    request = psi.Request()
    request.ParseFromString(receive(stream))
    send(stream, server.ProcessRequest(request).SerializeToString())
    used = {"cpu_seconds": time.process_time() - started, "peak_rss_bytes": peak_rss_bytes()}
    send(stream, json.dumps(used).encode())


def ask(stream, path):
    items = identifiers(path)
    send(stream, b"ready")
    reset_peak()
    started, wall = time.process_time(), time.monotonic()
    send(stream, struct.pack("<Q", len(items)))
    client = psi.client.CreateWithNewKey(False)
    request = client.CreateRequest(items).SerializeToString()
    # On a thread of its own: the server may be sending its setup message at the same time.
    sending = threading.Thread(target=send, args=(stream, request))
    sending.start()
    data = receive(stream)
    sending.join()
    message_bytes = len(request) + len(data)
    setup = psi.ServerSetup()
    setup.ParseFromString(data)
    data = receive(stream)
    message_bytes += len(data)
    response = psi.Response()
    response.ParseFromString(data)
    answer = client.GetIntersectionSize(setup, response)
    wall = time.monotonic() - wall
    used = {"cpu_seconds": time.process_time() - started, "peak_rss_bytes": peak_rss_bytes()}
    return {
        "version": psi.__version__,
        "answer": answer,
        "wall_seconds": wall,
        "message_bytes": message_bytes,
        "client": used,
        "server": json.loads(receive(stream)),
    }


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--client", required=True)
    arguments.add_argument("--server", required=True)
    arguments.add_argument("--structure", choices=["raw", "gcs"], required=True)
    arguments = arguments.parse_args()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        serve(theirs, arguments.server, psi.DataStructure[arguments.structure.upper()])
        os._exit(0)
    theirs.close()
    print(json.dumps(ask(ours, arguments.client)))
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
