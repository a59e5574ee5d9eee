"""`make bench`: every figure that the project is held to, beside its reference, in one table.

Absolute times vary with the machine and its other work, so each figure is measured beside something
known, in turn, and judged by the ratio. Nothing here is part of the tests.
"""

from __future__ import annotations

import argparse
import sys

from tests.bench import durability, hosts, ledger, preflight, produce, registration, roll, site
from tests.bench.table import table

PARTS = ("site", "registration", "preflight", "ledger", "perf", "durability", "roll")


def main() -> int:
    """Measure the parts that were asked for; hosts made for it are removed again."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone (may be repeated)")
    parser.add_argument("--keep", action="store_true", help="leave the hosts for the next bench")
    arguments = parser.parse_args()
    parts = arguments.only or PARTS
    rows = []
    if "registration" in parts:
        print("broker_registration …", flush=True)
        rows += registration.measure()
    if "preflight" in parts:
        print("static preflight …", flush=True)
        rows += preflight.measure()
    if "ledger" in parts:
        print("durability_test's ledger …", flush=True)
        rows += ledger.measure()
    if {"site", "perf", "durability", "roll"} & set(parts):
        # A first deploy is measured on hosts that are new; on hosts left by --keep it is left out.
        fresh = not hosts.facts()
        hosts.up()
        try:
            if "site" in parts:
                print("site.yml …", flush=True)
                rows += site.measure(deploy=fresh)
            else:
                hosts.play("site.yml")
            if "perf" in parts:
                print("perf_test …", flush=True)
                rows += produce.measure()
            if "durability" in parts:
                print("durability_test …", flush=True)
                rows += durability.measure()
            if "roll" in parts:
                print("site.yml with a changed setting, under load …", flush=True)
                rows += roll.measure()
        finally:
            if not arguments.keep:
                hosts.down()
    print(table(rows))
    missed = [row.what for row in rows if not row.met]
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
