"use strict";
// The milestone calculator. The arithmetic repeats densing_bayes/corollaries/forecast.py.

const data = JSON.parse(document.getElementById("data").textContent);
const DAY = 86400000, YEAR = 365.25;
const at = (id) => document.getElementById(id);
const need = (packed) => packed.map((x) => (x === null ? Infinity : x * data.unit));
const frontier = data.frontier.map(need);
const years = data.years, first = years[0], last = years[years.length - 1];
const origin = Date.parse(data.origin);
const yearsOf = (iso) => Math.round((Date.parse(iso) - origin) / DAY) / YEAR;
const dateOf = (y) => new Date(origin + Math.round(y * YEAR) * DAY).toISOString().slice(0, 10);

// -- arithmetic --

// First time at which surplus reaches zero; linear between grid points; Infinity for never.
function crossing(surplus) {
  const k = surplus.findIndex((s) => s >= 0);
  if (k < 0) return Infinity;
  if (k === 0) return years[0];
  const share = -surplus[k - 1] / (surplus[k] - surplus[k - 1]);
  return years[k - 1] + share * (years[k] - years[k - 1]);
}

// Quantile by linear interpolation of sorted values, as numpy's default.
function quantile(sorted, prob) {
  const h = (sorted.length - 1) * prob, k = Math.floor(h);
  const next = sorted[Math.min(k + 1, sorted.length - 1)];
  return sorted[k] + (h - k) * (next - sorted[k]);
}

function day(draws, prob) {
  const clipped = draws.map((y) => Math.min(Math.max(y, first), last)).sort((a, b) => a - b);
  const y = quantile(clipped, prob);
  if (y <= first) return "already";
  return y >= last ? "after " + data.horizon : dateOf(y);
}

// The path at one date: linear between grid points.
function pathAt(row, y) {
  let k = years.findIndex((x) => x >= y);
  if (k < 0) return row[row.length - 1];
  if (k === 0) return row[0];
  return row[k - 1] + (row[k] - row[k - 1]) * (y - years[k - 1]) / (years[k] - years[k - 1]);
}

function logSizes(ask) {
  if (ask.what === "size") return frontier.map(() => Math.log(ask.size * 1e9));
  const device = data.devices.find((d) => d.name === ask.device);
  const left = data.shares[device.kind === "phone" ? "phone" : "other"];
  return frontier.map((_, i) => {
    const bytes = ask.bits / 8;
    const byMemory = device.memory * left[i] / bytes;
    const byPace = ask.pace > 0
      ? device.bandwidth * data.shares.bandwidth[i] / (ask.pace * bytes * ask.active) : Infinity;
    return Math.log(Math.min(byMemory, byPace));
  });
}

// A path that goes on from a day at so many times its growth: what the reader supposes.
function supposed(row, factor, since) {
  if (factor === 1) return row;
  const there = pathAt(row, since);
  return row.map((f, k) => years[k] <= since ? f : there + factor * (f - there));
}

function answer(ask) {
  const path = frontier.map((row) => supposed(row, ask.factor, yearsOf(ask.since)));
  const size = logSizes(ask);
  const target = ask.match === "model"
    ? data.targets.find((t) => t.name === ask.model && t.on === ask.on)
    : data.scores.find((s) => s.score === ask.score);
  const wanted = need(target.need), when = yearsOf(ask.date);
  const own = data.own[ask.match === "model" ? target.own : data.benchmark];
  const trend = own ? need(own.trend) : wanted.map(() => 0), tilt = own ? need(own.tilt) : trend;
  // effective size needed by the benchmarks that the target rests on, less what date and size do
  const byDate = (i, y) => wanted[i] - trend[i] * (Math.min(y, data.where.last) - data.where.centre);
  const dates = path.map((row, i) => crossing(row.map((f, k) =>
    size[i] + f - byDate(i, years[k]) + tilt[i] * (size[i] - data.where.mean_size))));
  const now = path.map((row) => pathAt(row, when));
  const share = (test) => dates.filter(test).length / dates.length;
  return {
    dates: dates,
    already: share((y) => y <= first), never: share((y) => y > last), by: share((y) => y <= when),
    needed: wanted.map((_, i) =>
      (byDate(i, when) - now[i] + tilt[i] * data.where.mean_size) / (1 + tilt[i])), effective: size.map((s, i) => s + now[i]),
  };
}

