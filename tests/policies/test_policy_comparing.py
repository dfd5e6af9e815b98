"""Two policies compared: whatever shows anyone more is told to be more open, and comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from policies import Audience, Effect, Policy, Purpose
from policies.boundary import PURPOSES
from policies.clearance import clearance
from policies.comparing import compared
from policies.differences import EVERYONE, Change, Kind
from policies.snapshot import (
    Cleared,
    Field,
    Handled,
    Labelled,
    Rows,
    Ruled,
    Snapshot,
    SnapshotUnreadable,
    read,
    snapshot,
    written,
)
from resolvers.schema import build, classify, core_of
from tests.policies.people import COORDINATES, someone

NOW = snapshot(COORDINATES)
ALLOW, YEAR, ZIP3, DENY = (
    Ruled("allow", ("a",)),
    Ruled("mask", ("m", "mask-year")),
    Ruled("mask", ("m", "mask-zip3")),
    Ruled("deny", ("d",)),
)


def policy(
    fields: dict[str, tuple[Ruled, tuple[str, ...]]],
    *,
    purposes: tuple[str, ...] = (),
    rows: dict[str, Rows] | None = None,
) -> Snapshot:
    """A policy for one audience, whose fields are each decided so, and need that."""
    return Snapshot(
        format=1,
        purposes={"crm": purposes},
        decided={name: {"crm": ruled} for name, (ruled, _) in fields.items()},
        coordinates={name: Field("class", needs, name) for name, (_, needs) in fields.items()},
        rows=rows or {},
    )


def one(ruled: Ruled, *needs: str) -> Snapshot:
    return policy({"Patient.x": (ruled, needs)})


def test_the_committed_policy_is_the_one_of_this_code() -> None:
    kept = Path("docs/policies.json").read_text(encoding="utf-8")

    assert kept == written(snapshot(classify(core_of(build())))), "not current: run scripts/fix"


def test_a_policy_is_read_as_it_was_written() -> None:
    assert read(written(NOW)) == NOW


def test_a_snapshot_says_of_every_coordinate_what_the_policy_decides() -> None:
    scopes = "system/*.cruds __engagement.read __outcomes.read"
    policy = Policy(COORDINATES)

    for audience in Audience:
        grant = policy.grant(someone(audience, scopes, subject="an-app"))
        for coordinate in COORDINATES:
            decision = grant.decide(coordinate)
            ruled = NOW.ruled(str(coordinate), audience.value)
            effects = {"allow": Effect.ALLOW, "mask": Effect.MASK, "deny": Effect.DENY}
            assert effects[ruled.effect] is decision.effect
            assert set(ruled.rules) == set(decision.reasons) - {"scope-held"}
    assert {str(at) for at in COORDINATES} == NOW.coordinates.keys()


def test_a_snapshot_holds_the_purposes_and_whose_rows_are_whose() -> None:
    assert {audience: set(map(Purpose, codes)) for audience, codes in NOW.purposes.items()} == {
        audience.value: set(PURPOSES[audience]) for audience in Audience
    }
    assert NOW.rows["Observation"] == Rows("patient", ("category", "code", "status"))
    assert NOW.rows["Practitioner"] == Rows("directory", ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "# Who may read what",
        written(NOW).replace('"format": 1', '"format": 2'),
        written(NOW).replace('"effect":"deny"', '"effect":"perhaps"', 1),
        written(replace(NOW, decided={})),
        written(replace(NOW, decided={name: of for name, of in NOW.decided.items() if name != "clinical"})),
        b"\xff",
    ],
    ids=[
        "nothing",
        "empty",
        "Markdown",
        "another format",
        "another effect",
        "undecided",
        "in part",
        "no text",
    ],
)
def test_what_is_no_policy_is_not_read_as_one(text: str | bytes) -> None:
    with pytest.raises(SnapshotUnreadable):
        read(text)


@pytest.mark.parametrize(
    ("old", "new", "kind", "how"),
    [
        pytest.param(
            one(DENY), one(YEAR), Kind.OPENED, "deny (d) -> mask (m, mask-year)", id="denied, masked"
        ),
        pytest.param(
            one(YEAR), one(ALLOW), Kind.OPENED, "mask (m, mask-year) -> allow (a)", id="masked, allowed"
        ),
        pytest.param(
            one(YEAR), one(ZIP3), Kind.OPENED, "mask (m, mask-year) -> mask (m, mask-zip3)", id="another mask"
        ),
        pytest.param(
            one(ALLOW), one(YEAR), Kind.STRICTER, "allow (a) -> mask (m, mask-year)", id="now masked"
        ),
        pytest.param(one(YEAR), one(DENY), Kind.STRICTER, "mask (m, mask-year) -> deny (d)", id="now denied"),
        pytest.param(
            one(ALLOW),
            one(Ruled("allow", ("b",))),
            Kind.OTHER,
            "allow (a) -> allow (b)",
            id="by another rule",
        ),
        pytest.param(
            one(DENY), one(Ruled("deny", ())), Kind.OTHER, "deny (d) -> deny", id="denied by another rule"
        ),
        pytest.param(
            one(ALLOW, "Patient.r"),
            one(ALLOW),
            Kind.OPENED,
            "needs Patient.r -> nothing",
            id="needs nothing now",
        ),
        pytest.param(
            one(ALLOW, "Patient.rs"),
            one(ALLOW, "Patient.r"),
            Kind.OPENED,
            "needs Patient.rs -> Patient.r",
            id="needs less",
        ),
        pytest.param(
            one(ALLOW, "Patient.r"),
            one(ALLOW, "Patient.r", "__engagement.read"),
            Kind.OPENED,
            "needs Patient.r -> Patient.r or __engagement.read",
            id="another scope will do",
        ),
        pytest.param(
            one(ALLOW, "Patient.r"),
            one(ALLOW, "Account.r"),
            Kind.OPENED,
            "needs Patient.r -> Account.r",
            id="another scope is needed",
        ),
        pytest.param(
            one(ALLOW, "__engagement.read"),
            one(ALLOW, "__engagement.readmore"),
            Kind.OPENED,
            "needs __engagement.read -> __engagement.readmore",
            id="another private scope is needed",
        ),
        pytest.param(
            one(ALLOW),
            one(ALLOW, "Patient.r"),
            Kind.STRICTER,
            "needs nothing -> Patient.r",
            id="needs something",
        ),
        pytest.param(
            one(ALLOW, "Patient.r", "__engagement.read"),
            one(ALLOW, "Patient.rs"),
            Kind.STRICTER,
            "needs Patient.r or __engagement.read -> Patient.rs",
            id="needs more",
        ),
        pytest.param(
            one(DENY, "Patient.r"),
            one(DENY),
            Kind.OTHER,
            "needs Patient.r -> nothing",
            id="denied in any case",
        ),
    ],
)
def test_what_a_change_of_one_field_means(old: Snapshot, new: Snapshot, kind: Kind, how: str) -> None:
    assert compared(old, new) == [Change(kind, "crm", "Patient.x", how)]


def test_a_field_that_moves_to_another_class_says_so() -> None:
    old = one(ALLOW)
    new = replace(old, coordinates={"Patient.x": replace(old.coordinates["Patient.x"], data="notes")})

    assert compared(old, new) == [Change(Kind.OTHER, "crm", "Patient.x", "class class -> notes")]


def test_a_new_field_is_opened_to_whom_it_is_not_denied() -> None:
    old, new = policy({}), policy({"Patient.x": (DENY, ()), "Patient.y": (YEAR, ("Patient.r",))})

    assert compared(old, new) == [
        Change(Kind.OPENED, "crm", "Patient.y", "new: mask (m, mask-year); needs Patient.r"),
        Change(Kind.NEW, "crm", "Patient.x", "new: deny (d); needs nothing"),
    ]
    assert [change.kind for change in compared(new, old)] == [Kind.GONE, Kind.GONE]
    assert compared(new, old)[0] == Change(Kind.GONE, EVERYONE, "Patient.x", "was class")


def test_an_audience_that_was_not_known_had_nothing() -> None:
    old = one(ALLOW)
    new = replace(old, decided={"Patient.x": {"crm": ALLOW, "press": ALLOW}})

    assert compared(old, new) == [Change(Kind.OPENED, "press", "Patient.x", "deny -> allow (a)")]


def test_a_purpose_more_opens_and_one_less_closes() -> None:
    old, new = policy({}, purposes=("HMARKT",)), policy({}, purposes=("TREAT",))

    assert compared(old, new) == [
        Change(Kind.OPENED, "crm", "purpose TREAT", "may now be asked for"),
        Change(Kind.STRICTER, "crm", "purpose HMARKT", "may no longer be asked for"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "kind", "how"),
    [
        (None, Rows("patient", ()), Kind.OPENED, "can now be opened by a scope"),
        (Rows("patient", ()), None, Kind.STRICTER, "can no longer be opened by any scope"),
        (Rows("patient", ()), Rows("directory", ()), Kind.OPENED, "a patient's -> a directory's"),
        (Rows("directory", ()), Rows("patient", ()), Kind.STRICTER, "a directory's -> a patient's"),
        (Rows("patient", ()), Rows("patient", ("code",)), Kind.OPENED, "granular scopes by `code` now grant"),
        (
            Rows("patient", ("code",)),
            Rows("patient", ()),
            Kind.STRICTER,
            "granular scopes by `code` grant no longer",
        ),
    ],
    ids=str,
)
def test_what_a_change_of_rows_means(old: Rows | None, new: Rows | None, kind: Kind, how: str) -> None:
    before, after = (policy({}, rows={"Task": rows} if rows is not None else {}) for rows in (old, new))

    assert compared(before, after) == [Change(kind, EVERYONE, "rows of Task", how)]


LABELLED = Labelled(
    clearances={"ai TREAT": Cleared("N", ("DEMO",))},
    handling={"NODSCLCD": Handled(("clinician",), ("ai",))},
    raised=("ai",),
    classified=("ai", "crm"),
)


@pytest.mark.parametrize(
    ("more", "change"),
    [
        pytest.param(
            {"clearances": {"ai TREAT": Cleared("R", ("DEMO",))}},
            (
                "ai",
                "labelled rows, for TREAT",
                "up to confidentiality N -> R",
                "up to confidentiality R -> N",
            ),
            id="a higher level",
        ),
        pytest.param(
            {"clearances": {"ai TREAT": Cleared("N", ("DEMO", "HIV"))}},
            ("ai", "labelled rows, for TREAT", "about HIV too", "about HIV no longer"),
            id="another subject",
        ),
        pytest.param(
            {"clearances": {**LABELLED.clearances, "crm HMARKT": Cleared("N", ())}},
            (
                "crm",
                "labelled rows, for HMARKT",
                "up to confidentiality U -> N",
                "up to confidentiality N -> U",
            ),
            id="another purpose",
        ),
        pytest.param(
            {"handling": {"NODSCLCD": Handled(("clinician", "partner"), ("ai",))}},
            ("partner", "rows labelled NODSCLCD", "now open", "no longer open"),
            id="a handling code open to another",
        ),
        pytest.param(
            {"handling": {"NODSCLCD": Handled(("clinician",), ("ai", "crm"))}},
            ("crm", "rows labelled NODSCLCD", "now open by consent", "no longer open by consent"),
            id="a handling code open by consent",
        ),
        pytest.param(
            {"handling": {**LABELLED.handling, "REDACT": Handled(("ai",), ())}},
            ("ai", "rows labelled REDACT", "now open", "no longer open"),
            id="another handling code",
        ),
        pytest.param(
            {"raised": ("ai", "crm")},
            (
                "crm",
                "labelled rows",
                "now cleared further by consent",
                "no longer cleared further by consent",
            ),
            id="raised by consent",
        ),
        pytest.param(
            {"classified": ("ai",)},
            (
                "crm",
                "unlabelled rows",
                "now shown without a look at their codes",
                "no longer shown without a look at their codes",
            ),
            id="no longer looked up",
        ),
    ],
)
def test_a_clearance_more_opens_and_one_less_closes(
    more: dict[str, Any], change: tuple[str, str, str, str]
) -> None:
    less = replace(policy({}), labels=LABELLED)
    wider = replace(policy({}), labels=replace(LABELLED, **more))
    audience, what, opened, closed = change

    assert compared(less, wider) == [Change(Kind.OPENED, audience, what, opened)]
    assert compared(wider, less) == [Change(Kind.STRICTER, audience, what, closed)]


def test_a_policy_that_judges_no_row_by_its_labels_is_more_open() -> None:
    with_labels, without = replace(policy({}), labels=LABELLED), policy({})

    assert compared(without, with_labels) == [
        Change(Kind.STRICTER, EVERYONE, "labelled rows", "are now judged by their labels")
    ]
    assert compared(with_labels, without) == [
        Change(Kind.OPENED, EVERYONE, "labelled rows", "are no longer judged by their labels")
    ]


def test_a_snapshot_holds_who_is_cleared_for_what() -> None:
    assert NOW.labels is not None
    for audience in Audience:
        for purpose in Purpose:
            cleared = clearance(audience, purpose)
            kept = NOW.labels.clearances[f"{audience.value} {purpose.value}"]
            assert (kept.level, frozenset(kept.about)) == (cleared.level, cleared.sensitivities)
    assert NOW.labels.handling["42CFRPart2"] == Handled(
        ("clinician", "patient", "practice"), ("ai", "partner")
    )
    assert (NOW.labels.raised, NOW.labels.classified) == (
        ("ai", "clinician", "partner"),
        ("ai", "crm", "partner"),
    )


effects: st.SearchStrategy[Literal["allow", "mask", "deny"]] = st.sampled_from(["allow", "mask", "deny"])
ruleds = st.builds(
    lambda effect, rule: Ruled(effect, (rule,)), effects, st.sampled_from(["a", "mask-x", "mask-y"])
)
scopes = ["Patient.r", "Patient.s", "Patient.rs", "Account.r", "__engagement.read"]
needs = st.lists(st.sampled_from(scopes), max_size=2, unique=True).map(lambda them: tuple(sorted(them)))
policies: st.SearchStrategy[Snapshot] = st.dictionaries(
    st.sampled_from(["P.a", "P.b", "P.c"]), st.tuples(ruleds, needs)
).map(policy)
held = st.sets(st.sampled_from(["Patient.r", "Patient.s", "Account.r", "__engagement.read"]))


def shown(of: Snapshot, name: str, holds: set[str]) -> Any:
    """What who holds those scopes is shown: 0 nothing, the masks' names, or 2 all; written down naively."""
    if name not in of.coordinates:
        return 0
    ruled, field = of.ruled(name, "crm"), of.coordinates[name]
    alternatives = [
        {f"{need.split('.')[0]}.{letter}" for letter in need.split(".")[1]} for need in field.needs
    ]
    private = "__engagement.read" in field.needs and "__engagement.read" in holds
    if field.needs and not private and not any(each <= holds for each in alternatives):
        return 0
    return {"deny": 0, "mask": ruled.rules, "allow": 2}[ruled.effect]


