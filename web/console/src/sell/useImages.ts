// The images of the form: those that are there, and those that are being sent.

import { useRef, useState } from 'react';
import { createRequest, useClient } from 'urql';
import { pipe, subscribe } from 'wonka';

import type { GigPictureFragment } from '../data/fragments.generated';
import { summarize } from '../data/errors';
import { texts } from '../texts';
import { toast } from '../ui/toasts';
import { UploadGigImageDocument } from './form.generated';

export interface FormImage {
  key: string;
  /** Undefined until it has arrived. */
  image?: GigPictureFragment | undefined;
  /** What was chosen on this device, for the preview and for another attempt. */
  file?: File | undefined;
  /** The part that was sent, 0 to 1. Undefined if nothing is being sent. */
  progress?: number | undefined;
  error?: string | undefined;
}

let lastKey = 0;

export function useImages(initial: readonly GigPictureFragment[], max: number, onChange: (images: GigPictureFragment[]) => void) {
  const client = useClient();
  const [items, setItems] = useState<readonly FormImage[]>(() => initial.map((image) => ({ key: image.id, image })));
  const latest = useRef(items);
  const uploads = useRef(new Map<string, () => void>());

  function update(next: readonly FormImage[]) {
    const before = latest.current;
    latest.current = next;
    setItems(next);
    const ids = (list: readonly FormImage[]) => list.map(({ image }) => image?.id ?? '').filter(Boolean).join();
    if (ids(before) !== ids(next)) onChange(next.flatMap(({ image }) => image ?? []));
  }
  const change = (key: string, changes: Partial<FormImage>) =>
    update(latest.current.map((item) => (item.key === key ? { ...item, ...changes } : item)));

  function upload(key: string, file: File, altText?: string) {
    uploads.current.get(key)?.();
    change(key, { progress: 0, error: undefined });
    const operation = client.executeMutation(createRequest(UploadGigImageDocument, { file, altText: altText ?? null }), {
      onUploadProgress: ({ fraction }: { fraction: number }) => change(key, { progress: fraction }),
    });
    const { unsubscribe } = pipe(
      operation,
      subscribe(({ data, error }) => {
        uploads.current.delete(key);
        const image = data?.uploadGigImage.image;
        const problem = error ? summarize(error).message : data?.uploadGigImage.errors[0]?.message;
        if (image) change(key, { image, progress: undefined, error: undefined });
        else change(key, { progress: undefined, error: problem ?? texts.form.uploadFailed });
      }),
    );
    uploads.current.set(key, unsubscribe);
  }

  return {
    items,
    isUploading: items.some(({ progress }) => progress !== undefined),
    add(files: readonly File[]) {
      const accepted = files.slice(0, Math.max(0, max - latest.current.length));
      if (accepted.length < files.length) toast(texts.form.tooManyImages(max), { tone: 'error' });
      const added = accepted.map((file) => ({ key: `new-${(lastKey += 1)}`, file }));
      update([...latest.current, ...added]);
      added.forEach(({ key, file }) => upload(key, file));
    },
    retry(key: string) {
      const file = latest.current.find((item) => item.key === key)?.file;
      if (file) upload(key, file);
    },
    /** The gateway takes the description together with the file, so the file is sent again. */
    describe(key: string, altText: string) {
      const item = latest.current.find((other) => other.key === key);
      if (item?.file && item.image && (item.image.altText ?? '') !== altText) upload(key, item.file, altText);
    },
    remove(key: string) {
      uploads.current.get(key)?.();
      uploads.current.delete(key);
      update(latest.current.filter((item) => item.key !== key));
    },
    move(from: number, to: number) {
      if (to < 0 || to >= latest.current.length || from === to) return;
      const item = latest.current[from];
      if (item) update(latest.current.toSpliced(from, 1).toSpliced(to, 0, item));
    },
  };
}
