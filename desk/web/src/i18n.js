// The source text is Chinese; the page carries the catalogue of another language.
const messages = JSON.parse(document.getElementById("messages").textContent);

/** The text in the page's language; {name} is replaced by values.name. */
export function t(text, values = {}) {
  return (messages[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
