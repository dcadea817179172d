// The page: a state, the map that is drawn from it, and the controls that change it.
// arithmetic.js, above, has the numbers. Input at the bottom, loss on top.

const state = {
  weights: [],          // the loss mask: one loss weight for every target
  experiment: "plain",  // a key of SETS
  is_mean: false,
  step: 0,              // 0 nothing is computed ... LAST_STEP everything is
  all_parts: false,
  opened: null,         // {name, t, k, is_gradient}: an open cell, and the number pointed at
};
const kept_weights = Array(T).fill(1); // what a chip that is switched off goes back to
const get = (id) => document.getElementById(id);
const is_calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function make(tag, attributes = {}, ...children) {
  const is_svg = ["svg", "path", "line", "text"].includes(tag);
  const node = is_svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children); // texts stay texts: no markup of an example is ever read
  return node;
}

// ---- Masks

const masked = () => data.is_prompt.map((is_prompt, t) => (is_prompt ? 0 : data.row_weights[t]));
const weigh_prompt = (w) => data.is_prompt.map((is_prompt, t) => (is_prompt ? w : 1) * data.row_weights[t]);
const PRESETS = { // name: [what it lights, its other name, the mask, where its button stands]
  masked: ["answer only", " (masked)", masked, "presets"],
  tenth: ["prompt × 0.1", "", () => weigh_prompt(0.1), "presets"],
  full: ["everything", " (full)", () => weigh_prompt(1), "presets"],
  inverted: ["prompt only", " (inverted)", () => data.is_prompt.map((is_prompt, t) => (is_prompt ? data.row_weights[t] : 0)), "more_presets"],
  late: ["one late", " (a bug)", () => masked().map((_, t, mask) => (t ? mask[t - 1] : 0)), "more_presets"],
};
const is_equal = (a, b) => a.every((x, t) => x === b[t]);

function set_weights(weights) {
  state.weights = weights;
  weights.forEach((w, t) => { if (w) kept_weights[t] = w; });
  draw();
}

function toggle_weight(t) {
  set_weights(state.weights.map((w, i) => (i === t ? (w ? 0 : kept_weights[t]) : w)));
}

// ---- Lines of the map, and steps. Line 0 is at the bottom.

function list_lines() {
  const parts = [["embedding", ["x"]]];
  for (let i = 0; i < N_LAYER; i++) {
    const p = `h.${i}.`;
    parts.push(["query · key · value", [`${p}attn.q`, `${p}attn.k`, `${p}attn.v`], i]);
    parts.push(["what attention read", [`${p}attn.mix`], i]);
    parts.push(["MLP", [`${p}mlp.c_fc`], i]);
    if (i + 1 < N_LAYER) parts.push(["residual stream", [`${p}mlp.x`]]);
  }
  parts.push(["scores for the next token", ["logits"]]);
  return parts.map(([label, names, block], step) => ({label, names, block, step}));
}

// Every name has a line of its own; each belongs to the step of the few lines that shows it.
function list_all_lines() {
  const few = list_lines();
  const lines = [];
  let step = 0;
  for (const name of NAMES) {
    const {block, leaf} = split_name(name);
    const found = few.find((line) => line.names.includes(name));
    if (found) step = found.step;
    const label = block === undefined || name === `h.${block}.mlp.x` ? name : leaf.replace("attn.", "").replace("mlp.", "");
    if (leaf === "attn.k" || leaf === "attn.v") lines.at(-1).names.push(name);
    else lines.push({label: leaf === "attn.q" ? "q · k · v" : label, names: [name], block, step: choose_step(few, name, step)});
  }
  return lines;
}

// On the way down a line lights up with the next line below that is among the few.
function choose_step(few, name, step) {
  const {block, leaf} = split_name(name);
  if (["ln_f", "probs", "nll"].includes(name)) return few.length - 1;
  if (leaf === "mlp.x" && block === N_LAYER - 1) return few.length - 1;
  if (["attn.c_proj", "attn.x", "ln_2"].includes(leaf)) return few.find((line) => line.names.includes(`h.${block}.mlp.c_fc`)).step;
  if (["attn.scores", "attn.weights"].includes(leaf)) return few.find((line) => line.names.includes(`h.${block}.attn.q`)).step;
  if (leaf === "ln_1") return few.find((line) => line.names.includes(read_stream(block))).step;
  return step;
}

