import { useState } from 'react';
import { useClient, type TypedDocumentNode } from 'urql';

import type { OwnGigFragment } from '../data/fragments.generated';
import { summarize } from '../data/errors';
import { texts } from '../texts';
import { Button, ButtonLink } from '../ui/Button';
import { toast } from '../ui/toasts';
import styles from './OwnGigActions.module.css';
import {
  ArchiveGigDocument, PauseGigDocument, ResumeGigDocument, type GigAction, type OwnGigResultFragment,
} from './sell.generated';

type Document = TypedDocumentNode<Record<string, unknown>, { id: string }>;
const MUTATIONS: Partial<Record<GigAction, { document: Document; done: (title: string) => string; undo?: GigAction }>> = {
  PAUSE: { document: PauseGigDocument as Document, done: texts.sell.paused, undo: 'RESUME' },
  RESUME: { document: ResumeGigDocument as Document, done: texts.sell.resumed, undo: 'PAUSE' },
  ARCHIVE: { document: ArchiveGigDocument as Document, done: texts.sell.archived },
};

/** The actions that the gateway lists for the gig, in this order. */
const SHOWN: readonly (keyof typeof texts.sell.actions & GigAction)[] = ['SAVE_DRAFT', 'EDIT', 'PAUSE', 'RESUME', 'ARCHIVE'];

export function OwnGigActions({ gig, onDone }: { gig: OwnGigFragment; onDone: () => void }) {
  const client = useClient();
  const [isConfirming, setIsConfirming] = useState(false);
  const { id, title } = gig;

  async function run(action: GigAction) {
    const mutation = MUTATIONS[action];
    if (!mutation) return;
    const { data, error } = await client.mutation(mutation.document, { id });
    const payload = data && (Object.values(data)[0] as OwnGigResultFragment);
    const problem = error ? summarize(error).message : payload?.errors[0]?.message;
    onDone();
    if (problem) return toast(problem, { tone: 'error' });
    const { undo } = mutation;
    toast(mutation.done(title), undo && { action: { label: texts.common.undo, onPress: () => void run(undo) } });
  }

  if (isConfirming) {
    return (
      <div className={styles.actions} role="group" aria-label={texts.sell.archiveConfirm}>
        <span className={styles.question}>{texts.sell.archiveConfirm}</span>
        <Button look="danger" isSmall autoFocus onPress={() => void run('ARCHIVE')}>
          {texts.sell.archiveYes}
        </Button>
        <Button isSmall onPress={() => setIsConfirming(false)}>
          {texts.common.cancel}
        </Button>
      </div>
    );
  }
  return (
    <div className={styles.actions}>
      {SHOWN.filter((action) => gig.viewerActions.includes(action)).map((action) => {
        const label = texts.sell.actions[action];
        const name = texts.sell.actionOn(label, title || texts.sell.untitled);
        if (action === 'SAVE_DRAFT' || action === 'EDIT') {
          return (
            <ButtonLink key={action} href={`/sell/new?gig=${id}`} isSmall aria-label={name}>
              {label}
            </ButtonLink>
          );
        }
        const onPress = () => (action === 'ARCHIVE' ? setIsConfirming(true) : void run(action));
        return (
          <Button key={action} isSmall look={action === 'ARCHIVE' ? 'plain' : 'quiet'} aria-label={name} onPress={onPress}>
            {label}
          </Button>
        );
      })}
    </div>
  );
}
