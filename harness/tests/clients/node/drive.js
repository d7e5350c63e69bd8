// Drives the fault proxy with npm's toxiproxy-node-client.
//
// The client cannot list the toxics of a proxy; it asks for each by its name.

"use strict";

const assert = require("node:assert/strict");
const readline = require("node:readline");
const { Toxiproxy } = require("toxiproxy-node-client");

const TOXICS = {
  latency: { latency: 150, jitter: 0 },
  bandwidth: { rate: 100 },
  slow_close: { delay: 200 },
  timeout: { timeout: 150 },
  reset_peer: { timeout: 50 },
  slicer: { average_size: 100, size_variation: 20, delay: 2000 },
  limit_data: { bytes: 5 },
  noop: {},
};

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// Asks the test to look at a proxy.
async function see(...words) {
  console.log(["see", ...words].join(" "));
  assert.equal((await answers.next()).value, "seen");
}

const refused = (call, status) => assert.rejects(call, { message: `Request failed with status code ${status}` });

async function toxicsComeAndGo(proxy) {
  for (const stream of ["downstream", "upstream"]) {
    for (const [type, attributes] of Object.entries(TOXICS)) {
      const name = `${type}_${stream}`;
      const expected = { attributes, name, stream, toxicity: 1, type };
      // The name is the server's to give.
      const toxic = await proxy.addToxic({ type, stream, attributes });
      assert.deepEqual(toxic.toJson(), expected);
      assert.deepEqual((await proxy.getToxic(name)).toJson(), expected);
      await see(type, stream, proxy.listen);
      if (type === "latency") {
        const updated = await toxic.update({ attributes: { latency: 400 } });
        assert.deepEqual(updated.toJson(), { ...expected, attributes: { latency: 400, jitter: 0 } });
        await see("latency_updated", stream, proxy.listen);
      }
      await toxic.remove();
      await refused(proxy.getToxic(name), 404);
    }
  }
  const rare = await proxy.addToxic({ name: "rare", type: "latency", toxicity: 0.25, attributes: { latency: 1 } });
  assert.deepEqual([rare.toxicity, rare.stream, rare.attributes], [0.25, "downstream", { latency: 1, jitter: 0 }]);
  assert.equal((await rare.update({ toxicity: 0.5 })).toxicity, 0.5);
  await refused(proxy.addToxic({ name: "rare", type: "noop" }), 409);
  await refused(proxy.addToxic({ type: "slicer" }), 400);
  await refused(proxy.addToxic({ type: "no such type" }), 400);
  await refused(rare.update({ attributes: { latency: -1 } }), 400);
  assert.equal((await proxy.getToxic("rare")).attributes.latency, 1);
  await rare.remove();
  await see("clean", proxy.listen);
}

async function main(api, upstream, other) {
  const server = new Toxiproxy(`http://${api}`);
  assert.match(await server.getVersion(), /"2\.12\./);

  const body = { name: "p", listen: "127.0.0.1:0", upstream };
  let proxy = await server.createProxy(body);
  assert.doesNotMatch(proxy.listen, /:0$/);
  assert.deepEqual(proxy.toJson(), { ...body, listen: proxy.listen, enabled: true });
  await see("clean", proxy.listen);
  await refused(server.createProxy(body), 409);
  await refused(server.get("q"), 404);
  const off = await server.createProxy({ name: "off", listen: "127.0.0.1:0", upstream, enabled: false });
  assert.equal(off.enabled, false);
  assert.deepEqual(Object.keys(await server.getAll()).sort(), ["off", "p"]);
  await off.remove();

  await toxicsComeAndGo(proxy);

  const changed = await proxy.update({ upstream: other });
  assert.deepEqual(changed.toJson(), { ...proxy.toJson(), upstream: other });
  await see("shouting", proxy.listen);
  await proxy.update({ upstream });
  await see("clean", proxy.listen);

  assert.equal((await proxy.update({ enabled: false })).enabled, false);
  await see("down", proxy.listen);
  assert.equal((await proxy.update({ enabled: true })).listen, proxy.listen);
  await see("clean", proxy.listen);

  await proxy.addToxic({ type: "timeout", attributes: { timeout: 0 } });
  await proxy.update({ enabled: false });
  await server.reset();
  proxy = await server.get("p");
  assert.equal(proxy.enabled, true);
  await refused(proxy.getToxic("timeout_downstream"), 404);
  await see("clean", proxy.listen);

  const made = await server.populate(["a", "b"].map((name) => ({ name, listen: "127.0.0.1:0", upstream })));
  assert.deepEqual(Object.keys(made), ["a", "b"]);
  for (const proxy of Object.values(made)) await see("clean", proxy.listen);
  const again = await server.populate(Object.values(made).map((proxy) => proxy.toJson()));
  assert.equal(again.a.listen, made.a.listen);

  const all = Object.values(await server.getAll());
  assert.equal(all.length, 3);
  for (const proxy of all) await proxy.remove();
  await refused(server.get("p"), 404);
  assert.deepEqual(await server.getAll(), {});
}

main(...process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
