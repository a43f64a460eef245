/** The words of the panel and of the settings, in the language of the page. */

export const NAMESPACE = "apixoWan";
const SOURCE_LANGUAGE = "en";

/**
 * @typedef {(key: string, values?: Record<string, string | number>) => string} Translate
 * @typedef {{ t: Translate, language: () => string }} Texts
 */

/**
 * Read words out of what the host collects from every pack's `locales` folder.
 *
 * @param {Record<string, any>} locales Language → messages, as `/i18n` gives them.
 * @param {() => string} language The page's language of the moment.
 * @returns {Texts} `t` gives the key itself where there are no words for it.
 */
export function makeTexts(locales, language) {
  /** @type {Translate} */
  function t(key, values = {}) {
    for (const name of candidates(language())) {
      const found = lookUp(locales[name]?.[NAMESPACE], key);
      if (found !== undefined) return insert(found, values);
    }
    return key;
  }
  return { t, language };
}

/**
 * The languages to try, the nearest first: `zh-TW`, `zh`, `en`.
 *
 * @param {string} language
 */
function candidates(language) {
  return [...new Set([language, language.split("-")[0] ?? "", SOURCE_LANGUAGE])];
}

/**
 * @param {any} messages
 * @param {string} key
 * @returns {string | undefined}
 */
function lookUp(messages, key) {
  const found = key.split(".").reduce((level, part) => level?.[part], messages);
  return typeof found === "string" ? found : undefined;
}

/**
 * @param {string} message
 * @param {Record<string, string | number>} values
 */
function insert(message, values) {
  return message.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
