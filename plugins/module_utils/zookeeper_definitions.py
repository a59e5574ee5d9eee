"""What zoo.cfg may say: a definition of ours, since ZooKeeper prints none and takes any name.

Names, types and ranges are kept as data in ``roles/zookeeper/files/definitions.json``. Source: ZooKeeper
administrator's guide, "Configuration Parameters", and the names that the releases' own classes read; a test
compares them. Whatever ``QuorumPeerConfig`` does not know becomes the system property ``zookeeper.NAME``.
"""

from __future__ import annotations

import json
import re
from functools import cache

from ansible_collections.barevm.kafka.plugins.module_utils import role_variables
from ansible_collections.barevm.kafka.plugins.module_utils.setting_definitions import Definition, version_key

FILE = role_variables.ROLES / "zookeeper" / "files" / "definitions.json"

# Read by whatever is named there: authentication and metrics providers, and weighted quorums.
OPEN = re.compile(r"(authProvider|metricsProvider|group|weight)\.")
# Read as system properties without ZooKeeper's prefix, so zoo.cfg cannot say them.
SYSTEM_ONLY = re.compile(r"(jute\.maxbuffer|readonlymode\.enabled|znode\.container\.\w+|java\..*)$")


@cache
def load(version: str) -> tuple[dict[str, Definition], dict[str, str]]:
    """The settings that ``version`` has, and those that only a later one has with that version."""
    settings = json.loads(FILE.read_text(encoding="utf-8"))["settings"]
    there, later = {}, {}
    for name, one in settings.items():
        if version_key(one["since"]) <= version_key(version):
            there[name] = Definition(one["type"], "", one["valid"], "read-only")
        else:
            later[name] = one["since"]
    return there, later
