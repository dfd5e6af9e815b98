#!/bin/sh
# Serves CareGraph on 127.0.0.1:$PORT against the systems at $UPSTREAM (EHR below /fhir, PMS below /v1,
# HubSpot below /crm, identity provider at its root: the issuer is $UPSTREAM, the audience http://127.0.0.1:$PORT).
# Everything is as in production: verified tokens, policy on every field, strict reading. One process, no cache of answers.
set -eu
settings="$BENCH_WORK/caregraph-$PORT.toml"
cat > "$settings" <<TOML
[server]
port = $PORT
[identity]
issuer = "$UPSTREAM"
audience = "http://127.0.0.1:$PORT"
roles = { clinician = "clinician" }
[keys]
care_key_secret = "sandbox-care-key"
[ehr.ehr]
kind = "fhir"
url = "$UPSTREAM/fhir"
consents = "none"  # the upstream has no such resource
[ehr.ehr.http]
join = false  # the load is one client that asks the same over and over: joined calls would flatter us
[pms.pms]
kind = "rest"
url = "$UPSTREAM"
mrn_system = "urn:caregraph:sandbox:mrn"
visit_system = "urn:caregraph:sandbox:visit"
time_zone = "America/Chicago"
client_id = "caregraph"
client_secret = "sandbox-pms-secret"
[pms.pms.http]
join = false
[crm.crm]
kind = "hubspot"
url = "$UPSTREAM"
client_id = "caregraph"
client_secret = "sandbox-crm-secret"
[crm.crm.http]
join = false
[changes]
poll_seconds = 3600.0
[audit]
directory = "$BENCH_WORK/audit-$PORT"
[telemetry]
log_level = "WARNING"
TOML
exec "$BENCH_PYTHON" -m gateway.cli serve --config "$settings"
