"""The tables of a store, and the statements that write them."""

from __future__ import annotations

FORMAT = 1

TABLES = """
CREATE TABLE cell (
    key TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    model TEXT NOT NULL,
    alignment TEXT,
    mechanism TEXT NOT NULL,
    task TEXT,
    task_settings TEXT,
    length INTEGER,
    seed INTEGER NOT NULL,
    learning_rate REAL,
    recipe TEXT NOT NULL,
    probes TEXT NOT NULL,
    origin TEXT,
    outcome TEXT,
    reason TEXT,
    path TEXT,
    seconds REAL,
    attempts INTEGER NOT NULL DEFAULT 0,
    started TEXT,
    finished TEXT
);
CREATE TABLE measurement (
    cell TEXT NOT NULL REFERENCES cell (key),
    probe TEXT NOT NULL,
    quantity TEXT NOT NULL,
    stage TEXT,
    length INTEGER,
    step INTEGER,
    distance INTEGER,
    value REAL,
    low REAL,
    high REAL,
    unit TEXT
);
CREATE INDEX measurement_cell ON measurement (cell);
"""

# What a plan says of a cell; a second plan says it again. The outcome and its reason stay as they were,
# unless the plan now skips the cell, or skipped it before and now would run it.
PLAN = """
INSERT INTO cell (key, position, planned, kind, label, model, seed, alignment, mechanism, task, task_settings,
                  length, learning_rate, recipe, probes, origin, outcome, reason)
VALUES (:key, :position, 1, :kind, :label, :model, :seed, :alignment, :mechanism, :task, :task_settings,
        :length, :learning_rate, :recipe, :probes, :origin, :outcome, :reason)
ON CONFLICT (key) DO UPDATE SET
    position = excluded.position, planned = 1, kind = excluded.kind, label = excluded.label,
    model = excluded.model, seed = excluded.seed, alignment = excluded.alignment,
    mechanism = excluded.mechanism, task = excluded.task, task_settings = excluded.task_settings,
    length = excluded.length, learning_rate = excluded.learning_rate, recipe = excluded.recipe,
    probes = excluded.probes, origin = excluded.origin,
    reason = CASE WHEN excluded.outcome IS NOT NULL OR cell.outcome = 'skipped' THEN excluded.reason
             ELSE cell.reason END,
    outcome = CASE WHEN excluded.outcome IS NOT NULL OR cell.outcome = 'skipped' THEN excluded.outcome
              ELSE cell.outcome END
"""

FINISH = """
UPDATE cell SET outcome = :outcome, reason = :reason, seconds = :seconds, path = :path, started = :started,
                finished = :finished, attempts = attempts + 1
WHERE key = :key
"""

MEASURE = """
INSERT INTO measurement (cell, probe, quantity, stage, length, step, distance, value, low, high, unit)
VALUES (:cell, :probe, :quantity, :stage, :length, :step, :distance, :value, :low, :high, :unit)
"""

MEASURED = """
SELECT measurement.* FROM measurement JOIN cell ON cell.key = measurement.cell
WHERE cell.planned = 1 ORDER BY cell.position, cell.key, measurement.rowid
"""
