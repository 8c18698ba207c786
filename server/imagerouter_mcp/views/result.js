/**
 * Read what a tool returned. Some hosts hand over `content` alone, so everything that a view needs to show
 * a picture and to collect a pending one is also read from the text, the image block and the links.
 */

const HANDLE = /^(?:img|gen|up)_\w{1,40}$/;
const SHOWN_INLINE = /^image\/(?:png|jpeg|webp|gif)$/;
const MONEY = new RegExp(
  [
    String.raw`Nothing was charged\.`,
    String.raw`(?:Up to )?\$[\d.]+ was (?:charged|kept)(?: in all)?\.`,
    String.raw`(?:It|Another) (?:may still complete and be charged|may have been charged)\.`,
    String.raw`(?:It|Another) (?:was charged up to the model's highest price|has been paid for)\.`,
    String.raw`This is the failure of the same call made before; nothing was sent or charged again\.`,
  ].join("|"),
  "g",
);
/** Kinds of errors in which a person's limit or a content filter said no. */
const REFUSALS = ["budget", "moderation"];

/**
 * Return what to show of a tool's result.
 *
 * @param {Object} result As the host or our server handed it over; any part may be missing or wrong.
 * @param {Object} [input] The arguments of the call.
 * @returns {{
 *   state: "pictures"|"list"|"pending"|"error"|"refused"|"empty"|"price"|"cancelled",
 *   pictures: Object[], sheet: string, generation: string, heading: string, notes: string[],
 *   failures: string[], sources: string[], text: string, prompt: string, model: string,
 *   cost: number|null, elapsed: number|null, askAgain: number|null, total: number|null,
 *   unfinished: Object[], price: {low, likely, high}|null, why: string,
 *   error: {kind, what, money, next}|null,
 * }}
 */
export function readResult(result, input = {}) {
  const content = asList(asObject(result).content).map(asObject);
  const fields = asObject(asObject(result).structuredContent);
  const text = content.filter(({ type }) => type === "text").map((block) => asText(block.text)).join("\n");
  const lines = text.split("\n");
  const shown = {
    ...nothingShown(),
    heading: lines[0],
    text,
    sheet: sheetOf(content),
    generation: asHandle(fields.generation) || /\bgen_\w+/.exec(text)?.[0] || "",
    notes: asTexts(fields.notes) ?? after(lines, "Note: "),
    failures: asTexts(fields.failures) ?? after(lines, "Failed: "),
    sources: asTexts(fields.sources) ?? after(lines, "From: ").flatMap((line) => line.split("; ")),
    prompt: asText(fields.prompt) || asText(asObject(input).prompt),
    model: asText(fields.model),
    cost: asNumber(fields.cost_usd),
    why: asText(fields.why),
  };
  if (asObject(result).isError || isObject(fields.error)) return { ...shown, ...failed(fields, text) };
  if (fields.dry_run || text.startsWith("This would ask ")) return { ...shown, ...planned(fields, text) };
  if (isUnfinished(fields, text)) return { ...shown, ...pending(fields, text) };
  if (Array.isArray(fields.unfinished)) return { ...shown, ...listed(fields) };
  return { ...shown, ...finished(fields, content, lines, shown) };
}

/** Return what a view shows before there is a result, or of a call that was cancelled. */
export function nothingShown(state = "empty") {
  return {
    state,
    pictures: [],
    sheet: "",
    generation: "",
    heading: "",
    notes: [],
    failures: [],
    sources: [],
    text: "",
    prompt: "",
    model: "",
    cost: null,
    elapsed: null,
    askAgain: null,
    total: null,
    unfinished: [],
    price: null,
    why: "",
    error: null,
  };
}

/** Return what to show of a failure that a view met itself. */
export function shownError(error) {
  const text = String(error?.message ?? error);
  return { ...nothingShown("error"), heading: text, text, error: { kind: "view", ...sentencesOf(text) } };
}

/** Whether it is a video. */
export function isVideo({ mediaType }) {
  return mediaType.startsWith("video/");
}

function failed(fields, text) {
  const error = asObject(fields.error);
  const kind = asText(error.kind);
  const told = { kind, ...sentencesOf(asText(error.message) || text) };
  return { state: REFUSALS.includes(kind) ? "refused" : "error", error: told };
}

