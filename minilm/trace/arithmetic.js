// The arithmetic of one number: explain(numbers, name, t, k, is_gradient).
// numbers = {set, gradients, weights, denominator}. Returns {terms, result, value, sources}: terms are lists of
// [label, number] factors whose products are summed; result says in words what is then done with the
// sum; value is the number so computed; sources are the [name, position] that were read, [d + name ...]
// as [name, position, true].
function split_name(name) {
  const parts = name.split(".");
  return parts[0] === "h" ? {block: Number(parts[1]), leaf: parts.slice(2).join("."), p: `h.${parts[1]}.`} : {leaf: name, p: ""};
}
const read_stream = (block) => (block ? `h.${block - 1}.mlp.x` : "x");
const params = (name) => data.params[name];

function explain(numbers, name, t, k, is_gradient) {
  const {block, leaf, p} = split_name(name);
  const {set, gradients} = numbers;
  const at = {
    name, t, k, block, p, ...numbers, h: Math.floor(k / D), d: k % D, hs: Math.floor(k / T), j: k % T,
    v: (n, i, c) => (set.values[n][i] ? set.values[n][i][c] : 0),
    g: (n, i, c) => gradients[n][i][c],
  };
  const way = is_gradient ? DOWN : UP;
  try {
    return way[leaf].call(null, at);
  } catch (error) {
    if (data.params) throw error;
    return {terms: [], result: "this model has too many parameters for the page to hold them", value: NaN, sources: []};
  }
}

const range = (n) => Array.from({length: n}, (_, i) => i);
const product = (factors) => factors.reduce((result, [, x]) => result * x, 1);

// sum of terms, then `finish` applied to it.
function add_up(terms, sources, finish = (sum) => sum, result = "") {
  return {terms, sources, result, value: finish(total(terms.map(product)))};
}

// y[k] = sum over c of x[c] weight[c, k] + bias[k]
function linear(at, x, weight, k, bias) {
  const n = params(weight).length;
  const terms = range(n).map((c) => [[`${x}[${c}]`, at.v(x, at.t, c)], [`weight[${c}, ${k}]`, params(weight)[c][k]]]);
  if (bias) terms.push([["bias", params(bias)[0] ? params(bias)[0][k] : 0]]);
  return add_up(terms, [[x, at.t]]);
}

// dx[k] = sum over c of dy[c] weight[k, c]
function linear_back(at, names, weight, k) {
  const n = count_columns(at.set, names[0]);
  const terms = range(n * names.length).map((c) => {
    const y = names[Math.floor(c / n)];
    return [[`d${y}[${c % n}]`, at.g(y, at.t, c % n)], [`weight[${k}, ${c}]`, params(weight)[k] ? params(weight)[k][c] : 0]];
  });
  return add_up(terms, names.map((y) => [y, at.t, true]));
}

function read_statistics(at, x) {
  const row = range(C).map((c) => at.v(x, at.t, c));
  const mean = total(row) / C;
  const std = Math.sqrt(total(row.map((z) => (z - mean) ** 2)) / C + 1e-5);
  return {mean, std, xhat: row.map((z) => (z - mean) / std)};
}

function layer_norm(at, x, layer) {
  const {mean, std} = read_statistics(at, x);
  const gain = params(`${layer}.weight`)[0][at.k], bias = params(`${layer}.bias`)[0] ? params(`${layer}.bias`)[0][at.k] : 0;
  return add_up(
    [[["x − mean", at.v(x, at.t, at.k) - mean], ["1 / std", 1 / std], ["weight", gain]], [["bias", bias]]],
    [[x, at.t]], undefined, `x = ${format(at.v(x, at.t, at.k))}, mean = ${format(mean)}, std = ${format(std)}`);
}

// One channel of a norm's backward: (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / std, dxhat = dy weight.
function layer_norm_back(at, x, layer) {
  const {std, xhat} = read_statistics(at, x);
  const dxhat = range(C).map((c) => at.g(layer, at.t, c) * params(`${layer}.weight`)[0][c]);
  const along = dot(dxhat, xhat) / C;
  return [
    [[`d${layer} · weight`, dxhat[at.k]], ["1 / std", 1 / std]],
    [["− mean", -total(dxhat) / C], ["1 / std", 1 / std]],
    [["− xhat", -xhat[at.k]], ["mean(dxhat · xhat)", along], ["1 / std", 1 / std]],
  ];
}

// x was used twice on the way up: its two gradients are added.
function add_fork(at, above, x, layer) {
  return add_up([[[`d${above}`, at.g(above, at.t, at.k)]], ...layer_norm_back(at, x, layer)], [[above, at.t, true], [layer, at.t, true], [x, at.t]]);
}

