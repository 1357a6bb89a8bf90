/** The class names that are there, in one string. */
export const cx = (...names: (string | false | 0 | 0n | null | undefined)[]): string => names.filter(Boolean).join(' ');
