import { GigwayError } from 'gigway-client';
import { useEffect, useRef, useState, type FormEvent } from 'react';

import { errorsByField } from '../data/errors';
import { focusFirstError } from '../ui/focusFirstError';

/** The errors and the progress of a form that signs somebody in. */
export function useAccountForm(send: () => Promise<void>) {
  const formRef = useRef<HTMLFormElement>(null);
  const [failure, setFailure] = useState<Error>();
  const [isSending, setIsSending] = useState(false);

  const validation = failure instanceof GigwayError && failure.errors.every(({ path }) => path === undefined) ? failure : undefined;
  const isOfForm = validation !== undefined && !['NETWORK_ERROR', 'BAD_RESPONSE', 'RATE_LIMITED', 'SERVICE_UNAVAILABLE'].includes(validation.code);
  const errors = isOfForm ? errorsByField(validation.errors.map(({ field, message }) => ({ field: field ?? null, message }))) : {};

  useEffect(() => {
    if (failure) focusFirstError(formRef.current);
  }, [failure]);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (isSending) return;
    setIsSending(true);
    setFailure(undefined);
    try {
      await send();
    } catch (error) {
      setFailure(error as Error);
    } finally {
      setIsSending(false);
    }
  }

  return { formRef, errors, error: isOfForm ? undefined : failure, isSending, submit: (event: FormEvent) => void submit(event) };
}

/** Where to go after the sign-in: a page of the console, never another site. */
export function nextAddress(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '/';
  return /^\/(?![/\\])/.test(next) ? next : '/';
}
