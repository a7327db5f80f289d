"""The tables of a store, and the statements that write them."""

from __future__ import annotations

FORMAT = 5

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
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE measurement (
    trial TEXT NOT NULL REFERENCES trial (key),
    probe TEXT NOT NULL,
    quantity TEXT NOT NULL,
    value REAL,
    low REAL,
    high REAL,
    coordinates TEXT NOT NULL
);
CREATE INDEX measurement_trial ON measurement (trial);
CREATE TABLE array (
    trial TEXT NOT NULL REFERENCES trial (key),
    name TEXT NOT NULL,
    shape TEXT NOT NULL,
    dtype TEXT NOT NULL,
    data BLOB NOT NULL,
    coordinates TEXT NOT NULL
);
CREATE INDEX array_trial ON array (trial);
CREATE TABLE quantity (
    name TEXT PRIMARY KEY,
    quantity TEXT NOT NULL
);
CREATE TABLE unavailable (
    name TEXT PRIMARY KEY,
    reason TEXT NOT NULL
);
"""

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
UPDATE trial SET outcome = :outcome, reason = :reason, seconds = :seconds, path = :path,
                 session = :session,
                 attempts = attempts + :attempts
WHERE key = :key
"""

MEASURE = """
INSERT INTO measurement (trial, probe, quantity, value, low, high, coordinates)
VALUES (:trial, :probe, :quantity, :value, :low, :high, :coordinates)
"""

KEEP = """
INSERT INTO array (trial, name, shape, dtype, data, coordinates)
VALUES (:trial, :name, :shape, :dtype, :data, :coordinates)
"""

KEPT = """
SELECT array.* FROM array JOIN trial ON trial.key = array.trial
WHERE trial.planned = 1 ORDER BY trial.position, trial.key, array.rowid
"""

MEASURED = """
SELECT measurement.* FROM measurement JOIN trial ON trial.key = measurement.trial
WHERE trial.planned = 1 ORDER BY trial.position, trial.key, measurement.rowid
"""
