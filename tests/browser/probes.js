// What the tests ask the page: low contrast, overlapping texts, numbers that their arithmetic does not give.

function list_texts(root) {
  const walker = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
  const nodes = [];
  for (let node; (node = walker.nextNode());) {
    const parent = node.parentElement, box = parent.getBoundingClientRect();
    if (node.textContent.trim() && box.width && parent.checkVisibility() && !parent.closest("noscript")) nodes.push(node);
  }
  return nodes;
}

function find_low_contrast() {
  const read = (text) => text.match(/[\d.]+/g).map(Number);
  const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  const light = (c) => 0.2126 * linear(c[0] / 255) + 0.7152 * linear(c[1] / 255) + 0.0722 * linear(c[2] / 255);
  const low = [];
  for (const node of list_texts("main")) {
    let back = node.parentElement;
    while (back && read(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
    const [a, b] = [node.parentElement, back || document.body].map((n, i) => light(read(getComputedStyle(n)[i ? "backgroundColor" : "color"])));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) low.push([node.textContent, contrast]);
  }
  return low;
}

function find_overlaps() {
  const boxes = [];
  for (const node of list_texts("#app")) {
    const parent = node.parentElement, cut = parent.getBoundingClientRect();
    if (parent.closest(".terms, .values, pre")) continue; // these scroll, or are cut, in boxes of their own
    const range = document.createRange();
    range.selectNodeContents(node);
    const is_cut = parent.matches(".chip, .token");
    for (const r of range.getClientRects()) {
      boxes.push({node, left: is_cut ? Math.max(r.left, cut.left) : r.left, right: is_cut ? Math.min(r.right, cut.right) : r.right, top: r.top + 2, bottom: r.bottom - 2});
    }
  }
  const shares = (a, b) => a.node !== b.node && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => shares(a, b)).map((b) => [a.node.textContent, b.node.textContent]));
}

function find_wrong_arithmetic() {
  const set = SETS[state.experiment], wrong = [];
  const numbers = {set, gradients, weights: state.weights, denominator: denominator(state.weights)};
  const check = (name, t, is_gradient) => {
    const row = get_row(name, t, is_gradient), size = Math.max(...row.map(Math.abs));
    for (let k = 0; k < row.length; k += 3) {
      const {value, terms, sources} = explain(numbers, name, t, k, is_gradient);
      const rough = size + total(terms.map((term) => Math.abs(product(term))));
      if (!(Math.abs(value - row[k]) <= 0.01 * rough)) wrong.push([name, is_gradient, t, k, value, row[k]]);
      if (!sources.every(([n, i]) => NAMES.includes(n) && i >= 0 && i < T)) wrong.push([name, "sources"]);
    }
  };
  for (const name of NAMES) for (const t of [0, 3, 5, 6]) {
    check(name, t, false);
    if (name !== "probs") check(name, t, true);
  }
  return wrong;
}

const find_smallest_type = () => Math.min(...list_texts("#map").map((node) => parseFloat(getComputedStyle(node.parentElement).fontSize)));

function time_clicks() {
  return [...chips, ...chips, ...chips].map((chip) => {
    const start = performance.now();
    chip.click();
    document.body.getBoundingClientRect(); // the layout, too
    return performance.now() - start;
  });
}

window.said = [];
const listen_to_the_live_region = () => new MutationObserver(() => said.push(get("say").textContent)).observe(get("say"), {childList: true});
