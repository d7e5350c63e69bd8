#!/usr/bin/env python3
"""Records real traces: starts real servers on loopback with a planted leak or without, loads them lightly, and writes
what they use, once a second.

    python3 record.py OUT SECONDS [NAME…]

writes OUT/NAME.METRIC.csv (`seconds,METRIC`) and OUT/labels.csv (`file,label`). Needs python3, node, redis-server,
nginx, PostgreSQL (initdb, postgres, psql) and rustc; runs all at once at low priority. It ends only what it started.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT, SECONDS = Path(sys.argv[1]), float(sys.argv[2])
ONLY = set(sys.argv[3:])
STOP = threading.Event()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def paced(rate):
    """Yields about `rate` times a second until the end."""
    due = time.monotonic()
    while not STOP.is_set():
        yield
        due = max(due + 1 / rate, time.monotonic() - 1)
        STOP.wait(max(0, due - time.monotonic()))


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def until_ready(port):
    for _ in range(300):
        try:
            return connect(port).close()
        except OSError:
            STOP.wait(0.1)
    raise RuntimeError(f"nothing listens on port {port} after 30 s")


def quiet(function, arguments):
    """A load whose server has ended is over."""
    try:
        function(*arguments)
    except OSError:
        pass


# --- load -------------------------------------------------------------------------------------------------------------

def http_load(port, rate):
    for _ in paced(rate):
        try:
            with connect(port) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                while client.recv(65536):
                    pass
        except OSError:
            pass


def http_idlers(port, rate):
    """Connections that ask once and are never closed."""
    kept = []
    for _ in paced(rate):
        try:
            client = connect(port)
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(65536)
            kept.append(client)
        except OSError:
            pass


def redis_load(port, rate, command):
    with connect(port) as client:
        for count, _ in enumerate(paced(rate)):
            client.sendall(command(count))
            client.recv(65536)


def redis_idlers(port, rate):
    kept = []
    for _ in paced(rate):
        kept.append(connect(port))


def psql_load(psql, user, port, rate, statement):
    """One session that says one statement after the other."""
    session = subprocess.Popen([psql, "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", user, "postgres"],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for count, _ in enumerate(paced(rate)):
        session.stdin.write(statement(count).encode() + b";\n")
        session.stdin.flush()
    session.stdin.close()
    session.wait()


# --- what is measured -------------------------------------------------------------------------------------------------

def family(root):
    """The process and all below it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def kib(text, key):
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(key)), 0)


def measure(root, metric):
    total = 0
    for pid in family(root):
        proc = Path("/proc", str(pid))
        try:
            if metric == "fds":
                total += len(os.listdir(proc / "fd"))
            elif metric == "processes":
                total += 1
            elif metric == "threads":
                total += len(os.listdir(proc / "task"))
            elif metric == "pss":
                total += kib((proc / "smaps_rollup").read_text(), "Pss:")
            else:
                total += kib((proc / "status").read_text(), "VmRSS:")
        except OSError:
            pass
    return total


# --- servers ----------------------------------------------------------------------------------------------------------

def python(mode):
    return lambda port, _: [sys.executable, str(HERE / "server.py"), str(port), mode]


def node(mode):
    return lambda port, _: ["node", str(HERE / "server.js"), str(port), mode]


def rust(mode):
    return lambda port, _: [str(BUILT / "server"), str(port), mode]


def redis(*extra):
    return lambda port, folder: ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                                 str(folder), *extra]


def nginx(keepalive):
    def command(port, folder):
        (folder / "index.html").write_text("x" * 2048)
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
            "events { worker_connections 8192; }\n"
            f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; "
            f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
            f"server {{ listen 127.0.0.1:{port}; root {folder}; keepalive_timeout {keepalive}; }} }}\n")
        os.chmod(folder, 0o755)
        return ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    return command


