"""Which keys of ours are which patient of the rig, whose three systems all know a patient by one plain id."""

from collections.abc import Callable, Iterable

from sources.errors import SourceError
from sources.model import CareKey, Mrn, Patient, PatientId


class Crosswalk:
    """What the EHR's rows told of MRNs, and the opaque keys of the same patients.

    The gateway asks a PMS by MRN and a CRM by an opaque key, and it has always read the patient before: so
    the adapters of the rig find in here what to ask by instead.
    """

    def __init__(self, care_key: Callable[[PatientId], CareKey]) -> None:
        self._care_key = care_key
        self._noted: set[PatientId] = set()
        self._by_mrn: dict[Mrn, PatientId] = {}
        self._by_care_key: dict[CareKey, PatientId] = {}

    def note(self, patients: Iterable[Patient | SourceError]) -> None:
        """Remember under what keys the gateway will ask for *patients*."""
        for patient in patients:
            if isinstance(patient, SourceError) or patient.id in self._noted:
                continue
            id_, mrn = patient.patient_id, patient.mrn
            self._by_care_key[self._care_key(id_)] = id_
            if mrn is not None:
                self._by_mrn[mrn] = id_
                self._noted.add(id_)

    def by_mrn(self, mrn: Mrn) -> PatientId | None:
        """Whose MRN it is, if that patient has been read."""
        return self._by_mrn.get(mrn)

    def by_care_key(self, key: CareKey) -> PatientId | None:
        """Whose opaque key it is, if that patient has been read."""
        return self._by_care_key.get(key)
