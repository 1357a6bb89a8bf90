import { ImagePlus } from 'lucide-react';
import { DropZone, FileTrigger, type FileDropItem } from 'react-aria-components';

import { texts } from '../texts';
import { Button } from '../ui/Button';
import { FieldError } from '../ui/FieldError';
import type { GigFormQuery } from './form.generated';
import { ImageTile } from './ImageTile';
import styles from './ImagesField.module.css';
import { megabytes } from './megabytes';
import { ReasonNote } from './ReasonNote';
import type { useImages } from './useImages';

const TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/heic', 'image/heif', 'image/avif'];

interface ImagesFieldProps {
  images: ReturnType<typeof useImages>;
  limits: GigFormQuery['limits']['gig'];
  errors: Readonly<Record<string, string>>;
  reasons: Readonly<Record<string, string>>;
}

export function ImagesField({ images, limits, errors, reasons }: ImagesFieldProps) {
  const { items, add } = images;
  const { imagesMax, imageMaxBytes, imageUploadMaxBytes, altTextMaxChars } = limits;
  return (
    <fieldset className={styles.field} data-field="imageIds" aria-invalid={errors.imageIds ? true : undefined} tabIndex={-1}>
      <legend>{texts.form.images(imagesMax, megabytes(imageMaxBytes))}</legend>
      <p className={styles.hint}>
        {texts.form.maxFile(megabytes(imageUploadMaxBytes))}. {texts.form.imagesHint}
      </p>
      <ReasonNote message={reasons.images ?? reasons.imageIds} />
      <FieldError id="images-error" message={errors.imageIds} />
      {items.length > 0 && (
        <ol className={styles.tiles}>
          {items.map((item, index) => (
            <ImageTile
              key={item.key}
              item={item}
              index={index}
              total={items.length}
              altTextMaxChars={altTextMaxChars}
              error={errors[`imageIds.${index}`]}
              onMove={images.move}
              onRemove={() => images.remove(item.key)}
              onRetry={() => images.retry(item.key)}
              onDescribe={(altText) => images.describe(item.key, altText)}
            />
          ))}
        </ol>
      )}
      {items.length < imagesMax && (
        <DropZone
          className={styles.drop ?? ''}
          getDropOperation={(types) => (TYPES.some((type) => types.has(type)) ? 'copy' : 'cancel')}
          onDrop={(event) => {
            const files = event.items.filter((item): item is FileDropItem => item.kind === 'file');
            void Promise.all(files.map((item) => item.getFile())).then(add);
          }}
        >
          {({ isDropTarget }) => (
            <>
              <ImagePlus size={20} aria-hidden />
              <span slot="label">{isDropTarget ? texts.form.dropNow : texts.form.dropImages}</span>
              <FileTrigger acceptedFileTypes={TYPES} allowsMultiple onSelect={(files) => add([...(files ?? [])])}>
                <Button isSmall>{texts.form.chooseImages}</Button>
              </FileTrigger>
            </>
          )}
        </DropZone>
      )}
    </fieldset>
  );
}