@given(policies, policies, held)
def test_whoever_is_shown_more_by_the_new_policy_is_told_of_as_opened(
    old: Snapshot, new: Snapshot, holds: set[str]
) -> None:
    changes = compared(old, new)
    opened = {change.what for change in changes if change.kind is Kind.OPENED}

    for name in new.coordinates:
        before, after = shown(old, name, holds), shown(new, name, holds)
        if after not in (0, before) and before != 2:
            assert name in opened
    kinds = [list(Kind).index(change.kind) for change in changes]
    assert kinds == sorted(kinds)


@given(policies, policies)
def test_a_policy_differs_from_another_and_never_from_itself(old: Snapshot, new: Snapshot) -> None:
    assert compared(old, old) == []
    assert (compared(old, new) == []) is (
        {name: (of.ruled(name, "crm"), of.coordinates[name].needs) for of in [old] for name in of.coordinates}
        == {
            name: (of.ruled(name, "crm"), of.coordinates[name].needs)
            for of in [new]
            for name in of.coordinates
        }
    )


def test_changes_come_by_kind_then_by_audience_then_by_name() -> None:
    def deciding(ruled: Ruled) -> Snapshot:
        decided = {"x": {"practice": ruled, "crm": ruled, "ai": ruled}}
        fields = {name: Field("class", (), "x") for name in ("b.x", "c.x", "a.x")}
        return Snapshot(format=1, purposes={}, decided=decided, coordinates=fields, rows={})

    told = [(change.audience, change.what) for change in compared(deciding(DENY), deciding(ALLOW))]

    assert told == [(of, name) for of in ("ai", "crm", "practice") for name in ("a.x", "b.x", "c.x")]


