/** What each view looks like, as elements made from the API's rows. Nothing here asks, waits or remembers. */

import { h } from "./dom.js";
import * as words from "./words.js";
import { now } from "./api.js";
import { about, notificationDetail } from "./notifications.js";
import { act, address, copy, facts, json, open, reason, role, section, size, state, time, utc, why, yours } from "./parts.js";

export const STATES = {
  assets: ["waiting", "archived", "quarantined", "lost", "disposed"],
  deliveries: ["accepted", "ignored", "quarantined"],
  tasks: ["open", "succeeded", "failed", "gone"],
  notifications: ["pending", "delivered", "dead"],
};
const { plural } = words;

/** How many rows of `kind` are in one of `states`, over all sources. */
export function total(status, kind, ...states) {
  const bySource = Object.values(status[kind] ?? {});
  return bySource.reduce((sum, counts) => sum + states.reduce((part, state) => part + (counts[state] ?? 0), 0), 0);
}

export const needs = (status) => total(status, "assets", "quarantined") + total(status, "deliveries", "quarantined");

// The overview: is everything archived, what is urgent, what needs me

export function overview({ status, waiting, quarantined, doubted, lost, latest }, route, publicUrl, idle) {
  const sources = Object.keys(status.sources);
  if (!total(status, "assets", ...STATES.assets) && !total(status, "deliveries", ...STATES.deliveries) && !total(status, "tasks", ...STATES.tasks)) {
    return [h("h1", {}, "Nothing has come in yet."), firstSteps(sources, publicUrl)];
  }
  return [
    headline(status, waiting.rows, latest.rows, idle),
    figures(status),
    h("div.columns", {},
      section("Needs you", "needs", attention(quarantined.rows, doubted.rows, lost.rows, status, route)),
      section("Most urgent", "urgent", urgent(waiting, status, route)),
      section("Just archived", "latest", recent(latest.rows, route))),
  ];
}

function headline(status, waiting, latest, idle) {
  const count = (...states) => total(status, "assets", ...states);
  const { overdue } = status.work;
  const onTheWay = count("waiting"), gone = count("lost"), open = total(status, "tasks", "open");
  const doubted = total(status, "deliveries", "quarantined");
  const wanting = [count("quarantined") ? plural(count("quarantined"), "file") : null, doubted ? plural(doubted, "callback") : null].filter(Boolean).join(" and ");
  const wantingYou = `${wanting} ${needs(status) === 1 ? "needs" : "need"} you. `;
  const first = waiting[0];
  const main = overdue ? [h("span.over", {}, `${plural(overdue, "file is", "files are")} past the deadline.`)]
    : wanting ? [wantingYou]
    : onTheWay ? [`${plural(onTheWay, "file is", "files are")} on the way.`]
    : gone ? ["Everything else is archived."]
    : ["Everything is archived."];
  const paused = Object.keys(status.sources).filter((name) => status.sources[name].paused);
  const notes = [
    first && !overdue ? ["The most urgent has ", time(first.must_by, "left"), ". "] : null,
    overdue && wanting ? wantingYou : null,
    overdue || wanting ? onTheWay ? `${plural(onTheWay, "file is", "files are")} on the way. ` : "Nothing else is waiting. " : null,
    !first && latest.length ? [`${plural(count("archived"), "file")}, the latest `, time(latest[0].archived_at), ". "] : null,
    gone ? `${plural(gone, "file was", "files were")} lost. ` : null,
    open ? `${plural(open, "task is", "tasks are")} being watched. ` : null,
    paused.length ? h("strong", {}, `Paused: ${paused.join(", ")}. `) : null,
    idle ? h("strong.over", {}, "Work is due, but no worker has taken it. Is one running? ") : null,
  ];
  const alerts = status.alerts.map((text) => h("p.over", {}, h("strong", {}, text)));
  return h("header.headline", { "data-key": "headline" }, h("h1", {}, main), h("p", {}, notes), alerts);
}

function figures(status) {
  const one = (label, count, view, given, tone = "") =>
    h(`a.figure${count ? tone : ""}`, { href: address(view, given) }, h("strong", {}, count.toLocaleString("en")), h("span", {}, label));
  const count = (name) => total(status, "assets", name);
  return h("div.figures", { "data-key": "figures" },
    one("archived", count("archived"), "assets", { state: "archived" }, ".good"),
    one("waiting", count("waiting"), "assets", { state: "waiting" }),
    one("in transfer", status.work.running, "assets", { state: "waiting" }),
    one("quarantined", count("quarantined"), "assets", { state: "quarantined" }, ".warn"),
    one("callbacks in doubt", total(status, "deliveries", "quarantined"), "deliveries", { state: "quarantined" }, ".warn"),
    one("lost", count("lost"), "assets", { state: "lost" }, ".bad"),
    total(status, "tasks", "gone") ? one("tasks gone", total(status, "tasks", "gone"), "tasks", { state: "gone" }, ".warn") : null);
}

