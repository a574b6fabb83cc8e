// The page without this script is complete; with it the first picture can be touched, tables
// sort and filter, and the fragment of the address keeps what is shown.
"use strict";
const at = id => document.getElementById(id);
const make = (tag, text, attributes = {}) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

// -- themes, folds ---------------------------------------------------------------------------

const theme = at("theme"), root = document.documentElement;
const dark = () => root.dataset.theme ? root.dataset.theme === "dark"
  : matchMedia("(prefers-color-scheme: dark)").matches;
const named = () => { theme.textContent = dark() ? "Light" : "Dark"; };
theme.hidden = false;
theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; named(); });
named();
const unfold = node => {
  for (let box = node; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
};
addEventListener("beforeprint", () => {
  for (const box of document.querySelectorAll("main details")) box.open = true;
});

// -- tables ----------------------------------------------------------------------------------

const plain = cell => cell.textContent.trim();
const value = text => {
  if (text === "–" || text === "") return NaN;
  if (text === "∞" || text === "−∞") return text === "∞" ? Infinity : -Infinity;
  return parseFloat(text.replace(/,/g, "").replace("−", "-"));
};
for (const table of document.querySelectorAll(".box table")) {
  const body = table.tBodies[0], rows = [...body.rows];
  if (rows.length < 4) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const press = make("button", undefined, {type: "button", class: "sort"});
    press.append(...head.childNodes);
    head.append(press);
    press.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const numeric = head.classList.contains("n"), sign = down ? -1 : 1;
      body.append(...rows.slice().sort((one, other) => {
        const a = plain(one.cells[column]), b = plain(other.cells[column]);
        if (!numeric) return sign * a.localeCompare(b);
        const x = value(a), y = value(b);
        return Number.isNaN(x) ? 1 : Number.isNaN(y) ? -1 : sign * (x - y);
      }));
    });
  });
  if (rows.length < 12) continue;
  const label = make("label", "Filter ", {class: "filter"}), field = make("input", undefined,
    {type: "search"}), count = make("span", "", {role: "status"});
  label.append(field);
  table.closest(".box").before(label, count);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every(word => text.includes(word));
      left += !row.hidden;
    }
    count.textContent = field.value ? ` ${left} of ${rows.length} rows` : "";
  });
}

// -- the timeline ----------------------------------------------------------------------------

const known = at("data") && JSON.parse(at("data").textContent);
if (known) timeline(known); else goto();

function goto() {
  const go = () => { const node = at(location.hash.slice(1)); if (node) { unfold(node); node.scrollIntoView(); } };
  addEventListener("hashchange", go);
  if (location.hash) go();
}

