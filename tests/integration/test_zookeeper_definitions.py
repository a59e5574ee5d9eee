"""Our definition of zoo.cfg beside the names that the releases' own classes carry."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from ansible_collections.barevm.kafka.plugins.module_utils import zookeeper_definitions

from tests.integration.conftest import ReleaseOf

# Named by classes and no setting of a server: clients', tests', other programs', names of packages.
NO_SETTINGS = {
    *("JLineZNodeCompleter", "ServerAdminClient", "Version", "configuration", "controllerPort", "version"),
    *("client.secure", "clientCnxnSocket", "disableAutoWatchReset", "server.admin.JettyAdminServer"),
    *("sasl.client", "sasl.client.canonicalize.hostname", "sasl.client.username", "sasl.clientconfig"),
    *(
        "server.auth.X509AuthenticationProvider",
        "test.allowDiscontinuousProposals",
        "testingonly.initialZxid",
    ),
    *("version.Info", "version.util.VerGen", "version.util.VerGen."),
    # Beginnings.
    *("ssl.", "ssl.quorum."),
}


@pytest.fixture(params=["3.9.5", "3.6.2"], scope="module")
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def carried(version: str, release_of: ReleaseOf) -> str:
    """What all classes of the release hold, as text."""
    (jar,) = Path(release_of("zookeeper", version)).glob(f"lib/zookeeper-{version}.jar")
    with zipfile.ZipFile(jar) as archive:
        return "\n".join(
            archive.read(name).decode("latin-1") for name in archive.namelist() if name.endswith(".class")
        )


@pytest.fixture(scope="module")
def named(carried: str) -> set[str]:
    """The system properties that they name."""
    return set(re.findall(r"zookeeper\.([A-Za-z0-9][A-Za-z0-9_.-]+)", carried))


def test_every_name_of_the_release_is_defined(named: set[str], version: str) -> None:
    known, _later = zookeeper_definitions.load(version)
    assert len(named) > 100
    unknown = named - set(known) - NO_SETTINGS
    assert sorted(name for name in unknown if not zookeeper_definitions.OPEN.match(name)) == []


def test_every_defined_name_is_in_the_release(carried: str, named: set[str], version: str) -> None:
    known, later = zookeeper_definitions.load(version)
    # Of TLS the classes hold the ends of names alone.
    ends = {re.sub(r"^ssl\.(quorum\.)?", "", name): name for name in known}
    assert [name for end, name in ends.items() if end not in carried] == []
    assert sorted(named & set(later)) == []