function attention(quarantined, doubted, lost, status, route) {
  const item = (kind, row, name, button) => h("li", { "data-key": `${kind}:${row.id}` },
    h("div", {}, h("p.id", {}, open(route, kind, row.id, row.task_id ?? `Callback ${row.id.slice(0, 12)}…`)),
      h("p.about", {}, state(name), " ", row.source, yours(row), " · ", time(row.created_at ?? row.received_at)),
      h("p", {}, reason(row.reason), row.reason ? "." : "")),
    button);
  const listed = new Set(quarantined.map((row) => `${row.source} ${row.task_id}`)); // their callback says the same again
  const items = [
    ...quarantined.map((row) => item("assets", row, row.state, act("retry", row.id, "Retry"))),
    ...doubted.filter((row) => !listed.has(`${row.source} ${row.task_id}`)).map((row) => item("deliveries", row, "callback", act("replay", row.id, "Replay"))),
    ...lost.map((row) => item("assets", row, row.state, act("retry", row.id, "Try once more"))),
  ];
  if (!items.length) return h("p.empty", {}, "Nothing. Quarantined and lost files, and callbacks we cannot make sense of, would be listed here.");
  const whole = needs(status) + total(status, "assets", "lost");
  return [h("ul.rows", {}, items), whole > quarantined.length + doubted.length + lost.length ? h("p.empty", {}, `These are the newest of ${whole.toLocaleString("en")}; the figures above lead to all.`) : null];
}

function urgent({ rows, more }, status, route) {
  if (!rows.length) return h("p.empty", {}, "Nothing is waiting.");
  const shown = rows.slice(0, 8);
  return [
    h("ul.rows", {}, shown.map((row) => h("li", { "data-key": row.id },
      h("div", {}, h("p.id", {}, open(route, "assets", row.id, row.task_id)),
        h("p.about", {}, row.source, " · ", role(row), yours(row), row.attempts ? ` · ${plural(row.attempts, "failed try", "failed tries")}` : "",
          status.sources[row.source]?.paused ? h("strong", {}, " · source is paused") : ""),
        row.reason ? h("p", {}, reason(row.reason), ".") : null),
      h("p.left", {}, time(row.must_by, "left"))))),
    more ? h("p.empty", {}, `Among the newest ${rows.length.toLocaleString("en")} that wait.`) : null,
    rows.length > shown.length ? h("p", {}, h("a", { href: address("assets", { state: "waiting" }) }, `All ${total(status, "assets", "waiting").toLocaleString("en")} waiting`)) : null,
  ];
}

function recent(rows, route) {
  if (!rows.length) return h("p.empty", {}, "Nothing yet.");
  return h("ul.rows", {}, rows.map((row) => h("li", { "data-key": row.id },
    h("div", {}, h("p.id", {}, open(route, "assets", row.id, row.task_id)),
      h("p.about", {}, row.source, yours(row), " · ", size(row.size), " · ", time(row.archived_at))),
    play(row))));
}

export function firstSteps(sources, publicUrl) {
  if (!sources.length) {
    return h("div.steps", {}, h("p", {}, "No source is configured. A source is one account at a provider; add it to ", h("code", {}, "reelkeep.toml"), " and start again:"),
      json('[sources.kie]\nprovider = "kie"\nwebhook_keys = ["env:KIE_WEBHOOK_KEY"]\napi_key = "env:KIE_API_KEY"'));
  }
  return h("div.steps", {}, h("p", {}, "Give the provider this address as the callback URL of your tasks:"),
    h("ul.rows", {}, sources.map((name) => h("li", { "data-key": name }, callback(name, publicUrl)))),
    h("p", {}, "A source with tokens wants one of them as the last part: ", h("code", {}, "…/{token}"), ". To try it without a provider, run ",
      h("code", {}, `reelkeep sign ${sources[0]}`), " and send what it prints."));
}

const callback = (name, publicUrl) => {
  const url = `${publicUrl}/webhooks/${name}`;
  return h("p.copyable", {}, h("code", {}, `POST ${url}`), copy(url, `the callback address of ${name}`));
};

// Lists

