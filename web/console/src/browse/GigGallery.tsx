import { useState } from 'react';

import type { GigPictureFragment } from '../data/fragments.generated';
import { texts } from '../texts';
import { Picture } from '../ui/Picture';
import styles from './GigGallery.module.css';

/** One picture large, and the others to choose from. */
export function GigGallery({ pictures, title }: { pictures: readonly (GigPictureFragment & { large?: string })[]; title: string }) {
  const [chosenId, setChosenId] = useState<string>();
  const chosen = pictures.find(({ id }) => id === chosenId) ?? pictures[0];
  return (
    <div className={styles.gallery}>
      <div className={styles.large}>
        <Picture key={chosen?.id} picture={chosen} sizes="(width < 800px) 100vw, 640px" isFirst isWhole fallbackText={title} />
      </div>
      {pictures.length > 1 && (
        <ul className={styles.choices} aria-label={texts.gig.pictures}>
          {pictures.map((picture, index) => (
            <li key={picture.id}>
              <button
                type="button"
                className={styles.choice}
                aria-label={texts.gig.picture(index + 1, pictures.length)}
                aria-pressed={picture === chosen}
                onClick={() => setChosenId(picture.id)}
              >
                <Picture picture={picture} sizes="96px" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
