"""Security labels (HL7 DS4P, `meta.security`): what a row says of how far it may go. Pure.

Three vocabularies: confidentiality (one level, U to V), sensitivity (what the row tells of) and handling
(what the law, a consent or a clinician asks of whoever has the row).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from sources.model import Coding

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

LEVELS = "ULMNRV"
"""The codes of v3-Confidentiality: unrestricted, low, moderate, normal, restricted, very restricted."""

NORMAL = "N"
"""The level of a row without one."""

HIGHEST = LEVELS[-1]

UNKNOWN = "unknown"
"""The sensitivity of what can't be read: nobody but the patient is cleared for it."""

PART_2 = "42CFRPart2"
"""The handling code of records of substance use disorder programs (42 CFR Part 2)."""

PSYCHOTHERAPY = "HIPAAPsyNotes"
"""The handling code of a therapist's own notes of a session, kept apart from the record (45 CFR 164.501)."""

PART_2_NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
"""The short notice that goes with every disclosure of them (42 CFR 2.32(a)(2))."""

# fmt: off
SENSITIVITIES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "substance use":      ("ETH", "SUD", "ETHUD", "OPIOIDUD"),
    "mental health":      ("PSY", "PSYTHPN", "MH", "BH", "COGN", "DVD", "EMOTDIS"),
    "sexual health":      ("HIV", "STD", "SEX"),
    "violence":           ("SDV", "VIO", "MST"),
    "genetics":           ("GDIS", "SICKLE", "SCA"),
    "special handling":   ("ADOL", "CEL", "EMP", "TBOO", "PDS", "PHY", "PRS", "DIA", "DRGIS", "LOCIS", "SSP"),
    "demographics":       ("DEMO", "DOB", "GENDER", "LIVARG", "MARST", "RACE", "REL"),
})
"""The sensitivity codes (v3-ActCode, InformationSensitivityPolicy) by what they are about."""

HANDLING = (
    PART_2, "HIPAANOPP", PSYCHOTHERAPY, "NODSCLCD", "NODSCLCDS", "NORDSCLCD", "NORDSCLCDS", "NORDSCLW",
    "REDACT", "MASK", "PROCESSINLINELABEL",
)
"""The policy, refrain and obligation codes (v3-ActCode) that are known."""

COVERS: Mapping[str, frozenset[str]] = MappingProxyType({
    "BH":     frozenset({"COGN", "DVD", "EMOTDIS", "MH", "PSY", "PSYTHPN", "SUD", "ETHUD", "OPIOIDUD"}),
    "ETH":    frozenset({"SUD", "ETHUD", "OPIOIDUD"}),
    "SUD":    frozenset({"ETHUD", "OPIOIDUD"}),
    "PSY":    frozenset({"PSYTHPN"}),
    "GDIS":   frozenset({"SICKLE", "SCA"}),
    "SICKLE": frozenset({"SCA"}),
    "SDV":    frozenset({"MST"}),
})
"""The narrower sensitivities that a wider one speaks of as well."""
# fmt: on

_SENSITIVE = frozenset(code for codes in SENSITIVITIES.values() for code in codes)
_HANDLED = frozenset(HANDLING)


class Labels(NamedTuple):
    """What a row's labels come to. `level` is a code of LEVELS."""

    level: str = NORMAL
    sensitivities: frozenset[str] = frozenset()
    handling: frozenset[str] = frozenset()

    def exceeds(self, level: str) -> bool:
        """Whether the row is more confidential than *level*."""
        return LEVELS.index(self.level) > LEVELS.index(level)

    def plus(self, sensitivities: frozenset[str]) -> Labels:
        """The same with more sensitivities: a classifier adds to labels, and never takes away."""
        return self._replace(sensitivities=self.sensitivities | sensitivities)


UNLABELLED = Labels()
_UNREADABLE = Labels(HIGHEST, frozenset({UNKNOWN}))


@lru_cache(maxsize=4096)
def labels(codings: tuple[Coding, ...]) -> Labels:
    """What *codings* say. A code of these systems that is not known is the most restrictive there is.

    So is a label without a system or a code. Labels of other systems are an institution's own, and say
    nothing here. Of several levels the highest holds.
    """
    read = [_label(coding) for coding in codings]
    stated = [level for level, _, _ in read if level is not None]
    return Labels(
        max(stated, key=LEVELS.index, default=NORMAL),
        frozenset().union(*(sensitivities for _, sensitivities, _ in read)),
        frozenset().union(*(handling for _, _, handling in read)),
    )


_Read = tuple[str | None, frozenset[str], frozenset[str]]
_NOTHING: frozenset[str] = frozenset()


def _label(coding: Coding) -> _Read:
    code = coding.code
    if not coding.system or not code:
        return _UNREADABLE
    if coding.system == CONFIDENTIALITY:
        return (code, _NOTHING, _NOTHING) if len(code) == 1 and code in LEVELS else _UNREADABLE
    if coding.system != ACT_CODE:
        return None, _NOTHING, _NOTHING
    if code in _SENSITIVE:
        return None, frozenset({code}), _NOTHING
    return (None, _NOTHING, frozenset({code})) if code in _HANDLED else _UNREADABLE


def widened(codes: frozenset[str]) -> frozenset[str]:
    """*codes* and all that they speak of as well."""
    return codes.union(*(COVERS.get(code, _NOTHING) for code in codes))
