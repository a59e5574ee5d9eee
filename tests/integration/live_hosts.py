"""Real brokers on loopback with the files and notes of hosts, and the role's live changes run on them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    kafka_settings,
    live_rules,
    live_settings,
    properties,
)
from ansible_collections.barevm.kafka.plugins.module_utils import setting_definitions as definitions

from tests.described import broker, server
from tests.integration.cluster import LOOPBACK, Java, ZooKeeper, free_ports, wait_until

ROOT = Path(__file__).parents[2]
SMALL = {
    "zookeeper.session.timeout.ms": 6000,
    "log.cleaner.dedupe.buffer.size": 4 << 20,
    "offsets.topic.num.partitions": 1,
    "controlled.shutdown.enable": False,
}
SYSTEMCTL = """#!/bin/sh
# Answers for a machine whose brokers are no units, and which has no others.
shift 2
for unit in "$@"; do
  echo "Id=$unit"; echo Result=success; echo ExecMainStatus=0; echo NRestarts=0
  echo FragmentPath=; echo DropInPaths=; echo NeedDaemonReload=no
  if [ "$unit" = kafka.service ]; then
    echo LoadState=loaded; echo ActiveState=active; echo SubState=running; echo UnitFileState=enabled
    echo "MainPID=$(cat {folder}/pid)"
  else
    echo LoadState=not-found; echo ActiveState=inactive; echo SubState=dead; echo UnitFileState=
    echo MainPID=0
  fi
  echo
done
"""
PLAY = """
- name: Read the hosts as preflight does
  hosts: all
  gather_facts: false
  any_errors_fatal: true
  environment: {PATH: "{{ shim }}:{{ lookup('env', 'PATH') }}"}
  tasks:
    - name: Read the host
      barevm.kafka.host_state:
        units: [kafka.service]
        services: "{{ preflight_cluster.reads[inventory_hostname].services }}"
        overrides: "{{ preflight_cluster.reads[inventory_hostname].overrides }}"
      register: preflight_host
    - name: Change live
      ansible.builtin.include_tasks: ROOT/roles/roll/tasks/live.yml
    - name: Clean up
      ansible.builtin.include_tasks: ROOT/roles/roll/tasks/overrides.yml
    - name: Keep what was seen
      ansible.builtin.copy:
        content: "{{ {'done': _roll_live_done | default([]), 'read': states} | to_json }}"
        dest: "{{ seen }}"
        mode: "0600"
      vars:
        states: >-
          {{ dict(ansible_play_hosts
          | zip(ansible_play_hosts | map('extract', hostvars, 'preflight_host'))) }}
      run_once: true
      check_mode: false
