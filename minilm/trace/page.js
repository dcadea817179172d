// The controls, playing, the keyboard, one real step, the address, and the start.

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

// ---- The main experiment, step by step

function build_training() {
  if (!data.training) return;
  get("after_all").hidden = false;
  get("trained").max = data.training.course[0].length - 1;
  get("trained").value = get("trained").max;
  get("trained").oninput = draw_training;
  draw_training();
}

function draw_training() {
  const {tokens, is_answer, course} = data.training, at = Number(get("trained").value);
  const models = [course[0][at], course[1][at]];
  const cell = (model, t) => make("td", {}, model.probs[t].toFixed(2), make("span", {class: "share", "aria-hidden": "true"}, make("i", {style: `width: ${100 * model.probs[t]}%`})));
  const instead = (model, t) => make("td", {class: "instead"}, model.probs[t] < 0.5 ? model.guesses[t] : "");
  const row = (token, t) => make("tr", {class: is_answer[t] ? "answer" : ""}, make("th", {scope: "row"}, token), ...models.flatMap((model) => [cell(model, t), instead(model, t)]));
  const head = ["", "masked", "expects", "full", "expects"].map((text) => make("th", {scope: "col"}, text));
  get("training").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...tokens.map(row)));
  get("trained_step").textContent = `${models[0].step} of ${course[0].at(-1).step}`;
  get("written").textContent = `After <bos>, masked writes “${models[0].sample}”, full writes “${models[1].sample}”.`;
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
  build_training();
  read_address();
  new ResizeObserver(place_edges).observe(get("map"));
  get("scroll").scrollLeft = get("scroll").scrollWidth; // the answer first, where not all fits
}

start();
