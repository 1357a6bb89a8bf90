import { useEffect, useState } from 'react';

import { locale } from '../texts';

const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
const absolute = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });

/** "3 hours ago", "in 2 days". */
export function formatRelative(at: Date, now: number): string {
  const seconds = Math.round((at.getTime() - now) / 1000);
  if (Math.abs(seconds) < 45) return relative.format(0, 'second');
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

/** A time from or until now, which stays right while the page is open. Its tooltip has the date and the time. */
export function RelativeTime({ at }: { at: string }) {
  const [now, setNow] = useState(Date.now);
  const date = new Date(at);
  const distance = Math.abs(date.getTime() - now);
  useEffect(() => {
    const timer = setTimeout(() => setNow(Date.now()), distance < 3_600_000 ? 30_000 : 600_000);
    return () => clearTimeout(timer);
  }, [distance, now]);
  return (
    <time dateTime={at} title={absolute.format(date)}>
      {formatRelative(date, now)}
    </time>
  );
}
