// The exercise: the text goes to minilm's checker, in Python, in this page; its verdict comes back.
import { loadPyodide } from "./minilm.js";

const [code, check, hint, answer] = ["code", "check", "hint", "answer"].map((id) => document.getElementById(id));
const name = check.dataset.name;
let hints = 0;

function show(text) {
  answer.textContent = text;
}

async function start() {
  const pyodide = await loadPyodide();
  const judge = pyodide.runPython(
    "from minilm.exercises import hint\n" +
    "from minilm.exercises.checker import source\n" +
    "lambda name, text: source.check_source(name, text)._repr_html_()");
  const give_hint = pyodide.runPython("lambda name, number: str(hint(name, number))");
  check.onclick = () => {
    show("Checking ...");
    setTimeout(() => { answer.innerHTML = judge(name, code.value); }, 20); // let the page show it first
  };
  hint.onclick = () => {
    hints = Math.min(2, hints + 1);
    show(give_hint(name, hints));
  };
  check.disabled = hint.disabled = false;
  show("Python is ready.");
}

start().catch((error) => show(`Python cannot start here: ${error.message}`));