const COLUMNS = {
  assets: [
    ["State", (row) => state(row.state)],
    ["Task", (row, route) => [open(route, "assets", row.id, row.task_id), row.external_id ? h("span.about", {}, row.external_id) : null], "id"],
    ["Source", (row) => row.source, "short"],
    ["Role", role, "short"],
    ["Size", (row) => size(row.size), "number"],
    ["When", (row) => row.state === "waiting" ? time(row.must_by, "left") : row.archived_at ? time(row.archived_at) : ["came ", time(row.created_at)], "short"],
    ["Reason", (row) => reason(row.reason), "wide"],
  ],
  deliveries: [
    ["Outcome", (row) => state(row.outcome)],
    ["Task", (row, route) => [open(route, "deliveries", row.id, row.task_id ?? `Task unknown (${row.id.slice(0, 8)}…)`), row.external_id ? h("span.about", {}, row.external_id) : null], "id"],
    ["Source", (row) => row.source, "short"],
    ["Received", (row) => time(row.received_at), "short"],
    ["Repeats", (row) => row.repeats ? h("span", { title: `last ${utc(row.last_seen_at)}` }, `${row.repeats}×`) : null, "number"],
    ["Proof", (row) => h("span", { title: words.verdict(row.verdict)[1] }, words.verdict(row.verdict)[0]), "short"],
    ["Reason", (row) => reason(row.reason), "wide"],
  ],
  tasks: [
    ["State", (row) => state(row.state)],
    ["Task", (row, route) => open(route, "tasks", row.id, row.task_id), "id"],
    ["Source", (row) => row.source, "short"],
    ["Your id", (row) => row.external_id, "id"],
    ["Seen", (row) => time(row.created_at), "short"],
    ["Next look", (row) => row.look_at ? time(row.look_at) : row.state === "open" ? "waits for a callback" : null, "short"],
    ["Reason", (row) => reason(row.reason, "tasks"), "wide"],
  ],
};

export function table(kind, { rows, more }, route, sources, publicUrl) {
  if (!rows.length && !Object.keys(route.filters).length) return [h("p.empty", {}, `No ${kind} yet.`), firstSteps(sources, publicUrl)];
  return rowsOf(kind, COLUMNS[kind], { rows, more }, route);
}

/** Rows as a table of [name, cell, class], or why there are none. */
export function rowsOf(kind, columns, { rows, more }, route) {
  if (!rows.length) return h("p.empty", {}, "Nothing matches. ", h("a", { href: address(kind) }, "Show all"));
  // Roles are spelled out, since a table that is laid out as cards loses them in some browsers.
  return [
    h("table", { role: "table", "aria-label": words.capital(kind), "data-key": kind },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(([name, , type]) => h(`th${type ? `.${type}` : ""}`, { scope: "col", role: "columnheader" }, name)))),
      h("tbody", { role: "rowgroup" }, rows.map((row) => h("tr", { role: "row", "data-key": row.id, "aria-current": route.open === `${kind}:${row.id}` ? "true" : null },
        columns.map(([name, cell, type]) => h(`td${type ? `.${type}` : ""}`, { role: "cell", "data-label": name }, cell(row, route))))))),
    h("p.foot", {}, plural(rows.length, "row"), " shown. ", more ? h("button", { type: "button", "data-do": "more" }, "Load more") : "That is all."),
  ];
}

// How its open tasks are being asked about, where they can be.
function asking(polling) {
  if (!polling) return null;
  const rate = `Asked ${polling.requests_per_minute.toLocaleString("en")} times a minute at most.`;
  if (!polling.open) return h("p.about", {}, rate);
  return h("p", {}, `${plural(polling.open, "open task")}, ${polling.due} to be asked about now. `,
    polling.late ? h("strong.over", {}, `${plural(polling.late, "is", "are")} late. `) : null,
    polling.failing ? h("strong.over", {}, `${plural(polling.failing, "got", "got")} no answer: `, reason(polling.trouble, "tasks"), ". ") : null, h("span.about", {}, rate));
}

