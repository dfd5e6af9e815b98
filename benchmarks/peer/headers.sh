#!/bin/sh
# Prints the headers to send as JSON: the token that the server made at its start. Fails until there is one.
exec cat "$BENCH_HOME/run/caregraph-headers.json"
