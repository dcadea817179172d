"use strict";
// The page's numbers: sums of recordings under any loss mask, and norms.
// Names are those of minilm's Python code; page_data.py describes the data. Input below, loss on top.

const data = JSON.parse(document.getElementById("data").textContent);
const T = data.inputs.length, H = data.n_head, NAMES = Object.keys(data.about);
const V = data.vocab.length, C = data.plain.values.x.find(Boolean).length, D = C / H;
const N_LAYER = NAMES.filter((name) => name.endsWith("attn.q")).length;

// A set of recordings holds only what differs from the plain one, and a text in place of rows names the
// array beside it that is equal: put all of them back.
function restore(arrays, plain = {}) {
  const whole = {...plain};
  for (const name in arrays) whole[name] = typeof arrays[name] === "string" ? arrays[arrays[name]] : arrays[name];
  return whole;
}
function complete(set, plain = {recordings: []}) {
  const recordings = set.recordings.map((recording, t) => restore(recording, plain.recordings[t]));
  return {...set, values: restore(set.values, plain.values), recordings};
}
const PLAIN = complete(data.plain);
const SETS = {plain: PLAIN, exchanged: complete(data.exchanged, PLAIN), hidden: complete(data.hidden, PLAIN)};

const count_columns = (set, name) => set.values[name].find(Boolean)?.length || C;

// The gradient of every value under a loss mask: sum over t of weights[t] * recording t. Rows (T, K).
function sum_recordings(set, weights) {
  const gradients = {};
  for (const name of NAMES) {
    if (name === "probs") continue;
    const sum = Array.from({length: T}, () => new Float64Array(count_columns(set, name)));
    for (let t = 0; t < T; t++) {
      if (weights[t] === 0) continue;
      set.recordings[t][name].forEach((row, i) => { if (row) add_row(sum[i], weights[t], row); });
    }
    gradients[name] = sum;
  }
  return gradients;
}

function add_row(sum, weight, row) {
  for (let k = 0; k < row.length; k++) sum[k] += weight * row[k];
}

function norm(row, from = 0, to = row.length) {
  let squares = 0;
  for (let k = from; k < to; k++) squares += row[k] * row[k];
  return Math.sqrt(squares);
}
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const total = (numbers) => numbers.reduce((sum, x) => sum + x, 0);
const times_gram = (set, weights) => set.gram.map((row) => dot(row, weights));
const grad_norm = (set, weights) => Math.sqrt(Math.max(0, dot(weights, times_gram(set, weights))));

// First order: a step of length 1 against the gradient of the loss changes log P of target t by this.
function predict_moves(set, weights) {
  const size = grad_norm(set, weights);
  return times_gram(set, weights).map((product) => (size ? product / size : 0));
}

// Every number of the line under the map. x and y: the parts of the prompt's and the answer's targets.
function count_up(set, weights, is_mean) {
  const part = (wanted) => weights.map((w, t) => (data.is_prompt[t] === wanted ? w : 0));
  const log_p = (wanted) => -total(set.nll.filter((_, t) => data.is_prompt[t] === wanted));
  const scale = is_mean ? 1 / (total(weights) || 1) : 1;
  const size = (mask) => grad_norm(set, mask) * scale;
  const [x, y] = [part(true), part(false)];
  return {
    loss: dot(weights, set.nll) * scale,
    log_p_x: log_p(true), log_p_y: log_p(false), log_p_xy: -total(set.nll),
    g_x: size(x), g_y: size(y), g: size(weights),
    cosine: dot(x, times_gram(set, y)) * scale * scale / (size(x) * size(y)),
  };
}

// How much gradient goes from the query at position i to the key and value at position j < i of a block:
// the norm of (dscores[i, j] q[i] / sqrt(D), weights[i, j] dmix[i]) over all heads. A table [i][j].
function measure_edges(set, gradients, block) {
  const name = (leaf) => `h.${block}.attn.${leaf}`;
  const measure_heads = (row) => range(H).map((h) => (row ? norm(row, h * D, (h + 1) * D) : 0));
  return range(T).map((i) => {
    const q = measure_heads(set.values[name("q")][i]), dmix = measure_heads(gradients[name("mix")][i]);
    const dscores = gradients[name("scores")][i], weights = set.values[name("weights")][i];
    return range(i).map((j) => {
      let squares = 0;
      for (let h = 0; h < H; h++) squares += dscores[h * T + j] ** 2 * q[h] ** 2 / D + (weights[h * T + j] * dmix[h]) ** 2;
      return Math.sqrt(squares);
    });
  });
}

// The mean of attention's weights over the heads: how much the query at i reads of position j.
function measure_reading(set, block, i, j) {
  const row = set.values[`h.${block}.attn.weights`][i];
  return total(Array.from({length: H}, (_, h) => row[h * T + j])) / H;
}

// The largest difference between two sets of gradients, over every number of every array.
function compare(a, b) {
  let largest = 0;
  for (const name in a) a[name].forEach((row, t) => row.forEach((x, k) => { largest = Math.max(largest, Math.abs(x - b[name][t][k])); }));
  return largest;
}

// A number as text: only an exact zero is "0".
function format(x, digits = 3) {
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e4 || size < 1e-3 ? size.toExponential(1) : Number(size.toPrecision(digits)).toString();
  return (x < 0 ? "−" : "") + text;
}
