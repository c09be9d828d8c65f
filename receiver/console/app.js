/** The console's one loop: read the address, ask, show; every few seconds while somebody looks, and after each deed. */

import { ApiError, ask, list, now, token } from "./api.js";
import { fill, h } from "./dom.js";
import * as views from "./views.js";
import { instant, urgency } from "./words.js";

const EVERY = 3_000, PAGE = 50, PATIENCE = 15_000;
const KINDS = ["assets", "deliveries", "tasks"];
const VIEWS = ["overview", ...KINDS, "sources"];
const $ = (id) => document.getElementById(id);
const publicUrl = document.querySelector("meta[name=reelkeep-public-url]").content;

let route = null; // where we are: {view, filters, open}
let want = PAGE; // rows asked for; "Load more" raises it
let shown = null; // what was last shown, to show again between two answers
let watched = null; // the film in the panel
let updatedAt = 0, idleSince = 0, turn = 0, timer = 0;

function readRoute() {
  const [view, query] = location.hash.replace(/^#\/?/, "").split("?");
  const given = new URLSearchParams(query);
  const filters = Object.fromEntries(["source", "state", "q"].map((name) => [name, given.get(name)]).filter(([, value]) => value));
  const [kind, id] = (given.get("open") ?? "").split(/:(.*)/s);
  return { view: VIEWS.includes(view) ? view : "overview", filters, open: KINDS.includes(kind) && id ? `${kind}:${id}` : null };
}

/** A link with #token=… signs in once; the token does not stay in the address or the history. */
function takeToken() {
  const found = location.hash.match(/^#token=(.+)$/);
  if (!found) return;
  try {
    token.set(decodeURIComponent(found[1]));
  } catch {
    token.set(found[1]); // not encoded, and has a percent sign of its own
  }
  history.replaceState(null, "", location.pathname);
}

// Asking

async function askView({ view, filters }) {
  const status = await ask("/api/status");
  if (view === "sources") return { status };
  if (view !== "overview") return { status, page: await list(view, filters, want) };
  const some = (kind, state, most) => views.total(status, kind, state) ? list(kind, { state }, most) : { rows: [], more: false };
  const [waiting, quarantined, doubted, lost, latest] = await Promise.all([
    some("assets", "waiting", 1000), some("assets", "quarantined", 8), some("deliveries", "quarantined", 8),
    some("assets", "lost", 5), some("assets", "archived", 20),
  ]);
  waiting.rows.sort((a, b) => Date.parse(a.must_by) - Date.parse(b.must_by));
  latest.rows.sort((a, b) => Date.parse(b.archived_at) - Date.parse(a.archived_at)).splice(6);
  return { status, waiting, quarantined, doubted, lost, latest };
}

async function askDetail({ open }) {
  if (!open) return null;
  const [kind, id] = open.split(/:(.*)/s);
  try {
    return { kind, row: await ask(`/api/${kind}/${encodeURIComponent(id)}`) };
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return { kind, problem: problem.message };
  }
}

async function refresh() {
  clearTimeout(timer);
  const mine = ++turn, here = route;
  try {
    const [answer, detail] = await Promise.all([askView(here), askDetail(here)]);
    if (mine !== turn) return; // the person went elsewhere meanwhile
    updatedAt = now();
    shown = { ...answer, detail };
    trouble(null);
    reveal();
    show();
  } catch (problem) {
    if (mine !== turn) return;
    if (!(problem instanceof ApiError)) throw problem;
    if (problem.status === 401) return signOut(problem.message);
    reveal();
    trouble(problem);
  } finally {
    if (mine === turn && !document.hidden && token.get()) timer = setTimeout(refresh, EVERY);
  }
}

// Showing

function show() {
  const { status, page, detail } = shown;
  const sources = Object.keys(status.sources);
  const { due, running } = status.work;
  idleSince = due && !running && !sources.every((name) => status.sources[name].paused) ? idleSince || now() : 0;
  const wanting = views.needs(status);
  document.title = `${status.work.overdue ? `${status.work.overdue} overdue · ` : wanting ? `${wanting} to see to · ` : ""}Reelkeep`;
  fill($("nav"), VIEWS.map((view) => h("a", { href: views.address(view), "data-key": view, "aria-current": view === route.view ? "page" : null },
    view.charAt(0).toUpperCase() + view.slice(1), view === "overview" && wanting ? h("span.badge", { title: "need you" }, wanting) : null)));
  if (route.view === "overview") fill($("main"), views.overview(shown, route, publicUrl, idleSince && now() - idleSince > PATIENCE));
  else {
    const title = h("h1", { "data-key": "title" }, route.view.charAt(0).toUpperCase() + route.view.slice(1));
    const body = page ? views.table(route.view, page, route, sources, publicUrl) : views.sourcesView(status, publicUrl);
    fill($("main"), title, page ? filterForm(route.view, sources) : null, h("div", { "data-key": `body-${route.view}` }, body));
  }
  showDetail(detail);
  tick();
}

function showDetail(detail) {
  const panel = $("panel"), wasHidden = panel.hidden;
  panel.hidden = !detail;
  document.body.classList.toggle("with-panel", Boolean(detail));
  if (!detail) return fill(panel);
  fill(panel, views.detail(detail, route, watched));
  panel.setAttribute("aria-labelledby", "panel-title");
  if (wasHidden || panel.dataset.open !== route.open) {
    panel.scrollTop = 0;
    $("panel-title").focus({ preventScroll: true });
  }
  panel.dataset.open = route.open;
}

function filterForm(kind, sources) {
  const select = (name, label, values) => h("label", {}, h("span", {}, label), h("select", { name, "data-filter": true },
    h("option", { value: "" }, "All"), values.map((value) => h("option", { value, selected: route.filters[name] === value }, value))));
  return h("form.filters", { role: "search", "data-key": `filters-${kind}` },
    select("state", kind === "deliveries" ? "Outcome" : "State", views.STATES[kind]), select("source", "Source", sources),
    h("label.grow", {}, h("span", {}, "Search"), h("input", { name: "q", type: "search", "data-filter": true, maxlength: 200, value: route.filters.q ?? "", spellcheck: "false", autocomplete: "off",
      placeholder: { assets: "start of a task id, your id, asset id or SHA-256", deliveries: "start of a task id, your id or delivery id", tasks: "start of a task id or of your id" }[kind] })));
}

/** Bring the fields to the address, after a link or the back button changed it. */
function showFilters() {
  for (const field of document.querySelectorAll("[data-filter]")) {
    if (field !== document.activeElement) field.value = route.filters[field.name] ?? "";
  }
}

function tick() {
  for (const element of document.querySelectorAll("time[data-kind]")) {
    const words = instant(element.dateTime, element.dataset.kind);
    if (element.textContent !== words) element.textContent = words;
    if (element.dataset.kind === "left") element.className = urgency(element.dateTime);
  }
  if (updatedAt) $("pulse").textContent = views.updated(updatedAt);
}

function trouble(problem) {
  $("trouble").hidden = !problem;
  $("pulse").classList.toggle("stale", Boolean(problem));
  if (problem) $("trouble").textContent = `${problem.message} ${shown ? "What you see is how it was before. " : ""}Trying again every few seconds.`;
}

let toastTimer = 0;
function toast(text) {
  $("toast").textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { $("toast").textContent = ""; }, 6_000);
}

// Doing

const post = (path) => ask(path, { method: "POST" });
const DEEDS = {
  "sign-out": () => signOut(""),
  more: () => { want += PAGE; return refresh(); },
  retry: async (id) => { await post(`/api/assets/${id}/retry`); toast("It waits again and will be tried now."); return refresh(); },
  replay: async (id) => {
    const { outcome } = await post(`/api/deliveries/${id}/replay`);
    toast(outcome === "quarantined" ? "Read again; it still does not pass." : `Read again: ${outcome}.`);
    return refresh();
  },
  pause: async (id) => { await post(`/api/sources/${id}/pause`); toast(`${id} is paused.`); return refresh(); },
  resume: async (id) => { await post(`/api/sources/${id}/resume`); toast(`${id} goes on.`); return refresh(); },
  copy: async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied.");
    } catch {
      toast("The browser does not let this page copy; select the text instead.");
    }
  },
  watch: async (id) => {
    const link = await ask(`/api/assets/${id}/content`);
    if (!/^https?:/.test(link.url)) return;
    watched = { id, ...link, failed: false };
    if (route.open === `assets:${id}`) show();
    else location.hash = views.address(route.view, { ...route.filters, open: `assets:${id}` });
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  button.disabled = true;
  try {
    await DEEDS[button.dataset.do](button.dataset.id);
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    if (problem.status === 401) signOut(problem.message);
    else toast(problem.message);
  } finally {
    button.disabled = false;
  }
});

