"""The remote service: what is sent, what comes back, what it costs.

The service's own spellings stay in this folder. Source of every fact: API.md, read 2026-11-23.
"""
