"""Every task from request to file: its states, the ledger on disk, the service that owns it."""
