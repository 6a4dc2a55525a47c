// Lists that are drawn again and again: what stays keeps its element, so that a click or a focus is never lost.

/** Make `box` show `items` in order; `make(item)` gives a new element, `update(element, item)` brings it up to date. */
export function keyed(box, items, keyOf, make, update) {
  const known = new Map([...box.children].map((element) => [element.dataset.key, element]));
  let before = null;
  for (const item of items) {
    const key = String(keyOf(item));
    const element = known.get(key) ?? make(item);
    element.dataset.key = key;
    known.delete(key);
    update(element, item);
    const place = before ? before.nextElementSibling : box.firstElementChild;
    if (place !== element) box.insertBefore(element, place);
    before = element;
  }
  for (const element of known.values()) element.remove();
}

/** The part of an element that carries this name (data-part). */
export const part = (element, name) => element.querySelector(`[data-part="${name}"]`);

/** Set a text only where it differs. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
