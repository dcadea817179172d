// One cell: its numbers, formula, shape, code, and the arithmetic of the number pointed at

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
