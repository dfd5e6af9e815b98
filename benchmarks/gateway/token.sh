#!/bin/sh
# Prints the bearer token the load is sent with: a clinician's, signed by the upstream's identity provider.
exec "$BENCH_PYTHON" -m benchmarks.upstream.signing
