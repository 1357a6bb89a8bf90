import { Archive, CircleCheck, CirclePause, CircleX, Clock, OctagonX, PencilLine, ShieldCheck } from 'lucide-react';

import { texts } from '../texts';
import { cx } from './cx';
import styles from './StatusChip.module.css';

const LOOKS = {
  DRAFT: { Icon: PencilLine, colour: 'grey', label: texts.sell.statuses.DRAFT },
  IN_REVIEW: { Icon: Clock, colour: 'amber', label: texts.sell.statuses.IN_REVIEW },
  ACTIVE: { Icon: CircleCheck, colour: 'green', label: texts.sell.statuses.ACTIVE },
  PAUSED: { Icon: CirclePause, colour: 'blue', label: texts.sell.statuses.PAUSED },
  REJECTED: { Icon: CircleX, colour: 'red', label: texts.sell.statuses.REJECTED },
  SUSPENDED: { Icon: OctagonX, colour: 'red', label: texts.sell.statuses.SUSPENDED },
  ARCHIVED: { Icon: Archive, colour: 'faint', label: texts.sell.statuses.ARCHIVED },
  CLEARED: { Icon: ShieldCheck, colour: 'green', label: texts.sell.cleared },
} as const;

export type ChipStatus = keyof typeof LOOKS;

/** A status, the same everywhere: a word, an icon and a colour. */
export function StatusChip({ status }: { status: ChipStatus }) {
  const { Icon, colour, label } = LOOKS[status];
  return (
    <span className={cx(styles.chip, styles[colour])} data-status={status}>
      <Icon size={14} aria-hidden />
      {label}
    </span>
  );
}
