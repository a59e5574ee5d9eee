# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a release on a host: ask what is there, send one archive if that differs, let the host unpack it."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

MODULE = "barevm.kafka.release_push"
PROGRESS_INTERVAL_S = 5.0

ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "archive": {"type": "path"},
    "manifest": {"type": "dict", "required": True},
}


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        check_mode = self._task.check_mode
        archive = given["archive"]
        if archive is None and not check_mode:
            raise AnsibleActionFail("release_push: archive is required, but for check mode")
        try:
            size = os.stat(archive).st_size if archive else 0
        except OSError as problem:
            raise AnsibleActionFail(f"{archive} on the controller cannot be read: {problem}") from problem

        result = self._module(given | {"_archive_bytes": size}, task_vars)
        if not result.get("failed") and result["changed"] and not check_mode:
            # Beside the module's own files: removed by Ansible with them, whatever happens.
            remote = self._connection._shell.join_path(self._make_tmp_path(), os.path.basename(archive))
            self._send(archive, remote, size, task_vars)
            self._fixup_perms2((self._connection._shell.tmpdir, remote))
            left = result["removed"]
            result = self._module(given | {"archive": remote}, task_vars)
            result["removed"] = left
        if self._task.diff and not result.get("failed"):
            result["diff"] = {
                "before_header": given["path"],
                "after_header": given["path"],
                "before": _shown(result["before"]),
                "after": _shown(given["manifest"]),
            }
        return result

    def _module(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(MODULE, arguments, task_vars=task_vars)
        result.pop("invocation", None)
        return result

    def _send(self, archive: str, remote: str, size: int, task_vars: dict[str, Any] | None) -> None:
        """Transfer the archive, saying every few seconds that it is still under way."""
        host = (task_vars or {}).get("inventory_hostname", "the host")
        done = threading.Event()
        started = time.monotonic()

        def report() -> None:
            while not done.wait(PROGRESS_INTERVAL_S):
                elapsed = time.monotonic() - started
                what = f"{os.path.basename(archive)} ({size / 1e6:.0f} MB)"
                Display().display(f"{host}: sending {what} for {elapsed:.0f} s")

        threading.Thread(target=report, daemon=True).start()
        try:
            self._transfer_file(archive, remote)
        finally:
            done.set()


def _shown(manifest: dict[str, Any] | None) -> str:
    """What people know a release by; the same under check mode, which fetches no checksum."""
    if manifest is None:
        return ""
    known = ("product", "version", "scala_version", "source")
    return "".join(f"{key}: {manifest.get(key)}\n" for key in known)
