// The page's state, the loss masks that buttons choose, and the lines and steps of the map.
// All that is shown is drawn from this state, see draw in map.js. Input at the bottom, loss on top.

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
