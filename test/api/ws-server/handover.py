"""Passes one listening socket to processes, as systemd's socket activation does: descriptor 3, LISTEN_FDS=1.

It never accepts. Commands on stdin: "start" starts a process, "end" sends SIGTERM to the oldest one and waits for it.
"""
import os
import socket
import subprocess
import sys

listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(4096)
os.dup2(listening.fileno(), 3, inheritable=True)
print("port", listening.getsockname()[1], flush=True)
running = []
for line in sys.stdin:
    if line.strip() == "start":
        environment = {**os.environ, "LISTEN_FDS": "1", "NODE_OPTIONS": ""}
        running.append(subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, pass_fds=[3], env=environment))
    elif line.strip() == "end":
        child = running.pop(0)
        child.terminate()
        print("ended", child.wait(), flush=True)
for child in running:
    child.kill()
