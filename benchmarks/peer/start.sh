#!/bin/sh
# Serves CareGraph on 127.0.0.1:$PORT against the rig's systems at $UPSTREAM (EHR below /fhir, PMS below /pms,
# CRM below /crm). $PEER_PYTHON is the interpreter; without it, that of the repository's environment.
set -eu
cd "$(dirname "$0")/../.."
exec "${PEER_PYTHON:-.venv/bin/python}" -m benchmarks.peer.serve
