import { X } from 'lucide-react';
import { useLocation } from 'wouter';

import { texts } from '../texts';
import { ButtonLink, IconButton } from '../ui/Button';
import styles from './EndedSession.module.css';
import { useSession } from './session';

export const endedMessage = (reason: string): string => texts.endings[reason] ?? texts.endings.SESSION_ENDED ?? '';

/** On pages that everybody sees: why the user is no longer signed in. */
export function EndedSession() {
  const { endedReason, forgetReason } = useSession();
  const [path] = useLocation();
  if (!endedReason || path === '/sign-in') return null;
  return (
    <div role="alert" className={styles.bar}>
      <p>{endedMessage(endedReason)}</p>
      <ButtonLink href={`/sign-in?next=${encodeURIComponent(path)}`} isSmall>
        {texts.account.signIn}
      </ButtonLink>
      <IconButton label={texts.common.close} onPress={forgetReason}>
        <X size={16} aria-hidden />
      </IconButton>
    </div>
  );
}