const FEW = list_lines().length;
const MASK_STEP = FEW + 1, LAST_STEP = 2 * FEW + 1;
const ATTENTION_STEP = MASK_STEP + 4; // after the scores, the MLP and what attention read
const is_computed = (line) => state.step > line.step;
const has_gradient = (line) => state.step > MASK_STEP + (FEW - 1 - line.step);

function name_beat() {
  if (state.step <= FEW) return "forward";
  if (state.step === MASK_STEP) return "mask";
  if (state.step < ATTENTION_STEP) return "above";
  return state.step < LAST_STEP ? "attention" : "all";
}

// ---- Building the map: once, and again when all parts are shown

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

function draw_numbers(set) {
  const n = count_up(set, state.weights, state.is_mean);
  const R = data.is_prompt.filter((is_prompt) => !is_prompt).length;
  const items = [["R of N", `${R} of ${T}`, "targets of the answer, and all targets", "R"], ["loss", show_fixed(n.loss), "sum of loss weight · −log P", "loss"],
    ["log P(x)", show_fixed(n.log_p_x), "of the prompt: no step is taken here, so it stands still", "log_p_x"],
    ["log P(y|x)", show_fixed(n.log_p_y), "of the answer after the prompt", "log_p_y"], ["sum", show_fixed(n.log_p_xy), "log P(x, y)", "log_p_xy"],
    ["‖g_x‖", format(n.g_x), "size of the gradient of the prompt's targets", "g_x"], ["‖g_y‖", format(n.g_y), "size of the gradient of the answer's targets", "g_y"],
    ["‖g_full‖", format(n.g), "size of their sum, g_full = g_x + g_y", "g"]];
  const list = get("numbers");
  if (!list.children.length) list.append(...items.map(([name, , about]) => make("div", {title: about}, make("dt", {}, name), make("dd"))));
  items.forEach(([, text, , key], i) => {
    list.children[i].lastChild.textContent = text;
    list.children[i].lastChild.dataset.number = key;
  });
  const sum = state.weights.map((w, t) => `${format(w)} · ${set.nll[t].toFixed(2)}`).join(" + ");
  get("equation").textContent = state.is_mean ? `loss = (${sum}) / ${format(total(state.weights))} = ${show_fixed(n.loss)}` : `loss = ${sum} = ${show_fixed(n.loss)}`;
  get("about_mean").textContent = state.is_mean
    ? `A mean divides by its own sum of loss weights, here ${format(total(state.weights))}. Masked divides by ${format(total(masked()))}, full by ${format(total(weigh_prompt(1)))}: so the answer's gradient looks larger when masked. It only has another denominator.`
    : "With sums, the gradients of masked loss and of the prompt's loss add up to that of full loss.";
  draw_triangle(n);
}

// g_full = g_x + g_y, as arrows in the plane that holds all three.
function draw_triangle(n) {
  if (!n.g_x || !n.g_y) {
    get("triangle").replaceChildren(make("p", {}, "One part of the gradient is 0, so the whole is the other part."));
    return;
  }
  const scale = 200 / Math.max(n.g_x + n.g_y, n.g), angle = Math.acos(Math.max(-1, Math.min(1, n.cosine)));
  const [x1, x2, y2] = [n.g_x * scale, n.g_x * scale + n.g_y * scale * n.cosine, n.g_y * scale * Math.sin(angle)];
  const left = Math.max(0, -x2) + 4;
  const arrow = (path, colour, dash) => make("path", {d: path, stroke: `var(${colour})`, "stroke-width": 3, fill: "none", "stroke-dasharray": dash});
  const svg = make("svg", {width: 300, height: y2 + 12, role: "img", "aria-label": "g_x and g_y as two sides of a triangle, g_full as the third"},
    arrow(`M${left},${y2 + 6}h${x1}`, "--cold", "7 4"), arrow(`M${left + x1},${y2 + 6}L${left + x2},6`, "--hot", "none"), arrow(`M${left},${y2 + 6}L${left + x2},6`, "--ink", "2 3"));
  get("triangle").replaceChildren(make("p", {}, `Sizes do not add up, the arrows do: g_x (dashed) + g_y (solid) = g_full (dotted). Their cosine is ${format(n.cosine, 2)}.`), svg);
}

