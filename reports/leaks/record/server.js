// A small HTTP server that grows in one way, or in none. For record.py; `server.js PORT MODE`.
"use strict";
const fs = require("node:fs");
const http = require("node:http");

const [port, mode] = [Number(process.argv[2]), process.argv[3]];
const kept = [];
const cache = new Map();
let count = 0;

function serveOne() {
  count += 1;
  const body = { id: count, text: "x".repeat(64) + count, list: Array.from({ length: 200 }, (_, i) => i * count) };
  if (mode === "leak") kept.push(body);
  if (mode === "buffer-leak") kept.push(Buffer.alloc(4096, count % 256));
  if (mode === "fd-leak" && count % 10 === 0) kept.push(fs.openSync("/dev/null", "r"));
  if (mode === "timer-leak") setInterval(() => body.id, 3_600_000);
  if (mode === "cache") cache.set(count % 500, Buffer.alloc(8192, count % 256));
  return JSON.stringify(body);
}

http.createServer((_, answer) => {
  const text = serveOne();
  answer.writeHead(200, { "Content-Type": "application/json" });
  answer.end(text);
}).listen(port, "127.0.0.1");
