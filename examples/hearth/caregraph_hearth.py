"""The CRM Hearth, which is made up, as a source: `[crm.NAME] kind = "hearth"`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct, field

from gateway.adapters.http_section import Http
from gateway.adapters.sections import Built, CrmSection, Means, Url
from gateway.configuration import Secret
from sources.calling import Nonconforming, RowReader, StaticBearer, Unasked, Upstream, in_chunks, one_each
from sources.errors import SourceError
from sources.model import CareKey, Consents, Engagement, Owner
from sources.ports import Checked, Found, Health, Wanted

T = TypeVar("T")
KEYS_PER_CALL = 200


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """A person as Hearth tells of one; what was not asked for is not there."""

    key: CareKey
    stage: str | None = None
    score: Annotated[float, Meta(ge=0, le=100)] | None = None
    attendance: Annotated[float, Meta(ge=0, le=1)] | None = None
    satisfaction: Annotated[float, Meta(ge=1, le=5)] | None = None
    may_email: bool | None = None
    may_text: bool | None = None
    may_call: bool | None = None
    touched: Annotated[datetime, Meta(tz=True)] | None = None
    owner_id: str | None = None
    owner_name: str | None = None


class Whose(Struct, frozen=True):
    """What tells whose a row is when the rest of it cannot be read."""

    key: CareKey


class Answer(Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    people: list[T]


PEOPLE = RowReader(Answer, "people", Person, Whose, "answer", "person")
BEHIND: dict[str, tuple[str, ...]] = {
    "lifecycle_stage": ("stage",),
    "attendance_rate": ("attendance",),
    "consents": ("may_email", "may_text", "may_call"),
    "last_touch": ("touched",),
    "owner": ("owner_id", "owner_name"),
    "care_key": (),
}
"""The fields behind an attribute, where they are not of its name."""


class HearthEngagements:
    """The CRM port over Hearth."""

    def __init__(self, upstream: Upstream) -> None:
        self.name, self.kind = upstream.name, upstream.kind
        self._upstream = upstream

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        await self._asked([CareKey("caregraph-check")], [])
        return Checked(True, ("people can be asked for by their key",))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> Found[CareKey, Engagement]:
        fields = [name for attribute in sorted(wanted) for name in BEHIND.get(attribute, (attribute,))]
        return await in_chunks(keys, KEYS_PER_CALL, partial(self._asked, fields=fields))

    async def _asked(
        self, keys: Sequence[CareKey], fields: Sequence[str]
    ) -> dict[CareKey, Engagement | SourceError]:
        sent = {"keys": list(keys), "fields": list(fields)}
        reply = await self._upstream.send("POST", "v1/people/find", json=sent)
        try:
            read = PEOPLE.read(reply.body)
            rows = [(person.key, engagement(person, fields)) for person in read.rows]
            bad = [(row.identity.key, self._upstream.misread(row.why).why) for row in read.unread]
            return one_each(self.name, rows, bad, frozenset(keys), partial(self._upstream.foreign, "person"))
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None
        except Unasked:
            raise self._upstream.misread("answer.people: most were not asked for") from None


def engagement(person: Person, fields: Sequence[str]) -> Engagement:
    """The person in the words of the model, as far as *fields* were asked for."""
    consents = Consents(email=person.may_email, sms=person.may_text, phone=person.may_call)
    return Engagement(
        care_key=person.key,
        lifecycle_stage=person.stage,
        score=person.score,
        attendance_rate=person.attendance,
        satisfaction=person.satisfaction,
        consents=consents if "may_email" in fields else None,
        last_touch=person.touched.isoformat() if person.touched else None,
        owner=Owner(id=person.owner_id, name=person.owner_name) if person.owner_id else None,
    )


class HearthCrm(CrmSection, frozen=True, kw_only=True, tag_field="kind", tag="hearth"):
    """Engagement in Hearth."""

    url: Annotated[Url, Meta(description="The base URL.", examples=["https://hearth.example"])]
    token: Annotated[Secret, Meta(description="The access token of an application that may read people.")]
    http: Http = field(default_factory=Http)

    def build(self, name: str, means: Means) -> Built:
        upstream = Upstream(
            name,
            "crm/hearth",
            self.url,
            authorizer=StaticBearer(self.token.reveal()),
            limits=self.http.limits(self.timeout_s),
            tls=self.http.tls(),
            observers=means.observers,
        )
        return Built(HearthEngagements(upstream), (upstream,))
