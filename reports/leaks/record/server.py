"""A small HTTP server that grows in one way, or in none. For record.py; `server.py PORT MODE`."""

import http.server
import os
import sys
import threading
import time
from collections import OrderedDict

PORT, MODE = int(sys.argv[1]), sys.argv[2]
KEPT, CACHE = [], OrderedDict()
STARTED = time.monotonic()


def serve_one(count):
    """What one request costs, by mode. Everything is let go but in the leaking modes."""
    body = bytes(2048) + str(count).encode()
    if MODE == "leak":
        KEPT.append(body)
    elif MODE == "slow-leak" and count % 8 == 0:
        KEPT.append(body)
    elif MODE == "late-leak" and time.monotonic() - STARTED > 300:
        KEPT.append(body * 2)
    elif MODE == "burst-leak" and count % 300 == 0:
        KEPT.append(os.urandom(400_000))
    elif MODE == "fd-leak" and count % 10 == 0:
        KEPT.append(open(os.devnull))
    elif MODE == "thread-leak" and count % 100 == 0:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    elif MODE == "cache":
        CACHE[count % 997] = body * 4
    elif MODE == "churn":
        KEPT.append(body * 8)
        if len(KEPT) > 600:
            KEPT.clear()
    return body


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request with two KiB."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_GET(self):
        Handler.count += 1
        body = serve_one(Handler.count)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
