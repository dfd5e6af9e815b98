"""The canaries find what is planted: each way of leaking is built in on purpose, and has to be told of."""

from __future__ import annotations

import logging
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace

from gateway.audit.pseudonyms import Pseudonyms
from gateway.recording import Ran as Answered
from gateway.recording import Recording
from policies import IMPLIED, Audience, DataClass, Effect, Rule, boundary
from policies.masks import Mask
from resolvers.cursors import Place, Seal
from resolvers.gate import Gate
from sources.crm.care_key import CareKeys
from sources.model import CareKey, PatientId
from tests.canary.running import run

Plant = Callable[[pytest.MonkeyPatch], None]
SEED = 7


def _a_flipped_rule(patch: pytest.MonkeyPatch) -> None:
    before = boundary.rule

    def flipped(audience: Audience, data: DataClass) -> Rule:
        found = before(audience, data)
        is_it = (audience, data) == (Audience.PARTNER, DataClass.CONTACT)
        return Rule(found.id, Effect.ALLOW, found.because) if is_it else found

    patch.setattr("policies.decisions.rule", flipped)


def _no_row_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "_passes", lambda *_: True)


def _no_consents(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("policies.conditions.answer", lambda *_: IMPLIED)


def _no_masks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Mask, "apply", lambda self, value, today: value)


def _the_id_for_a_key(patch: pytest.MonkeyPatch) -> None:
    def as_it_is(self: CareKeys, patient: PatientId) -> CareKey:
        return CareKey(patient)

    patch.setattr(CareKeys, "__call__", as_it_is)


def _answers(patch: pytest.MonkeyPatch, then: Callable[[Any], None]) -> None:
    before = Recording.answered

    async def answered(
        self: Recording, operation: Any, caller: Any, trace_: str, ran: Answered, tally: Any
    ) -> None:
        await before(self, operation, caller, trace_, ran, tally)
        then(ran.data)

    patch.setattr(Recording, "answered", answered)


def _a_log_line(patch: pytest.MonkeyPatch) -> None:
    _answers(patch, lambda data: logging.getLogger("gateway.recording").info("answered %s", data))


def _an_extra_of_a_log_line(patch: pytest.MonkeyPatch) -> None:
    log = logging.getLogger("gateway.recording")
    _answers(patch, lambda data: log.info("answered", extra={"unlisted": data}))


def _a_span(patch: pytest.MonkeyPatch) -> None:
    _answers(patch, lambda data: trace.get_current_span().set_attribute("caregraph.code", str(data)))


def _names_in_the_audit(patch: pytest.MonkeyPatch) -> None:
    def named(self: Pseudonyms, secret: bytes) -> None:
        self.patient = self.chart = self.user = str

    patch.setattr(Pseudonyms, "__init__", named)


def _open_cursors(patch: pytest.MonkeyPatch) -> None:
    def close(self: Seal, search: str, place: Place) -> str:
        return urlsafe_b64encode(f"{place.bookmark}{search}".encode()).decode()

    patch.setattr(Seal, "close", close)


PLANTED: dict[str, tuple[Plant, str, int]] = {
    "a flipped rule of the boundary": (_a_flipped_rule, "answer", 0),
    "no row check": (_no_row_check, "answer", 0),
    "no consents": (_no_consents, "answer", 0),
    "no masks": (_no_masks, "answer", 0),
    "the patient's id as the CRM's key": (_the_id_for_a_key, "requests to the crm", 0),
    "a value in a log line": (_a_log_line, "logs", 0),
    "a value beside a log line": (_an_extra_of_a_log_line, "logs", 0),
    "a value in a span": (_a_span, "spans", 0),
    "patients by name in the audit": (_names_in_the_audit, "audit", 0),
    "cursors that can be read": (_open_cursors, "answer", 300),
}


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found(planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, where, operations = PLANTED[planted]
    plant(monkeypatch)

    ran = run(SEED, operations, tmp_path)

    assert {leak.where.partition(" by ")[0] for leak in ran.watch.leaks} >= {where}


@pytest.mark.timeout(600)
def test_a_rule_flipped_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _a_flipped_rule(monkeypatch)

    ran = run(SEED, 0, tmp_path)

    found = {(leak.where, leak.mark.kind, leak.mark.shown_as) for leak in ran.watch.leaks}
    shown = ("telecom", "address", "postalCode")
    assert found == {("answer by post", "Patient", field) for field in shown}


@pytest.mark.timeout(600)
def test_a_mask_that_is_gone_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_masks(monkeypatch)

    ran = run(SEED, 0, tmp_path)

    found = {(leak.mark.kind, leak.mark.shown_as) for leak in ran.watch.leaks}
    assert found == {
        ("Patient", "birthDate"),
        ("Patient", "deceasedDateTime"),
        ("Patient", "postalCode"),
        ("Engagement", "lastTouch"),
    }
