// The state of the form of a gig: its values, the errors of the gateway, and how it is sent.

import { useEffect, useRef, useState, type FormEvent } from 'react';
import { useClient } from 'urql';
import { useLocation } from 'wouter';

import { errorsByField } from '../data/errors';
import { texts } from '../texts';
import { focusFirstError } from '../ui/focusFirstError';
import { toast } from '../ui/toasts';
import { EditGigContentDocument, PostGigDocument, type EditableGigFragment } from './form.generated';
import { editInput, postInput, type FormValues } from './formValues';
import { useDraft } from './useDraft';
import { useImages } from './useImages';

interface GigFormOptions {
  userId: string;
  name: string;
  gig: EditableGigFragment | undefined;
  initial: FormValues;
  imagesMax: number;
}

export function useGigForm({ userId, name, gig, initial, imagesMax }: GigFormOptions) {
  const client = useClient();
  const [, navigate] = useLocation();
  const formRef = useRef<HTMLFormElement>(null);
  const [values, setValues] = useState(initial);
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [failure, setFailure] = useState<Error>();
  const [attempts, setAttempts] = useState(0);
  const [phase, setPhase] = useState<'typing' | 'waiting' | 'sending'>('typing');
  const isDraft = !gig || gig.status === 'DRAFT';
  const draft = useDraft({ userId, name, values, draftId: gig?.id, isOfAccount: isDraft });

  /** A field that is changed is not wrong any more, until it is sent again. */
  const change = (changes: Partial<FormValues>) => {
    setValues((current) => ({ ...current, ...changes }));
    const names = Object.keys(changes).map((field) => (field === 'images' ? 'imageIds' : field));
    setErrors((current) => {
      const left = Object.entries(current).filter(([field]) => !names.includes(field.split('.')[0] ?? ''));
      return left.length === Object.keys(current).length ? current : Object.fromEntries(left);
    });
  };
  const images = useImages(initial.images, imagesMax, (list) => change({ images: list }));

  useEffect(() => {
    if (attempts > 0) focusFirstError(formRef.current);
  }, [attempts]);

  async function send() {
    setPhase('sending');
    setFailure(undefined);
    const draftId = await draft.settle();
    const result =
      gig && !isDraft
        ? await client.mutation(EditGigContentDocument, { input: editInput(values, gig.id, gig.version) })
        : await client.mutation(PostGigDocument, { input: postInput(values, draftId) });
    const payload = result.data && Object.values(result.data)[0];
    if (payload && typeof payload === 'object' && payload.gig) {
      draft.forget();
      toast(texts.form.posted);
      navigate('/sell');
      return;
    }
    setPhase('typing');
    setFailure(result.error);
    setErrors(errorsByField((typeof payload === 'object' && payload?.errors) || []));
    setAttempts((number) => number + 1);
  }

  // The images that are being sent when the button is pressed belong to the gig: it is sent once they have arrived.
  const isReady = phase === 'waiting' && !images.isUploading;
  useEffect(() => {
    if (isReady) void send();
  }, [isReady]);

  return {
    formRef,
    values,
    change,
    images,
    errors,
    failure,
    phase,
    draft: draft.state,
    isDraft,
    forget: draft.forget,
    submit(event: FormEvent) {
      event.preventDefault();
      if (phase === 'typing') setPhase('waiting');
    },
  };
}
