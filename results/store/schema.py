"""The tables of a store, and the statements that write them."""

from __future__ import annotations

FORMAT = 6

TABLES = """
CREATE TABLE trial (
    key TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    trial TEXT NOT NULL,
    plugins TEXT NOT NULL,
    properties TEXT NOT NULL,
    outcome TEXT,
    reason TEXT,
    path TEXT,
    seconds REAL,
    session TEXT,
    checksum INTEGER
);
CREATE TABLE attempt (
    trial TEXT NOT NULL REFERENCES trial (key),
    number INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    seconds REAL NOT NULL,
    session TEXT,
    checksum INTEGER,
    PRIMARY KEY (trial, number)
);
CREATE TABLE measurement (
    trial TEXT NOT NULL REFERENCES trial (key),
    probe TEXT NOT NULL,
    quantity TEXT NOT NULL,
    value REAL,
    low REAL,
    high REAL,
    coordinates TEXT NOT NULL,
    checksum INTEGER
);
CREATE INDEX measurement_trial ON measurement (trial);
CREATE TABLE array (
    trial TEXT NOT NULL REFERENCES trial (key),
    name TEXT NOT NULL,
    shape TEXT NOT NULL,
    dtype TEXT NOT NULL,
    data BLOB NOT NULL,
    coordinates TEXT NOT NULL,
    checksum INTEGER
);
CREATE INDEX array_trial ON array (trial);
CREATE TABLE quantity (
    name TEXT PRIMARY KEY,
    quantity TEXT NOT NULL,
    checksum INTEGER
);
CREATE TABLE unavailable (
    name TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    checksum INTEGER
);
"""

STATEMENTS = [statement.strip() for statement in TABLES.split(";") if statement.strip()]

# What a plan says of a trial; a second plan says it again. The outcome and its reason stay as they were, unless the
# plan now skips the trial, or skipped it before and now would run it.
PLAN = """
INSERT INTO trial (key, position, planned, trial, plugins, properties, outcome, reason)
VALUES (:key, :position, 1, :trial, :plugins, :properties, :outcome, :reason)
ON CONFLICT (key) DO UPDATE SET
    position = excluded.position, planned = 1, trial = excluded.trial, plugins = excluded.plugins,
    properties = excluded.properties,
    reason = CASE WHEN excluded.outcome IS NOT NULL OR trial.outcome = 'skipped' THEN excluded.reason
             ELSE trial.reason END,
    outcome = CASE WHEN excluded.outcome IS NOT NULL OR trial.outcome = 'skipped' THEN excluded.outcome
              ELSE trial.outcome END
"""

FINISH = """
UPDATE trial SET outcome = :outcome, reason = :reason, seconds = :seconds, path = :path, session = :session
WHERE key = :key
"""

# PLAN and FINISH leave some columns as they were, so the checksum is made of what is there afterwards.
SEAL = """
UPDATE trial SET checksum = checksum(
    key, position, planned, trial, plugins, properties, outcome, reason, path, seconds, session
)
"""


def insert(table: str, *columns: str) -> str:
    """Return the statement that inserts a row, given as a mapping, with its checksum."""
    values = ", ".join(f":{column}" for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}, checksum) VALUES ({values}, checksum({values}))"


ATTEMPT = insert("attempt", "trial", "number", "outcome", "reason", "seconds", "session")
MEASURE = insert("measurement", "trial", "probe", "quantity", "value", "low", "high", "coordinates")
KEEP = insert("array", "trial", "name", "shape", "dtype", "data", "coordinates")
DECLARE = insert("quantity", "name", "quantity")
MISS = insert("unavailable", "name", "reason")

ATTEMPTS = "SELECT * FROM attempt ORDER BY trial, number"

KEPT = """
SELECT array.* FROM array JOIN trial ON trial.key = array.trial
WHERE trial.planned = 1 ORDER BY trial.position, trial.key, array.rowid
"""

MEASURED = """
SELECT measurement.* FROM measurement JOIN trial ON trial.key = measurement.trial
WHERE trial.planned = 1 ORDER BY trial.position, trial.key, measurement.rowid
"""
