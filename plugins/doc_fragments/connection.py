# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that say what to connect to; their specs are in module_utils/connection.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  request_timeout_s:
    description: How long to wait for one connection or request, in seconds.
    type: float
    default: 5.0
"""

    ZOOKEEPER = r"""
options:
  zookeeper_connect:
    description: ZooKeeper's servers and the chroot, as C(host:port,host:port/chroot).
    type: str
    required: true
"""

    BROKERS = r"""
options:
  brokers:
    description: The brokers as they should be, in the shape of C(preflight_cluster.kafka.brokers).
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: The broker's id.
        type: int
        required: true
      host:
        description: The inventory's name of its host, for messages.
        type: str
        default: ""
      address:
        description: The broker's address, not looked at.
        type: str
        default: ""
      rack:
        description: Its rack, empty where it has none.
        type: str
        default: ""
      listeners:
        description: Its listeners.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: The listener's name.
            type: str
            required: true
          protocol:
            description: C(PLAINTEXT), C(SSL), C(SASL_PLAINTEXT) or C(SASL_SSL).
            type: str
            required: true
          address:
            description: The address it binds to, not looked at.
            type: str
            default: ""
          port:
            description: The port it binds to, not looked at.
            type: int
          advertised_address:
            description: The address that clients are told to use.
            type: str
            required: true
          advertised_port:
            description: The port that clients are told to use.
            type: int
            required: true
"""

    LISTENER_CONFIG = r"""
options:
  listener_config:
    description:
      - Client properties for each listener name, as librdkafka names them.
      - A C(PLAINTEXT) listener needs none. A listener of another protocol is used only if it is named here.
    type: dict
    default: {}
"""

    WAIT = r"""
options:
  timeout_s:
    description:
      - How long to wait, in seconds, for what may still come right by itself. Returns as soon as it has.
      - 0 looks once.
    type: float
    default: 0.0
  down:
    description: Hosts whose service is known not to run. What is missing there is not waited for.
    type: list
    elements: str
    default: []
"""

    TOPIC = r"""
options:
  bootstrap_servers:
    description: Addresses (C(host:port)) through which the cluster is found.
    type: list
    elements: str
    required: true
  client_properties:
    description: librdkafka properties of the client, such as C(security.protocol). They win over all others.
    type: dict
    default: {}
  topic:
    description: The topic that the lines go to.
    type: str
    required: true
  timeout_s:
    description: How long it may take, in seconds.
    type: float
    default: 30.0
"""
