import { ImageOff } from 'lucide-react';
import { useState } from 'react';

import type { GigPictureFragment } from '../data/fragments.generated';
import { texts } from '../texts';
import { cx } from './cx';
import styles from './Picture.module.css';
import { Placeholder } from './Placeholder';

interface PictureProps {
  /** `large` is for pictures that fill a page. */
  picture: (GigPictureFragment & { large?: string }) | undefined;
  /** The width of the place, as in `sizes` of an image. */
  sizes: string;
  /** Whether it is in view at first. Other pictures are loaded when they come into view. */
  isFirst?: boolean;
  /** Shows the whole picture, instead of filling 3:2 with it. */
  isWhole?: boolean;
  /** Of a picture without a description of its own. */
  fallbackText?: string;
}

/** A picture of a gig. Its place has its size from the first moment on, and a miniature until it is loaded. */
export function Picture({ picture, sizes, isFirst = false, isWhole = false, fallbackText = '' }: PictureProps) {
  const [state, setState] = useState<'loading' | 'loaded' | 'failed'>('loading');
  if (!picture || state === 'failed') {
    return (
      <div className={cx(styles.frame, styles.none)}>
        <ImageOff size={24} aria-hidden />
        <span className="visually-hidden">{texts.common.noPicture}</span>
      </div>
    );
  }
  const { small, medium, large, width, altText, placeholder } = picture;
  const variants = [[small, 320], [medium, 640], [large, 1024]] as const;
  const sources = variants.flatMap(([url, size]) => (url ? `${url} ${Math.min(size, width)}w` : []));
  return (
    <div className={cx(styles.frame, isWhole && styles.whole)}>
      {state === 'loading' && <Placeholder hash={placeholder} />}
      <img
        className={styles.picture}
        src={medium}
        srcSet={[...new Set(sources)].join(', ')}
        sizes={sizes}
        alt={altText ?? fallbackText}
        loading={isFirst ? 'eager' : 'lazy'}
        fetchPriority={isFirst ? 'high' : 'auto'}
        decoding="async"
        ref={(image) => {
          if (image?.complete && image.naturalWidth > 0) setState('loaded');
        }}
        onLoad={() => setState('loaded')}
        onError={() => setState('failed')}
      />
    </div>
  );
}
