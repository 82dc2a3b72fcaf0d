"""Both halves of OpenMined PSI as two processes that exchange serialized messages.

Called by `end_to_end compare`. Reads two files with one identifier a line; prints one JSON
document. The client learns the size of the intersection and not its items
(reveal_intersection=False). The client is the receiver here. What is measured begins when both processes hold their identifiers in
memory and ends when the client has the size: processor time, user and system, of each whole
process; bytes of serialized messages in both directions.
"""

import argparse
import json
import os
import socket
import struct
import threading

import private_set_intersection.python as psi

from measured import Measured, identifiers

# The false-positive rate that a setup message of GCS is made for; RAW has none.
FALSE_POSITIVES = 1e-9


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


def serve(stream, path, structure):
    items = identifiers(path)
    receive(stream)
    measured = Measured()
    clients = struct.unpack("<Q", receive(stream))[0]
    server = psi.server.CreateWithNewKey(False)
    setup = server.CreateSetupMessage(FALSE_POSITIVES, clients, items, ds=structure)
    send(stream, setup.SerializeToString())
    request = psi.Request()
    request.ParseFromString(receive(stream))
    send(stream, server.ProcessRequest(request).SerializeToString())
    send(stream, json.dumps(measured.used()).encode())


def ask(stream, path):
    items = identifiers(path)
    send(stream, b"ready")
    measured = Measured()
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
    return {
        "answer": answer,
        "message_bytes": message_bytes,
        "receiver": measured.used(),
        "sender": json.loads(receive(stream)),
    }


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--receiver", required=True)
    arguments.add_argument("--sender", required=True)
    arguments.add_argument("--variant", choices=["raw", "gcs"], required=True)
    arguments = arguments.parse_args()
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        serve(theirs, arguments.sender, psi.DataStructure[arguments.variant.upper()])
        os._exit(0)
    theirs.close()
    print(json.dumps(ask(ours, arguments.receiver)))
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
