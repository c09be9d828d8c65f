/** The page of notifications: who is told, whether they hear it, and what could not be delivered. Asks nothing itself. */

import { h } from "./dom.js";
import { act, address, copy, facts, json, open, section, state, time } from "./parts.js";
import { rowsOf } from "./views.js";
import * as words from "./words.js";

const CALLERS = "a caller of the proxy"; // who gave a URL of his own, and has no name
const KINDS = { asset: "assets", task: "tasks", delivery: "deliveries" }; // what the console can open of a subject
const MOST = 10_000; // counts go no further

const nameOf = (row) => row.target || CALLERS;
const cause = (slug) => slug ? h("span.reason", { title: slug }, words.refusal(slug)) : null;
const subject = (row) => `${row.subject} ${row.subject_id.length > 20 ? `${row.subject_id.slice(0, 12)}…` : row.subject_id}`;
const redrive = (row, given = {}) => act("redrive", row.id, row.state === "dead" ? "Redrive" : "Send again", { ...given, "aria-label": given.class ? null : `Redrive ${row.type} to ${nameOf(row)}` });

export function notificationsView({ status, page }, route, filters, tests) {
  const { targets } = status, mayAct = status.role === "operator";
  const listed = page.rows.length || Object.keys(route.filters).length;
  return [
    targets.length ? h("div.cards", { "data-key": "targets" }, targets.map((target) => card(target, mayAct, tests.get(target.name)))) : firstTarget(),
    listed ? [h("h2.lists", { "data-key": "sent" }, "What was sent, and what waits"), filters, all(targets, route, mayAct), rowsOf("notifications", columns(mayAct), page, route)]
      : targets.length ? h("p.empty", { "data-key": "none" }, "Nothing has been sent yet.") : null,
  ];
}

function firstTarget() {
  return h("div.steps", { "data-key": "steps" },
    h("p", {}, "No target is configured. A target is an application of yours that hears when a file is archived, lost or needs you; add it to ", h("code", {}, "reelkeep.toml"), " and start again:"),
    json('[[notify]]\nname = "app"\nurl = "https://app.example.com/hooks/reelkeep"\nsecrets = ["env:REELKEEP_WEBHOOK_SECRET"]'));
}

function card(target, mayAct, test) {
  const { name } = target;
  const count = (word) => h("a", { href: address("notifications", { target: name, state: word }) }, `${target[word].toLocaleString("en")}${target[word] >= MOST ? "+" : ""} ${word}`);
  const wants = [target.format === "provider" ? "callbacks as they came" : target.types.join(", ") || "everything", target.sources.length ? ` of ${target.sources.join(", ")}` : ""];
  return h("section.card", { "data-key": `target-${name}`, "aria-label": name },
    h("h2", {}, name, " ", target.failing_since ? state("failing") : target.succeeded_at ? state("hearing") : null),
    h("p.about", {}, h("code", {}, target.url), " · ", wants),
    h("p", {}, ["delivered", "pending", "dead"].map((word, n) => [n ? " · " : "", count(word)]), target.succeeded_at ? h("span.about", {}, " · heard ", time(target.succeeded_at)) : null),
    target.failing_since ? h("div.why", {}, h("p", {}, "First failed ", time(target.failing_since), ": ", cause(target.reason), "."),
      target.advice ? h("p.about", {}, target.advice) : null,
      target.rests_until ? h("p.about", {}, "Next try ", time(target.rests_until), ".") : null) : null,
    mayAct ? h("p.deed", {}, act("test", name, "Test", { disabled: test?.state === "waiting", "aria-label": `Test ${name}` }), " ",
      h("span.result", { role: "status" }, test ? result(test) : null)) : null);
}

/** What became of a test, as {state, row}. */
function result({ state: word, row }) {
  if (word === "waiting") return "Sent, waiting for the answer…";
  if (word === "delivered") return h("span.fine", {}, `Delivered in ${((Date.parse(row.ended_at) - Date.parse(row.created_at)) / 1000).toFixed(2)} s.`);
  if (word === "untried") return h("span.over", {}, "No worker took it up. Is one running?");
  return [h("span.over", {}, cause(row.reason), "."), row.advice ? h("span.about", {}, ` ${row.advice}`) : null];
}

/** Redrive all that are dead, as far as the filters that the API knows too narrow them. */
function all(targets, { filters }, mayAct) {
  const dead = targets.filter(({ name }) => !filters.target || filters.target === name).reduce((sum, target) => sum + target.dead, 0);
  if (!mayAct || !dead || filters.q || (filters.state && filters.state !== "dead")) return null;
  const which = [filters.target ? ` to ${filters.target}` : "", filters.source ? ` of ${filters.source}` : ""].join("");
  return h("p.deed.over-table", { "data-key": "all" }, act("redrive-all", "", `Redrive all dead${which}`), " ", h("span.about", {}, "They are sent again now, as if for the first time. Each keeps its id, by which your application knows a repeat."));
}

const columns = (mayAct) => [
  ["State", (row) => state(row.state)],
  ["What", (row, route) => [open(route, "notifications", row.id, row.type), h("span.about", { title: row.subject_id }, subject(row))], "id"],
  ["Target", nameOf, "short"],
  ["Source", (row) => row.source, "short"],
  ["When", (row) => row.state === "pending" && row.attempts ? ["next try ", time(row.due_at)] : time(row.ended_at ?? row.created_at), "short"],
  ["Tries", (row) => row.attempts || null, "number"],
  ["Reason", (row) => cause(row.reason), "wide"],
  ...mayAct ? [["Redrive", (row) => row.state === "dead" ? redrive(row) : null, "deeds"]] : [],
];

export function notificationDetail(row, route, mayAct) {
  const kind = KINDS[row.subject];
  return [
    h("p.about", {}, state(row.state), " ", nameOf(row), row.source ? ` · ${row.source}` : ""),
    row.reason ? h("div.why", { "data-key": "why" }, h("p", {}, cause(row.reason), "."), row.advice ? h("p.about", {}, row.advice) : null) : null,
    mayAct && row.state !== "pending" ? h("p", {}, redrive(row, { class: row.state === "dead" ? "primary" : "plain-deed" })) : null,
    facts(["Happened", time(row.created_at)], ["Next try", time(row.due_at)], ["Tries", row.attempts], [row.state === "dead" ? "Given up" : "Delivered", time(row.ended_at)],
      ["About", kind ? open(route, kind, row.subject_id, subject(row)) : subject(row)],
      ["webhook-id", h("code", {}, `msg_${row.id}`), copy(`msg_${row.id}`, "the webhook-id")]),
    row.facts ? section("What was true then", "facts", json(row.facts)) : null,
  ];
}

/** Of an asset or a task: who was told of it, and whether it arrived. */
export function about(rows, route) {
  if (!rows?.length) return null;
  return section("Notifications", "told", h("ol.history", {}, rows.map((row) => h("li", { "data-key": row.id },
    h("p", {}, state(row.state), " ", open(route, "notifications", row.id, row.type), h("span.about", {}, " to ", nameOf(row), " ", time(row.ended_at ?? row.created_at))),
    row.state === "delivered" ? null : row.reason ? h("p", {}, cause(row.reason), ".") : null))));
}
