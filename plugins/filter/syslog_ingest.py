# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What role syslog_ingest prints; all of it is computed in module_utils."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.barevm.kafka.plugins.module_utils import (
    cluster_model,
    logstash_pipeline,
    syslog_config,
)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "logstash_heap_mb": logstash_pipeline.heap_mb,
            "logstash_pipeline": logstash_pipeline.pipeline,
            "logstash_problems": logstash_pipeline.problems,
            "logstash_settings": logstash_pipeline.settings,
            "syslog_brokers": lambda cluster, listener: cluster_model.bootstrap_servers(
                cluster["kafka"], listener
            ),
            "syslog_config": syslog_config.config,
            "syslog_environment": syslog_config.environment,
            "syslog_given_properties": syslog_config.given_properties,
            "syslog_lacks_packages": lambda files: (
                not (
                    files[cluster_model.SYSLOG_FILES[0]]
                    and any(files[pattern] for pattern in cluster_model.SYSLOG_FILES[1:])
                )
            ),
            "syslog_own_properties": syslog_config.own_properties,
        }
