import { CircleUser, LogIn, LogOut } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';

import { gigway } from '../data/gigway';
import { texts } from '../texts';
import { Button } from '../ui/Button';
import { toast } from '../ui/toasts';
import styles from './AccountMenu.module.css';
import navigation from './Navigation.module.css';
import { useSession } from './session';
import { ThemeChoice } from './ThemeChoice';

/** The account and the colours: at the end of the rail, and behind a button on phones. */
export function AccountMenu() {
  const [isOpen, setIsOpen] = useState(false);
  const [, navigate] = useLocation();
  const { user } = useSession();

  async function signOut() {
    navigate('/');
    try {
      await gigway.session.signOut();
      toast(texts.app.signedOut);
    } catch {
      toast(texts.app.signOutLost);
    }
  }

  return (
    <div className={styles.account} data-open={isOpen || undefined} onKeyDown={(event) => event.key === 'Escape' && setIsOpen(false)}>
      <button type="button" className={`${navigation.link} ${styles.toggle}`} aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
        <CircleUser size={20} aria-hidden />
        <span>{texts.app.account}</span>
      </button>
      <div className={styles.menu} onClick={({ target }) => (target as Element).closest('a') && setIsOpen(false)}>
        {user && (
          <div className={styles.user}>
            <strong dir="auto">{user.displayName}</strong>
            <span>{user.email}</span>
          </div>
        )}
        <ThemeChoice />
        {user ? (
          <Button look="plain" onPress={() => void signOut()}>
            <LogOut size={20} aria-hidden />
            {texts.app.signOut}
          </Button>
        ) : (
          <Link href="/sign-in" className={navigation.link ?? ''}>
            <LogIn size={20} aria-hidden />
            <span>{texts.account.signIn}</span>
          </Link>
        )}
      </div>
    </div>
  );
}
