# SPDX-License-Identifier: LGPL-2.1-or-later
"""The few lines that a varlink client needs."""
import json
import socket

from .settings import PATIENCE


class VarlinkError(Exception):
    def __init__(self, name, parameters):
        super().__init__(f"{name} {parameters}")
        self.name, self.parameters = name, parameters


class Varlink:
    """The few lines that a varlink client needs."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, method, parameters, **flags):
        self.socket.sendall(json.dumps({"method": method, "parameters": parameters, **flags}).encode() + b"\0")

    def receive(self):
        while b"\0" not in self.data:
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise EOFError("the daemon closed the connection")
            self.data += piece
        message, _, self.data = self.data.partition(b"\0")
        reply = json.loads(message)
        if "error" in reply:
            raise VarlinkError(reply["error"], reply.get("parameters"))
        return reply

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive().get("parameters", {})

    def stream(self, method, **parameters):
        self.send(method, parameters, more=True)
        while True:
            reply = self.receive()
            yield reply.get("parameters", {})
            if not reply.get("continues"):
                return
