"""The views that are kept: one for each grant seen lately."""

from __future__ import annotations

from collections import OrderedDict

from graphql import GraphQLSchema

from gateway.visibility.kept import Sees
from gateway.visibility.view import view

VIEWS = 64
"""For how many grants the view of the schema is kept; the least recently used goes first."""


class Views:
    """The views of one schema, by the key of the grant."""

    def __init__(self, schema: GraphQLSchema, most: int = VIEWS) -> None:
        self._schema = schema
        self._most = most
        self._views: OrderedDict[str, GraphQLSchema] = OrderedDict()

    def __len__(self) -> int:
        return len(self._views)

    def of(self, grant: Sees) -> GraphQLSchema:
        """What of the schema *grant* can use."""
        found = self._views.get(grant.key)
        if found is None:
            found = self._views[grant.key] = view(self._schema, grant)
            if len(self._views) > self._most:
                self._views.popitem(last=False)
        else:
            self._views.move_to_end(grant.key)
        return found
