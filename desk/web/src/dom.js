// Everything that comes from outside reaches the page as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; strings become text nodes. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(made.dataset, value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== "" && child !== false));
  return made;
}

export function show(element, visible) {
  element.hidden = !visible;
}

let fading;

/** One line under the top bar; an empty text takes it away. What only confirms goes by itself after some `seconds`. */
export function notice(text, seconds = 0) {
  const place = $("notice");
  clearTimeout(fading);
  if (seconds) fading = setTimeout(() => notice(""), seconds * 1000);
  place.textContent = text;
  show(place, Boolean(text));
}
