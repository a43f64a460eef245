"""The remote service: what is sent, what comes back, what it costs.

The service's own spellings stay in this folder.
Source of every fact: docs/service.md, read 2026-11-23.
"""
