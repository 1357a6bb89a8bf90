import { locale, texts } from '../texts';
import styles from './GigForm.module.css';
import type { DraftState } from './useDraft';

const time = new Intl.DateTimeFormat(locale, { timeStyle: 'short' });

/** Whether what was typed is saved, and where. */
export const DraftStatus = ({ state }: { state: DraftState }) => (
  <p role="status" className={styles.status} data-draft={state.kind}>
    {textOf(state)}
  </p>
);

function textOf(state: DraftState): string {
  const { form } = texts;
  switch (state.kind) {
    case 'none':
      return '';
    case 'saving':
      return form.draftSaving;
    case 'saved':
      return form.draftSaved(time.format(state.at));
    case 'local':
      return { title: form.draftLocal, offline: form.draftOffline, errors: form.draftWaiting, edit: form.draftEdit }[state.why];
  }
}
