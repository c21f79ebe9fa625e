// Elements, made of text and never of markup: whatever a block says is shown, and nothing of it runs.

export const $ = (selector, root = document) => root.querySelector(selector);

// `make("li#id.a.b", {attributes}, children)`; attributes that begin with `on` are listeners.
const maker = space => (what, ...rest) => {
  const [, tag, id, classes] = /^(\w+)(?:#([\w-]+))?(?:\.([\w.-]+))?$/.exec(what);
  const element = document.createElementNS(space, tag);
  if (id) element.id = id;
  attr(element, "class", classes?.replaceAll(".", " "));
  for (const one of rest.flat()) {
    if (typeof one === "string" || one instanceof Node) element.append(one);
    else for (const [name, value] of Object.entries(one || {})) {
      if (name.startsWith("on")) element[name] = value;
      else attr(element, name, value);
    }
  }
  return element;
};
export const el = maker("http://www.w3.org/1999/xhtml");
export const svg = maker("http://www.w3.org/2000/svg");

// Each sets what changed and leaves alone what did not: a browser lays out again what is touched.
export const text = (element, value) => {
  if (element.textContent !== `${value}`) element.textContent = value;
};
export const attr = (element, name, value) => {
  const isState = name.startsWith("aria-");
  const wanted = isState ? value : value === true ? "" : value || value === 0 ? value : null;
  if (wanted === null || wanted === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== `${wanted}`) element.setAttribute(name, wanted);
};
export const show = (element, shown) => attr(element, "hidden", !shown);


/// Buttons that can do nothing now keep the focus, as those do that are busy; neither hears clicks.
export const enable = (control, can) => control.tagName === "BUTTON" ? attr(control, "aria-disabled", !can) : control.disabled = !can;
addEventListener("click", event => {
  if (!event.target.closest("[aria-disabled=true], button[aria-busy]")) return;
  event.preventDefault();
  event.stopPropagation();
}, true);

/// Puts other parts into a box; a focus in it stays in it.
export function refill(box, ...parts) {
  const had = box.contains(document.activeElement);
  box.replaceChildren(...parts);
  if (had) $("button, input", box)?.focus();
}

/// Makes the drawn items the wanted ones: `of` makes one for a key, what is not wanted any more goes.
export function keep(drawn, wanted, of) {
  for (const [key, item] of drawn) {
    if (wanted.has(key)) continue;
    (item.g ?? item).remove();
    drawn.delete(key);
  }
  for (const [key, value] of wanted) if (!drawn.has(key)) drawn.set(key, of(value, key));
}

/// Runs `work` unless what it depends on is as it was.
export function changed(holder, key, work) {
  if (holder.was === key) return;
  holder.was = key;
  work();
}

export const on = (element, listeners) => {
  for (const [type, listener] of Object.entries(listeners)) element.addEventListener(type, listener);
};
/// What is done by a pointer and by a keyboard alike.
export const onKeys = action => event => {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  action();
};

/// Whether whoever looks has asked for stillness.
const still = matchMedia("(prefers-reduced-motion: reduce)");
export const isStill = () => still.matches;
