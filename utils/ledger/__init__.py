"""What is on disk before the money: every task, its state, what was spent, whose it is.

`ledger.py` writes and `reading.py` asks, both by way of `database.py`; `rows.py` is one task and
`states.py` the steps it may take. `schema.py`, `mending.py` and `salvage.py` are for a file that is
new, old or damaged; `owners.py` tells which process works on which row, and `unfinished.py`
whether there is any work, before anything is opened.
"""
