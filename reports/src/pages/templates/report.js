"use strict";
(() => {
  const svg = document.getElementById("timeline");
  const stage = document.getElementById("stage");
  const box = document.getElementById("readout");
  const data = JSON.parse(document.getElementById("numbers").textContent);
  const hair = document.createElementNS("http://www.w3.org/2000/svg", "line");
  hair.setAttribute("class", "hair");
  hair.setAttribute("y1", "0");
  hair.setAttribute("y2", String(data.height));
  hair.setAttribute("visibility", "hidden");
  svg.appendChild(hair);
  svg.setAttribute("tabindex", "0");
  let now = 0;

  const short = (v) => v === 0 ? "0" : Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en") : String(+v.toPrecision(3));
  const bytes = (v) => { let u = 0; while (Math.abs(v) >= 1000 && u < 5) { v /= 1024; u++; } return short(v) + " " + ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][u]; };
  const time = (us) => us >= 999500 ? short(us / 1e6) + " s" : us >= 999.5 ? short(us / 1e3) + " ms" : short(us) + " µs";
  const units = {
    Micros: time, Seconds: (v) => time(v * 1e6), Count: short, PerSecond: (v) => short(v) + "/s", Bytes: bytes,
    BytesPerSecond: (v) => bytes(v) + "/s", Cores: (v) => short(v) + " cores", Ratio: (v) => short(v * 100) + " %",
  };
  const clock = (s) => {
    const two = (n) => String(Math.floor(n)).padStart(2, "0");
    return (s >= 3600 ? two(s / 3600) + ":" : "") + two(s / 60 % 60) + ":" + two(s % 60);
  };

  const nearest = (line, t) => {
    let low = 0, high = line.at.length - 1;
    if (high < 0) return null;
    while (high - low > 1) { const mid = (low + high) >> 1; if (line.at[mid] < t) low = mid; else high = mid; }
    const best = Math.abs(line.at[low] - t) <= Math.abs(line.at[high] - t) ? low : high;
    return Math.abs(line.at[best] - t) <= 1.5 * line.step ? line.value[best] : null;
  };
  const add = (parent, tag, text, cls) => {
    const e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    if (cls) e.className = cls;
    parent.appendChild(e);
    return e;
  };

  const show = (t) => {
    now = Math.min(Math.max(t, 0), data.seconds);
    const x = data.left + data.plot * now / data.seconds;
    hair.setAttribute("x1", x);
    hair.setAttribute("x2", x);
    hair.setAttribute("visibility", "visible");
    box.replaceChildren();
    const phase = data.phases.find((p) => p[0] <= now && now < p[1]);
    add(box, "b", clock(now) + (phase ? " · " + phase[2] : ""));
    for (const [from, to, felt, name] of data.faults) {
      if (from <= now && now <= Math.max(to, from + data.seconds / 600)) add(box, "div", name + " holds", "held");
      else if (to < now && now <= felt) add(box, "div", name + " is still felt", "held");
    }
    for (const [at, text] of data.exits) if (Math.abs(at - now) <= Math.max(1, data.seconds / 400)) add(box, "div", text, "held");
    for (const panel of data.panels) {
      const rows = panel.lines.map((line) => [line, nearest(line, now)]).filter((row) => row[1] !== null);
      if (!rows.length) continue;
      add(box, "h3", panel.title);
      for (const [line, value] of rows) {
        const row = add(box, "p");
        add(row, "i", line.label, "key k" + line.hue);
        add(row, "i", units[panel.unit](value));
      }
    }
    box.hidden = false;
    const scale = svg.getBoundingClientRect().width / data.width;
    const right = x * scale - stage.scrollLeft > stage.clientWidth / 2;
    box.style.left = (right ? x * scale - box.offsetWidth - 14 : x * scale + 14) + "px";
  };
  const hide = () => { box.hidden = true; hair.setAttribute("visibility", "hidden"); };

  svg.addEventListener("pointermove", (e) => {
    const r = svg.getBoundingClientRect();
    const x = (e.clientX - r.left) / r.width * data.width;
    if (x < data.left - 4 || x > data.left + data.plot + 4) hide();
    else show((x - data.left) / data.plot * data.seconds);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (step) { show(now + step * (e.shiftKey ? 10 : 1)); e.preventDefault(); }
    if (e.key === "Escape") hide();
  });
})();
