"""From a local file to an address that the service can read.

`host.py` says what a way of hosting is; `store.py`, `selfserved.py`, `temporary.py` and
`practice.py` are the ways. `choose.py` picks those that the owner of this installation has
configured, `place.py` puts a file there, `prove.py` reads it back before money is spent, and
`trial.py` tries a host on request of the settings page.
"""
