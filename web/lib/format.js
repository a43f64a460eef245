/** Numbers and times as people read them. */

/** What stands for a time that is none, as in a damaged ledger. */
const NO_TIME = "–";

/**
 * A length of time as 0:42, or 1:02:03 from an hour on.
 *
 * @param {number} seconds
 */
export function clockFace(seconds) {
  if (!Number.isFinite(seconds)) return NO_TIME;
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/**
 * @param {number} seconds
 * @param {string} language
 */
export function wholeSeconds(seconds, language) {
  return new Intl.NumberFormat(language).format(Math.round(seconds));
}

/**
 * Dollars with cents, and with more digits where a cent is too coarse.
 *
 * @param {number} amount
 * @param {string} language
 */
export function dollars(amount, language) {
  const digits = amount > 0 && amount < 0.1 ? 4 : 2;
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  }).format(amount);
}

/**
 * A moment: the time alone for today, else the day as well.
 *
 * @param {number} unixSeconds
 * @param {{ language: string, now: number }} at `now` in Unix seconds.
 */
export function moment(unixSeconds, { language, now }) {
  const then = new Date(unixSeconds * 1000);
  if (Number.isNaN(then.getTime())) return NO_TIME;
  const today = new Date(now * 1000);
  const time = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === today.toDateString()) {
    return new Intl.DateTimeFormat(language, time).format(then);
  }
  const day = /** @type {const} */ ({ month: "short", day: "numeric" });
  const year = then.getFullYear() === today.getFullYear() ? {} : { year: "numeric" };
  return new Intl.DateTimeFormat(language, {
    .../** @type {Intl.DateTimeFormatOptions} */ (year),
    ...day,
    ...time,
  }).format(then);
}

/**
 * A day such as `2026-11-03` in words.
 *
 * @param {string} day
 * @param {string} language
 */
export function dayName(day, language) {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Intl.DateTimeFormat(language, { month: "short", day: "numeric" }).format(
    new Date(year, month - 1, date),
  );
}
