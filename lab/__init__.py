"""Makes and removes the hosts that the cluster is tried on. `python3 -m lab --help` lists the verbs.

Standard library only: it runs before any virtual environment exists.
"""