export function sourcesView(status, publicUrl) {
  const names = Object.keys(status.sources);
  if (!names.length) return firstSteps(names, publicUrl);
  return h("div.cards", {}, names.map((name) => {
    const source = status.sources[name];
    const counts = Object.entries(status.assets?.[name] ?? {});
    return h("section.card", { "data-key": name, "aria-label": name },
      h("h2", {}, name, source.paused ? [" ", state("paused")] : null),
      h("p.about", {}, source.provider, " · ", source.can_ask ? "we ask its API and confirm with it" : "no API key: callbacks are all we hear"),
      h("p", {}, counts.length ? counts.map(([name, count], n) => [n ? " · " : "", `${count.toLocaleString("en")} ${name}`]) : "No assets yet."),
      asking(source.polling),
      source.callbacks === "none" ? h("p.about", {}, "Never calls back: register its tasks, with ", h("code", {}, `reelkeep tasks add ${name} ID`), ".") : callback(name, publicUrl),
      h("p.deed", {}, source.paused ? act("resume", name, "Resume", { class: "primary" }) : act("pause", name, "Pause"),
        " ", h("span.about", {}, source.paused ? "Callbacks are still kept. Nothing is fetched." : "Pausing stops new transfers; callbacks are still kept.")));
  }));
}

// Details

function history(entries, route) {
  if (!entries?.length) return null;
  return section("History", "history", h("ol.history", {}, entries.map((entry) => {
    const [kind, id] = entry.actor.split(":");
    const by = kind === "delivery" && id ? open(route, "deliveries", id, words.actor(entry.actor)) : words.actor(entry.actor);
    return h("li", {}, h("p", {}, entry.was && entry.was !== entry.now ? [state(entry.was), " → "] : null, state(entry.now), " ", h("span.about", {}, time(entry.at), " by ", by)),
      entry.reason ? h("p", {}, reason(entry.reason), ".") : null);
  })));
}

function tries(rows) {
  if (!rows?.length) return null;
  return section("Tries", "tries", h("ol.history", {}, rows.map((row) => h("li", {},
    h("p", {}, words.outcome(row.outcome), " ",
      h("span.about", {}, time(row.started_at), row.ended_at ? `, took ${words.span(Date.parse(row.ended_at) - Date.parse(row.started_at))}` : "")),
    row.reason ? h("p", {}, reason(row.reason), ".") : null))));
}

// By the type that its bytes decided: the button's word, and what shows it.
const PLAYERS = {
  video: ["Watch", (src) => h("video", { controls: true, autoplay: true, playsinline: true, src, "data-key": src })],
  audio: ["Listen", (src) => h("audio", { controls: true, autoplay: true, src, "data-key": src })],
  image: ["Show", (src, alt) => h("img.picture", { src, alt, "data-key": src })],
};

const playerOf = (row) => PLAYERS[row.content_type?.split("/")[0]] ?? PLAYERS.video;
const play = (row, given = {}) => act("watch", row.id, playerOf(row)[0], given);

function player(row, watched) {
  const [, element] = playerOf(row);
  if (watched?.id !== row.id) return play(row, { class: "primary" });
  return h("div.film", { "data-key": "film" },
    watched.failed ? h("p.problem", { role: "alert" }, "The browser could not show it from the store at ", h("code", {}, new URL(watched.url).host),
      ". If that address is private, set store.public_endpoint_url.") : element(watched.url, `${row.role} of ${row.task_id}`),
    h("p.about", {}, h("a", { href: watched.url, target: "_blank", rel: "noopener noreferrer" }, "Open in a new tab"), " · the link dies ", time(watched.expires_at)));
}

function assetDetail(row, route, watched) {
  const media = row.media ?? {};
  const margin = row.archived_at ? Date.parse(row.must_by) - Date.parse(row.archived_at) : 0;
  return [
    h("p.about", {}, state(row.state), " ", row.source, " · ", role(row)),
    row.state === "archived" ? null : why(row.reason),
    row.state === "archived" ? player(row, watched) : row.state === "disposed" ? null
      : h("p", {}, act("retry", row.id, row.state === "lost" ? "Try once more" : row.state === "waiting" ? "Try now" : "Retry", { class: "primary" })),
    facts(
      row.archived_at ? ["Archived", [time(row.archived_at), ","], h("span.about", {}, margin > 0 ? `${words.span(margin)} before its deadline` : `${words.span(margin)} after its deadline`)] : ["Must be kept by", time(row.must_by, "left")],
      ["Link dies", row.state === "archived" ? null : time(row.link_expires_at), h("span.about", {}, `(${words.origin(row.link_origin)})`)],
      ["Next try", row.state === "waiting" ? time(row.due_at) : null],
      ["Proof", words.verdict(row.verdict)[1]],
      ["Size", size(row.size)],
      ["Length", Number.isFinite(media.duration) ? h("span", { title: `${media.duration} s` }, `${media.duration.toFixed(1)} s`) : null],
      ["Picture", media.width ? `${media.width} × ${media.height}${media.fps ? `, ${+media.fps.toFixed(2)} frames/s` : ""}` : null],
      ["Codecs", [media.video_codec ?? media.codec, media.audio_codec].filter(Boolean).join(" + ")],
      ["Type", row.content_type],
      ["Your id", row.external_id],
      ["Bucket", row.state === "archived" ? row.bucket : null],
      ["Object", row.key && h("code", {}, row.key), row.key && copy(row.key, "the object key")],
      ["Version", row.version_id && h("code", {}, row.version_id)],
      ["SHA-256", row.sha256 && h("code", {}, row.sha256), row.sha256 && copy(row.sha256, "the SHA-256")],
      ["Asset id", h("code", {}, row.id), copy(row.id, "the asset id")]),
    h("p", {}, h("a", { href: address("tasks", { source: row.source, q: row.task_id }) }, "Its task"), " · ", h("a", { href: address("deliveries", { source: row.source, q: row.task_id }) }, "Its callbacks")),
    row.metadata ? section("Your metadata", "metadata", json(row.metadata)) : null,
    about(row.notifications, route),
    tries(row.tries),
    history(row.history, route),
  ];
}

