"""Kafka's own definition of its settings, and whether a value agrees with it.

Source: what ``kafka.server.KafkaConfig`` of a release prints (Kafka documentation, "Broker Configs"), kept as
data for each supported line below ``roles/kafka/files/definitions``, so that a controller needs no Java.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import properties, role_variables

FOLDER = role_variables.ROLES / "kafka" / "files" / "definitions"

# Names that Kafka takes without listing them: by prefix whatever plugin reads them, or a listener's own.
OPEN = re.compile(r"(config\.providers|rsm\.config|rlmm\.config)(\.|$)")
OF_LISTENER = re.compile(r"listener\.name\.[^.]+\.(.+)")
# What a listener may have of its own (KIP-103, KIP-226, KIP-402, KIP-612); the rest holds for all of them.
LISTENERS_OWN = re.compile(
    r"(ssl|sasl|[^.]+\.sasl)\..+|principal\.builder\.class|connections\.max\.reauth\.ms"
    r"|[^.]+\.connections\.max\.reauth\.ms|max\.connections|max\.connection\.creation\.rate|num\.network\.threads"
)
PROVIDED = re.compile(r"\$\{[^}]+\}")
_RANGE = re.compile(r"\[(-?\d+),\.\.\.(?:,(-?\d+))?\](?: or (-?\d+))?")
# 3.9 prints the rule of two settings in words.
_IN_WORDS = {"The default value of -1 means that": "[1,...] or -1"}
_BITS = {"short": 16, "int": 32, "long": 64}


@dataclass(frozen=True)
class Definition:
    """One setting: its type, default and valid values as Kafka prints them, and how it can be changed."""

    type: str
    default: str
    valid: str
    update_mode: str

    @property
    def unset(self) -> str:
        """What holds where nothing is given, without the words that 3.9 prints beside a number."""
        plain = re.sub(r" \([^)]*\)$", "", self.default)
        return "" if plain in ("null", '""') else plain

    def problem(self, value: Any) -> str:
        """What is wrong with ``value``, as the end of a sentence; empty where nothing is.

        A value that a configuration provider fills in (KIP-297) cannot be judged and passes.
        """
        given = properties.text(value).strip()
        if PROVIDED.fullmatch(given):
            return ""
        if self.type == "boolean":
            return "" if given.lower() in ("true", "false") else "is true or false"
        if self.type in _BITS:
            return self._whole_number(given)
        if self.type == "double":
            if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", given):
                return "is a number"
            return self._out_of_range(float(given))
        if self.type == "list":
            # An empty list holds nothing wrong; whether it may be empty is said by the definition.
            return self._words([item.strip() for item in given.split(",")] if given else [])
        return self._words([given])

    def _whole_number(self, given: str) -> str:
        if not re.fullmatch(r"[-+]?\d+", given):
            return "is a whole number"
        number, most = int(given), 2 ** (_BITS[self.type] - 1) - 1
        if not -most - 1 <= number <= most:
            return f"is at most {most}"
        return self._out_of_range(number)

    def _out_of_range(self, number: float) -> str:
        valid = next((rule for words, rule in _IN_WORDS.items() if self.valid.startswith(words)), self.valid)
        allowed = _RANGE.fullmatch(valid)
        if allowed is None or (allowed[3] and number == int(allowed[3])):
            return ""
        also = f", or {allowed[3]}" if allowed[3] else ""
        if number < int(allowed[1]):
            return f"is at least {allowed[1]}{also}"
        if allowed[2] and number > int(allowed[2]):
            return f"is at most {allowed[2]}{also}"
        return ""

    def _words(self, given: list[str]) -> str:
        if self.valid.startswith("non-empty"):
            return "" if any(given) else "may not be empty"
        if not re.fullmatch(r"\[[^\[\]]*\]", self.valid) or "..." in self.valid:
            return ""
        choices = self.valid[1:-1].split(", ")
        # A version may be named without its last part: 3.9 stands for the newest 3.9-IV*.
        wrong = [one for one in given if one not in choices and not _version(one, choices)]
        # Of the many protocol versions the ends will do.
        told = choices if len(choices) <= 20 else [*choices[:2], "…", *choices[-2:]]
        return f"is one of {', '.join(told)}" if wrong else ""


def _version(given: str, choices: Iterable[str]) -> bool:
    short = re.fullmatch(r"(0\.\d+\.\d+|[1-9]\d*\.\d+)(\..*)?", given)
    return short is not None and any(choice.startswith(f"{short[1]}-IV") for choice in choices)


def _internal(kind: str, valid: str = "") -> tuple[str, Definition]:
    return "3.9", Definition(kind, "", valid, "read-only")


def _authorizers(kind: str, valid: str = "") -> tuple[str, Definition]:
    return "0", Definition(kind, "", valid, "read-only")


# What KafkaConfig does not print: what Kafka's own authorizers read, and what it keeps to itself since the
# version named. Source: AclAuthorizer and StandardAuthorizer; ``internal`` in KafkaConfig's definition.
UNPRINTED = {
    "allow.everyone.if.no.acl.found": _authorizers("boolean"),
    "authorizer.zookeeper.connection.timeout.ms": _authorizers("int", "[1,...]"),
    "authorizer.zookeeper.max.in.flight.requests": _authorizers("int", "[1,...]"),
    "authorizer.zookeeper.session.timeout.ms": _authorizers("int", "[1,...]"),
    "authorizer.zookeeper.url": _authorizers("string"),
    "super.users": _authorizers("string"),
    "log.initial.task.delay.ms": _internal("long", "[0,...]"),
    "producer.id.expiration.check.interval.ms": _internal("int", "[1,...]"),
    "remote.log.manager.task.retry.backoff.max.ms": _internal("long", "[1,...]"),
    "remote.log.manager.task.retry.backoff.ms": _internal("long", "[1,...]"),
    "server.max.startup.time.ms": _internal("long", "[0,...]"),
    "unclean.leader.election.interval.ms": _internal("long", "[1,...]"),
    "unstable.api.versions.enable": _internal("boolean"),
    "unstable.feature.versions.enable": _internal("boolean"),
    "zookeeper.metadata.migration.min.batch.size": _internal("int", "[1,...]"),
}


def parse(printed: str) -> dict[str, Definition]:
    """Every setting that ``kafka.server.KafkaConfig`` printed as HTML, in the shape of 2.6 or of 3.9.

    Raises ValueError where the shape is neither.
    """
    found = {}
    for entry in printed.split("<h4>")[1:]:
        name = re.match(r'<a id="([^"]+)"', entry)
        rows = dict(re.findall(r"<tr><th>([^<:]+):</th><td>(.*?)</td></tr>", entry, re.DOTALL))
        if name is None or not {"Type", "Default", "Valid Values", "Update Mode"} <= set(rows):
            raise ValueError(f"this is not a setting as KafkaConfig prints it: {entry[:80]!r}")
        told = [html.unescape(rows[key]) for key in ("Type", "Default", "Valid Values", "Update Mode")]
        found[name[1]] = Definition(*told)
    if not found:
        raise ValueError("KafkaConfig printed no settings")
    return found


def line(version: str) -> str:
    """``3.9`` of ``3.9.2``."""
    return ".".join(version.split(".")[:2])


def document(version: str, definitions: Mapping[str, Definition]) -> str:
    """The file that keeps the definitions of one line, a setting a line, so that a diff reads well."""
    settings = (
        f"{json.dumps(name)}: {json.dumps(asdict(definitions[name]))}" for name in sorted(definitions)
    )
    return f'{{"version": {json.dumps(version)}, "settings": {{\n' + ",\n".join(settings) + "\n}}\n"


@cache
def load(version: str) -> tuple[str, dict[str, Definition]]:
    """The definitions for ``version``, and the version they were taken from.

    A line that none was kept of is judged by the newest older one, else by the oldest.
    """
    kept = sorted((version_key(path.stem), path) for path in FOLDER.glob("*.json"))
    fitting = [path for numbers, path in kept if numbers <= version_key(line(version))]
    content = json.loads((fitting[-1] if fitting else kept[0][1]).read_text(encoding="utf-8"))
    return content["version"], {name: Definition(**one) for name, one in content["settings"].items()}


def version_key(dotted: str) -> tuple[int, ...]:
    """What versions are compared by."""
    return tuple(int(part) for part in re.findall(r"\d+", dotted))


def find(name: str, version: str) -> Definition | None:
    """The definition that ``name`` falls under: its own, or for a listener's setting the one it ends with."""
    definitions = load(version)[1]
    if name in definitions:
        return definitions[name]
    since, unprinted = UNPRINTED.get(name, ("", None))
    if unprinted and version_key(since) <= version_key(version):
        return unprinted
    of_listener = OF_LISTENER.fullmatch(name)
    if of_listener is None or not LISTENERS_OWN.fullmatch(of_listener[1]):
        return None
    rest = of_listener[1]
    # Between the two may stand a SASL mechanism: listener.name.x.plain.sasl.jaas.config (KIP-103).
    return definitions.get(rest) or definitions.get(rest.partition(".")[2])


def elsewhere(name: str, version: str) -> str:
    """The version of another line, the newest that has ``name``; empty where none has."""
    kept = sorted((path.stem for path in FOLDER.glob("*.json")), key=version_key, reverse=True)
    others = (load(other) for other in kept if other != line(version))
    return next((taken_from for taken_from, settings in others if name in settings), "")


def allowed(name: str, names: Iterable[str]) -> bool:
    """Whether a list of names has ``name``, or an item that ends with a dot and begins it."""
    return any(name == one or (one.endswith(".") and name.startswith(one)) for one in names)


def definitions_file(version: str) -> Path:
    """Where the definitions of ``version``'s line are kept."""
    return FOLDER / f"{line(version)}.json"
