"""Owns what an authorizer is, and the two that need no token endpoint."""

from __future__ import annotations

from typing import Protocol


class Authorizer(Protocol):
    """Gives the `Authorization` header of calls to one source."""

    async def authorization(self) -> str | None:
        """The header's value, None for calls without one.

        Raises:
            SourceError: no token could be had.
        """
        ...

    def refused(self, authorization: str) -> bool:
        """The source answered 401 to *authorization*. Whether a new one is worth asking for."""
        ...

    def granted(self) -> str | None:
        """The scopes that the token in use has, parted by spaces; None: it has none yet, or nobody says."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class Anonymous:
    """No credentials: for sources that are open to their network."""

    async def authorization(self) -> str | None:
        return None

    def refused(self, authorization: str) -> bool:
        return False

    def granted(self) -> str | None:
        return None

    async def close(self) -> None: ...


class StaticBearer:
    """One token that does not change, such as that of a HubSpot private app."""

    def __init__(self, token: str) -> None:
        self._authorization = f"Bearer {token}"

    async def authorization(self) -> str | None:
        return self._authorization

    def refused(self, authorization: str) -> bool:
        return False

    def granted(self) -> str | None:
        return None

    async def close(self) -> None: ...
