// The map. Building it: once, and again when all parts are shown

let lines = [], cells = [], edges = [], chips = [], tokens = [], gates = [], moves = [], parts = [];

function make_line(label, children, name = "") {
  return make("div", {class: `line ${name}`}, make("span", {class: "name"}, label), ...children);
}

function build_map() {
  lines = state.all_parts ? list_all_lines() : list_lines();
  const map = get("map");
  map.style.setProperty("--T", T);
  map.classList.toggle("far", T > 8); // it may scroll: labels stay, in front of what passes under them
  map.replaceChildren(make("svg", {id: "edges", "aria-hidden": "true"}));
  cells = [];
  parts = list_parts();
  moves = data.inputs.map(() => make("div", {class: "move"}, make("hr"), make("i"), make("b")));
  chips = data.inputs.map((_, t) => make("button", {class: `chip ${data.is_prompt[t] ? "" : "answer"}`, "data-t": t,
    onclick: () => toggle_weight(t), onmouseenter: () => mark_token(t, true), onmouseleave: () => mark_token(t, false),
    onfocus: () => mark_token(t, true), onblur: () => mark_token(t, false)}));
  gates = data.inputs.map(() => make("div", {class: "gate"}));
  tokens = data.inputs.map((token, t) => make("div", {class: "token", title: token, dir: "auto"}, token));
  map.append(
    make_line("one small step on this loss moves log P of the token by", moves, "bars"),
    make_line("in all", parts, "parts"), make_line("should say next (click)", chips), make_line("its loss counts", gates));
  let block = null, where = map;
  for (const line of [...lines].reverse()) {
    if (line.block !== block) {
      block = line.block;
      where = block === undefined ? map : make("div", {class: "block"}, make("span", {class: "title"}, `block ${block + 1}`));
      if (where !== map) map.append(where);
    }
    where.append(make_line(line.label, data.inputs.map((_, t) => make_cells(line, t)), is_read_by_attention(line) ? "apart" : ""));
  }
  map.append(make_line("after reading", tokens));
  build_edges();
}

const is_read_by_attention = (line) => line.names[0].endsWith("attn.q");

// The parts of the sentence above the chips: prompt and answer, each a run of targets.
function list_parts() {
  const nodes = [];
  data.is_prompt.forEach((is_prompt, t) => {
    if (t && data.is_prompt[t - 1] === is_prompt) nodes.at(-1).targets.push(t);
    else nodes.push(Object.assign(make("div", {class: `sentence ${is_prompt ? "" : "answer"}`}), {is_prompt, targets: [t]}));
  });
  for (const node of nodes) node.style.gridColumn = `span ${node.targets.length}`;
  return nodes;
}

function make_cells(line, t) {
  const group = make("div", {class: "cells"});
  for (const name of line.names) {
    const node = make("button", {class: "cell", tabindex: -1, onclick: () => open_cell(name, t)}, make("i"), make("b"));
    cells.push({line, name, t, node});
    group.append(node);
  }
  return group;
}

// A chip and the same token where it is read, one column to the right.
function mark_token(t, is_marked) {
  chips[t].classList.toggle("mark", is_marked);
  tokens[t + 1]?.classList.toggle("mark", is_marked);
}

function build_edges() {
  const svg = get("edges");
  edges = [];
  for (const line of lines.filter(is_read_by_attention)) {
    for (const i of range(T)) for (const j of range(i)) {
      const edge = {line, block: line.block, i, j, reading: make("path", {class: "reading"}), carrying: make("path", {class: "carrying"})};
      svg.append(edge.reading, edge.carrying);
      edges.push(edge);
    }
  }
  gates.forEach((gate) => { gate.wire = make("path", {class: "wire", "stroke-width": 3}); svg.append(gate.wire); });
  place_edges();
}

function place_edges() {
  const origin = get("map").getBoundingClientRect();
  const find = (name, t) => cells.find((cell) => cell.name === name && cell.t === t).node.getBoundingClientRect();
  for (const edge of edges) {
    const from = find(`h.${edge.block}.attn.${state.all_parts ? "scores" : "mix"}`, edge.i), to = find(`h.${edge.block}.attn.k`, edge.j);
    const [x1, y1, x2, y2] = [from.x + from.width / 2 - origin.x, from.bottom - origin.y, to.right + 1 - origin.x, to.y - origin.y];
    const bend = Math.max(8, (y2 - y1) * 0.7);
    const path = `M${x1},${y1}C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`;
    edge.reading.setAttribute("d", path);
    edge.carrying.setAttribute("d", path);
  }
  gates.forEach((gate, t) => {
    const chip = chips[t].getBoundingClientRect(), top = find(lines.at(-1).names[0], t);
    const x = chip.x + (T > 8 ? 5 : chip.width / 2) - origin.x;
    gate.wire.setAttribute("d", `M${x},${chip.bottom - origin.y}L${x},${top.y - origin.y}`);
  });
}

// ---- Drawing the state: nodes stay, so that focus stays and changes move

let scales = {}; // {name: the norm that fills a cell}
let gradients = {};

function measure_scales() {
  scales = {};
  for (const mask of [masked(), weigh_prompt(1)]) {
    const sums = sum_recordings(SETS.plain, reduce(mask));
    for (const name in sums) scales[name] = Math.max(scales[name] || 0, ...sums[name].map((row) => norm(row)));
  }
  for (const line of list_lines()) {
    const largest = Math.max(...line.names.map((name) => scales[name]));
    for (const name of line.names) scales[name] = largest;
  }
}

