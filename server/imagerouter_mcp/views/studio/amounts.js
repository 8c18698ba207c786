/** Sums of money, as a balance shows them: to the cent from a dollar on. */

import { dollars } from "../wording.js";

const SUM = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });

/** Return a sum of USD: "$0.00", "$0.0035", "$1,208.28"; "–" if it is not known. */
export function amount(usd) {
  if (typeof usd !== "number") return "–";
  return usd > 0 && usd < 1 ? dollars(usd) : SUM.format(usd);
}
