import { ArrowUp } from 'lucide-react';
import { Button } from 'react-aria-components';

import styles from './Pill.module.css';

/** Says that there is something new, and shows it when it is pressed. Nothing that is being read moves before. */
export const Pill = ({ children, label, onPress }: { children: string; label: string; onPress: () => void }) => (
  <div className={styles.place}>
    <Button className={styles.pill ?? ''} aria-label={label} onPress={onPress}>
      <ArrowUp size={16} aria-hidden />
      {children}
    </Button>
  </div>
);
