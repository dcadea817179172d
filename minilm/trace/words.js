// The line of numbers under the map, and how they are added up

function draw_numbers(set) {
  const n = count_up(set, state.weights, state.is_mean);
  const R = data.is_prompt.filter((is_prompt) => !is_prompt).length;
  const items = [["R of N", `${R} of ${T}`, "targets of the answer, and all targets", "R"], ["loss", show_fixed(n.loss), "sum of loss weight · −log P", "loss"],
    ["log P(x)", show_fixed(n.log_p_x), "of the prompt: no step is taken here, so it stands still", "log_p_x"],
    ["log P(y|x)", show_fixed(n.log_p_y), "of the answer after the prompt", "log_p_y"], ["sum", show_fixed(n.log_p_xy), "log P(x, y)", "log_p_xy"],
    ["‖g_x‖", format(n.g_x), "size of the gradient of the prompt's targets, with these loss weights", "g_x"], ["‖g_y‖", format(n.g_y), "size of the gradient of the answer's targets, with these loss weights", "g_y"],
    ["‖g_x + g_y‖", format(n.g), "size of their sum; when all loss weights are 1, this is g_full", "g"]];
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

// g_x, g_y and their sum, as arrows in the plane that holds all three.
function draw_triangle(n) {
  if (!n.g_x || !n.g_y) {
    get("triangle").replaceChildren(make("p", {}, "One part of the gradient is 0, so the whole is the other part."));
    return;
  }
  const scale = 200 / Math.max(n.g_x + n.g_y, n.g), angle = Math.acos(Math.max(-1, Math.min(1, n.cosine)));
  const [x1, x2, y2] = [n.g_x * scale, n.g_x * scale + n.g_y * scale * n.cosine, n.g_y * scale * Math.sin(angle)];
  const left = Math.max(0, -x2) + 4;
  const arrow = (path, colour, dash) => make("path", {d: path, stroke: `var(${colour})`, "stroke-width": 3, fill: "none", "stroke-dasharray": dash});
  const svg = make("svg", {width: 300, height: y2 + 12, role: "img", "aria-label": "g_x and g_y as two sides of a triangle, their sum as the third"},
    arrow(`M${left},${y2 + 6}h${x1}`, "--cold", "7 4"), arrow(`M${left + x1},${y2 + 6}L${left + x2},6`, "--hot", "none"), arrow(`M${left},${y2 + 6}L${left + x2},6`, "--ink", "2 3"));
  get("triangle").replaceChildren(make("p", {}, `Sizes do not add up, the arrows do: g_x (dashed) + g_y (solid) = their sum (dotted). The cosine of the two is ${format(n.cosine, 2)}.`), svg);
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
