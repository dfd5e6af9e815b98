"""Random actors: what their tokens say, and what that makes of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.canary.oracle import PURPOSES, USUAL, Scope, Who
from tests.canary.records import CATEGORY, ICD10CM, World

ISSUER = "https://idp.canary.example"
AUDIENCE = "https://caregraph.canary.example"
AUDIENCES = tuple(PURPOSES)
KINDS = (
    *("Patient", "Appointment", "Encounter", "Condition", "Observation", "MedicationRequest", "Coverage"),
    *("AllergyIntolerance", "Immunization", "Procedure", "CarePlan", "DocumentReference", "Account"),
    *("Practitioner", "Organization", "Location"),
)
GRANULAR = (
    ("Observation", "category", f"{CATEGORY}/observation-category|laboratory"),
    ("Observation", "category", f"{CATEGORY}/observation-category|vital-signs"),
    ("Condition", "category", f"{CATEGORY}/condition-category|problem-list-item"),
    ("Condition", "code", f"{ICD10CM}|I10"),
    ("MedicationRequest", "status", "active"),
    ("Encounter", "status", "planned"),
    ("*", "category", f"{CATEGORY}/observation-category|laboratory"),
)
JUNK = (
    *(
        "patient/Patient.",
        "user/Patient.dus",
        "user/*.sr",
        "system/Patient.rs?name:exact=x",
        "user/patient.rs",
    ),
    *("user/Observation.rs?code:in=x", "*/*.*", "user/*.write", "system/Condition.cud", "__engagement.write"),
    *("user/Condition.rs?_filter=x", "user/Patient.rs?name=x", "admin", "system/Observation.rs?category="),
)
"""What permits no reading: malformed, of no meaning here, or of writing alone."""

BAD = ("expired", "early", "other gateway", "other issuer", "other key", "no role", "two roles", "unsigned")


@dataclass
class Asker:
    """An actor with their token. `bad` is what is wrong with the token, if something is."""

    who: Who
    claims: dict[str, Any]
    bad: str = ""
    token: str = ""
    purposes: tuple[str, ...] = field(default=())
    """The purposes that a request of theirs may state."""

    def asking_for(self, purpose: str) -> Who:
        """As whom they ask when the request states a purpose; refused, it shows nothing."""
        may = purpose in self.purposes and self.who.is_valid
        return replace(self.who, purpose=purpose, is_valid=may)


class Casting:
    """Makes the actors of a world, with one key for all tokens."""

    def __init__(self, world: World, rng: Random) -> None:
        self._world = world
        self._rng = rng
        self._key = ECKey.generate_key("P-384", {"kid": "k1", "use": "sig", "alg": "ES384"}, private=True)
        self._other = ECKey.generate_key("P-384", {"kid": "k1", "use": "sig", "alg": "ES384"}, private=True)
        self._made = 0

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def asker(self, audience: str, bad: str = "") -> Asker:
        """A random actor of that audience."""
        rng = self._rng
        patient = rng.choice(self._world.patients) if audience == "patient" or rng.random() < 0.3 else None
        scopes = tuple(dict.fromkeys(self._scopes(audience, patient)))
        claimed = self._purpose(audience)
        client = f"client-{rng.randrange(4)}"
        is_person = audience in ("patient", "clinician") or rng.random() < 0.3
        who = Who(
            audience,
            scopes,
            engagement=rng.random() < (0.9 if audience == "crm" else 0.5),
            patient=patient,
            purpose=claimed or USUAL[audience],
            client=client,
            is_person=is_person,
            is_valid=not bad,
        )
        return self.signed(Asker(who, self._claims(who, claimed), bad, purposes=_may_state(who, claimed)))

    def everything(self, audience: str, patient: str | None = None) -> Asker:
        """One of the audience whose token permits all that scopes can."""
        context = "patient" if audience == "patient" else "system"
        scopes = (Scope(context, "*", "rs"),)
        purpose = USUAL[audience]
        who = Who(audience, scopes, engagement=True, patient=patient, purpose=purpose, client="client-0")
        return self.signed(Asker(who, self._claims(who, None), purposes=_may_state(who, None)))

    def _purpose(self, audience: str) -> str | None:
        rng = self._rng
        if rng.random() < 0.5:
            return None
        own = PURPOSES[audience].split()
        return rng.choice(own if rng.random() < 0.85 else ["HMARKT", "TREAT", "HOPERAT", "PATRQT", "HPAYMT"])

    def _scopes(self, audience: str, patient: str | None) -> list[Scope]:
        rng = self._rng
        contexts = ["patient"] if patient is not None else []
        contexts += ["user", "system"]
        if rng.random() < 0.35:
            return [Scope(rng.choice(contexts), "*", rng.choice(("rs", "rs", "r", "s", "cruds")))]
        kinds = rng.sample(KINDS, rng.randrange(1, 9)) + (["Patient"] if rng.random() < 0.7 else [])
        made = [Scope(rng.choice(contexts), kind, rng.choice(("rs", "rs", "rs", "r", "s"))) for kind in kinds]
        for kind, name, value in rng.sample(GRANULAR, rng.randrange(3)):
            if not any(scope.kind == kind and scope.query is None for scope in made):
                made.append(Scope(rng.choice(contexts), kind, "rs", (name, value)))
        return made

    def _claims(self, who: Who, purpose: str | None) -> dict[str, Any]:
        self._made += 1
        now = int(time.time())
        subject = f"user-{self._made}" if who.is_person else who.client
        optional = {
            "patient": None if who.patient is None else self._world.named(who.patient),
            "purpose_of_use": purpose,
            "fhirUser": f"Practitioner/user-{self._made}"
            if who.is_person and who.audience == "clinician"
            else None,
        }
        return {
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "client_id": who.client, "role": who.audience,
            "scope": self._text(who), "iat": now, "nbf": now, "exp": now + 7_200, "jti": f"jti-{self._made}",
            **{name: value for name, value in optional.items() if value is not None},
        }  # fmt: skip

    def _text(self, who: Who) -> str:
        words = [self._word(scope) for scope in who.scopes] + (
            ["__engagement.read"] if who.engagement else []
        )
        # What it opens tells of nobody: whatever of a patient is in it is out of place, whoever asks.
        words += ["__outcomes.read"] if self._rng.random() < 0.5 else []
        junk = [word for word in JUNK if who.patient is not None or not word.startswith("patient/")]
        if self._rng.random() < 0.5:  # it opens what has no marks: numbers over all patients together
            words.append("__outcomes.read")
        words += ["openid", "launch/patient", *self._rng.sample(junk, self._rng.randrange(4))]
        self._rng.shuffle(words)
        return " ".join(words)

    def _word(self, scope: Scope) -> str:
        v1 = {"rs": "read", "cruds": "*"}
        letters = v1.get(scope.letters, scope.letters) if self._rng.random() < 0.4 else scope.letters
        if scope.query is not None:
            return f"{scope.context}/{scope.kind}.{scope.letters}?{scope.query[0]}={scope.query[1]}"
        prefix = "http://smarthealthit.org/fhir/scopes/" if self._rng.random() < 0.1 else ""
        return f"{prefix}{scope.context}/{scope.kind}.{letters}"

    def signed(self, asker: Asker) -> Asker:
        """The actor, with a token of what their claims now are."""
        claims = dict(asker.claims)
        key = self._other if asker.bad == "other key" else self._key
        changes: dict[str, dict[str, Any]] = {
            "expired": {"exp": int(time.time()) - 900, "iat": 1, "nbf": 1},
            "early": {"nbf": int(time.time()) + 900},
            "other gateway": {"aud": "https://other.example"},
            "other issuer": {"iss": "https://other.example"},
            "no role": {"role": "janitor"},
            "two roles": {"role": ["clinician", "patient"]},
        }
        claims |= changes.get(asker.bad, {})
        header = {"alg": "ES384", "kid": "k1", "typ": "at+jwt"}
        asker.token = jwt.encode(header, claims, key, algorithms=["ES384"])
        if asker.bad == "unsigned":
            asker.token = asker.token.rpartition(".")[0] + "."
        return asker


def _may_state(who: Who, claimed: str | None) -> tuple[str, ...]:
    own = PURPOSES[who.audience].split()
    if claimed is None:  # an emergency has to be claimed by the token
        return tuple(one for one in own if one != "ETREAT")
    within = {"TREAT": ["COC"], "HOPERAT": ["CAREMGT", "PATADMIN"]}.get(claimed, [])
    return tuple(one for one in own if one in (claimed, *within)) if claimed in own else ()