def test_what_a_change_means_is_told_in_words_in_this_order() -> None:
    assert [kind.value for kind in Kind] == [
        "MORE OPEN",
        "stricter",
        "new, and denied",
        "gone",
        "changed, no more open",
    ]
    assert EVERYONE == "every audience"


def test_a_purpose_that_stays_is_not_told_of() -> None:
    old, new = (policy({}, purposes=purposes) for purposes in (("TREAT", "COC"), ("TREAT", "HMARKT")))

    assert [(change.kind, change.what) for change in compared(old, new)] == [
        (Kind.OPENED, "purpose HMARKT"),
        (Kind.STRICTER, "purpose COC"),
    ]


def test_the_purposes_of_an_audience_that_comes_or_goes_are_told_of() -> None:
    none, some = replace(policy({}), purposes={}), policy({}, purposes=("HMARKT",))

    assert [change.kind for change in compared(none, some)] == [Kind.OPENED]
    assert [change.kind for change in compared(some, none)] == [Kind.STRICTER]


def test_an_audience_that_goes_is_shown_nothing_any_more() -> None:
    old = one(ALLOW)
    new = replace(old, purposes={}, decided={"Patient.x": {}})

    assert [(change.kind, change.audience, change.how) for change in compared(old, new)] == [
        (Kind.STRICTER, "crm", "allow (a) -> deny")
    ]


