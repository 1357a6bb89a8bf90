import { useEffect, useRef } from 'react';

import styles from './ImagesField.module.css';

/** A picture that is still on this device, drawn on a canvas: it needs no address. */
export function FilePreview({ file }: { file: File }) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let isActive = true;
    createImageBitmap(file, { imageOrientation: 'from-image', resizeWidth: 320, resizeQuality: 'medium' }).then(
      (bitmap) => {
        const canvas = ref.current;
        if (!isActive || !canvas) return;
        canvas.width = bitmap.width;
        canvas.height = bitmap.height;
        canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
        bitmap.close();
      },
      () => {}, // not a picture that this browser can read
    );
    return () => {
      isActive = false;
    };
  }, [file]);
  return <canvas ref={ref} className={styles.preview} aria-hidden />;
}
