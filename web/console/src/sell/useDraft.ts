// A draft that saves itself: at once on this device, and a moment later in the account.

import { useEffect, useRef, useState } from 'react';
import { useClient } from 'urql';

import { summarize } from '../data/errors';
import { SaveGigDraftDocument } from './form.generated';
import { draftInput, isEmptyForm, type FormValues } from './formValues';
import { writeForm } from './storedForm';

const LOCAL_MS = 300;
const ACCOUNT_MS = 1500;

export type DraftState =
  /** Nothing has changed. */
  | { kind: 'none' }
  | { kind: 'saving' }
  | { kind: 'saved'; at: Date }
  /** On this device only: it has no title, the connection is away, or the gateway refuses something. */
  | { kind: 'local'; why: 'title' | 'offline' | 'errors' | 'edit' };

interface DraftOptions {
  userId: string;
  /** The id of the gig, or "new". */
  name: string;
  values: FormValues;
  draftId: string | undefined;
  /** Changes of a published gig are sent only by the button. */
  isOfAccount: boolean;
}

export function useDraft({ userId, name, values, draftId, isOfAccount }: DraftOptions) {
  const client = useClient();
  const [state, setState] = useState<DraftState>({ kind: 'none' });
  const id = useRef(draftId);
  const saved = useRef(values);
  const current = useRef(values);
  const saving = useRef<Promise<void>>(Promise.resolve());
  const isDone = useRef(false);
  current.current = values;

  const keepLocally = (form: FormValues | undefined) =>
    writeForm(userId, name, { values: form, draftId: name === 'new' ? id.current : undefined });

  async function saveToAccount() {
    const form = current.current;
    if (isDone.current || form === saved.current) return;
    if (!form.title.trim()) return setState({ kind: 'local', why: 'title' });
    setState({ kind: 'saving' });
    // A second draft must not be created if the response is lost. To save one twice does no harm.
    const context = id.current ? { idempotencyKey: null } : {};
    const { data, error } = await client.mutation(SaveGigDraftDocument, { input: draftInput(form, id.current) }, context);
    const payload = data?.saveGigDraft;
    if (isDone.current) return;
    if (error || !payload?.gig) {
      return setState({ kind: 'local', why: error && summarize(error).isTemporary ? 'offline' : 'errors' });
    }
    id.current = payload.gig.id;
    saved.current = form;
    if (current.current === form) keepLocally(undefined);
    setState({ kind: 'saved', at: new Date() });
  }

  const enqueue = () => (saving.current = saving.current.then(saveToAccount, saveToAccount));

  // The functions that are called later read the newest values from references.
  useEffect(() => {
    if (values === saved.current || isDone.current) return undefined;
    const local = setTimeout(() => {
      keepLocally(isEmptyForm(values) ? undefined : values);
      if (!isOfAccount) setState({ kind: 'local', why: 'edit' });
    }, LOCAL_MS);
    const account = isOfAccount ? setTimeout(() => void enqueue(), ACCOUNT_MS) : undefined;
    return () => {
      clearTimeout(local);
      clearTimeout(account);
    };
  }, [values, isOfAccount]);

  // The page is left within the moment.
  useEffect(() => {
    const keep = () => !isDone.current && current.current !== saved.current && keepLocally(current.current);
    addEventListener('pagehide', keep);
    return () => {
      removeEventListener('pagehide', keep);
      keep();
    };
  }, []);

  return {
    state,
    /** Waits until nothing is being saved, and returns the id of the draft. */
    async settle(): Promise<string | undefined> {
      await saving.current;
      return id.current;
    },
    /** The gig was posted, or the form was emptied: nothing is to be saved any more. */
    forget() {
      isDone.current = true;
      writeForm(userId, name, {});
    },
  };
}
