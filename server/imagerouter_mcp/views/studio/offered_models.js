/** The models on offer, for choosing one: what they cost and can do. */

import { dollars } from "../wording.js";

/** Returns whether a model has an ability, by the ability's name. */
const ABILITIES = {
  free: (model) => model.free === true,
  edits: (model) => Boolean(model.takes?.includes("images")),
  masks: (model) => Boolean(model.takes?.includes("mask")),
  transparent: (model) => Boolean(model.transparent),
  video: (model) => model.output === "video",
};
const WORDS = { edits: "Edits", masks: "Masks", transparent: "Transparent" };
const ORDERS = {
  popularity: (one, other) => one.rank - other.rank,
  price: (one, other) => (one.price_usd?.likely ?? Infinity) - (other.price_usd?.likely ?? Infinity) || one.rank - other.rank,
  date: (one, other) => (other.released ?? "").localeCompare(one.released ?? "") || one.rank - other.rank,
};

/**
 * Ask for all models.
 * @param {import("./page_host.js").PageHost} host Calls the tools.
 * @returns {Promise<Object[]>} The models in order of popularity, with `rank` and `transparent` added.
 */
export async function offeredModels(host) {
  const search = async (args) => contentOf(await host.callTool("search_models", { limit: 1000, ...args })).models;
  const [models, transparent] = await Promise.all([search({ sort: "popularity" }), search({ query: "transparent" })]);
  const able = new Set(transparent.map(({ id }) => id));
  return models.map((model, rank) => ({ ...model, rank, transparent: able.has(model.id) }));
}

function contentOf({ isError, structuredContent, content }) {
  if (isError) throw new Error(structuredContent?.error?.message ?? content[0]?.text ?? "The models cannot be listed.");
  return structuredContent;
}

/** Return the models that have all words and abilities, in an order. */
export function chosenModels(models, { words = "", abilities = [], order = "popularity" } = {}) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (model) => {
    const text = `${model.id} ${model.does ?? ""} ${model.output} ${abilitiesOf(model).join(" ")}`.toLowerCase();
    return wanted.every((word) => text.includes(word)) && abilities.every((name) => ABILITIES[name](model));
  };
  return models.filter(has).sort(ORDERS[order]);
}

/** Return the first free model that makes pictures, from others if need be; undefined if there is none. */
export function freeModel(models, { edits = false } = {}) {
  const fits = (model) => model.free && model.output === "image" && !model.does && (!edits || ABILITIES.edits(model));
  return models.find(fits);
}

/** Return what a model can do, in a word or two each. */
export function abilitiesOf(model) {
  if (model.output === "video") return [ABILITIES.edits(model) && "From a picture", "Video"].filter(Boolean);
  return Object.entries(WORDS).flatMap(([name, word]) => (ABILITIES[name](model) ? [word] : []));
}

/** Return a model's price in words. */
export function priceWords({ free, price_usd: price, output }) {
  if (free || price?.high === 0) return "Free";
  if (!price) return "Price unknown";
  const span = price.low === price.high ? dollars(price.likely) : `${dollars(price.low)} to ${dollars(price.high)}`;
  return output === "video" ? `${span} a video` : span;
}
