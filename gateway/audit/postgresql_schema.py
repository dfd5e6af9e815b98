"""The tables of a trail in PostgreSQL (14 or later), and the rights that whoever writes there needs."""

from __future__ import annotations

TABLES = ("chain", "plans", "records")

LOCK = 4_718_302_655_941_106
"""The advisory lock under which the chain grows: a number that nobody else is likely to use."""

_DEFINED = """
CREATE SCHEMA IF NOT EXISTS caregraph_audit;
CREATE TABLE IF NOT EXISTS caregraph_audit.chain
  (one boolean PRIMARY KEY DEFAULT true CHECK (one), name text NOT NULL, seal bytea NOT NULL);
CREATE TABLE IF NOT EXISTS caregraph_audit.plans (digest text PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE IF NOT EXISTS caregraph_audit.records
  (seq bigint PRIMARY KEY, hash bytea NOT NULL, body bytea NOT NULL, seal bytea);
CREATE OR REPLACE FUNCTION caregraph_audit.refuse() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
"""

_KEPT = """
CREATE OR REPLACE TRIGGER stays BEFORE UPDATE OR DELETE OR TRUNCATE ON caregraph_audit.{table}
  FOR EACH STATEMENT EXECUTE FUNCTION caregraph_audit.refuse();
ALTER TABLE caregraph_audit.{table} ENABLE ALWAYS TRIGGER stays;
"""

DEFINITION = _DEFINED + "".join(_KEPT.format(table=table) for table in TABLES)
"""Makes what is not there yet. Who owns the tables can drop the triggers, and is found by the chain."""


def grants(writer: str) -> str:
    """Lets the role *writer* add records and read them, and nothing else."""
    role = '"' + writer.replace('"', '""') + '"'
    return (
        f"GRANT USAGE ON SCHEMA caregraph_audit TO {role};\n"
        f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA caregraph_audit TO {role};\n"
    )
