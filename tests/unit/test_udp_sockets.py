"""What ss prints of a UDP port's sockets."""

from __future__ import annotations

from ansible_collections.barevm.kafka.plugins.module_utils import udp_sockets

SHOWN = """\
State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
UNCONN 0      0            0.0.0.0:514       0.0.0.0:*
\t skmem:(r1280,rb33554432,t0,tb212992,f2816,w0,o0,bl0,d37)
UNCONN 0      0            0.0.0.0:5140      0.0.0.0:*
\t skmem:(r0,rb212992,t0,tb212992,f0,w0,o0,bl0,d0)
ESTAB  0      0         192.0.2.1:1025     192.0.2.9:514
\t skmem:(r0,rb4096,t0,tb212992,f0,w0,o0,bl0,d0)
UNCONN 0      0               [::]:514          [::]:*
\t skmem:(r0,rb33554432,t0,tb212992,f0,w0,o0,bl0,d0)
"""


def test_each_socket_of_the_port_with_half_of_what_the_kernel_keeps() -> None:
    assert udp_sockets.parsed(SHOWN, 514) == [
        {"local": "0.0.0.0:514", "buffer_bytes": 16777216, "waiting_bytes": 1280, "dropped": 37},
        {"local": "[::]:514", "buffer_bytes": 16777216, "waiting_bytes": 0, "dropped": 0},
    ]


def test_a_port_without_sockets() -> None:
    assert udp_sockets.parsed(SHOWN, 1514) == []