// ---- Words: one sentence for every beat, chosen by the state

function describe() {
  const lit = (wanted) => state.weights.filter((w, t) => w && data.is_prompt[t] === wanted).length;
  const count = (wanted) => data.is_prompt.filter((is_prompt) => is_prompt === wanted).length;
  const [np, na, NP, NA] = [lit(true), lit(false), count(true), count(false)];
  const is_hidden = state.experiment === "hidden";
  switch (name_beat()) {
    case "forward":
      if (state.step === 0) return [["", "Nothing is computed yet. The sentence comes in at the bottom."]];
      return [["Forward. ", "Every column is computed, the prompt's too. "], ["", is_hidden ? "But here the answer cannot read the prompt." : "The loss mask has done nothing so far: the answer has to read the prompt."]];
    case "mask":
      return [["The mask. ", "Each token's loss is multiplied by its loss weight. That is all that a loss mask does."]];
    case "above":
      return [["Backward, above attention. ", state.weights.includes(0) ? "Columns do not touch here: × 0 stays exactly 0 all the way down." : "Columns do not touch here: each carries the gradient of its own loss."]];
    case "attention":
      if (!np && !na) return [["Attention. ", "There is no gradient to carry."]];
      if (is_hidden) return [["Attention. ", np ? "The answer did not read the prompt, so it sends nothing there. Only the prompt's own loss does." : "The answer did not read the prompt, so no gradient goes there: every lamp of the prompt stays out."]];
      return [["Attention. ", np ? "What was read gets gradient from the tokens that read it: it goes back the way it was read." : "The answer read the prompt's keys and values. So the gradient goes back the same way, into the prompt."]];
  }
  if (!np && !na) return [["", "No token has loss: there is no gradient anywhere, and nothing is learned."]];
  if (is_hidden && !np) return [["The answer cannot read the prompt, ", "so it sends nothing back there: every cell of the prompt is exactly 0."]];
  if (is_equal(state.weights, PRESETS.late[2]())) return [["The mask is one late: ", "a common bug. The answer's first token is not graded."]];
  if (!NP) return [["There is no prompt: ", `${na} of ${NA} tokens have loss.`]];
  if (!np && na === NA) return [["The prompt's own loss counts 0: ", "nothing asks the model to write it. But the answer read the prompt, so through attention gradient still comes: the model learns to read it."]];
  const is_one_turn = parts.filter((part) => part.is_prompt).length === 1;
  if (!na) return [["Only the prompt has loss. ", is_one_turn ? "The answer's columns get exactly 0 from top to bottom: no prompt token reads them." : "An answer gets gradient only where a later prompt reads it."]];
  if (np === NP && na === NA) {
    const w = Math.max(...state.weights.filter((_, t) => data.is_prompt[t]));
    return [[w < 1 ? `The prompt's loss counts ${format(w)} times. ` : "Every token has loss: ", w < 1 ? "The model learns to write the prompt, too, but slowly." : "the model learns to write the prompt, too."]];
  }
  return [["A mask of your own: ", `${np} of ${NP} prompt tokens and ${na} of ${NA} answer tokens have loss.`]];
}

// The live region changes only with its sentence, not on every tick.
function say() {
  const parts = describe();
  const text = parts.flat().join("");
  if (get("say").textContent !== text) get("say").replaceChildren(...parts.flatMap(([bold, plain]) => (bold ? [make("b", {}, bold), plain] : [plain])));
}

// ---- Controls

let timer = null;

function draw_controls() {
  get("step").value = state.step;
  get("step").setAttribute("aria-valuetext", `${state.step} of ${LAST_STEP}, ${name_beat()}`);
  const order = ["forward", "mask", "above", "attention", "all"], names = ["1 forward", "2 the mask", "3 above attention", "4 attention", "all of it"];
  get("beats").textContent = names[order.indexOf(name_beat())];
  get("play").textContent = timer ? "❚❚ Pause" : "▶ Play";
  for (const button of document.querySelectorAll("[data-preset]")) button.setAttribute("aria-pressed", is_equal(PRESETS[button.dataset.preset][2](), state.weights));
  const prompt_weights = new Set(state.weights.filter((_, t) => data.is_prompt[t]));
  const w = Math.max(...prompt_weights, 0);
  get("prompt_weight").value = w;
  get("prompt_weight_text").textContent = prompt_weights.size > 1 ? "mixed" : format(w);
  for (const button of document.querySelectorAll("[data-mean]")) button.setAttribute("aria-pressed", (button.dataset.mean === "1") === state.is_mean);
  for (const button of get("experiments").children) button.setAttribute("aria-pressed", button.dataset.set === state.experiment);
  get("all_parts").setAttribute("aria-pressed", state.all_parts);
  say_difference();
}