document.addEventListener("error", (event) => {
  if (!["VIDEO", "AUDIO", "IMG"].includes(event.target.nodeName) || !watched) return;
  watched.failed = true;
  show();
}, true);

let typing = 0;
const filter = (event) => {
  if (event.target.dataset.filter === undefined) return;
  clearTimeout(typing);
  typing = setTimeout(() => {
    if (!event.target.isConnected) return;
    const form = new FormData(event.target.form);
    history.replaceState(null, "", views.address(route.view, { ...Object.fromEntries(form), open: route.open }));
    go();
  }, event.target.type === "search" ? 250 : 0);
};
document.addEventListener("input", filter);
document.addEventListener("change", filter);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && route?.open) location.hash = views.address(route.view, route.filters);
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id !== "sign-in") return;
  token.set($("token").value.trim());
  $("token").value = "";
  go();
});

// Coming and going

function signOut(message) {
  token.forget();
  clearTimeout(timer);
  turn++;
  shown = watched = null;
  fill($("main"));
  fill($("panel"));
  $("console").hidden = true;
  $("sign-in").hidden = false;
  $("token-problem").textContent = message;
  $("token").focus();
}

function reveal() {
  $("sign-in").hidden = true;
  $("console").hidden = false;
}

function go() {
  takeToken();
  if (!token.get()) return signOut("");
  const before = route;
  route = readRoute();
  const same = before && before.view === route.view && JSON.stringify(before.filters) === JSON.stringify(route.filters);
  if (!same) want = PAGE;
  if (before?.view !== route.view) scrollTo(0, 0);
  if (watched && route.open !== `assets:${watched.id}`) watched = null;
  if (before?.open && !route.open) {
    showDetail(null);
    document.querySelector(`main [data-open="${CSS.escape(before.open)}"]`)?.focus({ preventScroll: true });
  }
  showFilters();
  return refresh();
}

addEventListener("hashchange", go);
document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : token.get() && refresh());
setInterval(tick, 1_000);
go();