// -- words --

const percent = (p) => (100 * p).toFixed(1) + "%";
function sizeWords(log) {  // as size_words in forecast.py
  const billions = Math.exp(log) / 1e9;
  if (billions === Infinity) return "no size";
  if (billions < 0.001) return "under 0.001B";
  if (billions > 1e6) return "over 1,000,000B";
  return billions.toLocaleString("en-US", { maximumSignificantDigits: 3 }) + "B";
}
function sizes(logs) {  // observed values, since some may be infinite
  const sorted = logs.slice().sort((a, b) => a - b), n = sorted.length - 1;
  const [low, high] = data.interval.tails.map((p) => sizeWords(sorted[Math.floor(n * p)]));
  return sizeWords(sorted[Math.floor(n * 0.5)]) + " (" + low + " to " + high + ")";
}

// -- page --

const radio = (name) => document.querySelector("input[name=" + name + "]:checked").value;

function readNumber(id, low, high, words) {
  const box = at(id), value = box.valueAsNumber;
  const fine = Number.isFinite(value) && value >= low && value <= high;
  box.setAttribute("aria-invalid", String(!fine));
  at(id + "-error").textContent = fine ? "" : words;
  return fine ? value : null;
}

function readForm() {
  const ask = { what: radio("what"), match: radio("match"), date: at("date").value };
  at("by-size").hidden = ask.what !== "size";
  at("by-device").hidden = ask.what !== "device";
  at("by-model").hidden = ask.match !== "model";
  at("by-score").hidden = ask.match !== "score";
  let fine = true;
  const take = (key, ...rest) => {
    ask[key] = readNumber(key, ...rest);
    fine = fine && ask[key] !== null;
  };
  if (ask.what === "size") {
    take("size", 0.001, 1e6, "A size is at least 0.001 billion parameters.");
  } else {
    ask.device = at("device").value;
    take("bits", 1, 32, "Bits per weight lie between 1 and 32.");
    take("pace", 0, 1e6, "Tokens per second are 0 or more.");
    take("active", 0.001, 1, "The active share is above 0 and at most 1.");
  }
  if (ask.match === "model") {
    ask.model = at("model").value;
    offerDomains(ask.model);
    ask.on = at("on").value;
  }
  else ask.score = Number(at("score").value);
  take("factor", 0, 5, "A factor lies between 0 (no growth) and 5.");
  ask.since = at("since").value;
  const begun = ask.since >= data.as_of && ask.since <= data.horizon;
  at("since").setAttribute("aria-invalid", String(!begun));
  at("since-error").textContent = begun ? "" : "Choose a date from " + data.as_of + " to " + data.horizon + ".";
  fine = fine && begun;
  const dated = ask.date >= data.as_of && ask.date <= data.horizon;
  at("date").setAttribute("aria-invalid", String(!dated));
  at("date-error").textContent = dated ? ""
    : ask.date && ask.date < data.as_of ? "The date lies in the past."
    : "Choose a date up to " + data.horizon + ".";
  return fine && dated ? ask : null;
}

function question(ask) {
  const what = ask.what === "size" ? "a model of " + ask.size + "B parameters"
    : "the largest model on " + ask.device;
  const match = ask.match === "model" ? ask.model + (ask.on === data.all ? "" : " on " + ask.on)
    : data.benchmark + " " + Math.round(100 * ask.score) + "%";
  return "When will " + what + " match " + match + (ask.factor === 1 ? "?"
    : ", if growth from " + ask.since + " on is " + ask.factor + " times what is fitted?");
}

function element(name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  return node;
}

