/**
 * Read what a tool returned. Some hosts hand over `content` alone, so everything that a view needs to show
 * a picture and to collect a pending one is also read from the text, the image block and the links.
 */

const HANDLE = /^(?:img|gen|up)_\w{1,40}$/;
const SHOWN_INLINE = /^image\/(?:png|jpeg|webp|gif)$/;
/** What our errors say about money, a sentence each. */
const MONEY = [
  String.raw`Nothing was charged`,
  String.raw`(?:Up to )?\$[\d.]+ was (?:charged|kept)(?: in all)?`,
  String.raw`(?:It|Another) (?:may still complete and be|may have been) charged`,
  String.raw`(?:It|Another) (?:was charged up to the model's highest price|has been paid for)`,
  String.raw`This is the failure of the same call made before; nothing was sent or charged again`,
];
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
 *   cost: number|null, elapsed: number|null, usual: number|null, total: number|null,
 *   unfinished: Object[], price: {low, likely, high}|null, why: string,
 *   error: {kind, what, money, next}|null,
 * }}
 */
export function readResult(result, input) {
  const { content: blocks, structuredContent, isError } = asObject(result);
  const content = asList(blocks).map(asObject);
  const fields = asObject(structuredContent);
  const text = content.flatMap(({ type, text: line }) => (type === "text" ? [asText(line)] : [])).join("\n");
  const lines = text.split("\n");
  const after = (word) => lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length));
  const shown = {
    ...nothingShown(),
    heading: lines[0],
    text,
    sheet: sheetOf(content),
    generation: asHandle(fields.generation) || (/\bgen_\w+/.exec(text)?.[0] ?? ""),
    notes: asTexts(fields.notes) ?? after("Note: "),
    failures: asTexts(fields.failures) ?? after("Failed: "),
    sources: asTexts(fields.sources) ?? after("From: ").flatMap((line) => line.split("; ")),
    prompt: asText(fields.prompt) || asText(asObject(input).prompt),
    model: asText(fields.model),
    cost: asNumber(fields.cost_usd),
    why: asText(fields.why),
  };
  return { ...shown, ...stateOf(isError, fields, text, content, lines, shown) };
}

function stateOf(isError, fields, text, content, lines, shown) {
  const { error, dry_run: dryRun, state, unfinished, images } = fields;
  if (isError || isObject(error)) return failed(asObject(error), text);
  if (dryRun || text.startsWith("This would ask ")) return { state: "price", price: priceOf(fields) };
  if (typeof state === "string" ? state !== "done" : text.startsWith("Not done yet:")) {
    const [elapsed, usual] = [/(\d+) s so far/, /usually takes about (\d+) s/].map((words) => secondsIn(text, words));
    return { state: "pending", elapsed: asNumber(fields.elapsed_seconds) ?? elapsed, usual: asNumber(fields.usual_seconds) ?? usual };
  }
  const shared = { ...shown, latencyMs: fields.latency_ms, sourceHandle: firstHandle(shown.sources) };
  if (asList(images).length > 1) shared.cost = null;
  const pictures = asList(images).map((image) => pictureFrom(asObject(image), shared));
  if (Array.isArray(unfinished)) return listed(pictures, unfinished, fields.total);
  if (!pictures.length) pictures.push(...picturesOfContent(content, lines, shared));
  if (pictures.length) return { state: "pictures", pictures };
  const rows = [...text.matchAll(/^(img_\w+) · .*?"(.*)"/gm)];
  if (!rows.length) return {};
  return { state: "list", pictures: rows.map(([, handle, prompt]) => pictureFrom({ handle, prompt }, {})) };
}

/** Return what a view shows before there is a result, or of a call that was cancelled. */
export function nothingShown(state = "empty") {
  const texts = taken({}, asText, "heading text sheet generation prompt model why");
  const numbers = taken({}, asNumber, "cost elapsed usual total price error");
  return { state, ...texts, ...numbers, pictures: [], notes: [], failures: [], sources: [], unfinished: [] };
}

/** Return what to show of a failure that a view met itself. */
export function shownError(error) {
  const text = String(error?.message ?? error);
  return { ...nothingShown(), heading: text, text, ...failed({ kind: "view" }, text) };
}

/** Return what to show of a paid call whose answer never came. */
export function lostCall(error) {
  const shown = shownError(error);
  const next = "Look among your pictures and under Spending before you make it again.";
  return { ...shown, error: { ...shown.error, money: "The picture may have been made and charged.", next } };
}

/** Return whether a picture is a video. */
export function isVideo({ mediaType }) {
  return mediaType.startsWith("video/");
}

function failed({ kind, message }, text) {
  const error = { kind: asText(kind), ...sentencesOf(asText(message) || text) };
  return { state: REFUSALS.includes(kind) ? "refused" : "error", error };
}

/** Split an error into what happened, what was charged and what to do; they come in this order. */
function sentencesOf(text) {
  const found = [...text.matchAll(new RegExp(`(?:${MONEY.join("|")})\\.`, "g"))];
  if (!found.length) return { what: text, money: "", next: "" };
  const end = ({ 0: words, index }) => index + words.length;
  let first = found.length - 1;
  while (first && !text.slice(end(found[first - 1]), found[first].index).trim()) first -= 1;
  const [from, to] = [found[first].index, end(found.at(-1))];
  return { what: text.slice(0, from).trim(), money: text.slice(from, to), next: text.slice(to).trim() };
}

