"""What FHIR servers of the market do unlike the specification, or leave out: the stand-in does likewise."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Quirks:
    """How a server differs; as it stands, in nothing.

    `one_value`: parameters that take one value a search (Epic's refusal 4112). `refused`: parameters answered
    with 400. `ignored`: parameters that are not used, and absent from the self link. `searchable`: types that
    are searched by these parameters and no others. `largest_answer`: rows a search gives at most, with the
    warning 4119 where there are more. `largest_page`: rows a page has at most, whatever `_count` says.
    `repeats`: for a minute a search finds what it found before, unless `Cache-Control: no-cache` comes with
    it. `lost_pages`: so many times a next page has expired (4113).
    `links`: whether Bundles have links, and their entries `fullUrl` and `search`; without them
    `_offset` leads to further pages. `typed_references`: `patient=1` finds nothing, `patient=Patient/1` does.
    `bare_references`: the other way about; both: neither does. `silent_self`: the self link of a search by
    POST has none of its parameters. `whole_values`: parameters whose value is one, commas and all.
    `needs_patient`: a search of a patient's rows must say of whom (4111). `unnamed`: types that the
    CapabilityStatement does not name. `hidden`: types of which no row is shown, as if there were none.
    `warns`: whether a cut answer says so; its total tells in any case.
    """

    software: str = "CareGraph sandbox"
    fhir_version: str = "4.0.1"
    one_value: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    searchable: Mapping[str, frozenset[str]] = field(default_factory=dict)
    largest_answer: int | None = None
    largest_page: int | None = None
    repeats: bool = False
    lost_pages: int = 0
    get_only: bool = False
    batch: bool = True
    history: bool = True
    links: bool = True
    typed_references: bool = False
    silent_self: bool = False
    bare_references: bool = False
    whole_values: frozenset[str] = frozenset()
    needs_patient: bool = False
    unnamed: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    warns: bool = True


NONE = Quirks()

EPIC = Quirks(
    software="Epic",
    one_value=frozenset({"patient", "_id"}),
    ignored=frozenset({"_elements"}),
    batch=False,
    history=False,
)
ATHENAHEALTH = Quirks(
    software="athenahealth",
    one_value=frozenset({"patient"}),
    ignored=frozenset({"_elements"}),
    searchable={"Appointment": frozenset({"_id"})},
    batch=False,
    history=False,
)
HAPI = Quirks(software="HAPI FHIR Server", largest_page=50, repeats=True, silent_self=True)
MEDPLUM = Quirks(software="medplum", ignored=frozenset({"_elements"}), links=False, typed_references=True)