// The loss weights that the sum of recordings needs: a mean divides by their sum.
const denominator = (weights) => (state.is_mean ? total(weights) || 1 : 1);
const reduce = (weights) => weights.map((w) => w / denominator(weights));

// Whether a number is 0 under every loss: a query that sees one key.
const find_idle = (set, name) => range(T).map((t) => set.recordings.every((recording) => !recording[name][t]));
const IDLE = {};

function draw() {
  const set = SETS[state.experiment];
  gradients = sum_recordings(set, reduce(state.weights));
  draw_chips(set);
  draw_cells(set);
  draw_edges(set);
  draw_moves(set);
  draw_numbers(set);
  draw_controls();
  say();
  draw_opened();
  write_address();
}

function draw_chips(set) {
  const is_seen = state.step >= MASK_STEP;
  chips.forEach((chip, t) => {
    const w = state.weights[t], token = data.vocab[set.targets[t]];
    chip.textContent = token;
    chip.title = token;
    chip.dir = "auto";
    chip.classList.toggle("on", w >= 0.5);
    chip.classList.toggle("part", w > 0 && w < 0.5);
    chip.setAttribute("aria-pressed", w > 0);
    chip.setAttribute("aria-label", `${token}, ${data.is_prompt[t] ? "prompt" : "answer"}, loss weight ${format(w)}`);
    gates[t].textContent = is_seen ? `× ${format(w)}` : "";
    gates[t].classList.toggle("on", w > 0);
    gates[t].wire.style.opacity = is_seen && w ? 0.25 + 0.75 * w : 0;
  });
}

function draw_cells(set) {
  const idle = (IDLE[state.experiment] ||= Object.fromEntries(NAMES.filter((name) => name !== "probs").map((name) => [name, find_idle(set, name)])));
  for (const {line, name, t, node} of cells) {
    const is_lit = has_gradient(line) && name !== "probs";
    const size = is_lit ? norm(gradients[name][t]) : 0;
    const share = Math.sqrt(Math.min(1, size / (scales[name] || 1)));
    node.classList.toggle("dark", !is_computed(line));
    node.firstChild.style.height = size ? `${Math.max(10, 100 * share)}%` : "0";
    node.lastChild.textContent = is_lit && !size ? (idle[name][t] ? "–" : "0") : "";
    const shown = !is_lit ? (is_computed(line) ? "computed" : "not yet computed") : size ? `gradient ${format(size)}` : "gradient exactly 0";
    node.setAttribute("aria-label", `${data.texts[data.about[name].up].title}, ${name}, position ${t} ${data.inputs[t]}: ${shown}`);
    node.title = `${name}, position ${t}: ${shown}`;
  }
}

function draw_edges(set) {
  const tables = range(N_LAYER).map((block) => measure_edges(set, gradients, block));
  const sizes = edges.map((edge) => tables[edge.block][edge.i][edge.j]);
  const largest = Math.max(...sizes, 1e-300);
  edges.forEach((edge, n) => {
    const reading = is_computed({step: edge.line.step + 1}) ? measure_reading(set, edge.block, edge.i, edge.j) : 0;
    if (reading !== edge.drawn) { // most changes leave the forward pass as it is
      edge.drawn = reading;
      edge.reading.style.opacity = reading ? 0.25 + 0.6 * reading : 0;
      edge.reading.setAttribute("stroke-width", 0.6 + 2.5 * reading);
    }
    const share = Math.sqrt(sizes[n] / largest);
    edge.carrying.style.opacity = has_gradient(edge.line) && sizes[n] ? 0.3 + 0.65 * share : 0;
    edge.carrying.setAttribute("stroke-width", 0.6 + 3.6 * share);
  });
}

function draw_moves(set) {
  const changes = predict_moves(set, state.weights);
  const largest = Math.max(...changes.map(Math.abs), 1e-9);
  const up = Math.max(...changes, 0) / largest, down = Math.max(...changes.map((x) => -x), 0) / largest;
  const room = 100 - 2 * 22, zero = 22 + room * up / (up + down || 1); // per cent; 22 for a number above and below
  moves.forEach((move, t) => {
    const [axis, bar, text] = move.children;
    const is_shown = state.step === LAST_STEP && state.weights.some(Boolean);
    const height = is_shown ? Math.max(1.5, room * Math.abs(changes[t]) / largest / (up + down)) : 0;
    axis.style.top = `${zero}%`;
    bar.style.top = `${changes[t] < 0 ? zero : zero - height}%`;
    bar.style.height = `${height}%`;
    bar.classList.toggle("down", changes[t] < 0);
    text.textContent = is_shown ? show_change(changes[t]) : "";
    text.style.top = `${changes[t] < 0 ? zero + height + 3 : zero - height - 19}%`;
  });
  for (const part of parts) {
    const sum = total(part.targets.map((t) => changes[t]));
    const is_shown = state.step === LAST_STEP && state.weights.some(Boolean);
    part.textContent = (part.is_prompt ? "the prompt" : "the answer") + (is_shown ? `: ${show_change(sum)}` : "");
  }
}

const show_change = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(1);
const show_fixed = (x) => (x < 0 ? "−" : "") + Math.abs(x).toFixed(3);
