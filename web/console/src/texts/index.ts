// The texts in the language of the user. To add a language, write `texts/xx.ts` with the type `Texts`, and add it here
// and to the locales in vite.config.ts.

import { en, type Texts } from './en';

const catalogues: Record<string, Texts> = { en };

const language = navigator.languages.map((tag) => tag.split('-')[0] ?? '').find((tag) => tag in catalogues) ?? 'en';

export const texts: Texts = catalogues[language] ?? en;

/** The language of the texts, with the region of the user: dates and prices look as they do elsewhere for them. */
export const locale = navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language;
