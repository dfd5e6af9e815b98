"""Owns the practice's records as files: CSV and XML, all of them or some, into a folder."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from sandbox.records import Json, Pms

APPOINTMENTS = (
    "ID",
    "CHART",
    "STATUS",
    "STARTS",
    "MINUTES",
    "SERVICE",
    "SERVICE_NAME",
    "REASON",
    "NPI",
    "PROVIDER",
    "PLACE",
    "PLACE_NAME",
    "VIDEO",
    "LINK",
    "VISIT",
    "CHANGED",
    "GONE",
)


class Export:
    """Writes files as a practice's nightly job would: under another name first, then under their own."""

    def __init__(self, folder: Path, pms: Pms) -> None:
        self._folder = folder
        self._pms = pms

    def all(self, stamp: str) -> None:
        """Everything the practice has, as full files."""
        self.appointments(self._pms.appointments, f"appointments_full_{stamp}.csv")
        self.locations(f"locations_{stamp}.csv")
        self.coverages(f"coverages_{stamp}.xml")
        self.balances(f"balances_{stamp}.csv")

    def appointments(self, rows: Iterable[Json], name: str, gone: frozenset[int] = frozenset()) -> Path:
        """Those appointments, as CSV with a trailer; the ids in *gone* are marked as deleted."""
        cells = [[*_appointment(row), "Y" if row["id"] in gone else ""] for row in rows]
        return self.write(name, _csv(APPOINTMENTS, cells, trailer=True))

    def locations(self, name: str) -> Path:
        header = ("ID", "NAME", "KIND", "LINE", "CITY", "STATE", "ZIP", "PHONE")
        rows = [
            (row["id"], row["name"], row["kind"].capitalize(), *row["address"].values(), row["phone"])
            for row in self._pms.locations
        ]
        return self.write(name, _csv(header, rows))

    def balances(self, name: str) -> Path:
        header = ("CHART", "DUE", "CURRENCY", "AS_OF")
        rows = [
            (row["patient_mrn"], row["amount_due"], row["currency"], row["as_of"])
            for row in self._pms.balances
        ]
        return self.write(name, _csv(header, rows))

    def coverages(self, name: str) -> Path:
        """The coverages, as XML that says how many they are."""
        root = Element("coverages", count=str(len(self._pms.coverages)))
        for row in self._pms.coverages:
            element = SubElement(root, "coverage", id=str(row["id"]))
            for key, value in row.items():
                if key != "id" and value is not None:
                    SubElement(element, key).text = str(value)
        return self.write(name, tostring(root, encoding="utf-8", xml_declaration=True))

    def write(self, name: str, content: bytes, *, checksum: bool = True) -> Path:
        """A file, whole at once, and its checksum beside it."""
        path = self._folder / name
        unfinished = path.with_name(f"{name}.tmp")
        unfinished.write_bytes(content)
        unfinished.rename(path)
        if checksum:
            digest = hashlib.sha256(content).hexdigest()
            path.with_name(f"{name}.sha256").write_text(f"{digest}  {name}\n")
        return path


def stamp(moment: datetime) -> str:
    """A time of the practice's clock as it stands in the names of files."""
    return moment.strftime("%Y%m%d%H%M%S")


def _appointment(row: Json) -> Sequence[object]:
    who, place = row["practitioner"], row["location"]
    return (
        row["id"],
        row["patient"]["mrn"],
        row["status"],
        row["starts_at"],
        row["duration_minutes"],
        row["service_code"],
        row["service_name"],
        row["reason"],
        who["npi"],
        who["name"],
        place["id"],
        place["name"],
        "Y" if row["is_telehealth"] else "N",
        row["video_url"],
        row["visit_number"],
        row["updated_at"],
    )


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]], *, trailer: bool = False) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(rows)
    if trailer:
        writer.writerow(("TRAILER", len(rows)))
    return out.getvalue().encode()
