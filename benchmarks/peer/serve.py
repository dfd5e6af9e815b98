"""Serves the entry: `python -m benchmarks.peer.serve`; the rig sets `PORT`, `UPSTREAM` and `BENCH_HOME`."""

import json
import os
from pathlib import Path

from benchmarks.peer import provider
from benchmarks.peer.app import app_of, settings_of
from gateway.cli.serve import server, spare_the_collector
from gateway.telemetry import set_up_logging


def main() -> None:
    """Run one process until it is ended."""
    port = int(os.environ["PORT"])
    audience = f"http://127.0.0.1:{port}"
    key = provider.new_key()
    write_headers(Path(os.environ["BENCH_HOME"]) / "run", provider.token(key, audience))
    with provider.published(key) as jwks_url:
        settings = settings_of(os.environ["UPSTREAM"], jwks_url, port, audience)
        set_up_logging(settings.telemetry.log_level)
        gateway = server(app_of(settings), settings)
        spare_the_collector()
        gateway.run()


def write_headers(folder: Path, token: str) -> None:
    """What `headers.sh` prints; readable for nobody else."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "caregraph-headers.json"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps({"Authorization": f"Bearer {token}"}))


if __name__ == "__main__":
    main()
