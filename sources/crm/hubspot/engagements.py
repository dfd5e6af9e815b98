"""Owns the CRM port over HubSpot's contacts: read in batches, by the opaque key and nothing else.

https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-read
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sources.calling import Nonconforming, Reply, RowReader, Unasked, Upstream, in_chunks, one_each
from sources.calling.answers import not_asked
from sources.crm.hubspot.normalise import TextParts
from sources.crm.hubspot.settings import HubSpotSettings
from sources.crm.hubspot.wire import Batch, Contact, ContactIdentity
from sources.crm.parts import engagement
from sources.errors import SourceError, SourceUnavailable
from sources.model import CareKey, Engagement
from sources.ports import Checked, Found, Health, Wanted

_PATH = "crm/v3/objects/contacts/batch/read"
_ALWAYS = frozenset({"hs_object_id", "createdate", "lastmodifieddate"})
"""What HubSpot sends unasked."""

_BATCH = RowReader(Batch, "results", Contact, ContactIdentity, "batch", "contact")


class HubSpotEngagements:
    """HubSpot's contacts as `sources.ports.Engagements`."""

    def __init__(self, settings: HubSpotSettings, upstream: Upstream) -> None:
        self.name = settings.name
        self.kind = "crm"
        self._settings = settings
        self._upstream = upstream

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        """Ask for a contact that cannot be there: a cheap answer that needs every right a real one does."""
        await self._ask(["0" * 40], [])
        return Checked(True, ("contacts can be read",))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> Found[CareKey, Engagement]:
        properties = self._settings.properties.behind(wanted)

        async def ask(chunk: Sequence[CareKey]) -> Found[CareKey, Engagement]:
            return self._found(await self._ask(chunk, properties), chunk, properties)

        return await in_chunks(keys, self._settings.keys_per_call, ask)

    async def _ask(self, keys: Sequence[str], properties: Sequence[str]) -> Reply:
        body = {
            "idProperty": self._settings.id_property,
            "inputs": [{"id": key} for key in keys],
            "properties": [self._settings.id_property, *properties],
        }
        return await self._upstream.send("POST", _PATH, json=body)

    def _found(
        self, reply: Reply, keys: Sequence[CareKey], properties: Sequence[str]
    ) -> dict[CareKey, Engagement | SourceError]:
        try:
            read = _BATCH.read(reply.body, self._upstream.allowed.fields)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None
        rows: list[tuple[CareKey | None, Engagement]] = []
        unread = [(self._key(bad.identity), bad.why) for bad in read.unread]
        known = {self._settings.id_property, *properties} | _ALWAYS
        for contact in read.rows:
            key = self._key(contact)
            try:
                rows.append((key, self._engagement(key, contact, known)))
            except Nonconforming as fault:
                unread.append((key, str(fault)))
        self._upstream.took(len(rows))
        for _, why in unread:
            self._upstream.misread(why)
        try:
            found = one_each(
                self.name, rows, unread, frozenset(keys), partial(self._upstream.foreign, "contact")
            )
        except Unasked:
            raise self._upstream.misread("contact: most rows are not what was asked for") from None
        if read.envelope.is_whole:
            return found
        self._upstream.cut()
        return self._with_the_rest(keys, found)

    def _key(self, contact: Contact | ContactIdentity) -> CareKey | None:
        """The key the contact bears, whatever its place in the answer: answers are in no order."""
        key = contact.properties.get(self._settings.id_property)
        return CareKey(key) if isinstance(key, str) else None

    def _engagement(self, key: CareKey | None, contact: Contact, known: set[str]) -> Engagement:
        unasked = not_asked("contact.properties", contact.properties, known, self._upstream.allowed.fields)
        if unasked is not None:
            raise Nonconforming(unasked)
        return engagement(key or CareKey(""), TextParts(contact.properties), self._settings.properties)

    def _with_the_rest(
        self, keys: Sequence[CareKey], found: dict[CareKey, Engagement | SourceError]
    ) -> dict[CareKey, Engagement | SourceError]:
        """Keys that are missing for another reason than that there is no such contact."""
        error = SourceUnavailable(self.name, "it answered only in part")
        return dict.fromkeys(keys, error) | found
