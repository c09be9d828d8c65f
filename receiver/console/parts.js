/** The small parts that views are made of: states, times, reasons, buttons, links within the console. */

import { h } from "./dom.js";
import * as words from "./words.js";

const { plural } = words;

/** The address of a view: "#/assets?state=lost&open=…". */
export function address(view, given = {}) {
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
  return `#/${view}${query.size ? `?${query}` : ""}`;
}

export const utc = (iso) => iso.replace("T", " ").replace("Z", " UTC");
export const time = (iso, kind = "ago") => iso
  ? h(`time.${kind === "left" ? words.urgency(iso) : "calm"}`, { datetime: iso, title: utc(iso), "data-kind": kind }, words.instant(iso, kind))
  : null;
export const state = (name) => h(`span.state.${/^[a-z]+$/.test(name) ? name : "other"}`, {}, name);
export const size = (count) => Number.isFinite(count) ? h("span", { title: plural(count, "byte") }, words.bytes(count)) : null;
export const reason = (slug, kind) => slug ? h("span.reason", { title: slug }, words.reason(slug, kind)) : null;
export const why = (slug, kind) => slug ? h("div.why", { "data-key": "why" }, h("p", {}, reason(slug, kind), "."), words.help(slug) ? h("p.about", {}, words.help(slug)) : null) : null;
export const act = (what, id, label, extra = {}) => h("button", { type: "button", "data-do": what, "data-id": id, ...extra }, label);
export const copy = (text, what) => act("copy", text, "Copy", { class: "quiet", "aria-label": `Copy ${what}` });
export const role = (row) => `${row.role.replaceAll("_", " ")}${row.ordinal ? ` ${row.ordinal + 1}` : ""}`;
export const yours = (row) => row.external_id ? ` · ${row.external_id}` : "";
export const json = (value) => h("pre", {}, typeof value === "string" ? value : JSON.stringify(value, null, 2));

export function open(route, kind, id, ...label) {
  return h("a.opens", { href: address(route.view, { ...route.filters, open: `${kind}:${id}` }), "data-open": `${kind}:${id}`, title: label.every((part) => typeof part === "string") ? label.join("") : null }, ...label);
}

export function section(title, id, ...children) {
  return h("section", { "aria-labelledby": id, "data-key": id }, h("h2", { id }, title), ...children);
}

/** A list of [name, value, extra]; what has no value is left out. */
export const facts = (...pairs) => h("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([name, value, extra]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, extra ? [" ", extra] : null))));
