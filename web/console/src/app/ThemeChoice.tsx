import { Monitor, Moon, Sun } from 'lucide-react';
import { useState } from 'react';

import { texts } from '../texts';
import styles from './ThemeChoice.module.css';
import { chooseTheme, storedTheme, THEMES, type Theme } from './theme';

const ICONS = { system: Monitor, light: Sun, dark: Moon };

/** The colours of the console on this device. */
export function ThemeChoice() {
  const [theme, setTheme] = useState(storedTheme);
  const choose = (next: Theme) => {
    setTheme(next);
    chooseTheme(next);
  };
  return (
    <fieldset className={styles.choice}>
      <legend className="visually-hidden">{texts.app.theme}</legend>
      {THEMES.map((value) => {
        const Icon = ICONS[value];
        return (
          <label key={value} className={styles.option} title={texts.app.themes[value]}>
            <input type="radio" name="theme" className="visually-hidden" checked={theme === value} onChange={() => choose(value)} />
            <Icon size={16} aria-hidden />
            <span className="visually-hidden">{texts.app.themes[value]}</span>
          </label>
        );
      })}
    </fieldset>
  );
}
