"""What an operator may choose about the doors: limits, waiting times, origins, the profile of statuses."""

import enum
import re
from dataclasses import dataclass

_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")


class StatusProfile(enum.Enum):
    """Which statuses tell a client how its request went.

    `AUDIT_2025` is what the public `graphql-http` audit expects; `DRAFT_2026` follows the GraphQL over HTTP
    draft of August 2026 (422 for requests that do not fit, 294 for partial success).
    """

    AUDIT_2025 = "audit-2025"
    DRAFT_2026 = "draft-2026"


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """Defaults fit a gateway behind a load balancer; sizes are in bytes, times in seconds.

    `origins` are the foreign web origins (`https://app.example.org`) whose pages may call and read.

    Raises:
        ValueError: naming every value that cannot be used.
    """

    status_profile: StatusProfile = StatusProfile.AUDIT_2025
    origins: frozenset[str] = frozenset()
    max_body_bytes: int = 1024 * 1024
    body_timeout_s: float = 10.0
    watch_after_s: float = 0.05
    """An execution younger than this is not worth watching its client for."""
    connection_init_timeout_s: float = 10.0
    max_operations_per_connection: int = 100
    send_timeout_s: float = 10.0
    """A client of a stream or a WebSocket that takes nothing for so long is dropped."""
    keep_alive_s: float = 15.0
    """How often an event stream says that it is still there."""

    def __post_init__(self) -> None:
        faults = [
            f"origin `{origin}` is not usable; write `https://host` or `https://host:port`, in lower case"
            for origin in sorted(self.origins)
            if not _ORIGIN.fullmatch(origin)
        ]
        faults += [
            f"`{name}` must be more than 0"
            for name in (
                "max_body_bytes",
                "body_timeout_s",
                "watch_after_s",
                "connection_init_timeout_s",
                "max_operations_per_connection",
                "send_timeout_s",
                "keep_alive_s",
            )
            if not getattr(self, name) > 0
        ]
        if faults:
            raise ValueError("; ".join(faults))
