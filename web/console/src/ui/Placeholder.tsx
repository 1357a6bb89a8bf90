import { useLayoutEffect, useRef } from 'react';
import { thumbHashToRGBA } from 'thumbhash';

import styles from './Picture.module.css';

/** A blurred miniature of a picture, drawn on a canvas: it needs no address. */
export function Placeholder({ hash }: { hash: string }) {
  const ref = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const canvas = ref.current;
    const context = canvas?.getContext('2d');
    if (!canvas || !context) return;
    try {
      const { w, h, rgba } = thumbHashToRGBA(Uint8Array.from(atob(hash), (character) => character.charCodeAt(0)));
      canvas.width = w;
      canvas.height = h;
      context.putImageData(new ImageData(new Uint8ClampedArray(rgba), w, h), 0, 0);
    } catch {
      // Not a thumbhash: the place stays grey.
    }
  }, [hash]);
  return <canvas ref={ref} className={styles.placeholder} width={1} height={1} aria-hidden />;
}
