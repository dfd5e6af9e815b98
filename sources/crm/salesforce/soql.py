"""Owns the one query that is asked: records by their external id. Pure.

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)


def literal(value: str) -> str:
    """*value* as a text literal of SOQL."""
    return f"'{value.translate(_ESCAPES)}'"


def by_key(object: str, key_field: str, names: Sequence[str], keys: Iterable[str]) -> str:
    """The query for the fields *names* of the records whose key is one of *keys*.

    An Account may be a company's: only persons are asked for.
    """
    selected = ", ".join(dict.fromkeys((key_field, *names)))
    persons = " AND IsPersonAccount = true" if object == "Account" else ""
    listed = ",".join(literal(key) for key in keys)
    # The names are checked by the settings, the keys escaped.
    return f"SELECT {selected} FROM {object} WHERE {key_field} IN ({listed}){persons}"  # noqa: S608