def postgres(port, folder):
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    subprocess.run([shutil.which("initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-N"],
                   check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder)
    return [shutil.which("postgres"), "-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1", "-k",
            str(folder), "-c", "shared_buffers=16MB"]


def http(rate):
    return lambda port: [(http_load, port, rate)]


def keys(rate, command):
    return lambda port: [(redis_load, port, rate, command)]


def sql(rate, statement):
    return lambda port: [(psql_load, shutil.which("psql"), "postgres", port, rate, statement)]


VALUE = b"v" * 1000

# name: (metric, label, command, load)
TRACES = {
    "python-steady": ("rss", "healthy", python("steady"), http(15)),
    "python-leak": ("rss", "leaky", python("leak"), http(15)),
    "python-slow-leak": ("rss", "leaky", python("slow-leak"), http(15)),
    "python-late-leak": ("rss", "leaky", python("late-leak"), http(15)),
    "python-burst-leak": ("rss", "leaky", python("burst-leak"), http(15)),
    "python-fd-leak": ("fds", "leaky", python("fd-leak"), http(10)),
    "python-thread-leak": ("threads", "leaky", python("thread-leak"), http(10)),
    "python-cache": ("rss", "healthy", python("cache"), http(15)),
    "python-churn": ("rss", "healthy", python("churn"), http(15)),
    "python-steady-fds": ("fds", "healthy", python("steady"), http(15)),
    "node-steady": ("rss", "healthy", node("steady"), http(15)),
    "node-leak": ("rss", "leaky", node("leak"), http(15)),
    "node-buffer-leak": ("rss", "leaky", node("buffer-leak"), http(15)),
    "node-fd-leak": ("fds", "leaky", node("fd-leak"), http(10)),
    "node-timer-leak": ("rss", "leaky", node("timer-leak"), http(15)),
    "node-leak-busy": ("rss", "leaky", node("leak"), http(30)),
    "node-timer-leak-busy": ("rss", "leaky", node("timer-leak"), http(30)),
    "node-cache": ("rss", "healthy", node("cache"), http(15)),
    "rust-steady": ("rss", "healthy", rust("steady"), http(15)),
    "rust-leak": ("rss", "leaky", rust("leak"), http(15)),
    "rust-slow-leak": ("pss", "leaky", rust("slow-leak"), http(20)),
    "rust-fd-leak": ("fds", "leaky", rust("fd-leak"), http(10)),
    "rust-cache": ("rss", "healthy", rust("cache"), http(15)),
    "redis-overwrite": ("rss", "healthy", redis(), keys(30, lambda n: b"SET k%d %s\r\n" % (n % 500, VALUE))),
    "redis-keys-leak": ("rss", "leaky", redis(), keys(30, lambda n: b"SET k%d %s\r\n" % (n, VALUE))),
    "redis-expiring": ("rss", "healthy", redis(), keys(30, lambda n: b"SET k%d %s EX 40\r\n" % (n, VALUE))),
    "redis-evicting": ("rss", "healthy", redis("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru"),
                       keys(30, lambda n: b"SET k%d %s\r\n" % (n, VALUE))),
    "redis-list-leak": ("pss", "leaky", redis(), keys(20, lambda n: b"RPUSH list %s%d\r\n" % (VALUE[:400], n))),
    "redis-client-leak": ("fds", "leaky", redis(), lambda port: [(redis_idlers, port, 0.5)]),
    "nginx-steady": ("rss", "healthy", nginx(5), http(15)),
    "nginx-steady-fds": ("fds", "healthy", nginx(5), http(15)),
    "nginx-idle-leak": ("fds", "leaky", nginx(7200), lambda port: [(http_idlers, port, 0.5)]),
    "nginx-idle-memory-leak": ("pss", "leaky", nginx(7200), lambda port: [(http_idlers, port, 3)]),
    "postgres-steady": ("pss", "healthy", postgres, sql(10, lambda n: f"SELECT count(*), {n % 7} FROM pg_class")),
    "postgres-prepared-leak": ("pss", "leaky", postgres, sql(10, lambda n: f"PREPARE p{n} AS SELECT {n}, relname FROM pg_class")),
    "postgres-steady-processes": ("processes", "healthy", postgres, sql(10, lambda n: f"SELECT {n}")),
}


def record(name):
    metric, label, command, load = TRACES[name]
    folder = Path(tempfile.mkdtemp(prefix="trace-"))
    port, server = free_port(), None
    try:
        user = "postgres" if command is postgres and os.geteuid() == 0 else None
        server = subprocess.Popen(command(port, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  cwd=folder, user=user)
        until_ready(port)
        for function, *arguments in load(port):
            threading.Thread(target=quiet, args=(function, arguments), daemon=True).start()
        start, rows = time.monotonic(), []
        for _ in paced(1):
            at = time.monotonic() - start
            if at > SECONDS:
                break
            if server.poll() is not None:
                raise RuntimeError(f"ended with {server.returncode} after {at:.0f} s")
            rows.append(f"{at:.3f},{measure(server.pid, metric)}")
        file = f"{name}.{metric}.csv"
        (OUT / file).write_text("\n".join([f"seconds,{metric}", *rows]) + "\n")
        return f"{file},{label}"
    except Exception as error:  # One trace that fails does not lose the others.
        print(f"{name}: {error}", file=sys.stderr)
        return None
    finally:
        if server:
            # PostgreSQL waits for its clients on SIGTERM, and not on SIGINT; the others end on either.
            server.send_signal(signal.SIGINT if command is postgres else signal.SIGTERM)
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    os.nice(10)
    OUT.mkdir(parents=True, exist_ok=True)
    if not ONLY or any(name.startswith("rust-") for name in ONLY):
        subprocess.run(["rustc", "-O", "--edition", "2024", "-o", str(BUILT / "server"), str(HERE / "server.rs")], check=True)
    labels, threads = {}, []
    for name in TRACES:
        if not ONLY or name in ONLY:
            threads.append(threading.Thread(target=lambda name=name: labels.update({name: record(name)})))
            threads[-1].start()
    for thread in threads:
        thread.join()
    STOP.set()
    lines = [labels[name] for name in TRACES if labels.get(name)]
    (OUT / "labels.csv").write_text("\n".join(["file,label", *lines]) + "\n")


with tempfile.TemporaryDirectory() as built:
    BUILT = Path(built)
    main()
