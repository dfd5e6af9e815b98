"""`python -m tests.interop [NAME…]`: installs what others wrote, makes it work with ours, prints a table."""

from __future__ import annotations

import argparse
import signal
import sys

from tests.interop import check_crm, check_databases, check_hapi, check_hl7, check_medplum, check_sftp
from tests.interop.checks import Check, exit_code, table, tried
from tests.interop.kits import Kits

_SENT = "ADT A01 A08 A40, SIU S12 S13 S15 S26, one again and a bad one; UTF-8 and 8859/1"
_READ = "people by key, by id, page by page; refusals"

_QUICK_S = 300
"""Nobody waits for a registry for longer who wants it quick."""

CHECKS = (
    Check(
        "medplum",
        check_medplum.KIT,
        "EHR adapter: every record, narrowed, paged",
        check_medplum.ehr,
        is_slow=True,
    ),
    Check(
        "medplum-others",
        check_medplum.KIT,
        "EHR adapter, Synthea's patients",
        check_medplum.ehr_of_others,
        is_slow=True,
    ),
    Check("medplum-pms", check_medplum.KIT, "practice over FHIR", check_medplum.practice),
    Check("medplum-gateway", check_medplum.KIT, "GraphQL over EHR, PMS and CRM", check_medplum.gateway),
    Check("hl7-node", "node-hl7-client", _SENT, check_hl7.node_hl7_client),
    Check("hl7-simple", "simple-hl7", _SENT.replace(" and 8859/1", ""), check_hl7.simple_hl7),
    Check("hl7-medplum", "@medplum/hl7", _SENT, check_hl7.medplum_hl7),
    Check("hl7-mllp", "hl7 (hl7.mllp)", _SENT, check_hl7.hl7_mllp),
    Check("hl7-client", "hl7 (hl7.client)", _SENT, check_hl7.hl7_client),
    Check("hl7-command", "hl7 (mllp_send)", _SENT, check_hl7.mllp_send),
    Check(
        "hl7-postgresql", "PostgreSQL", "what hl7.mllp and the sandbox send, kept in it", check_hl7.postgresql
    ),
    Check("jsforce", "jsforce", f"signs in; {_READ}", check_crm.jsforce),
    Check("simple-salesforce", "simple-salesforce", f"by TLS; {_READ}", check_crm.simple_salesforce),
    Check("hubspot-node", "@hubspot/api-client", _READ, check_crm.hubspot_node),
    Check("hubspot-python", "hubspot-api-client", _READ, check_crm.hubspot_python),
    Check("dynamics", "dynamics-web-api", f"{_READ}, in a batch", check_crm.dynamics),
    Check("postgresql", "PostgreSQL", "practice in a database", check_databases.postgresql),
    Check("mariadb", "MariaDB", "practice in a database", check_databases.mariadb),
    Check("sftp", "OpenSSH", "practice that writes files", check_sftp.sftp),
    Check("hapi", "HAPI FHIR JPA server", "EHR adapter and GraphQL over it", check_hapi.ehr, is_slow=True),
    Check(
        "hapi-others",
        "HAPI FHIR JPA server",
        "EHR adapter, Synthea's patients",
        check_hapi.ehr_of_others,
        is_slow=True,
    ),
    Check("hapi-pms", "HAPI FHIR JPA server", "practice over FHIR", check_hapi.practice, is_slow=True),
)


def main() -> int:
    names = [check.name for check in CHECKS]
    parser = argparse.ArgumentParser(prog="scripts/interop", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[*names, []], metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--quick", action="store_true", help="not those that take minutes, or much to download"
    )
    parser.add_argument("--all", action="store_true", help="what cannot be run is a failure, too")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers it started are stopped
    checks = [check for check in CHECKS if not chosen.name or check.name in chosen.name]
    if chosen.quick:
        checks = [check for check in checks if not check.is_slow]
    kits = Kits(longest_s=_QUICK_S) if chosen.quick else Kits()
    results = tried(checks, kits, sys.stderr)
    sys.stdout.write(table(results))
    return exit_code(results, chosen.all)


if __name__ == "__main__":
    sys.exit(main())