function chart(dates, words) {
  const svg = at("chart"), width = Math.max(svg.clientWidth, 280);  // so that text keeps its size
  const left = 52, right = width - 18, top = 12, bottom = 220;
  svg.setAttribute("viewBox", "0 0 " + width + " 260");
  svg.replaceChildren(element("title", { id: "chart-title" }, words));
  const x = (y) => left + (right - left) * (y - first) / (last - first);
  const v = (p) => bottom - (bottom - top) * p;
  for (const p of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(element("line", { x1: left, x2: right, y1: v(p), y2: v(p), stroke: "var(--line)" }));
    svg.append(element("text", { x: left - 8, y: v(p) + 4, "text-anchor": "end", fill: "var(--muted)" }, 100 * p + "%"));
  }
  const from = Number(dateOf(first).slice(0, 4)) + 1, to = Number(dateOf(last).slice(0, 4));
  for (let year = from; year <= to; year += Math.max(1, Math.ceil(60 * (to - from + 1) / (right - left)))) {
    const place = x(yearsOf(year + "-01-01"));
    svg.append(element("line", { x1: place, x2: place, y1: bottom, y2: bottom + 5, stroke: "currentColor" }));
    svg.append(element("text", { x: place, y: bottom + 20, "text-anchor": "middle", fill: "var(--muted)" }, year));
  }
  const sorted = dates.slice().sort((a, b) => a - b);
  let path = "", count = 0;
  for (let k = 0; k <= 200; k++) {
    const y = first + (last - first) * k / 200;
    while (count < sorted.length && sorted[count] <= y) count++;
    path += (k ? "L" : "M") + x(y).toFixed(1) + " " + v(count / sorted.length).toFixed(1);
  }
  svg.append(element("path", { d: path, fill: "none", stroke: "var(--accent)", "stroke-width": 2.5 }));
  svg.append(element("text", { x: (left + right) / 2, y: 256, "text-anchor": "middle", fill: "currentColor" }, "date"));
}

function update() {
  const ask = readForm();
  at("found").hidden = at("picture").hidden = !ask;
  if (!ask) {
    at("question").textContent = "No answer until the marked field is right.";
    return;
  }
  const kept = new URLSearchParams();
  for (const key in ask) {
    if (!(key === "factor" && ask.factor === 1) && !(key === "since" && ask.factor === 1)) kept.set(key, ask[key]);
  }
  history.replaceState(null, "", "#" + kept);
  const half = 1.96 * Math.sqrt(0.25 / frontier.length);  // of a median, in ranks
  const found = answer(ask), [low, high] = data.interval.tails;
  const said = {
    question: question(ask), median: day(found.dates, 0.5), low: day(found.dates, low),
    high: day(found.dates, high), already: percent(found.already), never: percent(found.never),
    error: day(found.dates, 0.5 - half) + " to " + day(found.dates, 0.5 + half),
    by: percent(found.by), needed: sizes(found.needed), effective: sizes(found.effective),
  };
  for (const id in said) at(id).textContent = said[id];
  for (const node of document.querySelectorAll(".day")) node.textContent = ask.date;
  chart(found.dates, said.question + " Median " + said.median + "; " + said.by + " by " + ask.date + ".");
}

function fill(id, values, words, chosen) {
  for (const value of values) at(id).append(new Option(words(value), value, false, value === chosen));
}

// A link such as explorer.html#what=size&size=4&match=score&score=0.8&date=2030-01-01 asks at once.
function readLink() {
  for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
    const choice = document.querySelector('input[type=radio][name="' + CSS.escape(key) + '"][value="' + CSS.escape(value) + '"]');
    if (choice) choice.checked = true;
    else if (at(key) && at(key).matches("input, select")) at(key).value = value;
    if (key === "model") offerDomains(at("model").value);
  }
  update();
}

// What a model can be matched on: all benchmarks, or one domain of those that have seen it.
function offerDomains(model) {
  const offered = data.targets.filter((t) => t.name === model).map((t) => t.on);
  if (at("on").dataset.model === model) return;
  const chosen = at("on").value;
  at("on").replaceChildren();
  fill("on", offered, (on) => on, offered.includes(chosen) ? chosen : offered[0]);
  at("on").dataset.model = model;
}

const models = [...new Set(data.targets.map((t) => t.name))];
const wish = models.find((m) => /^gpt-4(-0314| |$)/i.test(m));
fill("model", models, (m) => m, wish);
fill("score", data.scores.map((s) => s.score), (s) => Math.round(100 * s), 0.8);
fill("device", data.devices.map((d) => d.name), (d) => d);
at("ask").addEventListener("input", update);
at("ask").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", readLink);
window.addEventListener("resize", update);
readLink();
