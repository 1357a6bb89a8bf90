import './ui/tokens.css';
import './ui/base.css';

import { createRoot } from 'react-dom/client';

import { App } from './app/App';
import { applyTheme, storedTheme } from './app/theme';
import { gigway } from './data/gigway';
import { texts } from './texts';

applyTheme(storedTheme());
document.documentElement.lang = texts.language;

// The stored session is there after a moment. Rendering before would show every page signed out first.
void gigway.session.ready.then(() => createRoot(document.getElementById('root') as HTMLElement).render(<App />));
