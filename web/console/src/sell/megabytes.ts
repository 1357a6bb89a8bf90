import { locale } from '../texts';

const format = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** Bytes as people read them: "3 MB". */
export const megabytes = (bytes: number): string => `${format.format(bytes / 1024 / 1024)} MB`;