function softmax(at, x, keys, offset, k) {
  const exps = keys.map((j) => Math.exp(at.v(x, at.t, offset + j)));
  const top = keys.includes(k) ? Math.exp(at.v(x, at.t, offset + k)) : 0;
  return {
    terms: keys.map((j, n) => [[`exp(${format(at.v(x, at.t, offset + j))})`, exps[n]]]), sources: [[x, at.t]],
    result: `exp of its own, ${format(top)}, divided by this sum`, value: top / total(exps),
  };
}
const can_read = (set, i, j) => j <= i && !(set === SETS.hidden && !data.is_prompt[i] && data.is_prompt[j]);

const copy = (at, name) => add_up([[[`d${name}`, at.g(name, at.t, at.k)]]], [[name, at.t, true]]);
const sum_of = (at, names) => add_up(names.map((n) => [[n, at.v(n, at.t, at.k)]]), names.map((n) => [n, at.t]));
const project = (at, part) => linear(at, `${at.p}ln_1`, `${at.p}attn.c_attn.weight`, part * C + at.k, null);

function gelu_slope(x) {
  const t = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
  return 0.5 * (1 + t + x * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x));
}

const UP = {
  wte: (at) => add_up([[[`wte.weight[${data.ids[at.t]}, ${at.k}]`, params("wte.weight")[data.ids[at.t]][at.k]]]], []),
  wpe: (at) => add_up([[[`wpe.weight[${at.t}, ${at.k}]`, params("wpe.weight")[at.t][at.k]]]], []),
  x: (at) => sum_of(at, ["wte", "wpe"]),
  ln_1: (at) => layer_norm(at, read_stream(at.block), `${at.p}ln_1`),
  "attn.q": (at) => with_bias(at, project(at, 0), at.k),
  "attn.k": (at) => with_bias(at, project(at, 1), C + at.k),
  "attn.v": (at) => with_bias(at, project(at, 2), 2 * C + at.k),
  "attn.scores": (at) => add_up(
    range(D).map((d) => [[`q[${d}]`, at.v(`${at.p}attn.q`, at.t, at.hs * D + d)], [`k[${d}]`, at.v(`${at.p}attn.k`, at.j, at.hs * D + d)]]),
    [[`${at.p}attn.q`, at.t], [`${at.p}attn.k`, at.j]], (sum) => sum / Math.sqrt(D), "divided by √D"),
  "attn.weights": (at) => softmax(at, `${at.p}attn.scores`, range(T).filter((j) => can_read(at.set, at.t, j)), at.hs * T, at.j),
  "attn.mix": (at) => add_up(
    range(at.t + 1).map((j) => [[`weights[${j}]`, at.v(`${at.p}attn.weights`, at.t, at.h * T + j)], [`v of ${j}`, at.v(`${at.p}attn.v`, j, at.k)]]),
    range(at.t + 1).map((j) => [`${at.p}attn.v`, j])),
  "attn.c_proj": (at) => linear(at, `${at.p}attn.mix`, `${at.p}attn.c_proj.weight`, at.k, `${at.p}attn.c_proj.bias`),
  "attn.x": (at) => sum_of(at, [read_stream(at.block), `${at.p}attn.c_proj`]),
  ln_2: (at) => layer_norm(at, `${at.p}attn.x`, `${at.p}ln_2`),
  "mlp.c_fc": (at) => linear(at, `${at.p}ln_2`, `${at.p}mlp.c_fc.weight`, at.k, `${at.p}mlp.c_fc.bias`),
  "mlp.gelu": (at) => {
    const u = at.v(`${at.p}mlp.c_fc`, at.t, at.k);
    const half = (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (u + 0.044715 * u ** 3))) / 2;
    return add_up([[["u", u], ["(1 + tanh(…)) / 2", half]]], [[`${at.p}mlp.c_fc`, at.t]]);
  },
  "mlp.c_proj": (at) => linear(at, `${at.p}mlp.gelu`, `${at.p}mlp.c_proj.weight`, at.k, `${at.p}mlp.c_proj.bias`),
  "mlp.x": (at) => sum_of(at, [`${at.p}attn.x`, `${at.p}mlp.c_proj`]),
  ln_f: (at) => layer_norm(at, read_stream(N_LAYER), "ln_f"),
  logits: (at) => linear(at, "ln_f", "lm_head.weight", at.k, null),
  probs: (at) => softmax(at, "logits", range(V), 0, at.k),
  nll: (at) => add_up([[["probs of the target", at.v("probs", at.t, at.set.targets[at.t])]]], [["probs", at.t]], (p) => -Math.log(p), "−log of it"),
};

function with_bias(at, sum, column) {
  const bias = params(`${at.p}attn.c_attn.bias`)[0];
  return add_up([...sum.terms, [["bias", bias ? bias[column] : 0]]], sum.sources);
}

