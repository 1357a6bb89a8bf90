import { Button as AriaButton, type ButtonProps as AriaButtonProps } from 'react-aria-components';
import { Link } from 'wouter';
import type { ComponentProps, ReactNode, Ref } from 'react';

import styles from './Button.module.css';
import { cx } from './cx';

export type ButtonLook = 'main' | 'quiet' | 'plain' | 'danger';

interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'style'> {
  /** `main` is for the one main action of a page. */
  look?: ButtonLook;
  isSmall?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export const Button = ({ look = 'quiet', isSmall = false, ...props }: ButtonProps) => (
  <AriaButton {...props} className={cx(styles.button, styles[look], isSmall && styles.small)} />
);

/** A button with an icon alone. Its label is for screen readers, and a tooltip for the mouse. */
export const IconButton = ({ label, children, ...props }: Omit<ButtonProps, 'children'> & { label: string; children: ReactNode }) => (
  <AriaButton {...props} aria-label={label} className={cx(styles.button, styles.plain, styles.icon)}>
    {children}
  </AriaButton>
);

/** A link that looks like a button, because it leads to the main thing. */
export const ButtonLink = ({ look = 'quiet', isSmall = false, ...props }: ComponentProps<typeof Link> & { look?: ButtonLook; isSmall?: boolean }) => (
  <Link {...props} className={cx(styles.button, styles[look], isSmall && styles.small)} />
);