/** Split an error into what happened, what was charged and what to do; they come in this order. */
function sentencesOf(text) {
  const found = [...text.matchAll(MONEY)];
  if (!found.length) return { what: text, money: "", next: "" };
  let first = found.length - 1;
  while (first && !text.slice(endOf(found[first - 1]), found[first].index).trim()) first -= 1;
  const [start, end] = [found[first].index, endOf(found.at(-1))];
  return { what: text.slice(0, start).trim(), money: text.slice(start, end), next: text.slice(end).trim() };
}

function endOf(match) {
  return match.index + match[0].length;
}

function planned(fields, text) {
  const { low, likely, high } = asObject(fields.estimate_usd);
  const amounts = [...text.matchAll(/\$(\d+\.\d+)/g)].map(([, amount]) => Number(amount));
  const price = {
    low: asNumber(low) ?? amounts[0] ?? null,
    likely: asNumber(likely) ?? amounts[0] ?? null,
    high: asNumber(high) ?? amounts.at(-1) ?? null,
  };
  const model = asText(fields.model) || /^This would ask (\S+)/.exec(text)?.[1] || "";
  return { state: "price", price: price.low === null ? null : price, model };
}

function isUnfinished({ state }, text) {
  return typeof state === "string" ? state !== "done" : text.startsWith("Not done yet:");
}

function pending(fields, text) {
  const told = /get_generation with (gen_\w+) in about (\d+) s/.exec(text);
  return {
    state: "pending",
    elapsed: asNumber(fields.elapsed_seconds),
    askAgain: asNumber(fields.ask_again_seconds) ?? (told ? Number(told[2]) : null),
  };
}

function listed(fields) {
  const pictures = asList(fields.images).map((image) => pictureFrom(asObject(image), {}));
  const unfinished = asList(fields.unfinished).map((entry) => unfinishedFrom(asObject(entry)));
  const state = pictures.length || unfinished.length ? "list" : "empty";
  return { state, pictures, unfinished, total: asNumber(fields.total) };
}

function unfinishedFrom(entry) {
  return {
    generation: asHandle(entry.generation),
    state: asText(entry.state),
    prompt: asText(entry.prompt),
    model: asText(entry.model),
    created: asText(entry.created),
    mayCost: asNumber(entry.may_cost_usd),
    error: asText(entry.error),
    next: asText(entry.next_step),
  };
}

function finished(fields, content, lines, { prompt, model, cost, sources }) {
  const latencyMs = asNumber(fields.latency_ms);
  const [source = ""] = sources.map((line) => asHandle(line.split(" · ")[0])).filter(Boolean);
  const shared = { prompt, model, cost, latencyMs, sourceHandle: source };
  const images = asList(fields.images).map(asObject);
  const pictures = images.length
    ? images.map((image) => pictureFrom(image, images.length > 1 ? { ...shared, cost: null } : shared))
    : picturesOfContent(content, lines, shared);
  if (pictures.length) return { state: "pictures", pictures };
  const rows = lines.map(pictureOfRow).filter(Boolean);
  return rows.length ? { state: "list", pictures: rows } : { state: "empty" };
}

function pictureFrom(image, shared) {
  const path = asText(image.path);
  return {
    ...emptyPicture(),
    ...shared,
    handle: asHandle(image.handle),
    number: asNumber(image.number),
    mediaType: asText(image.media_type),
    width: asNumber(image.width),
    height: asNumber(image.height),
    bytes: asNumber(image.bytes),
    seconds: asNumber(image.seconds),
    model: asText(image.model) || shared.model || "",
    cost: asNumber(image.cost_usd) ?? shared.cost ?? null,
    latencyMs: asNumber(image.latency_ms) ?? shared.latencyMs ?? null,
    prompt: asText(image.prompt) || shared.prompt || "",
    revisedPrompt: asText(image.revised_prompt),
    path,
    name: path.split(/[/\\]/).pop(),
    url: asText(image.url),
    downloadUrl: asText(image.download_url),
    originalHandle: asHandle(asObject(image.original).handle),
    created: asText(image.created),
    missing: image.missing === true,
  };
}

function emptyPicture() {
  return {
    handle: "",
    number: null,
    mediaType: "",
    width: null,
    height: null,
    bytes: null,
    seconds: null,
    model: "",
    cost: null,
    latencyMs: null,
    prompt: "",
    revisedPrompt: "",
    path: "",
    name: "",
    url: "",
    downloadUrl: "",
    originalHandle: "",
    sourceHandle: "",
    created: "",
    missing: false,
  };
}

