"""The canaries find what is planted: each way of leaking is built in on purpose, and has to be told of."""

from __future__ import annotations

import logging
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from graphql import DocumentNode, OperationDefinitionNode, print_ast
from opentelemetry import trace

from gateway import graph, presenting
from gateway.audit.pseudonyms import Pseudonyms
from gateway.changes.intake import Intake
from gateway.errors import shown
from gateway.execution.collect import condition_variables
from gateway.execution.engine import Prepared
from gateway.recording import Ran as Answered
from gateway.recording import Recording
from gateway.telemetry import Metrics
from policies import IMPLIED, Audience, DataClass, Effect, Grant, Rule, boundary
from policies.masks import Mask
from resolvers.cursors import Place, Seal
from resolvers.faults import BadInput
from resolvers.gate import Gate
from sources.calling import Upstream
from sources.crm.care_key import CareKeys
from sources.model import CareKey, PatientId
from sources.ports import Noticed
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


def _a_header(patch: pytest.MonkeyPatch) -> None:
    last: list[str] = [""]
    key, send = CareKeys.__call__, Upstream.send

    def noted(self: CareKeys, patient: PatientId) -> CareKey:
        last[0] = patient
        return key(self, patient)

    async def told(self: Upstream, *of: Any, headers: Any = None, **more: Any) -> Any:
        return await send(self, *of, headers={**(headers or {}), "x-patient": last[0]}, **more)

    patch.setattr(CareKeys, "__call__", noted)
    patch.setattr(Upstream, "send", told)


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
        self.patient = self.chart = self.user = self.record = str

    patch.setattr(Pseudonyms, "__init__", named)


def _a_label(patch: pytest.MonkeyPatch) -> None:
    made: list[Metrics] = []
    before = Metrics.__init__

    def kept(self: Metrics) -> None:
        before(self)
        made.append(self)

    patch.setattr(Metrics, "__init__", kept)
    _answers(patch, lambda data: made[-1].errors.labels(str(data)[:200]).inc())


def _documents_for_keys(patch: pytest.MonkeyPatch) -> None:
    def of(hash: str, document: DocumentNode, definition: OperationDefinitionNode) -> Prepared:
        return Prepared(print_ast(document), document, definition, condition_variables(document))

    patch.setattr(Prepared, "of", staticmethod(of))


def _one_plan_for_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Grant, "key", property(lambda self: "everybody's"))


def _mrns_in_the_log(patch: pytest.MonkeyPatch) -> None:
    before = Intake._taken

    async def named(self: Intake, each: Noticed, patients: Any) -> bool:
        change = msgspec.structs.replace(each.change, version=f"{each.change.version} {each.mrn}")
        return await before(self, each._replace(change=change), patients)

    patch.setattr(Intake, "_taken", named)


def _withheld(patch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the rows that were withheld, as they are."""
    ids: list[str] = [""]
    before = Gate._passes

    def noted(self: Gate, row: Any, *others: Any) -> bool:
        passes = before(self, row, *others)
        if not passes:
            ids.append(str(getattr(row, "id", "")))
        return passes

    patch.setattr(Gate, "_passes", noted)
    return ids


def _an_error(patch: pytest.MonkeyPatch) -> None:
    ids, before = _withheld(patch), presenting.field_errors

    def told(errors: Any, trace_id: str) -> Any:
        said = shown(BadInput(f"{ids[-1]} is withheld"), trace_id=trace_id)
        return [*before(errors, trace_id), said]

    patch.setattr("gateway.graph.field_errors", told)


def _an_extension(patch: pytest.MonkeyPatch) -> None:
    ids, before = _withheld(patch), graph._extensions

    def told(*of: Any) -> dict[str, Any]:
        return {**before(*of), "withheld": ids[-3:]}

    patch.setattr("gateway.graph._extensions", told)


def _open_cursors(patch: pytest.MonkeyPatch) -> None:
    ids = _withheld(patch)

    def close(self: Seal, search: str, place: Place) -> str:
        return urlsafe_b64encode(f"{search}:{ids[-1]}".encode()).decode()

    patch.setattr(Seal, "close", close)


class Planted(NamedTuple):
    """A way of leaking; where it has to be found; and after how many operations beside the whole views."""

    plant: Plant
    where: str
    operations: int = 0


RULES: dict[str, Planted] = {
    "a flipped rule of the boundary": Planted(_a_flipped_rule, "answer"),
    "no row check": Planted(_no_row_check, "answer"),
    "no consents": Planted(_no_consents, "answer"),
    "no masks": Planted(_no_masks, "answer"),
    "one plan for everybody": Planted(_one_plan_for_all, "answer"),
}
PLACES: dict[str, Planted] = {
    "the patient's id as the CRM's key": Planted(_the_id_for_a_key, "requests to the crm"),
    "the patient's id in a header": Planted(_a_header, "crm headers"),
    "a value in a log line": Planted(_a_log_line, "logs"),
    "a value beside a log line": Planted(_an_extra_of_a_log_line, "logs"),
    "a value in a span": Planted(_a_span, "spans"),
    "a value in a metric's label": Planted(_a_label, "metrics"),
    "patients by name in the audit": Planted(_names_in_the_audit, "audit"),
    "documents for keys of plans": Planted(_documents_for_keys, "cache keys"),
    "MRNs in the log of changes": Planted(_mrns_in_the_log, "change log", 192),
    "the id of a row in an error": Planted(_an_error, "answer"),
    "the id of a row in an extension": Planted(_an_extension, "answer"),
    "cursors that can be read": Planted(_open_cursors, "answer", 768),
}
PLANTED = RULES | PLACES


@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found(planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, where, operations = PLANTED[planted]
    plant(monkeypatch)

    ran = run(SEED, operations, tmp_path)

    assert {leak.where.partition(" by ")[0] for leak in ran.watch.leaks} >= {where}


@pytest.mark.timeout(900)
def test_what_is_planted_everywhere_at_once_is_found_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for planted in PLACES.values():
        planted.plant(monkeypatch)

    ran = run(SEED, 192, tmp_path)

    found = {leak.where.partition(" by ")[0] for leak in ran.watch.leaks}
    assert found >= {planted.where for planted in PLACES.values()}
    answers = "\n".join(leak.how for leak in ran.watch.leaks if leak.where.startswith("answer by"))
    for around in (" is withheld", '"withheld":['):
        assert around in answers


@pytest.mark.timeout(900)
def test_a_rule_flipped_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _a_flipped_rule(monkeypatch)

    ran = run(SEED, 0, tmp_path)

    found = {(leak.where, leak.mark.kind, leak.mark.shown_as) for leak in ran.watch.leaks}
    shown = ("telecom", "address", "postalCode")
    assert found == {("answer by post", "Patient", field) for field in shown}


@pytest.mark.timeout(900)
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
