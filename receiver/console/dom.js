/**
 * Build elements, and bring a live tree to what it should be without touching what is the same already: focus,
 * selection, scroll and playing films survive a refresh. Text from outside only ever becomes a text node or the value
 * of an attribute that the code names.
 */

/** h("p.calm", {title: "…"}, "text", node, …): attributes that are false, null or undefined are left out. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

/** Make the children of `live` what `wanted` says. Children with data-key keep their element wherever they stand. */
export function fill(live, ...wanted) {
  const next = h("div", {}, ...wanted);
  morphChildren(live, next);
}

function morph(live, next) {
  if (live.nodeType === Node.TEXT_NODE) {
    if (live.data !== next.data) live.data = next.data;
    return;
  }
  for (const { name } of [...live.attributes]) {
    const toggledByHand = name === "open" && live.nodeName === "DETAILS";
    if (!next.hasAttribute(name) && !toggledByHand) live.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (live.getAttribute(name) !== value) live.setAttribute(name, value);
  }
  morphChildren(live, next);
}

function morphChildren(live, next) {
  const keys = new Set([...next.children].map(keyOf));
  const keyed = new Map();
  for (const child of [...live.children]) {
    const key = keyOf(child);
    if (key && !keys.has(key)) child.remove();
    else if (key) keyed.set(key, child);
  }
  let at = live.firstChild;
  for (const wanted of [...next.childNodes]) {
    const key = keyOf(wanted);
    const found = key ? keyed.get(key) : at && !keyOf(at) ? at : null;
    if (!found || found.nodeName !== wanted.nodeName) {
      live.insertBefore(wanted, at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else live.insertBefore(found, at);
    morph(found, wanted);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

const keyOf = (node) => node.dataset?.key;
