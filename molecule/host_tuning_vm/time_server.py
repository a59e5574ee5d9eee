"""A time server for the host itself, which tells it its own clock: RFC 4330, a server's answer, and no more.

What is checked is whether the kernel says that its clock is synchronised, for which somebody has to answer.
"""

from __future__ import annotations

import socket
import struct
import time

SINCE_1900_S = 2208988800
# No leap second, version 4, mode server; stratum 1; poll 16 s; precision of a microsecond; no root delay.
HEAD = struct.pack("!BBbbII4s", 0x24, 1, 4, -20, 0, 0, b"LOCL")

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.1", 123))
    while True:
        asked, client = server.recvfrom(512)
        now = time.time() + SINCE_1900_S
        stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
        server.sendto(HEAD + stamp + asked[40:48] + stamp + stamp, client)
