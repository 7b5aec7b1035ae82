"""Small services for the tests: a relay that counts what passes, and a resource server that asks token
info about every caller."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server import fetch


class _Service:
    """An HTTP server of this process, on a free port, until the end of a `with`."""

    def __init__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                status, headers, body = outer.handle(self, self.rfile.read(length))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class Relay(_Service):
    """Passes requests on to another server, and remembers which."""

    def __init__(self, target):
        self.target, self.seen = target, []
        super().__init__()

    def handle(self, request, body):
        self.seen.append(request.path)
        kept = ["Authorization", "Content-Type", "User-Agent"]
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        answer = fetch(self.target + request.path, request.command, data=body or None, headers=headers)
        kind = {"Content-Type": answer.headers.get("Content-Type", "text/plain")}
        return answer.status, kind, answer.text.encode()


class PetStore(_Service):
    """A resource server as STUPS wants it: bearer token, token info, one attribute per scope."""

    def __init__(self, tokeninfo_url, scope):
        self.tokeninfo_url, self.scope, self.callers = tokeninfo_url, scope, []
        super().__init__()

    def handle(self, request, _):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return self._refusal(401, "Bearer")
        answer = fetch(self.tokeninfo_url, headers={"Authorization": f"Bearer {token}"})
        if answer.status != 200:
            return self._refusal(401, 'Bearer error="invalid_token"')
        info = answer.json()
        if not info.get(self.scope):
            return self._refusal(403, f'Bearer error="insufficient_scope", scope="{self.scope}"')
        self.callers.append(info["uid"])
        body = json.dumps({"hello": info["uid"]}).encode()
        return 200, {"Content-Type": "application/json"}, body

    @staticmethod
    def _refusal(status, challenge):
        return status, {"WWW-Authenticate": challenge}, b""