function priceOf(fields) {
  const price = taken(asObject(fields.estimate_usd), asNumber, "low likely high");
  return price.low === null || price.high === null ? null : price;
}

function listed(pictures, entries, total) {
  const unfinished = entries.map(asObject).map((entry) => ({
    ...taken(entry, asText, "state prompt model created error"),
    generation: asHandle(entry.generation),
    mayCost: asNumber(entry.may_cost_usd),
    next: asText(entry.next_step),
  }));
  return { state: pictures.length + unfinished.length ? "list" : "empty", pictures, unfinished, total: asNumber(total) };
}

function pictureFrom(image, shared) {
  const own = taken(image, asText, "media_type model prompt revised_prompt path name url download_url created");
  return {
    ...own,
    ...taken(image, asNumber, "number width height bytes seconds"),
    handle: asHandle(image.handle),
    model: own.model || asText(shared.model),
    prompt: own.prompt || asText(shared.prompt),
    name: own.name || own.path.split(/[/\\]/).pop(),
    cost: asNumber(image.cost_usd) ?? asNumber(shared.cost),
    latencyMs: asNumber(image.latency_ms) ?? asNumber(shared.latencyMs),
    originalHandle: asHandle(asObject(image.original).handle),
    sourceHandle: firstHandle(asTexts(image.sources) ?? []) || asText(shared.sourceHandle),
    missing: image.missing === true,
  };
}

/** Return the pictures that links and text lines name, in the order of the text. */
function picturesOfContent(content, lines, shared) {
  const found = new Map();
  let current;
  const add = (fields, more) => {
    current = found.get(fields.handle) ?? pictureFrom(fields, shared);
    found.set(fields.handle, Object.assign(current, more));
  };
  for (const { type, uri, name, description, mimeType, size } of content) {
    const handle = asHandle(asText(uri).replace("imagerouter://images/", ""));
    const link = { handle, name, prompt: shared.prompt || description, media_type: mimeType, bytes: size };
    if (type === "resource_link" && handle) add(link);
  }
  for (const line of lines) {
    const [, number, handle, words] = /^(?:(\d+) · |Handle: )(img_\w+)(?: · (.*)| )?/.exec(line) ?? [];
    if (handle) add({ handle }, number && { number: Number(number), ...summaryOf(words ?? "") });
    else if (current) Object.assign(current, placeOf(line));
  }
  if (found.size === 1) Object.assign(current, headingOf(lines[0]));
  return [...found.values()];
}

/** Read "Made 1 picture with MODEL for $0.04 in 6.9 s." */
function headingOf(line) {
  const [, model, price, seconds] = /\bwith (\S+)(?: for (?:at least )?(\$[\d.]+|free))?(?: in ([\d.]+) s)?\./.exec(line) ?? [];
  return model && { model, cost: amountOf(price), latencyMs: seconds ? seconds * 1000 : null };
}

/** Read "MODEL · $0.04 · 6.9 s". */
function summaryOf(words) {
  const [model, ...parts] = words.split(" · ");
  const seconds = parts.find((part) => / s$/.test(part));
  return { model, cost: amountOf(parts[0]), latencyMs: seconds ? Number.parseFloat(seconds) * 1000 : null };
}

/** Read where a file is. */
function placeOf(line) {
  const link = /^Link: (\S+) \(anyone who has it can open it\)$/.exec(line);
  if (link) return { url: link[1] };
  const file = /^(Saved|Download within a day): (.+) \((?:(\d+)×(\d+) )?[^()]*\)$/.exec(line);
  if (!file) return {};
  const [, kind, where, width, height] = file;
  const size = width && { width: Number(width), height: Number(height) };
  return { [kind === "Saved" ? "path" : "downloadUrl"]: where, ...size };
}

function secondsIn(text, words) {
  return asNumber(Number.parseFloat(words.exec(text)?.[1]));
}

function amountOf(words) {
  return words === "free" ? 0 : asNumber(Number.parseFloat(words?.replace("$", "")));
}

function sheetOf(content) {
  const block = content.find(({ type }) => type === "image") ?? {};
  const [type, data] = [asText(block.mimeType), asText(block.data)];
  return SHOWN_INLINE.test(type) && /^[A-Za-z0-9+/]+={0,2}$/.test(data) ? `data:${type};base64,${data}` : "";
}

/** Return the handle with which the first source begins: "img_7f3a · fox.webp · …". */
function firstHandle(sources) {
  return asHandle((sources[0] ?? "").split(" · ")[0]);
}

/** Return some fields of an object under names as JavaScript writes them, each read by `read`. */
function taken(fields, read, names) {
  const spoken = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(names.split(" ").map((name) => [spoken(name), read(fields[name])]));
}

function asHandle(value) {
  return HANDLE.test(asText(value)) ? value : "";
}

export function asText(value) {
  return typeof value === "string" ? value : "";
}

function asTexts(value) {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : null;
}

function asNumber(value) {
  return Number.isFinite(value) ? value : null;
}

export function asList(value) {
  return Array.isArray(value) ? value : [];
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asObject(value) {
  return isObject(value) ? value : {};
}
