"""Drives the fault proxy with PyPI's toxiproxy client: create, every toxic, toggle, reset, populate, delete.

It has no call that changes a toxic."""

import socket
import sys

from toxiproxy import Toxiproxy

TOXICS = {
    "latency": {"latency": 10, "jitter": 2},
    "bandwidth": {"rate": 100},
    "slow_close": {"delay": 5},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 5},
    "slicer": {"average_size": 10, "size_variation": 2, "delay": 5},
    "limit_data": {"bytes": 5},
}


def accepts(listen):
    host, port = listen.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        return True
    except ConnectionResetError:
        # It was accepted, and then the upstream refused.
        return True
    except ConnectionRefusedError:
        return False


def main(port):
    server = Toxiproxy()
    server.update_api_consumer("127.0.0.1", port)
    assert server.running() and b"2." in server.version()
    proxy = server.create(upstream="127.0.0.1:9", name="py", listen="127.0.0.1:0")
    assert proxy.enabled and not proxy.listen.endswith(":0"), proxy.listen

    for kind, attributes in TOXICS.items():
        proxy.add_toxic(type=kind, attributes=attributes)
    names = {f"{kind}_downstream" for kind in TOXICS}
    assert set(proxy.toxics()) == names, proxy.toxics()
    assert proxy.get_toxic("latency_downstream").attributes == TOXICS["latency"]
    proxy.destroy_toxic("slicer_downstream")
    assert set(proxy.toxics()) == names - {"slicer_downstream"}

    proxy.disable()
    assert not accepts(proxy.listen)
    server.reset()
    proxy = server.get_proxy("py")
    assert proxy.enabled and proxy.toxics() == {} and accepts(proxy.listen)

    server.populate([{"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"} for name in "ab"])
    assert set(server.proxies()) == {"py", "a", "b"}
    assert server.destroy(server.get_proxy("py"))
    server.destroy_all()
    assert server.proxies() == {}


main(int(sys.argv[1]))
