"""The tables of the ledger, version by version: each script brings version n to n + 1."""

from __future__ import annotations

_FIRST = """
CREATE TABLE counter (value INTEGER NOT NULL);

INSERT INTO counter (value) VALUES (0);

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    practice INTEGER NOT NULL,
    fingerprint TEXT NOT NULL DEFAULT '',
    task_id TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '',
    tag TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT '',
    resolution TEXT NOT NULL DEFAULT '',
    prompt TEXT NOT NULL DEFAULT '',
    seed INTEGER NOT NULL DEFAULT 0,
    provider TEXT NOT NULL DEFAULT '',
    character TEXT NOT NULL DEFAULT '',
    motion TEXT NOT NULL DEFAULT '',
    keep_sound INTEGER NOT NULL DEFAULT 1,
    clip_s REAL,
    billable_s INTEGER,
    token_digest TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    sending_at REAL,
    submitted_at REAL,
    succeeded_at REAL,
    finished_at REAL,
    missing_at REAL,
    candidate TEXT NOT NULL DEFAULT '',
    sound TEXT NOT NULL DEFAULT '',
    thumbnail TEXT NOT NULL DEFAULT '',
    result_urls TEXT NOT NULL DEFAULT '[]',
    file TEXT NOT NULL DEFAULT '',
    fail_code TEXT NOT NULL DEFAULT '',
    fail_message TEXT NOT NULL DEFAULT '',
    create_ms INTEGER,
    complete_ms INTEGER,
    cost_ms INTEGER,
    note TEXT NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX one_live_row_per_request ON tasks (fingerprint)
    WHERE fingerprint <> '' AND state IN (
        'preparing', 'sending', 'submitted', 'running', 'succeeded', 'collected', 'unknown');

CREATE UNIQUE INDEX one_row_per_task ON tasks (origin, task_id) WHERE task_id <> '';

CREATE INDEX tasks_by_state ON tasks (state, owner);

CREATE INDEX tasks_by_revision ON tasks (revision);

CREATE INDEX tasks_by_sending ON tasks (sending_at);

CREATE INDEX tasks_by_token ON tasks (token_digest) WHERE token_digest <> '';

CREATE TABLE forgotten (
    sending_at REAL NOT NULL,
    billable_s INTEGER NOT NULL,
    resolution TEXT NOT NULL
);

CREATE INDEX forgotten_by_sending ON forgotten (sending_at);

CREATE TABLE uploads (
    digest TEXT NOT NULL,
    host TEXT NOT NULL,
    handle TEXT NOT NULL,
    url TEXT NOT NULL,
    expires_at REAL,
    size_bytes INTEGER NOT NULL,
    first_bytes BLOB NOT NULL,
    clip_s REAL,
    made_at REAL NOT NULL,
    shared INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (digest, host)
);

CREATE TABLE links (
    url_digest TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    clip_s REAL,
    made_at REAL NOT NULL
);

CREATE TABLE needs (
    row_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    host TEXT NOT NULL,
    PRIMARY KEY (row_id, digest, host)
);

CREATE INDEX needs_by_upload ON needs (digest, host)
"""

_KEY_MARK = "ALTER TABLE tasks ADD COLUMN key_mark TEXT NOT NULL DEFAULT ''"

MIGRATIONS = (_FIRST, _KEY_MARK)