/** Return the pictures that links and text lines name, in the order in which the text tells of them. */
function picturesOfContent(content, lines, shared) {
  const pictures = content.filter(({ type }) => type === "resource_link").map((link) => pictureOfLink(link, shared));
  const byHandle = new Map(pictures.filter(({ handle }) => handle).map((picture) => [picture.handle, picture]));
  let current = pictures[0];
  const named = (handle, more) => {
    current = byHandle.get(handle) ?? { ...emptyPicture(), ...shared, handle };
    byHandle.set(handle, Object.assign(current, more));
  };
  for (const line of lines) {
    const row = /^(\d+) · (img_\w+)(?: · (.*))?$/.exec(line);
    const only = /^Handle: (img_\w+) /.exec(line);
    if (row) named(row[2], { number: Number(row[1]), ...summaryOf(row[3] ?? "") });
    else if (only) named(only[1], {});
    else if (current) Object.assign(current, placeOf(line));
  }
  const heading = / with (\S+)(?: for (?:at least )?(\$[\d.]+|free))?(?: in ([\d.]+) s)?\./.exec(lines[0] ?? "");
  if (byHandle.size === 1 && heading) {
    const told = { model: heading[1], cost: amountOf(heading[2]), latencyMs: heading[3] ? heading[3] * 1000 : null };
    for (const [name, value] of Object.entries(told)) current[name] ||= value;
  }
  return [...byHandle.values()];
}

function pictureOfLink(link, shared) {
  const handle = asHandle(asText(link.uri).replace("imagerouter://images/", ""));
  const told = { mediaType: asText(link.mimeType), bytes: asNumber(link.size), name: asText(link.name) };
  return { ...emptyPicture(), ...shared, prompt: shared.prompt || asText(link.description), handle, ...told };
}

function summaryOf(words) {
  const parts = words.split(" · ");
  const seconds = parts.map((part) => /^([\d.]+) s$/.exec(part)?.[1]).find(Boolean);
  const price = parts.map(amountOf).find((amount) => amount !== null);
  return { model: parts[0], cost: price ?? null, latencyMs: seconds ? seconds * 1000 : null };
}

function placeOf(line) {
  const file = /^(Saved|Download within a day): (.+) \((?:(\d+)×(\d+) )?[^()]*\)$/.exec(line);
  if (file) {
    const [, kind, where, width, height] = file;
    const size = width ? { width: Number(width), height: Number(height) } : {};
    return kind === "Saved" ? { path: where, ...size } : { downloadUrl: where, ...size };
  }
  const link = /^Link: (\S+) \(anyone who has it can open it\)$/.exec(line);
  return link ? { url: link[1] } : {};
}

function pictureOfRow(line) {
  const row = /^(img_\w+) · (\d{4}-\d\d-\d\d \d\d:\d\d) · (.*)$/.exec(line);
  if (!row) return null;
  const prompt = /"(.*)"/.exec(row[3])?.[1] ?? "";
  const [model, price] = row[3].split(" · ");
  const made = amountOf(price) === null ? { cost: amountOf(model) } : { model, cost: amountOf(price) };
  return { ...emptyPicture(), handle: row[1], created: row[2], prompt, ...made };
}

function amountOf(words) {
  if (words === "free") return 0;
  const amount = /^\$(\d+\.\d+)$/.exec(words ?? "");
  return amount ? Number(amount[1]) : null;
}

function sheetOf(content) {
  const block = content.find(({ type }) => type === "image");
  const usable = block && SHOWN_INLINE.test(block.mimeType) && /^[A-Za-z0-9+/]+={0,2}$/.test(block.data);
  return usable ? `data:${block.mimeType};base64,${block.data}` : "";
}

function after(lines, beginning) {
  return lines.filter((line) => line.startsWith(beginning)).map((line) => line.slice(beginning.length));
}

function asHandle(value) {
  return typeof value === "string" && HANDLE.test(value) ? value : "";
}

function asText(value) {
  return typeof value === "string" ? value : "";
}

function asTexts(value) {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : null;
}

function asNumber(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function asList(value) {
  return Array.isArray(value) ? value : [];
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asObject(value) {
  return isObject(value) ? value : {};
}
