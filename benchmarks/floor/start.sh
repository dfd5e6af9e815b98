#!/bin/sh
# Serves the floor on 127.0.0.1:$PORT, calling $UPSTREAM.
exec "$BENCH_PYTHON" -m uvicorn benchmarks.floor.app:app --host 127.0.0.1 --port "$PORT" \
  --loop uvloop --http httptools --no-access-log --log-level warning
