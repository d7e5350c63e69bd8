"""Drives the fault proxy with PyPI's toxiproxy-python.

The client has no call that changes a toxic, and none that changes a proxy but to enable and disable it. Its `populate`
asks for each proxy by itself and never for `/populate`.
"""

import sys

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, ProxyExists

TOXICS = {
    "latency": {"latency": 150, "jitter": 0},
    "bandwidth": {"rate": 100},
    "slow_close": {"delay": 200},
    "timeout": {"timeout": 150},
    "reset_peer": {"timeout": 50},
    "slicer": {"average_size": 100, "size_variation": 20, "delay": 2000},
    "limit_data": {"bytes": 5},
    "noop": {},
}


def see(*words):
    """Asks the test to look at a proxy."""
    print("see", *words, flush=True)
    assert sys.stdin.readline() == "seen\n"


def fails(error, call):
    try:
        call()
    except error:
        return
    raise AssertionError(f"expected {error.__name__}")


def toxics_come_and_go(proxy):
    for stream in ("downstream", "upstream"):
        for kind, attributes in TOXICS.items():
            proxy.add_toxic(type=kind, stream=stream, attributes=attributes)
            name = f"{kind}_{stream}"
            assert set(proxy.toxics()) == {name}, proxy.toxics()
            toxic = proxy.get_toxic(name)
            assert (toxic.type, toxic.stream, toxic.toxicity) == (kind, stream, 1), vars(toxic)
            assert toxic.attributes == attributes, vars(toxic)
            see(kind, stream, proxy.listen)
            assert proxy.destroy_toxic(name)
            assert proxy.get_toxic(name) is None
    proxy.add_toxic(type="latency", name="rare", toxicity=0.25, attributes={"latency": 1})
    rare = proxy.get_toxic("rare")
    assert (rare.toxicity, rare.attributes) == (0.25, {"latency": 1, "jitter": 0}), vars(rare)
    fails(ProxyExists, lambda: proxy.add_toxic(type="noop", name="rare"))
    fails(InvalidToxic, lambda: proxy.add_toxic(type="slicer"))
    fails(InvalidToxic, lambda: proxy.add_toxic(type="no such type"))
    assert set(proxy.toxics()) == {"rare"}
    proxy.destroy_toxic("rare")
    see("clean", proxy.listen)


def main(api, upstream):
    host, port = api.rsplit(":", 1)
    server = Toxiproxy()
    server.update_api_consumer(host, int(port))
    assert server.running() and b"2.12." in server.version(), server.version()

    proxy = server.create(name="p", listen="127.0.0.1:0", upstream=upstream)
    assert proxy.enabled and proxy.upstream == upstream and not proxy.listen.endswith(":0"), vars(proxy)
    see("clean", proxy.listen)
    fails(ProxyExists, lambda: server.create(name="p", upstream=upstream))
    off = server.create(name="off", upstream=upstream, enabled=False)
    assert not off.enabled and set(server.proxies()) == {"p", "off"}
    assert server.destroy(off)

    toxics_come_and_go(proxy)

    proxy.disable()
    assert not server.get_proxy("p").enabled
    see("down", proxy.listen)
    proxy.enable()
    assert server.get_proxy("p").enabled
    see("clean", proxy.listen)

    proxy.add_toxic(type="timeout", attributes={"timeout": 0})
    proxy.disable()
    assert server.reset()
    proxy = server.get_proxy("p")
    assert proxy.enabled and proxy.toxics() == {}
    see("clean", proxy.listen)

    for made in server.populate([{"name": name, "listen": "127.0.0.1:0", "upstream": upstream} for name in "ab"]):
        see("clean", made.listen)
    assert set(server.proxies()) == {"p", "a", "b"}
    assert server.destroy(server.get_proxy("p")) and server.get_proxy("p") is None
    server.destroy_all()
    assert server.proxies() == {}


main(*sys.argv[1:3])