function say_difference() {
  if (state.experiment === "plain") {
    get("found").textContent = "As it is: press a button and look at the map.";
    return;
  }
  const difference = compare(gradients, sum_recordings(SETS.plain, reduce(state.weights)));
  const text = state.experiment === "exchanged" ? "The prompt's targets are now other tokens." : "The answer's positions now see only each other.";
  get("found").textContent = `${text} Largest change of any gradient: ${difference ? format(difference) : "exactly 0. Not one of these numbers knows what the prompt's targets are"}.`;
}

const EXPERIMENTS = {plain: "as it is", exchanged: "exchange the prompt's targets", hidden: "hide the prompt from the answer"};
// How long a step stays, in ms: beats end with a hold.
const HOLDS = {[FEW]: 2600, [MASK_STEP]: 2600, [ATTENTION_STEP - 1]: 2200, [ATTENTION_STEP]: 2600};
const STOPS = [FEW, MASK_STEP, ATTENTION_STEP - 1, ATTENTION_STEP, LAST_STEP]; // without motion, only these

function play() {
  if (timer) return pause();
  if (state.step >= LAST_STEP) state.step = 0;
  const advance = () => {
    state.step = is_calm() ? STOPS.find((stop) => stop > state.step) : state.step + 1;
    timer = state.step < LAST_STEP ? setTimeout(advance, is_calm() ? 4000 : HOLDS[state.step] || 330) : null;
    draw();
  };
  timer = setTimeout(advance, 400);
  draw();
}

function pause() {
  clearTimeout(timer);
  timer = null;
  draw();
}

function go_to(step) {
  state.step = Math.max(0, Math.min(LAST_STEP, step));
  pause();
}

// Arrow keys step through the beats; on a cell they go from cell to cell.
function press_key(event) {
  const target = event.target;
  if (event.key === "Escape" && state.opened) return close_cell();
  const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
  if (!move || event.altKey || event.ctrlKey || event.metaKey || target.matches("input")) return;
  if (target.classList.contains("cell")) {
    event.preventDefault();
    return focus_neighbour(target, ...move);
  }
  if (move[0]) {
    event.preventDefault();
    go_to(state.step + move[0]);
  }
}

function focus_neighbour(node, dx, dy) {
  const rows = [...get("map").querySelectorAll(".line")].map((line) => [...line.querySelectorAll(".cell")]).filter((row) => row.length);
  const y = rows.findIndex((row) => row.includes(node)), x = rows[y].indexOf(node);
  const row = rows[y + dy];
  const next = dy ? row && row[Math.floor((x / rows[y].length) * row.length)] : rows[y][x + dx];
  if (next) focus_cell(next);
}

// One cell of the map is in the order of Tab; the arrow keys reach the others.
function focus_cell(node) {
  for (const cell of cells) cell.node.tabIndex = -1;
  node.tabIndex = 0;
  node.focus();
}

// ---- One cell: its numbers, formula, shape, code, and the arithmetic of the number pointed at

function open_cell(name, t) {
  const node = cells.find((cell) => cell.name === name && cell.t === t).node;
  for (const cell of cells) cell.node.tabIndex = cell.node === node ? 0 : -1;
  state.opened = {name, t, k: 0, is_gradient: has_gradient(cells.find((cell) => cell.name === name).line) && name !== "probs"};
  draw();
  place_edges();
  get("opened").focus({preventScroll: innerWidth > 1000});
}

function close_cell() {
  const {name, t} = state.opened;
  state.opened = null;
  draw();
  place_edges();
  cells.find((cell) => cell.name === name && cell.t === t)?.node.focus();
}

let drawn = ""; // what the opened panel shows: it is built again only when that changes

