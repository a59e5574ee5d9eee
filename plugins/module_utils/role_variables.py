"""Reads the roles' own files: the defaults they carry and the specs they promise."""

from __future__ import annotations

from pathlib import Path

ROLES = Path(__file__).parents[2] / "roles"
# The roles whose variables describe hosts, and how a cluster is asked; other verbs' variables stay with them.
DESCRIBING = ("preflight", "host_tuning", "java", "dist", "zookeeper", "kafka", "verify", "syslog_ingest")
# What a role describes is asked only of the hosts of its group.
OF_GROUP = {"zookeeper": "zookeeper", "kafka": "kafka", "syslog_ingest": "syslog_ingest"}


def defaults_file(role: str) -> Path:
    """Where the role's defaults are."""
    return ROLES / role / "defaults" / "main.yml"


def roles() -> list[str]:
    """Every role, those of the verbs among them."""
    return sorted(path.parents[1].name for path in ROLES.glob("*/meta/argument_specs.yml"))


def specs_file(role: str) -> Path:
    """Where the role's argument specs are."""
    return ROLES / role / "meta" / "argument_specs.yml"
