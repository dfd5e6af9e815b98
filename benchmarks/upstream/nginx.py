"""The nginx that serves the worlds: its configuration and its start on loopback."""

from pathlib import Path

from benchmarks.upstream import worlds
from benchmarks.upstream.worlds import World

# A static file answers a POST with 405; sent on to itself, the request becomes a GET.
_LOCATION = """\
    location = {path} {{
      default_type {media_type};
      alias {file};
      error_page 405 =200 {path};
    }}"""

_SERVER = """\
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    access_log {log};
{locations}
    location = /healthz {{ return 204; }}
    location / {{ return 404; }}
  }}"""

_CONFIGURATION = """\
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/nginx-error.log warn;
events {{ worker_connections 4096; }}
http {{
  log_format calls '$request_method $request_uri $status $body_bytes_sent';
  client_body_temp_path {work}/body;
  proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi;
  scgi_temp_path {work}/scgi;
  client_body_buffer_size 128k;
  large_client_header_buffers 8 64k;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=1h;
  open_file_cache_valid 1h;
  sendfile on;
  tcp_nodelay on;
  etag off;
  server_tokens off;
  types {{ }}
{servers}
}}
"""


def prepare(here: list[World], work: Path, *, logged: bool) -> list[str]:
    """Write the answers and the configuration of the worlds into *work*; gives the command that serves them.

    With *logged*, each world has an access log `<name>.log` of one line a call; without, none.
    """
    servers = [_server(world, work, logged=logged) for world in here]
    file = work / "nginx.conf"
    file.write_text(_CONFIGURATION.format(work=work, servers="\n".join(servers)))
    return ["nginx", "-p", str(work), "-e", str(work / "nginx-error.log"), "-c", str(file)]


def calls(world: World, work: Path) -> list[str]:
    """The calls that *world* has answered since it was started with a log, oldest first."""
    return log_of(world, work).read_text().splitlines()


def log_of(world: World, work: Path) -> Path:
    """Where the calls of *world* are noted."""
    return work / f"{world.name}.log"


def _server(world: World, work: Path, *, logged: bool) -> str:
    routes = worlds.write(world, work / world.name)
    locations = [_LOCATION.format(path=path, media_type=kind, file=file) for path, kind, file in routes]
    log = log_of(world, work)
    log.write_text("")
    return _SERVER.format(
        port=world.port, log=f"{log} calls" if logged else "off", locations="\n".join(locations)
    )
