/** Slugs, bytes and instants in plain words. Pure; unknown slugs are shown as they are, never hidden. */

import { now } from "./api.js";

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const slugWords = (slug) => capital(slug.replaceAll("_", " "));

export function bytes(size) {
  if (size < 1000) return plural(size, "byte");
  const step = Math.min(Math.floor(Math.log10(size) / 3), 4);
  return `${(size / 1000 ** step).toPrecision(3)} ${["", "kB", "MB", "GB", "TB"][step]}`;
}

/** A length of time, in one unit where `coarse`, else in at most two. */
export function span(milliseconds, coarse = false) {
  const ms = Math.abs(milliseconds);
  if (ms < 1000) return "under 1 s";
  if (ms < MINUTE) return `${Math.floor(ms / 1000)} s`;
  const [big, small, names] = ms < 10 * MINUTE ? [MINUTE, 1000, ["min", "s"]] : ms < HOUR ? [MINUTE, 0, ["min"]]
    : ms < DAY ? [HOUR, MINUTE, ["h", "min"]] : [DAY, HOUR, ["d", "h"]];
  const rest = small && !coarse && Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)} ${names[0]}${rest ? ` ${rest} ${names[1]}` : ""}`;
}

/** How an instant reads now: kind "left" counts down to it, "ago" up from it. */
export function instant(iso, kind) {
  const left = Date.parse(iso) - now();
  if (kind === "left") return left > 0 ? `${span(left)} left` : `overdue by ${span(left)}`;
  if (left > 1_500) return `in ${span(left)}`;
  return left > -1_500 ? "just now" : `${span(left, true)} ago`;
}

/** How pressing a deadline is. */
export function urgency(iso) {
  const left = Date.parse(iso) - now();
  return left <= 0 ? "over" : left < 5 * MINUTE ? "soon" : "calm";
}

const REASONS = {
  crashes_worker: "Four workers in a row died while they worked on it, twice with nothing else in hand",
  lease_over: "Nothing was heard of it any more",
  // where trust ends
  not_trusted: "Nobody vouches for this link: the callback proves too little, and there is no API key to ask with",
  failure_not_proved: "It reports a failure without proving where it comes from, so it is not believed",
  not_final: "It only reports progress",
  // the link and the file host
  http_401: "The file host refuses the link",
  http_403: "The file host refuses the link; it has probably expired",
  http_404: "The file host has no such file any more",
  http_410: "The file host has deleted the file",
  http_429: "The file host asks us to slow down",
  short_body: "The download stopped before its end",
  end_unknown: "The file host did not say how long the file is, and it looks cut off",
  too_slow: "The download was too slow to go on with",
  host_busy: "As many transfers run from its file host as workers.per_host allows",
  host_rests: "The file host is left alone for a while: it asked for that, or failed several times",
  too_large: "The file is larger than workers.max_size allows",
  too_many_redirects: "The link redirects too often",
  encoded_body: "The file host packs the file in a way that we do not unpack",
  encoding_broken: "The file host packs the file, and the pack is damaged or cut off",
  ranges_unfit: "The download broke off, and the file host never went on where it had stopped",
  lengths_differ: "The file host states two lengths, and the file has only one of them",
  other_bytes_served: "The link now gives another file than on the try before",
  address_not_public: "The link leads to a private address. That is refused unless allowed_hosts names it",
  port_not_allowed: "The link leads to an unusual port, which is refused",
  scheme_not_allowed: "The link is not https, which is refused",
  credentials_in_link: "The link carries a password, which is refused",
  link_malformed: "The link is not a proper address",
  link_conflict: "Another statement named another file for the same place",
  callback_claimed_other_files: "The callback named other files than the provider’s API does",
  // the way there, to a file host or a provider's API
  timed_out: "The other side stopped answering",
  unreachable: "The other side cannot be reached",
  name_not_resolved: "DNS gives no address for the other side’s name",
  certificate_refused: "The other side’s certificate is not valid",
  tls_failed: "No TLS comes about with the other side",
  answer_malformed: "What the other side sends is not HTTP, or does not unpack",
  proxy_refused: "The egress proxy does not let us through",
  proxy_unreachable: "The egress proxy does not answer",
  // the file
  empty_file: "The file is empty",
  truncated: "The file is cut off",
  media_elsewhere: "The file only refers to another one, which holds the film",
  end_undeclared: "Nothing in the file says where the film ends, so it may be cut off",
  malformed_box: "The file is damaged",
  no_video_track: "The file has no picture",
  zero_duration: "The film has no length",
  image_file: "It is a still image",
  audio_file: "It is a sound without picture",
  video_file: "It is a film",
  malformed_file: "The file is damaged",
  zero_dimension: "The picture has no size",
  too_many_parts: "The file has more parts than we walk through",
  unknown_format: "It is of no format we know",
  heif_file: "It is a HEIF picture, which is not archived yet",
  ogg_file: "It is an Ogg sound, which is not archived yet",
  flac_file: "It is a FLAC sound, which is not archived yet",
  aac_file: "It is a bare AAC sound, which is not archived yet",
  not_mp4: "It is not an MP4 film",
  html_page: "It is a web page. The link has probably expired",
  xml_document: "It is an XML document. The link has probably expired",
  json_document: "It is a JSON document",
  plain_text: "It is a text, perhaps an error message. The link has probably expired",
  gzip_archive: "It is a gzip archive",
  playlist: "It is a playlist",
  // our side
  kept_elsewhere: "Its link is dead, and the file waits in the spool of another machine, whose workers will put it",
  store_403: "The store refuses to say whether the file stands: the worker’s identity may lack s3:GetObject or s3:ListBucket",
  spool_unavailable: "The worker’s spool is full, or cannot be written to",
  // the store
  store_unreachable: "The store cannot be reached",
  object_missing: "The store does not show what it said it stored",
  size_differs: "The store holds another size than was sent",
  digest_differs: "The store holds other bytes than were sent",
  other_bytes_under_key: "Other bytes already stand under this name in the bucket",
  object_exists: "Something already stands under this name in the bucket",
  // the provider
  not_json: "It is not JSON",
  too_deep: "Its JSON is nested deeper than we read",
  too_many_values: "Its JSON has more values than we read",
  too_many_outputs: "It names more than 100 files of one task",
  answer_not_json: "The provider’s answer is not JSON",
  answer_too_large: "The provider’s answer is larger than we read",
  batch_incomplete: "The provider’s answer says nothing of this task",
  record_not_ready: "The provider has not written the task’s record yet",
  code_unknown: "The provider gives a code nobody documented",
  other_task: "The provider’s answer is about another task",
  task_ids_differ: "It names two different tasks",
  task_not_found: "The provider does not know this task",
  no_files: "It ended well, without files: its result is text",
  registered_again: "You named it again",
  fresh_link: "A fresh link came",
  never_finished: "For 14 days the provider said that it runs",
  state_unknown: "The provider uses a word of state nobody documented",
  rate_budget: "It waits until the provider may be asked again",
  provider_failed: "The provider says the generation failed",
  no_api_key: "The source has no API key to ask with",
  no_outputs: "It reports success, but names no file",
  shape_unknown: "It follows no shape we know",
  not_an_object: "It follows no shape we know",
  unexpected_error: "A mistake of ours; the log says more",
  retry: "Tried again by hand",
};
const PATTERNS = [
  [/^killed_by_(\w+)$/, (name) => `Killed by ${name.toUpperCase()}`],
  [/^exited_with_(\d+)$/, (code) => `It ended with exit code ${code}`],
  [/^http_(5\d\d)$/, (code) => `The other side has trouble (HTTP ${code})`],
  [/^http_(\d+)$/, (code) => `Refused with HTTP ${code}`],
  [/^store_(.+)$/, (code) => `The store refused: ${code.replaceAll("_", " ")}`],
  [/^(?:code|provider)_(.+)$/, (code) => `The provider says: ${code.replaceAll("_", " ")}`],
  [/^(.+)_(missing|not_.+|unknown)$/, (what, how) => `${slugWords(what)} ${how === "missing" ? "is missing" : `is ${how.replaceAll("_", " ")}`}`],
];

// A task's reason is about the provider's API, where an asset's is about its file host.
const LOOKS = { 401: "The provider refuses our API key", 403: "The provider refuses our API key", 429: "The provider asks us to slow down" };

export function reason(slug, kind) {
  const [, refused] = kind === "tasks" && slug.match(/^http_(4\d\d)$/) || [];
  if (refused) return LOOKS[refused] ?? `The provider refuses with HTTP ${refused}`;
  if (Object.hasOwn(REASONS, slug)) return REASONS[slug];
  for (const [pattern, words] of PATTERNS) {
    const found = slug.match(pattern);
    if (found) return words(...found.slice(1));
  }
  return slugWords(slug);
}

// Why a notification was not taken. The same slugs as above mean the other side here: an application of the user's.
const REFUSALS = {
  crashes_worker: "The worker that sent it died, time and again",
  unreachable: "Nothing answers there",
  timed_out: "It took too long to answer",
  unexpected_error: "A mistake of ours; the log says more",
  name_not_resolved: "DNS gives no address for its name",
  certificate_refused: "Its certificate is not valid",
  tls_failed: "No TLS comes about with it",
  answer_malformed: "What answers there is not HTTP",
  proxy_refused: "The egress proxy does not let it through",
  proxy_unreachable: "The egress proxy does not answer",
  target_removed: "The target was taken out of the settings",
  address_not_public: "The URL leads to a private address",
  port_not_allowed: "The URL leads to an unusual port",
  scheme_not_allowed: "The URL is not https",
  credentials_in_link: "The URL carries a password",
  link_malformed: "The URL is not a proper address",
};

export function refusal(slug) {
  if (Object.hasOwn(REFUSALS, slug)) return REFUSALS[slug];
  const [, code] = slug.match(/^http_(\d{3})$/) ?? [];
  if (!code) return slugWords(slug);
  return { 3: `It redirects (HTTP ${code})`, 5: `It has trouble (HTTP ${code})` }[code[0]] ?? `It refuses, with HTTP ${code}`;
}

/** What a person can do about it, beyond pressing the button. */
const HELP = {
  not_trusted: "Retry fetches it as it stands, so look first where it comes from. An api_key for the source would settle such cases by itself.",
  shape_unknown: "It is kept as it came. Replay it after an update that understands it.",
  address_not_public: "If it is right, add the address to the source’s allowed_hosts, then retry.",
  port_not_allowed: "If it is right, add host:port to the source’s allowed_hosts, then retry.",
  scheme_not_allowed: "For tests, insecure_http on the source allows it.",
  too_large: "Raise workers.max_size, then retry.",
  end_undeclared: "Look at it. If the provider’s films are like that, set accept_undeclared_end on the source, then retry.",
  proxy_refused: "See egress.proxy’s password and the proxy’s own log.",
  spool_unavailable: "Make room where workers.spool points to.",
  other_bytes_under_key: "Somebody else wrote to this bucket. Move that object away, then retry.",
  html_page: "Retry asks for a fresh link where the provider gives one; an api_key on the source makes that possible.",
  plain_text: "Retry asks for a fresh link where the provider gives one; an api_key on the source makes that possible.",
  unexpected_error: "Please report it with the log’s lines.",
  crashes_worker: "Look at its tries and the log around them: out of memory, or a mistake of ours to report. Retry once that is mended.",
};
export const help = (slug) => HELP[slug] ?? null;

const VERDICTS = { // short, and in full
  unsigned: ["None", "Nothing proves where it comes from"],
  stale: ["Old signature", "Signed, but too long ago"],
  token: ["Our token", "It carried the token that only the provider was told"],
  signed_id: ["Signed id", "Signed: the signature covers task id and time"],
  signed_body: ["Signed", "Signed: the signature covers the whole body"],
  polled: ["Provider’s API", "The provider’s API said so when we asked"],
};
export const verdict = (slug) => VERDICTS[slug] ?? [slugWords(slug), slugWords(slug)];

const OUTCOMES = { transient: "Failed, to be tried again", permanent: "Failed for good", handed_back: "Handed back unfinished", crashed: "Its worker died", overtaken: "Its worker was silent too long, and lives" };
export const outcome = (slug) => slug ? OUTCOMES[slug] ?? slugWords(slug) : "Running";

const ORIGINS = { stated: "the provider said so", query: "read from the link", default: "the provider’s usual" };
export const origin = (slug) => ORIGINS[slug] ?? slugWords(slug);

export function actor(name) {
  const [kind, who] = name.split(":");
  return { delivery: "a callback", poll: "asking the provider", operator: "an operator", worker: `worker ${who?.slice(0, 8)}` }[kind] ?? name;
}
