/**
 * Say amounts, times and sizes as people read them.
 */

/** What only a model, or whoever runs the server, can follow: tools, their parameters, settings. */
const NOT_FOR_PEOPLE =
  /\b(?:(?:search|popular|compare)_models|(?:edit|show|finish|generate)_image|list_images|get_generation|dry_run|max_price|max_cost_usd|[a-z_]+=(?:true|false))\b|\bIMAGEROUTER_\w+/;

/** Return an amount of USD: "$0.04", "$0.0035", "free", or "" if it is not known. */
export function dollars(amount) {
  if (typeof amount !== "number" || !Number.isFinite(amount)) return "";
  if (amount === 0) return "free";
  const digits = amount.toFixed(6).replace(/0+$/, "");
  const [whole, fraction = ""] = digits.split(".");
  return `$${whole}.${fraction.padEnd(2, "0")}`;
}

/** Return a range of USD: "$0.04", "$0.04 to $0.08". */
export function dollarRange(low, high) {
  const [from, to] = [dollars(low), dollars(high)];
  return from === to || !to ? from : from ? `${from} to ${to}` : `up to ${to}`;
}

/** Return a duration in seconds: "6.9 s", "42 s", "2 min 5 s". */
export function duration(seconds) {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return "";
  if (seconds < 10) return `${Math.round(seconds * 10) / 10}\u00a0s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}\u00a0s`;
  const rest = whole % 60;
  return rest ? `${Math.floor(whole / 60)}\u00a0min ${rest}\u00a0s` : `${whole / 60}\u00a0min`;
}

/** Return a number of bytes: "183 kB", "1.2 MB", "3.1 GB". */
export function fileSize(bytes) {
  if (typeof bytes !== "number" || !Number.isFinite(bytes)) return "";
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)}\u00a0GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)}\u00a0MB` : `${Math.max(1, Math.round(bytes / 1e3))}\u00a0kB`;
}

/** Return a media type in a word: "WebP", "PNG", "MP4". */
export function fileKind(mediaType) {
  const kind = String(mediaType ?? "").split("/").pop().replace("+xml", "").toUpperCase();
  return { WEBP: "WebP", "X-ICON": "ICO" }[kind] ?? kind;
}

/** Return a picture's size: "1024 × 768". */
export function pixels(width, height) {
  return width && height ? `${width} × ${height}` : "";
}

/** Return a count with its noun: "1 picture", "3 pictures". */
export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Return a text of the server without the parts that people at this page cannot follow. */
export function forPeople(text) {
  const kept = (part) => !NOT_FOR_PEOPLE.test(part);
  const plain = text.replace(/ \([^()]*\)/g, (aside) => (kept(aside) ? aside : ""));
  const sentences = plain.split(/(?<=[.!?]) /).map((sentence) => {
    const clauses = sentence.split("; ");
    const rest = clauses.filter(kept).join("; ");
    return rest && clauses.every(kept) ? rest : rest.replace(/[.!?]?$/, rest && ".");
  });
  const raised = /IMAGEROUTER_(?:MAX_COST|BUDGET)/.test(text) && "Whoever runs the server can raise the limit.";
  return [...sentences, raised].filter(Boolean).join(" ");
}