function timeline(data) {
  const SVG = at("chart").firstElementChild.namespaceURI, day = 864e5, start = Date.parse(data.origin);
  const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];
  const AXES = {total: "all parameters", active: "active parameters", cost: "cost of inference"};
  const iso = years => new Date(start + years * data.year * day).toISOString().slice(0, 10);
  const years = text => (Date.parse(text) - start) / day / data.year;
  const middle = data.quantiles.indexOf(.5), last = data.quantiles.length - 1;
  const percent = `${Math.round(100 * data.interval.prob)}%`;
  const models = data.models, byName = new Map(models.map(model => [model.name, model]));
  const own = data.axis;
  // families of one name are shown together: Qwen2 and Qwen2.5 as Qwen
  const line = model => (model.family.match(/^\p{L}+/u) || [model.family])[0];
  const key = model => line(model).toLowerCase(), counted = new Map(), called = new Map();
  for (const model of models) {
    counted.set(key(model), (counted.get(key(model)) || 0) + 1);
    called.set(key(model), line(model));
  }
  const families = [...counted].sort((a, b) => b[1] - a[1]).map(([family]) => family);
  const colour = model => PALETTE[families.indexOf(key(model))] || "#7a858d";
  const since = Math.max(0, data.first);  // LLaMA-1, as in the first sentence
  const state = {model: "", axis: own, family: "", from: since, to: data.last};

  const density = model => {  // same draws, other size: the frontier is of the fit's own axis
    const shift = state.axis === own ? 1 : model[own] && model[state.axis]
      ? model[own] / model[state.axis] : 1;
    return model.density.map(value => value * shift);
  };
  const short = x => x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(0) : x >= 1 ? x.toFixed(1) : x.toPrecision(2);
  const size = n => n >= 1e12 ? `${+(n / 1e12).toPrecision(3)}T` : n >= 1e9
    ? `${+(n / 1e9).toPrecision(3)}B` : `${+(n / 1e6).toPrecision(3)}M`;

  // controls
  const find = at("find"), axis = at("axis"), family = at("family"), from = at("from"), to = at("to");
  for (const model of models) at("names").append(make("option", undefined, {value: model.name}));
  for (const key of Object.keys(data.best)) axis.append(make("option", AXES[key], {value: key}));
  for (const one of [...families].sort((a, b) => a.localeCompare(b)))
    family.append(make("option", `${called.get(one)} (${counted.get(one)})`, {value: one}));
  for (const slide of [from, to]) { slide.min = 0; slide.max = 200; slide.step = 1; }
  const place = t => Math.round(200 * (t - data.first) / (data.last - data.first));
  const time = slide => data.first + slide.value / 200 * (data.last - data.first);
  document.querySelector("#timeline img").hidden = true;
  at("chart").hidden = at("controls").hidden = false;
  at("explore").open = innerWidth >= 768;
  at("controls").addEventListener("submit", event => event.preventDefault());

  // growth of a window, from the frontier's draws
  const along = (row, t) => {
    const bends = data.frontier.years;
    let k = 1;
    while (k < bends.length - 1 && bends[k] < t) k += 1;
    return row[k - 1] + (row[k] - row[k - 1]) * (t - bends[k - 1]) / (bends[k] - bends[k - 1]);
  };
  const quantile = (sorted, q) => {
    const h = (sorted.length - 1) * q, low = Math.floor(h);
    return sorted[low] + (h - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  };
  function grown() {
    const rates = data.frontier.draws.map(row => (along(row, state.to) - along(row, state.from))
      / (state.to - state.from)).sort((a, b) => a - b);
    const [low, mid, high] = [data.interval.tails[0], .5, data.interval.tails[1]].map(
      q => quantile(rates, q)), months = rate => (12 * Math.LN2 / rate).toFixed(1);
    const window = `${iso(state.from).slice(0, 7)} to ${iso(state.to).slice(0, 7)}: `;
    at("grown").textContent = window + (low > .1
      ? `doubled every ${months(mid)} months (${percent}: ${months(high)} to ${months(low)})`
      : `grew by ${mid.toFixed(2)} per year (${percent}: ${low.toFixed(2)} to ${high.toFixed(2)})`)
      + `; from ${rates.length} draws`;
  }

  // the picture
  let svg, spots = [];
  const add = (tag, attributes, text) => {
    const made = document.createElementNS(SVG, tag);
    for (const [key, one] of Object.entries(attributes)) made.setAttribute(key, one);
    if (text !== undefined) made.textContent = text;
    svg.append(made);
    return made;
  };
  function draw() {
    const box = at("chart"), W = Math.max(300, box.clientWidth), narrow = W < 560;
    const H = narrow ? 240 : Math.min(400, Math.max(300, innerHeight * .42));
    const pad = {l: 38, r: narrow ? 8 : 96, t: 12, b: 24};
    svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", document.querySelector("#timeline img").alt
      + " Arrow keys go from model to model, Enter keeps one.");
    box.replaceChildren(svg);
    const shown = models.map(density);
    const low = Math.max(.003, Math.min(...shown.map(d => d[1]))), high = Math.max(
      ...shown.map(d => d[1]), ...data.best[state.axis].density[middle], ...data.band.density[last]);
    const t0 = Math.min(data.first, ...models.map(m => m.years)), t1 = Math.max(
      data.last, ...models.map(m => m.years));
    const X = t => pad.l + (W - pad.l - pad.r) * (t - t0) / (t1 - t0 + .05);
    const Y = d => H - pad.b - (H - pad.t - pad.b) * Math.log(d / low * 1.2)
      / Math.log(high / low * 1.7);
    for (let power = Math.ceil(Math.log10(low)); 10 ** power <= high * 1.4; power += 1) {
      const y = Y(10 ** power);
      add("line", {x1: pad.l, x2: W - pad.r, y1: y, y2: y, class: "grid"});
      add("text", {x: pad.l - 5, y: y + 4, "text-anchor": "end"}, String(+(10 ** power).toPrecision(1)));
    }
    for (let year = +iso(t0).slice(0, 4) + 1; years(`${year}-01-01`) < t1; year += 1) {
      const x = X(years(`${year}-01-01`));
      add("line", {x1: x, x2: x, y1: H - pad.b, y2: H - pad.b + 4, class: "tick"});
      if (!narrow || year % 2 === 0) add("text", {x, y: H - 7, "text-anchor": "middle"}, year);
    }
    add("rect", {x: X(state.from), width: Math.max(1, X(state.to) - X(state.from)), y: pad.t,
      height: H - pad.t - pad.b, class: "window"});
    if (data.mark.years > t0 && data.mark.years < t1) {
      const x = X(data.mark.years);
      add("line", {x1: x, x2: x, y1: pad.t, y2: H - pad.b, class: "mark"});
      add("text", {x: x - 4, y: pad.t + 10, "text-anchor": "end"}, data.mark.name);
    }
    const points = (xs, ys) => xs.map((x, k) => `${X(x).toFixed(1)},${Y(ys[k]).toFixed(1)}`);
    if (state.axis === own) {
      const at = data.band.years;
      for (let k = 0; k < middle; k += 1) add("polygon", {class: "band", points: [
        ...points(at, data.band.density[k]),
        ...points(at, data.band.density[last - k]).reverse()].join(" ")});
      add("polyline", {points: points(at, data.band.density[middle]).join(" "), class: "frontier"});
      const zero = Math.max(0, data.first), anchor = at.reduce((near, t, k) =>
        Math.abs(t - zero) < Math.abs(at[near] - zero) ? k : near, 0);
      let taken = -99;
      for (const line of data.published) {
        const d = t => data.band.density[middle][anchor] * Math.exp(line.rate * (t - at[anchor]));
        let end = data.last;
        while (end > at[anchor] && d(end) > high * 1.4) end -= .02;
        add("line", {x1: X(at[anchor]), y1: Y(d(at[anchor])), x2: X(end), y2: Y(d(end)),
          class: "published"}).append(Object.assign(document.createElementNS(SVG, "title"),
          {textContent: `${line.label}: ${line.rate.toFixed(2)} per year (${line.source})`}));
        const y = Y(d(end)) + 4;
        if (!narrow && Math.abs(y - taken) > 12) {
          add("text", {x: X(end) + 4, y, class: "small"}, `published ${(12 * Math.LN2 / line.rate).toFixed(1)} mo`);
          taken = y;
        }
      }
    }
    const best = data.best[state.axis];
    let path = "";
    best.years.forEach((t, k) => {
      const x = X(t).toFixed(1), y = Y(best.density[middle][k]).toFixed(1);
      path += k ? `H${x}V${y}` : `M${x} ${y}`;
    });
    add("path", {d: `${path}H${X(data.last).toFixed(1)}`, class: "best"});
    spots = models.map((model, k) => {
      const [lo, d, hi] = shown[k];
      const faded = (state.family && key(model) !== state.family) || !model.counts;
      const fill = colour(model), x = X(model.years);
      const y = Math.min(Y(d), H - pad.b);
      if (model.name === state.model) add("line", {x1: x, x2: x, y1: Y(Math.max(lo, low / 1.2)),
        y2: Y(hi), class: "range"});
      const dot = add("circle", {cx: x.toFixed(1), cy: y.toFixed(1),
        r: model.name === state.model ? 7 : state.family === key(model) ? 5 : 4, stroke: fill,
        fill: model.sparse ? "var(--paper)" : fill, class: faded ? "dot faded" : "dot"});
      if (model.name === state.model) dot.classList.add("chosen");
      if (data.highlight.includes(model.name)) add("text", {x: x - 6, y: y - 6,
        "text-anchor": "end", class: "small"}, model.name);
      return {model, x, y, dot};
    });
    let y = pad.t + 24;
    for (const [kind, text] of [["frontier", "frontier"], ["best", "best available"]]) {
      if (kind === "frontier" && state.axis !== own) continue;
      add("line", {x1: pad.l + 6, x2: pad.l + 26, y1: y - 4, y2: y - 4, class: kind});
      add("text", {x: pad.l + 31, y, class: "small"}, kind === "frontier" ? `${text}, 50 and ${percent}` : text);
      y += 15;
    }
    add("circle", {cx: pad.l + 16, cy: y - 4, r: 4, class: "dot", stroke: "currentColor", fill: "var(--paper)"});
    add("text", {x: pad.l + 31, y, class: "small"}, "mixture of experts (filled: dense)");
    if (!narrow) families.slice(0, PALETTE.length).forEach((one, k) => {
      y += 15;
      add("circle", {cx: pad.l + 16, cy: y - 4, r: 4, fill: PALETTE[k]});
      add("text", {x: pad.l + 31, y, class: "small"}, called.get(one));
    });
    const near = event => {
      const frame = svg.getBoundingClientRect(), scale = W / frame.width;
      const x = (event.clientX - frame.left) * scale, y = (event.clientY - frame.top) * scale;
      let found = null, least = event.pointerType === "touch" ? 900 : 200;
      for (const spot of spots) {
        const gap = (spot.x - x) ** 2 + (spot.y - y) ** 2
          + (spot.dot.classList.contains("faded") && state.family ? 60 : 0);
        if (gap < least) [found, least] = [spot.model, gap];
      }
      return found;
    };
    svg.addEventListener("pointermove", event => {
      const model = near(event);
      svg.style.cursor = model ? "pointer" : "";
      if (event.pointerType !== "touch") tell(model || byName.get(state.model), model, event);
    });
    svg.addEventListener("pointerleave", () => tell(byName.get(state.model)));
    svg.addEventListener("click", event => choose(near(event)));
    svg.addEventListener("keydown", event => {
      const step = {ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1}[event.key];
      if (event.key === "Escape") choose(null);
      if (!step) return;
      event.preventDefault();
      const listed = models.filter(model => !state.family || key(model) === state.family)
        .sort((a, b) => a.years - b.years);
      const now = listed.indexOf(byName.get(state.model));
      choose(listed[now < 0 ? (step > 0 ? 0 : listed.length - 1)
        : (now + step + listed.length) % listed.length]);
      at("chart").firstChild.focus();
    });
  }

  // what is told of a model
  function tell(model, hovered) {
    const box = at("told");
    for (const spot of spots) spot.dot.classList.toggle("hovered", spot.model === hovered);
    if (!model) { box.replaceChildren(); box.className = ""; return; }
    const [low, mid, high] = density(model);
    const lines = [make("strong", model.name), make("span", ` ${model.organization}, ${model.date}`)];
    const facts = make("p");
    facts.textContent = `${size(model.total)} parameters`
      + (model.active !== model.total ? `, ${size(model.active)} active` : "")
      + `. Density ${short(mid)} (${percent}: ${short(low)} to ${short(high)})`
      + (state.axis === own ? "" : ` by ${AXES[state.axis]}`)
      + (model.counts ? `. Record of its day with probability ${model.record.toFixed(2)}` : "")
      + "." + (model.flags.length ? ` Beware: ${model.flags.join(", ")}.` : "");
    const scores = make("ul");
    const once = model.scores.filter((cell, k) => !hovered
      || model.scores.findIndex(other => other.benchmark === cell.benchmark) === k);
    for (const cell of once.slice(0, hovered ? 8 : 40)) scores.append(make("li",
      `${cell.benchmark} ${(100 * cell.score).toFixed(1)}${hovered ? "" : ` (${cell.own ? "its maker, " : ""}${cell.source})`}`));
    box.replaceChildren(...lines, facts, scores);
    box.className = hovered && state.model !== model.name ? "hover" : "";
    if (!box.className && rowOf.has(model.name)) {
      const link = make("button", "Show in the table", {type: "button"});
      link.addEventListener("click", () => { const row = rowOf.get(model.name); unfold(row);
        row.scrollIntoView({block: "center"}); });
      box.append(link);
    }
    if (hovered) {
      const spot = spots.find(one => one.model === model), frame = svg.getBoundingClientRect();
      const scale = frame.width / svg.viewBox.baseVal.width, x = spot.x * scale;
      box.style.setProperty("--x", `${x > frame.width / 2 ? Math.max(0, x - 330) : x + 14}px`);
      box.style.setProperty("--y", `${Math.max(0, spot.y * scale - 20)}px`);
    }
  }

  // rows of the model table, linked with the picture
  const rowOf = new Map();
  for (const row of document.querySelectorAll("#table-density tbody tr")) {
    const model = byName.get(plain(row.cells[0]));
    if (!model) continue;
    rowOf.set(model.name, row);
    const press = make("button", undefined, {type: "button", class: "sort", title: "Show in the picture"});
    press.append(...row.cells[0].childNodes);
    row.cells[0].append(press);
    press.addEventListener("click", () => { choose(model); at("timeline").scrollIntoView(); });
  }

  function choose(model) {
    state.model = model && model.name !== state.model ? model.name : model ? model.name : "";
    save();
    show();
  }
  function save() {
    const kept = new URLSearchParams();
    if (state.model) kept.set("model", state.model);
    if (state.axis !== own) kept.set("axis", state.axis);
    if (state.family) kept.set("family", state.family);
    if (state.from !== since || state.to !== data.last) {
      kept.set("from", iso(state.from));
      kept.set("to", iso(state.to));
    }
    history.replaceState(null, "", `#${kept}`);
  }
  function restore() {
    const text = location.hash.slice(1), asked = new URLSearchParams(text), node = at(text);
    if (node) { unfold(node); node.scrollIntoView(); return; }
    const inside = (day, otherwise) => { const t = years(day);
      return t >= data.first && t <= data.last ? t : otherwise; };
    state.model = byName.has(asked.get("model")) ? asked.get("model") : "";
    state.axis = asked.get("axis") in data.best ? asked.get("axis") : own;
    state.family = counted.has(asked.get("family")) ? asked.get("family") : "";
    state.from = inside(asked.get("from"), since);
    state.to = inside(asked.get("to"), data.last);
    if (state.to - state.from < .08) [state.from, state.to] = [since, data.last];
    show();
  }
  function show() {
    axis.value = state.axis;
    family.value = state.family;
    from.value = place(state.from);
    to.value = place(state.to);
    if (state.model) find.value = state.model;
    for (const [name, row] of rowOf) row.classList.toggle("chosen", name === state.model);
    draw();
    grown();
    tell(byName.get(state.model));
  }
  find.addEventListener("input", () => {
    const typed = find.value.trim().toLowerCase();
    const model = models.find(one => one.name.toLowerCase() === typed);
    find.setCustomValidity("");
    if (model) choose(model);
  });
  find.addEventListener("change", () => {
    const typed = find.value.trim().toLowerCase(), model = typed && (
      models.find(one => one.name.toLowerCase() === typed)
      || models.find(one => one.name.toLowerCase().includes(typed)));
    if (!typed) choose(null);
    else if (model) choose(model);
    else at("told").replaceChildren(make("span", `No model here is called "${find.value}".`));
  });
  axis.addEventListener("change", () => { state.axis = axis.value; save(); show(); });
  family.addEventListener("change", () => { state.family = family.value; save(); show(); });
  for (const slide of [from, to]) slide.addEventListener("input", () => {
    if (+to.value - +from.value < 6) {
      if (slide === from) from.value = +to.value - 6; else to.value = +from.value + 6;
    }
    state.from = +from.value ? time(from) : data.first;
    state.to = +to.value < 200 ? time(to) : data.last;
    save();
    show();
  });
  addEventListener("hashchange", restore);
  let width = 0;
  new ResizeObserver(() => {
    if (at("chart").clientWidth !== width) { width = at("chart").clientWidth; draw(); tell(byName.get(state.model)); }
  }).observe(at("chart"));
  show();
  restore();
}
