/** Ask the receiver. Every failure is an ApiError whose message a person can read. */

const TOKEN = "reelkeep.token";
let skew = 0; // milliseconds that the receiver's clock is ahead of ours: its deadlines are told by its clock

export const now = () => Date.now() + skew;

export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (value) => sessionStorage.setItem(TOKEN, value),
  forget: () => sessionStorage.removeItem(TOKEN),
};

export class ApiError extends Error {
  constructor(status, reason, message) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

const WORDS = {
  token_missing: "The receiver wants a token.",
  token_unknown: "This is not one of the receiver’s tokens.",
  operator_needed: "This token may only look. Forget it, and come back with an operator’s token.",
  ledger_unavailable: "The receiver answers, but cannot reach its ledger.",
};

export async function ask(path, { method = "GET", body } = {}) {
  const headers = { Accept: "application/json", Authorization: `Bearer ${token.get()}` };
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(10_000) });
  } catch {
    throw new ApiError(0, "unreachable", "The receiver does not answer.");
  }
  const dated = Date.parse(answer.headers.get("date") ?? "");
  if (dated) skew = Math.abs(dated - Date.now()) > 2_000 ? dated - Date.now() : 0;
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  const words = WORDS[said.reason] ?? said.detail ?? `The receiver answered ${answer.status}.`;
  throw new ApiError(answer.status, said.reason ?? "", words);
}

/** The first `want` rows of a list, following its cursors; `more` tells whether there are further ones. */
export async function list(kind, filters, want) {
  const rows = [];
  let cursor = null;
  do {
    const given = Object.entries({ ...filters, cursor, limit: Math.min(want - rows.length, 200) });
    const page = await ask(`/api/${kind}?${new URLSearchParams(given.filter(([, value]) => value))}`);
    rows.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && rows.length < want);
  return { rows, more: Boolean(cursor) };
}