function deliveryDetail(row) {
  return [
    h("p.about", {}, state(row.outcome), " ", row.source),
    why(row.reason),
    h("p.deed", {}, act("replay", row.id, "Replay", { class: row.outcome === "quarantined" ? "primary" : null }), " ", h("span.about", {}, "Reads it again with today’s settings. Harmless to repeat.")),
    facts(["Received", time(row.received_at)], ["Repeats", row.repeats ? [`${row.repeats}, last `, time(row.last_seen_at)] : "none"],
      ["Proof", words.verdict(row.verdict)[1]], ["Your id", row.external_id], ["Delivery id", h("code", {}, row.id), copy(row.id, "the delivery id")]),
    row.task_id ? h("p", {}, h("a", { href: address("assets", { source: row.source, q: row.task_id }) }, "Its assets"), " · ", h("a", { href: address("tasks", { source: row.source, q: row.task_id }) }, "Its task")) : null,
    // Only operators are sent it.
    row.body === undefined ? null : section("Body", "received-body", h("p.about", {}, "Secrets and the signed parts of links are taken out."), json(pretty(row.body))),
    section("Headers", "received-headers", json(row.headers ?? {})),
  ];
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function taskDetail(row, route) {
  return [
    h("p.about", {}, state(row.state), " ", row.source),
    why(row.reason, "tasks"),
    facts(["Seen", time(row.created_at)], ["Expected", row.state === "open" ? time(row.expected_at) : null],
      ["Next look", row.look_at ? time(row.look_at) : row.state === "open" ? "none: waits for a callback" : null], ["Looks so far", row.looks],
      ["Completed", time(row.completed_at)], ["Provider deletes it", time(row.storage_expires_at)], ["Credits", row.credits], ["Your id", row.external_id],
      ["Task id", h("code", {}, row.task_id), copy(row.task_id, "the task id")]),
    section("Assets", "task-assets", row.assets.length ? h("ul.rows", {}, row.assets.map((id) => h("li", { "data-key": id }, open(route, "assets", id, h("code", {}, id))))) : h("p.empty", {}, "None yet.")),
    h("p", {}, h("a", { href: address("deliveries", { source: row.source, q: row.task_id }) }, "Its callbacks")),
    row.metadata ? section("Your metadata", "metadata", json(row.metadata)) : null,
    about(row.notifications, route),
    history(row.history, route),
  ];
}

const NAMES = { assets: "Asset", deliveries: "Callback", tasks: "Task", notifications: "Notification" };

export function detail({ kind, row, problem }, route, watched, mayAct) {
  const body = problem ? h("p.problem", { role: "alert" }, problem)
    : kind === "notifications" ? notificationDetail(row, route, mayAct)
    : { assets: assetDetail, deliveries: deliveryDetail, tasks: taskDetail }[kind](row, route, watched);
  return [
    h("header", { "data-key": "header" }, h("p.about", {}, NAMES[kind]),
      h("a.close", { href: address(route.view, route.filters), "aria-label": "Close details", title: "Close (Esc)" }, "×"),
      h("h2", { id: "panel-title", tabindex: "-1" }, row ? row.task_id ?? row.type ?? "Task unknown" : "Not found")),
    h("div", { "data-key": `${kind}:${row?.id}` }, body),
  ];
}

export const updated = (at) => `Updated ${now() - at < 2_000 ? "now" : `${words.span(now() - at)} ago`}`;
