"""Settings: read once, from two places, and everything that is wrong with them said at once."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.crm_dynamics import DynamicsCrm
from gateway.adapters.pms_rest import RestPractice
from gateway.configuration import Secret
from gateway.settings import Settings, SettingsError, read_settings
from gateway.settings_page import page
from policies import Audience

unhurried = settings(deadline=None)  # a busy machine fails no property

REPOSITORY = Path(__file__).parents[2]

SECRETS = {
    "CAREGRAPH_PMS_NORTH_CLIENT_SECRET": "pms-secret",
    "CAREGRAPH_CRM_HUB_CLIENT_SECRET": "crm-secret",
    "CAREGRAPH_KEYS_CARE_KEY_SECRET": "key-secret",
}

OF_THE_PAGE = {
    "CAREGRAPH_KEYS_CARE_KEY_SECRET": "k",
    "CAREGRAPH_PMS_REST_CLIENT_SECRET": "p",
    "CAREGRAPH_CRM_DYNAMICS_CLIENT_SECRET": "c",
}
"""The secrets of docs/caregraph.toml."""


def table() -> dict[str, Any]:
    """A table that suffices, with the secrets of SECRETS."""
    return {
        "identity": {
            "issuer": "https://idp.example",
            "audience": "https://caregraph.example",
            "roles": {"doctor": "clinician"},
        },
        "ehr": {"main": {"kind": "fhir", "url": "https://ehr.example/fhir"}},
        "pms": {
            "north": {
                "kind": "rest",
                "url": "https://pms.example",
                "mrn_system": "urn:mrn",
                "visit_system": "urn:visit",
                "time_zone": "America/Chicago",
                "client_id": "caregraph",
            }
        },
        "crm": {"hub": {"kind": "hubspot", "url": "https://crm.example", "client_id": "caregraph"}},
    }


def north(settings: Settings) -> RestPractice:
    """The practice of `table()`."""
    practice = settings.pms["north"]
    assert isinstance(practice, RestPractice)
    return practice


def faults(given: dict[str, Any] | None = None, **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read_settings(table=table() if given is None else given, environ={**SECRETS, **environ})
    assert all(fault in str(caught.value) for fault in caught.value.faults)
    return caught.value.faults


def test_what_is_not_set_has_its_default() -> None:
    settings = read_settings(table=table(), environ=SECRETS)

    assert settings.server.port == 8400
    assert settings.server.operation_deadline_s == 10.0
    assert settings.identity.role_claim == "role"
    assert settings.identity.roles == {"doctor": Audience.CLINICIAN}
    assert settings.identity.introspection is None
    assert settings.ehr["main"].auth is None
    assert settings.pms["north"].timeout_s == 2.0
    assert north(settings).client_secret.reveal() == "pms-secret"
    assert settings.changes.log == "memory"


def test_a_variable_wins_over_the_file() -> None:
    given = {**table(), "server": {"port": 9000, "host": "0.0.0.0"}}  # noqa: S104 - a value to be read
    settings = read_settings(
        table=given,
        environ={
            **SECRETS,
            "CAREGRAPH_SERVER_PORT": "9100",
            "CAREGRAPH_SERVER_ALLOWED_ORIGINS": "https://a.example, https://b.example",
            "CAREGRAPH_IDENTITY_ROLES": "md=clinician, pt=patient",
            "CAREGRAPH_IDENTITY_LEEWAY_S": "5",
        },
    )

    assert (settings.server.port, settings.server.host) == (9100, "0.0.0.0")  # noqa: S104 - as above
    assert settings.server.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.identity.roles == {"md": Audience.CLINICIAN, "pt": Audience.PATIENT}
    assert settings.identity.leeway_s == 5.0


def test_a_section_that_may_be_left_out_can_come_from_variables_alone() -> None:
    settings = read_settings(
        table=table(),
        environ={
            **SECRETS,
            "CAREGRAPH_EHR_MAIN_AUTH_CLIENT_ID": "cg",
            "CAREGRAPH_EHR_MAIN_AUTH_TOKEN": "t-1",
        },
    )

    assert settings.ehr["main"].auth is not None
    assert (settings.ehr["main"].auth.client_id, settings.ehr["main"].auth.scope) == ("cg", "system/*.rs")
    assert settings.ehr["main"].auth.token == Secret("t-1")


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    environ = {**SECRETS, "CAREGRAPH_PMS_NORTH_CLIENT_SECRET": ""}
    given = table()
    given["pms"]["north"]["client_secret_file"] = str(tmp_path / "secret")

    by_table = read_settings(table=given, environ=environ)
    by_variable = read_settings(
        table=table(), environ={**environ, "CAREGRAPH_PMS_NORTH_CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    )

    assert north(by_table).client_secret == north(by_variable).client_secret == Secret("from-a-file")


def test_every_fault_is_told_at_once() -> None:
    given = table()
    given["server"] = {"port": "9000", "prot": 1}
    given["pms"]["north"] |= {"time_zone": "Mars/Olympus"}
    given["extra"] = {}
    del given["ehr"]["main"]["url"]

    assert faults(
        given,
        CAREGRAPH_CHANGES_LOG="redis",
        CAREGRAPH_CRM_HUB_URI="x",
        CAREGRAPH_CRM_HUB_CLIENT_SECRET="",
        CAREGRAPH_SERVER_HOST_FILE="x",
    ) == (
        "`extra` is unknown; remove it",
        "`server.prot` is unknown; did you mean `port`?",
        "`server.port` (CAREGRAPH_SERVER_PORT) is not usable; set it to an integer from 1 to 65535"
        " (The TCP port to listen on)",
        "`ehr.main.url` (CAREGRAPH_EHR_MAIN_URL) is missing; set it to a URL that begins with http:// or"
        " https:// (The FHIR base URL)",
        "`pms.north.time_zone` (CAREGRAPH_PMS_NORTH_TIME_ZONE) is not known; set it to a name of the"
        " IANA time zone database",
        "`crm.hub.client_secret` (CAREGRAPH_CRM_HUB_CLIENT_SECRET) is missing, or `client_id` is; set both,"
        " or `token`",
        "`changes.redis_url` (CAREGRAPH_CHANGES_REDIS_URL) is missing; set it, because"
        " `changes.log` is redis",
        "variable CAREGRAPH_CRM_HUB_URI is unknown; did you mean `CAREGRAPH_CRM_HUB_URL`?",
        "variable CAREGRAPH_SERVER_HOST_FILE is unknown; did you mean `CAREGRAPH_SERVER_HOST`?",
    )


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("CAREGRAPH_SERVER_PORT", "eighty"),
        ("CAREGRAPH_SERVER_PORT", "70000"),
        ("CAREGRAPH_SERVER_STATUS_PROFILE", "strict"),
        ("CAREGRAPH_SERVER_ALLOWED_ORIGINS", "https://a.example/path"),
        ("CAREGRAPH_SERVER_ALLOWED_ORIGINS", "*"),
        ("CAREGRAPH_SERVER_OPERATION_DEADLINE_S", "0"),
        ("CAREGRAPH_SERVER_OPERATION_DEADLINE_S", "nan"),
        ("CAREGRAPH_SERVER_OPERATION_DEADLINE_S", "inf"),
        ("CAREGRAPH_IDENTITY_ISSUER", "idp.example"),
        ("CAREGRAPH_IDENTITY_ISSUER", "https://user:password@idp.example"),
        ("CAREGRAPH_IDENTITY_ISSUER", "https://idp.example\n"),
        ("CAREGRAPH_IDENTITY_ROLES", "doctor"),
        ("CAREGRAPH_IDENTITY_ROLES", "doctor=root"),
        ("CAREGRAPH_IDENTITY_ROLES", ","),
        ("CAREGRAPH_IDENTITY_LEEWAY_S", "3600"),
        ("CAREGRAPH_PMS_NORTH_CLIENT_SECRET_FILE", "/nowhere/at/all"),
        ("CAREGRAPH_LIMITS_DEPTH", "-1"),
    ],
)
def test_a_value_that_is_not_usable_is_one_fault_that_does_not_repeat_it(variable: str, text: str) -> None:
    environ = {variable: text}
    if variable.endswith("_FILE"):
        environ[variable.removesuffix("_FILE")] = ""

    (fault,) = faults(None, **environ)

    assert variable.removesuffix("_FILE") in fault
    assert len(text) < 4 or text not in fault


def test_no_roles_means_no_start() -> None:
    given = table()
    del given["identity"]["roles"]

    (fault,) = faults(given)

    assert fault == (
        "`identity.roles` (CAREGRAPH_IDENTITY_ROLES) is missing; set it to a table with at least one entry,"
        " each one of patient, clinician, practice, partner, crm, ai"
        " (The audience each value of the role claim is. Any other role is refused)"
    )


def test_a_secret_that_is_no_text_is_a_fault() -> None:
    given = table()
    given["ehr"]["main"]["auth"] = {"client_id": "caregraph", "key": 12345678}

    (fault,) = faults(given)

    assert fault.startswith(
        "`ehr.main.auth.key` (CAREGRAPH_EHR_MAIN_AUTH_KEY) is not usable; set it to a text"
    )
    assert "12345678" not in fault


def test_a_section_that_is_no_table_is_a_fault() -> None:
    assert "`changes` is not a table; write it as [changes]" in faults({**table(), "changes": 3})


def test_secrets_do_not_show() -> None:
    settings = read_settings(table=table(), environ=SECRETS)
    secret = north(settings).client_secret
    shown = f"{settings!r} {settings} {secret} {secret:>20}"

    assert "-secret" not in shown.replace("client_secret", "").replace("care_key_secret", "")
    assert repr(north(settings).client_secret) == "Secret(…)"
    with pytest.raises(TypeError, match="not for writing down"):
        pickle.dumps(north(settings).client_secret)
    assert north(settings).client_secret != Secret("other")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@unhurried
@given(text=st.text(min_size=8), name=st.sampled_from(sorted(SECRETS)))
def test_no_secret_is_ever_in_a_message(text: str, name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(table={}, environ={**SECRETS, name: text})

    words = str(caught.value)
    assert text not in words or text in str(_message_without_secret())


def _message_without_secret() -> SettingsError:
    try:
        read_settings(table={}, environ=SECRETS)
    except SettingsError as error:
        return error
    raise AssertionError("an empty table does not suffice")


def test_the_file_is_read_from_the_path_given_or_from_the_variable(tmp_path: Path) -> None:
    path = tmp_path / "caregraph.toml"
    path.write_text((REPOSITORY / "docs" / "caregraph.toml").read_text(encoding="utf-8"), encoding="utf-8")

    by_path = read_settings(path, environ=OF_THE_PAGE)
    by_variable = read_settings(environ={**OF_THE_PAGE, "CAREGRAPH_CONFIG": str(path)})

    assert by_path == by_variable
    crm = by_path.crm["dynamics"]
    assert isinstance(crm, DynamicsCrm)
    assert crm.client_secret == Secret("c")


@pytest.mark.parametrize(
    ("role", "tables", "words"),
    [
        ("pms", {"north": {"kind": "v3"}}, "`pms.north.kind` is not usable; set it to one of"),
        ("pms", {"north": {"kind": 3}}, "`pms.north.kind` is not usable; set it to one of"),
        ("pms", {"North": {"kind": "rest"}}, "`pms.North` has no name that can be used"),
        ("pms", {"a_b": {"kind": "rest"}}, "`pms.a_b` has no name that can be used"),
        ("pms", {"url": "https://pms.example"}, "`pms.url` is not a table; give it a name"),
        ("crm", 3, "`crm` is not a table; write it as [crm.NAME]"),
        ("ehr", {}, "`ehr` has no table; patients are the EHR's"),
    ],
)
def test_a_source_that_is_not_described_is_a_fault(role: str, tables: Any, words: str) -> None:
    assert any(fault.startswith(words) for fault in faults({**table(), role: tables}))


@pytest.mark.parametrize(
    ("actors", "words"),
    [
        ({"Practitioner/1": ["clinician"]}, "names no organization, group, team, role or device"),
        ({"Organization/1": ["doctors"]}, "`doctors` is neither an audience"),
    ],
)
def test_whom_a_consent_means_must_be_told_by_names_that_can_be_read(actors: Any, words: str) -> None:
    (fault,) = faults(table() | {"consent": {"actors": actors}}, **SECRETS)

    assert fault.startswith("`consent.actors` (CAREGRAPH_CONSENT_ACTORS) cannot be used: ")
    assert words in fault


def test_sources_that_could_not_be_told_apart_are_faults() -> None:
    given = table()
    first = given["pms"]["north"] | {"client_secret": "x", "bare_ids": True}
    given["pms"] = {"north": first, "main": first, "south": {**first, "ehr": "none"}}
    given["ehr"]["second"] = {"kind": "fhir", "url": "https://second.example/fhir"}

    assert faults(given) == (
        "`pms` has several tables with `bare_ids`; at most one source's ids can go bare",
        "`main` names several sources; give each a name of its own",
        "`pms` has one system of MRNs or visit numbers for several EHRs; each EHR needs its own",
        "`pms.north.ehr` (CAREGRAPH_PMS_NORTH_EHR) is missing; name the EHR that knows its patients, of the"
        " several",
        "`pms.main.ehr` (CAREGRAPH_PMS_MAIN_EHR) is missing; name the EHR that knows its patients, of the"
        " several",
        "`pms.south.ehr` (CAREGRAPH_PMS_SOUTH_EHR) is the name of no EHR; set it to that of one",
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"a = [\n", "is not TOML (at"),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "caregraph.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match="the settings cannot be used") as caught:
        read_settings(path, environ=SECRETS)

    (fault,) = caught.value.faults
    assert words in fault


def test_the_documented_example_is_current() -> None:
    written = (REPOSITORY / "docs" / "caregraph.toml").read_text(encoding="utf-8")

    assert written == page(Settings), "run `python -m gateway.settings > docs/caregraph.toml`"


def test_the_documented_defaults_are_what_the_file_without_its_comments_gives(tmp_path: Path) -> None:
    """Uncomment every default: the settings stay the same, so no documented default is wrong."""
    written = (REPOSITORY / "docs" / "caregraph.toml").read_text(encoding="utf-8")
    lines = [
        line.removeprefix("# ") if line.startswith("# ") and " = " in line and "…" not in line else line
        for line in written.splitlines()
    ]
    kept: list[str] = []
    skipping = False
    for line in lines:
        if line.startswith(("# [", "[")):
            skipping = line.startswith("#")
        if not skipping:
            kept.append(line)
    (tmp_path / "all.toml").write_text("\n".join(kept), encoding="utf-8")
    (tmp_path / "example.toml").write_text(written, encoding="utf-8")

    assert read_settings(tmp_path / "all.toml", environ=OF_THE_PAGE) == read_settings(
        tmp_path / "example.toml", environ=OF_THE_PAGE
    )


def test_settings_cannot_be_changed() -> None:
    settings = read_settings(table=table(), environ=SECRETS)

    with pytest.raises(AttributeError):
        setattr(settings.server, "port", 1)  # noqa: B010 - a plain assignment would not pass the type checker