function draw_opened() {
  const panel = get("opened"), opened = state.opened;
  panel.hidden = !opened;
  for (const cell of cells) cell.node.classList.toggle("open", Boolean(opened) && cell.name === opened.name && cell.t === opened.t);
  for (const cell of cells) cell.node.classList.remove("source");
  if (!opened) return;
  const key = JSON.stringify([opened.name, opened.t, opened.is_gradient, state.weights, state.experiment, state.is_mean]);
  if (key !== drawn || !panel.children.length) {
    drawn = key;
    build_opened(panel, opened);
  }
  draw_arithmetic(panel, opened);
}

function build_opened(panel, {name, t, is_gradient}) {
  const about = data.about[name], text = data.texts[is_gradient ? about.down : about.up];
  const code = data.functions[split_name(name).leaf][is_gradient ? 1 : 0];
  const row = get_row(name, t, is_gradient);
  const tab = (label, value) => make("button", {"aria-pressed": value === is_gradient, onclick: () => { state.opened.is_gradient = value; draw(); }}, label);
  panel.replaceChildren(
    make("button", {class: "close", onclick: close_cell, "aria-label": "close"}, "✕"),
    make("h2", {}, `${is_gradient ? name_gradient(name) : name}, position ${t} (reads ${data.inputs[t]})`),
    make("div", {class: "bar"}, tab("forward value", false), ...(about.down === null ? [] : [tab("gradient", true)])),
    make("p", {}, make("code", {}, text.formula)), make("p", {}, text.notice),
    make("p", {}, `One position of an array (${about.axes}). Norm ${format(norm(row))}. Point at a number:`),
    ...make_values(name, row),
    make("div", {class: "arithmetic"}),
    make("details", {open: ""}, make("summary", {}, code.replace(".", ".py: ")), make("pre", {}, data.code[code])));
}

const name_gradient = (name) => name.replace(/([^.]+)$/, "d$1");
const get_row = (name, t, is_gradient) => Array.from(is_gradient ? gradients[name][t] : SETS[state.experiment].values[name][t] || Array(count_columns(SETS[state.experiment], name)).fill(0));

// Heads on lines of their own; keys and tokens under each other's names.
function make_values(name, row) {
  const axes = data.about[name].axes, is_by_key = axes === "B, H, T, T";
  const size = is_by_key ? T : axes === "B, H, T, D" ? D : row.length;
  const grids = [];
  for (let start = 0; start < row.length; start += size) {
    const grid = make("div", {class: "values", style: `--columns: ${T}`});
    for (let k = start; k < start + size; k++) {
      const label = is_by_key ? data.inputs[k - start] : axes.endsWith("V") ? data.vocab[k] : String(k - start);
      const choose = () => { state.opened.k = k; draw_opened(); };
      grid.append(make("button", {class: row[k] ? "" : "zero", "data-k": k, title: label, "aria-label": `${label}: ${format(row[k])}`, onmouseenter: choose, onfocus: choose, onclick: choose}, format(row[k], 2)));
    }
    if (size < row.length) grids.push(make("p", {}, `head ${start / size}`));
    grids.push(grid);
  }
  return grids;
}

function draw_arithmetic(panel, {name, t, k, is_gradient}) {
  const numbers = {set: SETS[state.experiment], gradients, weights: state.weights, denominator: denominator(state.weights)};
  const {terms, result, value, sources} = explain(numbers, name, t, k, is_gradient);
  const shown = get_row(name, t, is_gradient)[k];
  const label = panel.querySelector(`[data-k="${k}"]`)?.title;
  for (const button of panel.querySelectorAll(".values button")) button.classList.toggle("chosen", button.dataset.k === String(k));
  for (const [source, position] of sources) cells.find((cell) => cell.name === source && cell.t === position)?.node.classList.add("source");
  panel.querySelector(".arithmetic").replaceChildren(
    make("h2", {}, `[${label}] = ${format(shown)}`),
    make("ul", {class: "terms", tabindex: 0}, ...terms.map((term) => make("li", {}, `${term.map(([what, x]) => `${what} ${format(x)}`).join("  ·  ")}${term.length > 1 ? ` = ${format(product(term))}` : ""}`))),
    make("p", {class: "sum"}, `sum ${format(total(terms.map(product)))}${result ? `; ${result}` : ""}${Number.isFinite(value) ? `: ${format(value)}` : ""}`),
    make("p", {}, "Outlined in the map: where these numbers come from. They are rounded to a few digits."));
}

