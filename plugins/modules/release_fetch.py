#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: release_fetch
short_description: Fetch releases of Kafka and ZooKeeper into the controller's cache
version_added: 0.1.0
description:
  - Runs on the controller. Each release is fetched once, checked against its checksums each time it is used,
    and packed once as the archive that M(barevm.kafka.release_push) sends to hosts.
  - An archive is used only with the sha512 that is given or stated by the C(.sha512) file beside it.
  - A cached release that no longer matches its checksums is fetched again, with a message.
  - Prints how far a fetch is every few seconds. An interrupted fetch leaves nothing that looks finished.
options:
  releases:
    description: The releases to fetch.
    type: list
    elements: dict
    required: true
    suboptions:
      product:
        description: What is released.
        type: str
        choices: [kafka, zookeeper]
        required: true
      version:
        description: Which version.
        type: str
        required: true
      scala_version:
        description: The Scala version Kafka was built with. Empty for ZooKeeper.
        type: str
        default: ""
      source:
        description:
          - C(archive) downloads or copies the official archive.
          - C(maven) assembles the release from its published jars with the mvn client.
          - C(local) takes a folder on the controller.
        type: str
        choices: [archive, maven, local]
        default: maven
      url:
        description: The archive's URL (http, https, file) or path on the controller. Only for C(archive).
        type: str
        default: ""
      sha512:
        description: The archive's checksum in hex. If empty, the C(.sha512) file beside the URL is read.
        type: str
        default: ""
      dir:
        description: The folder on the controller, in the layout of the official archive. Only for C(local).
        type: str
        default: ""
      path:
        description: The folder on hosts, passed on to what is returned.
        type: str
        default: ""
  cache_dir:
    description: The cache's folder on the controller. It is made when it is missing.
    type: path
    required: true
  findings_only:
    description: Return what keeps a release from being had as I(findings) instead of failing with it.
    type: bool
    default: false
  timeout_s:
    description: Seconds that all fetches together may take.
    type: int
    default: 3600
attributes:
  check_mode:
    support: full
    description: Downloads nothing. Checks that archives and folders are there, that checksums are known and
      that the mvn client is installed.
notes:
  - An action plugin on the controller. Run it once, delegated to localhost.
author:
  - barevm.kafka contributors (@barevm)
"""

EXAMPLES = r"""
- name: Fetch the releases (usually 10 to 60 s when they are not in the cache)
  barevm.kafka.release_fetch:
    releases: "{{ preflight_cluster.releases }}"
    cache_dir: "{{ dist_cache_dir }}"
  run_once: true
  delegate_to: localhost
  become: false
  register: dist_fetched
"""

RETURN = r"""
releases:
  description: One entry for each release that was had. Empty under check mode.
  returned: always
  type: list
  elements: dict
  contains:
    path:
      description: The folder on hosts, as it was given.
      type: str
    archive:
      description: The tar on the controller that hosts are sent.
      type: str
    tree:
      description: The same as a folder on the controller.
      type: str
    fetched:
      description: Whether it was fetched now rather than found in the cache.
      type: bool
    manifest:
      description: What a host keeps in C(.release.json), with the archive's sha512.
      type: dict
findings:
  description: What keeps a release from being had, with host, variable, value, rule and remedy.
  returned: always
  type: list
  elements: dict
"""
