/** What the page shows, as the address bar has it: `#/img_7f3a?query=fox&kind=image`. */

const FILTERS = ["query", "kind", "model", "when", "since", "until"];
const DAYS_BACK = { today: 1, week: 7, month: 30 };

/**
 * Read the address's fragment.
 * @returns {{place: string, filters: Object<string, string>}} The place: "" for the gallery, "make", "spending"
 *   or a picture's handle.
 */
export function readAddress(fragment) {
  const [path, query = ""] = fragment.replace(/^#/, "").split("?", 2);
  const given = new URLSearchParams(query);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, given.get(name) ?? ""]));
  return { place: path.startsWith("/") ? path.slice(1) : "", filters };
}

/** Write a place and filters as the address's fragment. */
export function writeAddress(place, filters) {
  const set = FILTERS.filter((name) => filters[name]).map((name) => [name, filters[name]]);
  const query = new URLSearchParams(set).toString();
  return `#/${place}${query ? `?${query}` : ""}`;
}

/** Return the one-time code that the address brings, "" if there is none. */
export function codeIn(fragment) {
  return /^#[^/]/.test(fragment) ? fragment.slice(1) : "";
}

/** Tell whether any filter is set. */
export function isFiltered(filters) {
  return FILTERS.some((name) => filters[name]);
}

/** Return the filters as the server takes them: a period becomes its first day. */
export function serverFilters({ query, kind, model, when, since, until }, now = new Date()) {
  const days = DAYS_BACK[when];
  const dates = when === "between" ? { since, until } : { since: days ? dayBefore(now, days - 1) : "", until: "" };
  return Object.fromEntries(Object.entries({ query, kind, model, ...dates }).filter(([, value]) => value));
}

/** Return the day some days before another, as YYYY-MM-DD in the person's time zone. */
export function dayBefore(now, days) {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() - days);
  const two = (number) => String(number).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
