"""What is recorded of an operation, and what is not."""

from __future__ import annotations

import asyncio
import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import AuditUnavailable, Coordinates, MemorySink, Outcome, Record, SqliteSink
from gateway.audit import auditing as auditing_module
from gateway.audit.pseudonyms import Pseudonyms
from policies import Audience, Purpose
from sources.model import Mrn, PatientId
from tests.gateway.audit.made import SEALS, SECRET, WORKLIST, actor, audit, entry, recorded, records

NAMES = Pseudonyms(SECRET)


async def record_of(**changed: object) -> Record:
    sink = MemorySink(SEALS)
    await recorded(sink, [entry(**changed)])  # type: ignore[arg-type]
    return sink.records[0]


@pytest.mark.anyio
async def test_a_record_says_who_asked_what_of_whom_and_what_came_of_it() -> None:
    record = await record_of(
        actor=actor(acting="assistant-app"),
        codes=["FORBIDDEN", "FORBIDDEN", "SOURCE_TIMEOUT"],
        charts=[Mrn("M7")],
        troubles={"pms": "timeout"},
        outcome=Outcome.FAILED,
    )

    assert datetime.now(UTC) - record.at < timedelta(minutes=1)
    assert record == Record(
        at=record.at,
        kind="query",
        document="d0c" * 21 + "d",
        trace_id="t1",
        issuer="https://idp.example",
        subject="dr-lee",
        client_id="worklist-app",
        audience="clinician",
        purpose="TREAT",
        policy="policy-1",
        token="jti-1",
        fhir_user="Practitioner/p1",
        acting="assistant-app",
        operation="Worklist",
        plan=WORKLIST.ref().digest,
        patients=sorted([NAMES.patient("ana"), NAMES.patient("ben")]),
        charts=[NAMES.chart("M7")],
        calls={"ehr": 2, "pms": 1},
        troubles={"pms": "timeout"},
        errors={"FORBIDDEN": 2, "SOURCE_TIMEOUT": 1},
        outcome=Outcome.FAILED,
    )


@pytest.mark.anyio
async def test_a_patient_who_asks_is_a_pseudonym_everywhere() -> None:
    ana = actor(
        subject="ana@home.example",
        audience=Audience.PATIENT,
        purpose=Purpose.PATRQT,
        patient=PatientId("ana"),
        fhir_user="Patient/ana",
        acting="mother@home.example",
    )

    record = await record_of(actor=ana)

    assert record.subject == "pseudonym:" + NAMES.user("https://idp.example ana@home.example")
    assert record.on_behalf_of == NAMES.patient("ana")
    assert record.acting == "pseudonym:" + NAMES.user("https://idp.example mother@home.example")
    assert record.fhir_user is None


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        pytest.param("Practitioner/p1", True, id="of a practitioner"),
        pytest.param("https://ehr.example/fhir/PractitionerRole/r1", True, id="of a role, absolute"),
        pytest.param("RelatedPerson/mother-of-ana", False, id="of a relative"),
        pytest.param("Practitioner", False, id="of nobody"),
        pytest.param(None, False, id="none"),
    ],
)
@pytest.mark.anyio
async def test_of_who_is_signed_in_only_staff_is_named_by_reference(
    reference: str | None, kept: bool
) -> None:
    record = await record_of(actor=actor(fhir_user=reference))

    assert record.fhir_user == (reference if kept else None)


@pytest.mark.anyio
async def test_each_patient_is_named_once_however_many_rows_were_theirs() -> None:
    record = await record_of(patients=[PatientId("ana")] * 3)

    assert record.patients == [NAMES.patient("ana")]


@pytest.mark.anyio
async def test_a_long_name_of_an_operation_is_cut_and_no_name_is_none() -> None:
    assert (await record_of(operation="N" * 200)).operation == "N" * 64
    assert (await record_of(operation="")).operation is None


@given(st.text())
def test_a_pseudonym_is_an_hmac_cut_to_96_bits(id: str) -> None:
    key = hmac.digest(SECRET, b"audit pseudonyms", sha256)
    try:
        whole = hmac.digest(key, b"patient:" + id.encode(), sha256)
    except UnicodeEncodeError:
        return  # no id that came as JSON

    assert NAMES.patient(id) == b64encode(whole[:12]).decode()


def test_pseudonyms_differ_by_person_kind_and_secret() -> None:
    others = Pseudonyms(b"another")

    made = {
        NAMES.patient("ana"),
        NAMES.patient("ben"),
        NAMES.chart("ana"),
        NAMES.user("ana"),
        others.patient("ana"),
    }

    assert len(made) == 5


def test_no_patient_is_in_the_files_or_in_the_entrys_repr(tmp_path: Path) -> None:
    marked = ["CANARY-patient-1", "CANARY-mrn-2", "CANARY-launch-3", "CANARY-subject-4", "CANARY-user-5"]
    patient, mrn, launch, subject, user = marked
    asks = actor(
        audience=Audience.PATIENT, patient=PatientId(launch), subject=subject, fhir_user=f"Patient/{user}"
    )
    told = entry(actor=asks, patients=[PatientId(patient)], charts=[Mrn(mrn)])

    asyncio.run(recorded(SqliteSink(tmp_path, SEALS), [told]))

    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"worklist-app" in written
    assert b"CANARY" not in written
    assert SECRET not in written
    assert "CANARY" not in repr(told)


@pytest.mark.anyio
async def test_a_plan_is_made_once_for_each_key_and_kept_once(tmp_path: Path) -> None:
    made = []

    def coordinates() -> Coordinates:
        made.append(1)
        return WORKLIST

    auditing = audit(SqliteSink(tmp_path, SEALS))
    async with auditing.running():
        planned = auditing.plan(("document", "grant"), coordinates)
        for _ in range(2):
            await auditing.record(entry(plan=planned.ref))
            planned = auditing.plan(("document", "grant"), coordinates)
            await auditing.record(entry(plan=planned.ref))

    assert len(made) == 1
    assert [masked._asdict() for masked in planned.masked] == [
        {
            "coordinate": "Patient.birthDate",
            "reasons": ("boundary-ai-masks-demographics", "masked-by-year"),
        }
    ]
    assert {record.plan for record in records(tmp_path)} == {WORKLIST.ref().digest}
    assert (tmp_path / "000000000001.db").read_bytes().count(WORKLIST.ref().body) == 1


@pytest.mark.anyio
async def test_of_plans_the_least_recently_used_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing_module, "PLANS", 2)
    auditing = audit(MemorySink(SEALS))
    made: list[str] = []

    def coordinates(key: str) -> Coordinates:
        made.append(key)
        return WORKLIST

    for key in "abacab":
        auditing.plan(key, partial(coordinates, key))

    assert "".join(made) == "abcb"


@pytest.mark.anyio
async def test_the_same_coordinates_have_one_digest_in_whatever_order_they_were_met() -> None:
    one = Coordinates({"A.a": ("r",), "B.b": ("s",)}, {}, {})
    other = Coordinates({"B.b": ("s",), "A.a": ("r",)}, {}, {})

    assert one.ref() == other.ref()
    assert one.ref() != Coordinates({"A.a": ("r",)}, {}, {}).ref()


@pytest.mark.anyio
async def test_nothing_is_recorded_unless_the_audit_runs() -> None:
    sink = MemorySink(SEALS)
    auditing = audit(sink)

    with pytest.raises(AuditUnavailable, match="not running"):
        await auditing.record(entry())
    async with auditing.running():
        await auditing.record(entry())
    with pytest.raises(AuditUnavailable, match="not running"):
        await auditing.record(entry())

    assert len(sink.records) == 1
