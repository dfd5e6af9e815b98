"""Owns whether the account that a database knows us as may do more than read a table."""

from __future__ import annotations

from sqlalchemy import Connection, text

from sources.pms.database.mapping import Table

_POSTGRESQL = "SELECT has_table_privilege(to_regclass(:name), 'INSERT, UPDATE, DELETE, TRUNCATE')"
_SQL_SERVER = """
SELECT CASE WHEN 1 IN (HAS_PERMS_BY_NAME(:name, 'OBJECT', 'INSERT'),
    HAS_PERMS_BY_NAME(:name, 'OBJECT', 'UPDATE'), HAS_PERMS_BY_NAME(:name, 'OBJECT', 'DELETE'))
    THEN 1 ELSE 0 END"""
_MYSQL = """
SELECT COUNT(*) FROM (
    SELECT grantee, privilege_type FROM information_schema.user_privileges
    UNION ALL SELECT grantee, privilege_type FROM information_schema.schema_privileges
        WHERE table_schema = COALESCE(:schema, DATABASE())
    UNION ALL SELECT grantee, privilege_type FROM information_schema.table_privileges
        WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :table
) AS granted
WHERE grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
    AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE')"""


def may_write(connection: Connection, table: Table) -> bool:
    """Whether our account has been given the right to change what is in *table*."""
    schema, _, name = table.name.rpartition(".")
    dialect = connection.dialect
    if dialect.name in ("mysql", "mariadb"):
        asked = connection.execute(text(_MYSQL), {"schema": schema or None, "table": name})
    else:
        quote = dialect.identifier_preparer.quote_identifier
        whole = ".".join(quote(part) for part in (schema, name) if part)
        statement = _SQL_SERVER if dialect.name == "mssql" else _POSTGRESQL
        asked = connection.execute(text(statement), {"name": whole})
    return bool(asked.scalar())
