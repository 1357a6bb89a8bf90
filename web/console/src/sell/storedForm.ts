// The form on this device: what is typed survives a reload, a lost connection and the end of the session.

import { EMPTY_FORM, type FormValues } from './formValues';

export interface StoredForm {
  /** Undefined if everything is saved in the draft of the account. */
  values?: FormValues | undefined;
  /** The draft of the account that "Post new gig" continues. */
  draftId?: string | undefined;
}

const keyOf = (userId: string, name: string) => `gigway-console:gig-form:${userId}:${name}`;

/** `name` is the id of a gig, or "new". */
export function readForm(userId: string, name: string): StoredForm {
  try {
    const stored = JSON.parse(localStorage.getItem(keyOf(userId, name)) ?? '{}') as StoredForm;
    return { ...stored, values: stored.values && { ...EMPTY_FORM, ...stored.values } };
  } catch {
    return {};
  }
}

export function writeForm(userId: string, name: string, form: StoredForm): void {
  try {
    if (form.values || form.draftId) localStorage.setItem(keyOf(userId, name), JSON.stringify(form));
    else localStorage.removeItem(keyOf(userId, name));
  } catch {
    // The storage is full or forbidden: the draft of the account remains.
  }
}