""".replace("ROOT", str(ROOT))


@dataclass
class Seen:
    """How a run ended: its output, the hosts that need no restart, what waited on each host before."""

    output: str
    status: int
    done: list[str]
    waited: dict[str, list[str]]


@dataclass
class Hosts:
    """Brokers with the files that hosts have: n1 is broker 1, and so on."""

    folder: Path
    release: Path
    version: str
    zookeeper: ZooKeeper
    count: int
    chroot: str
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    java: dict[str, Java] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, port in enumerate(free_ports(self.count), 1):
            host = f"n{number}"
            self.variables[host] = {
                **server(1, LOOPBACK),
                **broker(
                    number,
                    LOOPBACK,
                    kafka_version=self.version,
                    kafka_chroot=self.chroot,
                    kafka_listeners=[{"name": "PLAINTEXT", "protocol": "PLAINTEXT", "port": port}],
                    kafka_conf_dir=str(self.folder / host / "etc"),
                    kafka_log_dirs=[str(self.folder / host / "data")],
                    kafka_properties=dict(SMALL),
                ),
            }
            for name in ("etc", "run", "bin"):
                (self.folder / host / name).mkdir(parents=True)
            shim = self.folder / host / "bin" / "systemctl"
            shim.write_text(SYSTEMCTL.format(folder=self.folder / host))
            shim.chmod(0o755)
            self.java[host] = Java(self.release, "kafka.Kafka", self.folder / host / "java")
        self.write()
        self.start(*self.variables)

    @property
    def cluster(self) -> dict[str, Any]:
        groups = {"zookeeper": ["n1"], "kafka": list(self.variables)}
        built = cluster_model.build(groups, self.variables)
        built["zookeeper"]["connect"] = self.zookeeper.hosts + self.chroot
        reads = {}
        for host, variables in self.variables.items():
            reads[host] = cluster_model.reads(variables, False, True)
            (service,) = reads[host]["services"]
            service["started_dir"] = str(self.folder / host / "run")
            service["unit_path"] = str(self.folder / host / "etc" / "unit")
        return {**built, "hosts": self.variables, "reads": reads}

    def set(self, *hosts: str, **variables: Any) -> None:
        """Change the inventory of hosts, all when none is named, and write the files."""
        for host in hosts or tuple(self.variables):
            given = dict(variables)
            given["kafka_properties"] = {**SMALL, **given.get("kafka_properties", {})}
            self.variables[host].update(given)
        self.write()

    def write(self) -> None:
        cluster = self.cluster
        for host, variables in self.variables.items():
            settings = kafka_settings.broker_settings(variables, cluster["zookeeper"]["connect"])
            (self.folder / host / "etc" / "server.properties").write_text(properties.render(settings))
            for name, content in (("kafka.env", ""), ("log4j.properties", ""), ("unit", "'echo digest >\n")):
                (self.folder / host / "etc" / name).write_text(content)

    def start(self, *hosts: str) -> None:
        """As the unit does: copy the files, then run from the copies."""
        for host in hosts:
            for path in (self.folder / host / "etc").glob("*[sv]"):
                shutil.copy(path, self.folder / host / "run")
            (self.folder / host / "run" / "unit").write_text("digest\n")
            self.java[host].start((self.folder / host / "run" / "server.properties").read_text())
            process = self.java[host].process
            assert process is not None
            (self.folder / host / "pid").write_text(str(process.pid))

        def started() -> bool:
            for host in hosts:
                assert not self.java[host].failed(), self.java[host].tail()
            return all(self.java[host].said("] started") for host in hosts)

        wait_until(f"{hosts} start", started)

    def restart(self, *hosts: str) -> None:
        for host in hosts:
            self.java[host].stop()
        self.start(*hosts)

    def pids(self) -> list[str]:
        return [(self.folder / host / "pid").read_text() for host in self.variables]

    def note(self, host: str = "n1") -> dict[str, Any]:
        path = self.folder / host / "etc" / "overrides.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def ask(self, mode: str = "read", **options: Any) -> dict[str, Any]:
        params = {name: option.get("default") for name, option in live_settings.SPEC.items()}
        return live_settings.ask(
            {**params, "brokers": self.cluster["kafka"]["brokers"], "mode": mode, **options}
        )

    def answers(self) -> dict[str, dict[str, Any]]:
        """By broker id everything that it says of its settings."""
        _, known = definitions.load(self.version)
        names = {str(number): list(known) for number in range(1, self.count + 1)}
        settings: dict[str, dict[str, Any]] = self.ask(names=names)["settings"]
        return settings

    def unlike_their_files(self) -> dict[str, Any]:
        """Every setting of every broker that is neither what its file says nor Kafka's default."""
        _, known = definitions.load(self.version)
        wrong = {}
        for host, (number, answers) in zip(self.variables, self.answers().items()):
            file = properties.parse((self.folder / host / "etc" / "server.properties").read_text())
            assert len(answers) > 150
            for name, entry in answers.items():
                if name not in known or name == "node.id":  # which follows broker.id
                    continue
                default = live_rules.default_text(known[name])
                wanted = file.get(name, default)
                if wanted is not None and not live_rules.same(entry["value"], wanted, known[name].type):
                    wrong[f"{number} {name}"] = (entry["value"], wanted, entry["source"])
        return wrong

    def overrides(self) -> dict[str, dict[str, str]]:
        return {
            number: {
                name: one["value"] for name, one in answers.items() if one["source"] in ("broker", "cluster")
            }
            for number, answers in self.ask()["settings"].items()
        }

    def run(self, *options: str, restarted: tuple[str, ...] = ()) -> Seen:
        """The role's live change and what follows the restarts, by ansible-playbook."""
        seen = self.folder / "seen.json"
        seen.unlink(missing_ok=True)
        lines = [
            f"{host} ansible_connection=local ansible_become=false shim={self.folder / host / 'bin'} "
            f"ansible_python_interpreter={sys.executable}"
            for host in self.variables
        ]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")
        (self.folder / "play.yml").write_text(PLAY)
        candidates = [
            {
                "host": host,
                "id": number,
                "pending": f"{{{{ hostvars.{host}.preflight_host.pending['kafka.service'] }}}}",
            }
            for number, host in enumerate(self.variables, 1)
        ]
        variables = {
            "preflight_cluster": self.cluster,
            "seen": str(seen),
            "_roll_probe_host": "localhost",
            "_roll_of_broker": {"verify_listener_config": {}},
            "_roll_live_candidates": candidates,
            "_roll_restarted_brokers": list(restarted),
        }
        (self.folder / "variables.json").write_text(json.dumps(variables))
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                *("-i", self.folder / "hosts", "-e", f"@{self.folder / 'variables.json'}"),
                *(self.folder / "play.yml", *options),
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_HOST_KEY_CHECKING": "false"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        told = json.loads(seen.read_text()) if seen.exists() else {"done": [], "read": {}}
        waited = {host: read["pending"]["kafka.service"] for host, read in told["read"].items()}
        output = " ".join((done.stdout + done.stderr).split())  # Ansible folds long lines
        return Seen(output, done.returncode, told["done"], waited)
