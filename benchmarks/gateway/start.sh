#!/bin/sh
# Serves CareGraph on 127.0.0.1:$PORT against the systems at $UPSTREAM (EHR below /fhir, PMS below /v1,
# HubSpot below /crm, identity provider at its root: the issuer is $UPSTREAM, the audience http://127.0.0.1:$PORT).
# Must exec: the runner measures and ends this very process.
echo "the gateway's own composition is not wired into the benchmarks yet" >&2
exit 69
