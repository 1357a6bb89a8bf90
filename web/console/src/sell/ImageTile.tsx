import { GripVertical, RotateCw, X } from 'lucide-react';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';

import { texts } from '../texts';
import { Button, IconButton } from '../ui/Button';
import { cx } from '../ui/cx';
import { FieldError } from '../ui/FieldError';
import { Picture } from '../ui/Picture';
import { TextField } from '../ui/TextField';
import { announce } from '../ui/toasts';
import { FilePreview } from './FilePreview';
import styles from './ImagesField.module.css';
import type { FormImage } from './useImages';

interface ImageTileProps {
  item: FormImage;
  index: number;
  total: number;
  altTextMaxChars: number;
  /** The error of the gateway for this image. */
  error: string | undefined;
  onMove: (from: number, to: number) => void;
  onRemove: () => void;
  onRetry: () => void;
  onDescribe: (altText: string) => void;
}

export function ImageTile({ item, index, total, altTextMaxChars, error, onMove, onRemove, onRetry, onDescribe }: ImageTileProps) {
  const { image, file, progress } = item;
  const [altText, setAltText] = useState(image?.altText ?? '');
  const [isDragged, setIsDragged] = useState(false);
  const id = `image-${item.key}`;
  const percent = Math.round((progress ?? 0) * 100);

  const moveTo = (to: number) => {
    if (to < 0 || to >= total || to === index) return;
    onMove(index, to);
    announce(texts.form.moved(to + 1, total));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    moveTo(index + step);
  };
  // The tile moves in the document while it is dragged, so the events are those of the window.
  const latest = useRef(moveTo);
  useEffect(() => {
    latest.current = moveTo;
  });
  useEffect(() => {
    if (!isDragged) return undefined;
    const onPointerMove = ({ clientX, clientY }: PointerEvent) => {
      const target = document.elementFromPoint(clientX, clientY)?.closest<HTMLElement>('[data-image]');
      if (target) latest.current(Number(target.dataset.image));
    };
    const stop = () => setIsDragged(false);
    const listeners = { pointermove: onPointerMove, pointerup: stop, pointercancel: stop };
    for (const [type, listener] of Object.entries(listeners)) addEventListener(type, listener as EventListener);
    return () => {
      for (const [type, listener] of Object.entries(listeners)) removeEventListener(type, listener as EventListener);
    };
  }, [isDragged]);

  return (
    <li className={cx(styles.tile, isDragged && styles.dragged)} data-image={index}>
      <div className={styles.frame}>
        {file && !image ? <FilePreview file={file} /> : <Picture picture={image} sizes="160px" fallbackText={texts.form.image(index + 1)} />}
        {progress !== undefined && (
          <div className={styles.progress}>
            <progress max={100} value={percent} aria-label={texts.form.image(index + 1)} />
            <span>{percent < 1 ? texts.form.preparing : texts.form.uploading(percent)}</span>
          </div>
        )}
      </div>
      <div className={styles.tools}>
        <button
          type="button"
          className={styles.grip}
          aria-label={texts.form.moveImage(index + 1, total)}
          onKeyDown={onKeyDown}
          onPointerDown={() => setIsDragged(true)}
        >
          <GripVertical size={16} aria-hidden />
          {texts.form.image(index + 1)}
        </button>
        <IconButton label={texts.form.removeImage(index + 1)} onPress={onRemove}>
          <X size={16} aria-hidden />
        </IconButton>
      </div>
      {file && image && (
        <TextField
          label={texts.form.altText(index + 1)}
          isLabelHidden
          placeholder={texts.form.altTextPlaceholder}
          value={altText}
          onChange={(text) => setAltText([...text].slice(0, altTextMaxChars).join(''))}
          onBlur={() => onDescribe(altText.trim())}
        />
      )}
      <FieldError id={`${id}-error`} message={item.error ?? error} />
      {item.error && file && (
        <Button isSmall onPress={onRetry}>
          <RotateCw size={14} aria-hidden />
          {texts.form.uploadAgain}
        </Button>
      )}
    </li>
  );
}
