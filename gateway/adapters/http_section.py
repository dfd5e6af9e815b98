"""The settings of every source that is called over HTTP: trust, proof of who we are, and pace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from gateway.adapters.sections import Seconds, Text
from gateway.configuration import Section
from sources.calling import BadTls, Limits, Quota, Tls

DAY_S = 86_400.0


class Http(Section, frozen=True, kw_only=True):
    """How it is called over HTTP."""

    ca_file: Annotated[
        Text | None,
        Meta(description="A PEM file of the authorities trusted for it. Not set: those of the system."),
    ] = None
    certificate_file: Annotated[
        Text | None,
        Meta(description="A PEM file of our certificate and its chain, where it asks for one (mutual TLS)."),
    ] = None
    key_file: Annotated[
        Text | None, Meta(description="A PEM file of the certificate's private key, not encrypted.")
    ] = None
    concurrency: Annotated[
        int, Meta(ge=1, le=1_000, description="The most calls under way at once; the others wait.")
    ] = 32
    quota: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(
            description="The most calls in any `quota_s` seconds: less than the vendor allows all of its"
            " clients. Not set: as many as it says are left to us.",
        ),
    ] = None
    quota_s: Annotated[Seconds, Meta(description="The seconds that `quota` is for.")] = 10.0
    daily_quota: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000_000)] | None,
        Meta(description="The most calls in any 24 hours."),
    ] = None
    join: Annotated[
        bool,
        Meta(
            description="Whether equal calls for one access token that are under way at once are made once."
        ),
    ] = True

    def contradictions(self) -> Iterator[tuple[str, str]]:
        try:
            self.tls().check()
        except BadTls as fault:
            yield fault.setting, fault.why

    def tls(self) -> Tls:
        """Whom we trust, and how we prove ourselves."""
        return Tls(_path(self.ca_file), _path(self.certificate_file), _path(self.key_file))

    def limits(self, timeout_s: float) -> Limits:
        """The limits of calls that may take so long."""
        short = () if self.quota is None else (Quota(self.quota, self.quota_s),)
        daily = () if self.daily_quota is None else (Quota(self.daily_quota, DAY_S),)
        return Limits(
            timeout_s=timeout_s, concurrency=self.concurrency, quotas=(*short, *daily), joins=self.join
        )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
