import { Link, useLocation } from 'wouter';

import { texts } from '../texts';
import type { Feature } from './feature';
import styles from './Navigation.module.css';
import { useSession } from './session';

const isWithin = (path: string, address: string) => (path === '/' ? address === '/' || address.startsWith('/gigs/') : address.startsWith(path));

export function Navigation({ features }: { features: readonly Feature[] }) {
  const [address] = useLocation();
  const { user } = useSession();
  const items = features
    .flatMap(({ navigation }) => navigation)
    .filter(({ roles }) => !roles || (user && roles.includes(user.role)));
  return (
    <nav aria-label={texts.app.main} className={styles.navigation}>
      {items.map(({ path, label, Icon }) => (
        <Link key={path} href={path} className={styles.link ?? ''} aria-current={isWithin(path, address) ? 'page' : undefined}>
          <Icon size={20} aria-hidden />
          <span>{label}</span>
        </Link>
      ))}
    </nav>
  );
}
