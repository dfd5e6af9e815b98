"""The page for compliance says what the rules say, all of it, in tables that render."""

from __future__ import annotations

import re

from policies import MASKS, Audience, Coordinate, DataClass, Effect, Policy, Purpose, render
from policies.boundary import TABLE
from policies.masks import UNMASKED, YEAR_OF_BIRTH
from policies.reasons import MEANINGS
from tests.policies.people import COORDINATES, someone

PAGE = render(COORDINATES)
EVERY_SCOPE = "system/*.cruds __engagement.read __outcomes.read"


def section(heading: str) -> str:
    """The text under a heading, up to the next of any level."""
    return PAGE.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, the head left out."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


def test_every_coordinate_is_listed_for_every_audience_as_the_policy_decides_it() -> None:
    policy = Policy(COORDINATES)
    grants = [policy.grant(someone(audience, EVERY_SCOPE, subject="an-app")) for audience in Audience]
    listed = {
        f"{kind}.{cells[0].strip('`')}": cells[3:]
        for kind in {coordinate.type for coordinate in COORDINATES}
        for cells in rows(f"### {kind}")
    }

    decided = {}
    for coordinate in COORDINATES:
        decisions = [grant.decide(coordinate) for grant in grants]
        decided[str(coordinate)] = [
            f"mask: {decision.mask.id}"
            if decision.mask
            else {Effect.ALLOW: "allow", Effect.DENY: "–"}[decision.effect]
            for decision in decisions
        ]

    assert listed == decided


def test_a_line_of_the_matrix_reads_as_compliance_reads_it() -> None:
    assert rows("### Patient")[0] == [
        "`balance`", "financial", "`Account.rs`", "allow", "–", "allow", "–", "–", "–",
    ]  # fmt: skip
    assert rows("### Patient")[1] == [
        "`birthDate`", "demographics", "`Patient.r`", "allow", "allow", "allow",
        "mask: year-of-birth", "–", "mask: year-of-birth",
    ]  # fmt: skip
    assert [cells[2] for cells in rows("### Query")] == [
        *("nothing", "`__outcomes.read`", "`Patient.s`", "nothing"),
    ]
    assert rows("### Patient")[5][:3] == ["`id`", "reference", "`Patient.r` or `__engagement.read`"]


def test_the_page_says_what_it_means_that_a_part_of_a_value_needs_nothing() -> None:
    assert "shown only where that\none is." in section("## Every field")


def test_types_fields_and_arguments_come_in_order() -> None:
    shuffled = dict(reversed(COORDINATES.items()))

    assert render(shuffled) == PAGE
    assert [cells[0] for cells in rows("### Query")] == [
        *("`me`", "`outcomes`", "`patients(gender:)`", "`sources`"),
    ]
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == [
        "Appointment", "Condition", "DocumentReference", "Encounter", "Engagement", "Patient",
        "PatientSearch", "Query",
    ]  # fmt: skip


def test_the_boundary_is_there_cell_by_cell_and_reason_by_reason() -> None:
    table = {cells[0]: cells[1:7] for cells in rows("## The boundary")}

    assert list(table) == [data.value for data in DataClass]
    assert table["demographics"] == ["allow", "allow", "allow", "mask", "–", "mask"]
    assert table["clinical"] == ["allow", "allow", "–", "–", "–", "allow"]
    assert all(f": {line.because}\n" in section("## The boundary") + "\n" for line in TABLE)


def test_every_audience_persona_and_purpose_is_named() -> None:
    listed, meant = rows("## Purposes")[:6], rows("## Purposes")[8:]

    assert [cells[0] for cells in listed] == [audience.value for audience in Audience]
    assert [cells[1].strip("`") for cells in listed] == [
        "patient", "clinician", "frontdesk", "partner", "marketer", "ai",
    ]  # fmt: skip
    assert listed[4][2:] == ["`HMARKT`", "`HMARKT`, `HOPERAT`"]
    assert [cells[0] for cells in meant] == [f"`{purpose.value}`" for purpose in Purpose]
    assert "may state any of its audience's but `ETREAT`" in section("## Purposes").replace("\n", " ")


def test_the_page_opens_with_what_each_audience_sees_in_kinds_of_data() -> None:
    seen = {cells[0]: cells[2:] for cells in rows("## What each audience sees")}

    assert seen["crm"][:2] == ["engagement, outcomes", "history"]
    assert seen["ai"] == [
        "directory, schedule, reason, visit, clinical",
        "demographics",
        "identity, contact, joining, notes, wording, financial, engagement, history, outcomes, operations",
    ]
    assert seen["clinician"][1:] == ["–", "financial"]
    assert list(seen) == [audience.value for audience in Audience]


def test_outreach_is_told_the_attendance_and_the_quarter_of_the_last_visit() -> None:
    kinds = {cells[0]: cells[7] for cells in rows("## The boundary")}

    assert "attendance" in kinds["engagement"]
    assert kinds["history"].startswith("When a person last visited")
    assert ["quarter", "The year and quarter alone, such as `2026-Q3`.", "`Engagement.lastTouch`"] in rows(
        "## Masks"
    )


def test_every_word_is_explained_once_and_in_order() -> None:
    words = [cells[0] for cells in rows("## Words of this page")]

    assert words == sorted(set(words))
    assert {"audience", "consent", "mask", "purpose", "scope", "security label", "break-glass"} <= set(words)


def test_every_mask_every_type_of_row_and_every_reason_is_explained() -> None:
    assert {cells[0] for cells in rows("## Masks")} == {mask.id for mask in MASKS.values()}
    assert ["year-of-birth", YEAR_OF_BIRTH.meaning, "`Patient.birthDate`"] in rows("## Masks")
    assert rows("### Without a mask") == [[f"`{at}`", why] for at, why in UNMASKED.items()]
    assert ["Practitioner", "the directory's", "nothing"] in rows("## Rows")
    assert ["Observation", "a patient's", "`category`, `code`, `status`"] in rows("## Rows")
    assert rows("## Reasons") == [[f"`{reason}`", meaning] for reason, meaning in MEANINGS.items()]


def test_every_table_has_as_many_cells_in_each_line_as_in_its_head() -> None:
    blocks = [block.splitlines() for block in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)]

    assert len(blocks) == 14 + len({coordinate.type for coordinate in COORDINATES})
    assert {len({line.count("|") for line in block}) for block in blocks} == {1}


def test_the_page_ends_in_one_line_feed_and_has_no_trailing_spaces() -> None:
    assert PAGE.endswith("|\n")
    assert not re.search(r"[ \t]$", PAGE, re.MULTILINE)
    assert "\n\n\n" not in PAGE
    assert Coordinate("Patient", "name") in COORDINATES
