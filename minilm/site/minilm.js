// Python in the browser, with minilm in it: what the notebooks' kernel and the exercise page load.
import { loadPyodide as load } from "$pyodide";

export async function loadPyodide(options = {}) {
  const indexURL = new URL(".", new URL("$pyodide", import.meta.url)).href;
  const pyodide = await load({ ...options, indexURL });
  const wheel = new URL("$wheel", import.meta.url).href;
  await pyodide.loadPackage(["numpy", wheel], { messageCallback: () => {} });
  return pyodide;
}
