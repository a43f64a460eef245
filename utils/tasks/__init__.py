"""Every task from request to file, and the service that owns it."""
