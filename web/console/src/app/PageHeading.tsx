import { useEffect, useRef, type ReactNode } from 'react';

import { texts } from '../texts';

let isFirstPage = true;

/** The heading of a page. It names the tab of the browser, and gets the focus after a navigation. */
export function PageHeading({ title, children }: { title: string; children?: ReactNode }) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${texts.product}`;
  }, [title]);
  useEffect(() => {
    if (!isFirstPage) ref.current?.focus({ preventScroll: true });
    isFirstPage = false;
  }, []);
  return (
    <h1 ref={ref} tabIndex={-1} dir="auto">
      {children ?? title}
    </h1>
  );
}