const DOWN = {
  nll: (at) => add_up([[["loss weight", at.weights[at.t]], ["1 / denominator", 1 / at.denominator]]], []),
  logits: (at) => {
    const is_target = at.k === at.set.targets[at.t] ? 1 : 0;
    return add_up([[[is_target ? "probs − 1" : "probs", at.v("probs", at.t, at.k) - is_target], ["dnll", at.g("nll", at.t, 0)]]], [["probs", at.t], ["nll", at.t, true]]);
  },
  ln_f: (at) => linear_back(at, ["logits"], "lm_head.weight", at.k),
  "mlp.x": (at) => (at.block === N_LAYER - 1
    ? add_up(layer_norm_back(at, at.name, "ln_f"), [["ln_f", at.t, true], [at.name, at.t]])
    : add_fork(at, `h.${at.block + 1}.attn.x`, at.name, `h.${at.block + 1}.ln_1`)),
  "mlp.c_proj": (at) => copy(at, `${at.p}mlp.x`),
  "mlp.gelu": (at) => linear_back(at, [`${at.p}mlp.x`], `${at.p}mlp.c_proj.weight`, at.k),
  "mlp.c_fc": (at) => add_up([[["dgelu", at.g(`${at.p}mlp.gelu`, at.t, at.k)], ["slope of gelu", gelu_slope(at.v(at.name, at.t, at.k))]]], [[`${at.p}mlp.gelu`, at.t, true], [at.name, at.t]]),
  ln_2: (at) => linear_back(at, [`${at.p}mlp.c_fc`], `${at.p}mlp.c_fc.weight`, at.k),
  "attn.x": (at) => add_fork(at, `${at.p}mlp.x`, at.name, `${at.p}ln_2`),
  "attn.c_proj": (at) => copy(at, `${at.p}attn.x`),
  "attn.mix": (at) => linear_back(at, [`${at.p}attn.x`], `${at.p}attn.c_proj.weight`, at.k),
  "attn.weights": (at) => add_up(
    range(D).map((d) => [[`dmix[${d}]`, at.g(`${at.p}attn.mix`, at.t, at.hs * D + d)], [`v[${d}] of ${at.j}`, at.v(`${at.p}attn.v`, at.j, at.hs * D + d)]]),
    [[`${at.p}attn.mix`, at.t, true], [`${at.p}attn.v`, at.j]]),
  "attn.scores": (at) => {
    const w = (j) => at.v(`${at.p}attn.weights`, at.t, at.hs * T + j), dw = (j) => at.g(`${at.p}attn.weights`, at.t, at.hs * T + j);
    const average = total(range(T).map((j) => w(j) * dw(j)));
    return add_up([[["weights", w(at.j)], ["dweights", dw(at.j)]], [["− weights", -w(at.j)], ["Σ weights · dweights", average]]], [[`${at.p}attn.weights`, at.t, true], [`${at.p}attn.weights`, at.t]]);
  },
  "attn.q": (at) => add_up(
    range(at.t + 1).map((j) => [[`dscores[${at.t}, ${j}]`, at.g(`${at.p}attn.scores`, at.t, at.h * T + j)], [`k of ${j}`, at.v(`${at.p}attn.k`, j, at.k)]]),
    [[`${at.p}attn.scores`, at.t, true], ...range(at.t + 1).map((j) => [`${at.p}attn.k`, j])], (sum) => sum / Math.sqrt(D), "divided by √D"),
  "attn.k": (at) => from_queries(at, "dscores", (i) => at.g(`${at.p}attn.scores`, i, at.h * T + at.t), "q", (i) => at.v(`${at.p}attn.q`, i, at.k), Math.sqrt(D)),
  "attn.v": (at) => from_queries(at, "weights", (i) => at.v(`${at.p}attn.weights`, i, at.h * T + at.t), "dmix", (i) => at.g(`${at.p}attn.mix`, i, at.k), 1),
  ln_1: (at) => linear_back(at, ["q", "k", "v"].map((part) => `${at.p}attn.${part}`), `${at.p}attn.c_attn.weight`, at.k),
  x: (at) => add_fork(at, "h.0.attn.x", "x", "h.0.ln_1"),
  wte: (at) => copy(at, "x"),
  wpe: (at) => copy(at, "x"),
};

// Keys and values: a sum over all positions i >= t that looked back at t. Here gradient changes columns.
function from_queries(at, left, get_left, right, get_right, divisor) {
  const queries = range(T).filter((i) => i >= at.t);
  return add_up(
    queries.map((i) => [[`${left}[${i}, ${at.t}]`, get_left(i)], [`${right} of ${i}`, get_right(i)]]),
    queries.map((i) => [`${at.p}attn.mix`, i, true]), (sum) => sum / divisor, divisor === 1 ? "" : "divided by √D");
}
