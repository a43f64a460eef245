/** Billable seconds and money: of today, of this month, in all, and day by day. */

/**
 * @typedef {{ day: string, resolution: string, seconds: number }} Spent
 * @typedef {Record<string, string | null>} Prices Resolution → dollars a second, as typed in.
 * @typedef {{ seconds: number, dollars: number | null }} Sum
 * @typedef {Sum & { day: string, share: number }} Bar
 */

/**
 * Add up; money only where every second has a price.
 *
 * @param {Spent[]} spent
 * @param {Prices} prices
 * @returns {Sum}
 */
export function sum(spent, prices) {
  let seconds = 0;
  /** @type {number | null} */
  let dollars = Object.values(prices).some((price) => price !== null) ? 0 : null;
  for (const part of spent) {
    seconds += part.seconds;
    const price = prices[part.resolution] ?? null;
    if (part.seconds > 0 && price === null) dollars = null;
    else if (dollars !== null) dollars += part.seconds * Number(price);
  }
  return { seconds, dollars };
}

/**
 * The three sums that the panel shows.
 *
 * @param {Spent[]} spent
 * @param {{ today: string, prices: Prices }} at `today` as `2026-11-03`.
 */
export function sums(spent, { today, prices }) {
  const month = today.slice(0, 8);
  return {
    today: sum(spent.filter((part) => part.day === today), prices),
    month: sum(spent.filter((part) => part.day.startsWith(month)), prices),
    all: sum(spent, prices),
  };
}

/**
 * One bar for each of the last days, empty ones too, oldest first.
 *
 * @param {Spent[]} spent
 * @param {{ today: string, prices: Prices, count: number }} at
 * @returns {Bar[]} `share` is the height in 0…1 of the highest.
 */
export function bars(spent, { today, prices, count }) {
  const days = lastDays(today, count).map((day) => ({
    day,
    ...sum(spent.filter((part) => part.day === day), prices),
  }));
  const most = Math.max(1, ...days.map((day) => day.seconds));
  return days.map((day) => ({ ...day, share: day.seconds / most }));
}

/**
 * @param {string} today
 * @param {number} count
 */
function lastDays(today, count) {
  const [year = 0, month = 1, date = 1] = today.split("-").map(Number);
  return Array.from({ length: count }, (_, n) => {
    // By UTC arithmetic, so that a change of the clocks makes no day twice.
    const day = new Date(Date.UTC(year, month - 1, date - (count - 1 - n)));
    return day.toISOString().slice(0, 10);
  });
}
