"""Hearth for trying it out: `python examples/hearth/stand_in.py PORT` answers that it knows nobody."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Hearth(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Whoever asks for people with a token is told of none."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        is_let_in = self.headers.get("Authorization", "").startswith("Bearer ")
        body = json.dumps({"people": []}).encode() if is_let_in else b""
        self.send_response(200 if is_let_in else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Hearth).serve_forever()
