/** A chart of upright bars, with a table that says the same. */

import { el, SVG } from "../dom.js";

const [WIDE, NARROW, HEIGHT, TOP, BOTTOM] = [640, 320, 180, 14, 22];
/** The width that a day's name takes at most, with the space around it. */
const LABEL_WIDTH = 106;

/**
 * Return a chart.
 * @param {{label: string, value: number, words: string}[]} bars In order; `words` says the value.
 * @param {{title: string, head: [string, string], top: string}} about What it shows, the table's headings, and
 *   the highest value in words.
 */
export function barChart(bars, { title, head, top }) {
  const highest = Math.max(...bars.map(({ value }) => value), 0);
  const width = matchMedia("(max-width: 560px)").matches ? NARROW : WIDE;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "chart", "aria-hidden": "true" });
  const [floor, step] = [HEIGHT - BOTTOM, width / bars.length];
  const scale = highest ? (floor - TOP) / highest : 0;
  for (const y of [TOP, (TOP + floor) / 2, floor]) picture.append(svg("line", { x1: 0, x2: width, y1: y, y2: y, class: "chart-line" }));
  bars.forEach((bar, place) => {
    const height = bar.value ? Math.max(bar.value * scale, 2) : 0;
    const wide = Math.min(step * 0.7, 44);
    const x = place * step + (step - wide) / 2;
    const hover = svg("rect", { x: place * step, y: TOP, width: step, height: floor - TOP, class: "chart-column" });
    const shape = svg("rect", { x, y: floor - height, width: wide, height, rx: Math.min(3, wide / 2), class: "chart-bar" });
    picture.append(svg("g", {}, svg("title", {}, `${bar.label}: ${bar.words}`), hover, shape));
    if (isNamed(place, bars.length, width / LABEL_WIDTH)) picture.append(svg("text", { x: x + wide / 2, y: HEIGHT - 5, class: "chart-text", "text-anchor": anchor(place, bars.length) }, bar.label));
  });
  picture.append(svg("text", { x: 0, y: TOP - 4, class: "chart-text" }, top));
  return el("figure", { class: "chart-figure" }, el("figcaption", {}, title), picture, table(bars, head));
}

function table(bars, head) {
  const rows = bars.filter(({ value, words }) => value || words).map(({ label, words }) => el("tr", {}, el("th", { scope: "row" }, label), el("td", {}, words)));
  const titles = head.map((text) => el("th", { scope: "col" }, text));
  return el("details", {}, el("summary", {}, "As a table"), el("table", {}, el("thead", {}, el("tr", {}, titles)), el("tbody", {}, rows)));
}

/** Tell whether a bar has its label beneath: the first, the last and some between. */
function isNamed(place, count, most) {
  const every = Math.ceil(count / most);
  return place === count - 1 || (place % every === 0 && count - 1 - place >= every * 0.7);
}

function anchor(place, count) {
  if (count < 8) return "middle";
  return place === 0 ? "start" : place === count - 1 ? "end" : "middle";
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