def test_a_parameter_that_stays_is_not_told_of() -> None:
    old = policy({}, rows={"Observation": Rows("patient", ("category", "code"))})
    new = policy({}, rows={"Observation": Rows("patient", ("category", "status"))})

    assert [(change.kind, change.how) for change in compared(old, new)] == [
        (Kind.OPENED, "granular scopes by `status` now grant"),
        (Kind.STRICTER, "granular scopes by `code` grant no longer"),
    ]


def test_all_that_changed_of_a_field_is_told_in_one_line() -> None:
    (change,) = compared(one(DENY, "Patient.r"), one(ALLOW, "Patient.rs"))

    assert change.how == "deny (d) -> allow (a); needs Patient.r -> Patient.rs"


def test_the_same_mask_by_another_rule_opens_nothing() -> None:
    (change,) = compared(one(YEAR), one(Ruled("mask", ("n", "mask-year"))))

    assert change.kind is Kind.OTHER


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (("Patient.r", "__engagement.read"), ("__engagement.read",), Kind.STRICTER),
        (("Patient.r", "Account.r"), ("Patient.r",), Kind.STRICTER),
        (("Patient.r",), ("Patient.r", "__engagement.read"), Kind.OPENED),
        (("__engagement.read",), ("__engagement.write",), Kind.OPENED),
    ],
)
def test_needs_are_stricter_where_each_of_the_new_was_among_the_old(
    before: tuple[str, ...], after: tuple[str, ...], kind: Kind
) -> None:
    (change,) = compared(one(ALLOW, *before), one(ALLOW, *after))

    assert change.kind is kind
