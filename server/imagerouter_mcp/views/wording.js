/**
 * Say amounts, times and sizes as people read them.
 */

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
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const rest = whole % 60;
  return rest ? `${Math.floor(whole / 60)} min ${rest} s` : `${whole / 60} min`;
}

/** Return a number of bytes: "183 kB", "1.2 MB". */
export function fileSize(bytes) {
  if (typeof bytes !== "number" || !Number.isFinite(bytes)) return "";
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`;
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