// ---- One real step

function build_updates() {
  const name = (w) => ({0: "masked", 1: "full"})[w] || `prompt × ${w}`;
  const row = (u) => make("tr", {}, make("th", {scope: "row"}, `${u.optimiser}, ${name(u.prompt_weight)}`),
    ...[u.before.p_answer, u.after.p_answer, u.before.log_p_x, u.after.log_p_x].map((x, i) => make("td", {}, i < 2 ? `${format(100 * x, 2)} %` : x.toFixed(2).replace("-", "−"))));
  const head = ["one step from this model", "P(answer)", "after", "log P(x)", "after"].map((text) => make("th", {scope: "col"}, text));
  get("updates").append(
    make("p", {}, "The bars over the chips are a first-order guess. These are real steps on the mean loss, computed by minilm: how likely the answer and the prompt are before and after."),
    make("div", {class: "tables", tabindex: 0, role: "region", "aria-label": "one real step"}, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...data.updates.map(row)))),
    make("p", {}, `Learning rates: ${[...new Set(data.updates.map((u) => `${u.optimiser} ${u.lr}`))].join(", ")}. Masked loss does not ask for log P(x), and moves it only by chance.`));
}

// ---- The address: #step=12&mask=0,0,1 links to a moment

let address_timer = null; // browsers allow few changes a second

function write_address() {
  clearTimeout(address_timer);
  address_timer = setTimeout(write_address_now, 150);
}

function write_address_now() {
  const parts = [`step=${state.step}`, `mask=${state.weights.map((w) => Number(w.toFixed(3))).join(",")}`];
  if (state.experiment !== "plain") parts.push(`experiment=${state.experiment}`);
  if (state.is_mean) parts.push("reduce=mean");
  if (state.all_parts) parts.push("parts=all");
  try { history.replaceState(null, "", `#${parts.join("&")}`); } catch { /* a frame without an address */ }
}

function read_address() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const mask = (parts.get("mask") || "").split(",").map(Number);
  const is_mask = mask.length === T && parts.get("mask") && mask.every((w) => w >= 0 && w <= 1);
  const step = parts.has("step") ? Number(parts.get("step")) : LAST_STEP;
  state.step = Number.isInteger(step) ? Math.max(0, Math.min(LAST_STEP, step)) : LAST_STEP;
  state.experiment = Object.hasOwn(SETS, parts.get("experiment")) ? parts.get("experiment") : "plain";
  state.is_mean = parts.get("reduce") === "mean";
  state.all_parts = parts.get("parts") === "all";
  measure_scales();
  build_map();
  cells[0].node.tabIndex = 0;
  set_weights(is_mask ? mask : masked());
}

function start() {
  get("app").hidden = false;
  get("step").max = LAST_STEP;
  for (const [name, [label, aside, get_mask, place]] of Object.entries(PRESETS)) {
    get(place).append(make("button", {"data-preset": name, onclick: () => set_weights(get_mask())}, label, make("span", {class: "aside"}, aside)));
  }
  for (const key in EXPERIMENTS) get("experiments").append(make("button", {"data-set": key, onclick: () => { state.experiment = key; draw(); }}, EXPERIMENTS[key]));
  for (const button of document.querySelectorAll("[data-mean]")) button.onclick = () => { state.is_mean = button.dataset.mean === "1"; measure_scales(); draw(); };
  get("play").onclick = play;
  get("step").oninput = () => go_to(Number(get("step").value));
  get("prompt_weight").oninput = () => set_weights(weigh_prompt(Number(get("prompt_weight").value)));
  get("all_parts").onclick = () => { state.all_parts = !state.all_parts; build_map(); cells[0].node.tabIndex = 0; draw(); };
  document.addEventListener("keydown", press_key);
  addEventListener("hashchange", read_address);
  get("source").textContent = `${data.source || "A random, untrained model: only zero or not zero means something."} Click a cell to see its numbers.`;
  build_updates();
  read_address();
  new ResizeObserver(place_edges).observe(get("map"));
  get("scroll").scrollLeft = get("scroll").scrollWidth; // the answer first, where not all fits
}

start();
