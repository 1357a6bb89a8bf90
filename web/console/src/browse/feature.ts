import { Search } from 'lucide-react';
import { lazy } from 'react';

import type { Feature } from '../app/feature';
import { texts } from '../texts';
import { browseRules } from './cache';

export const browse: Feature = {
  routes: [
    { path: '/', page: lazy(() => import('./BrowsePage')) },
    { path: '/gigs/:id', page: lazy(() => import('./GigPage')) },
  ],
  navigation: [{ path: '/', label: texts.browse.title, Icon: Search }],
  cache: browseRules,
};
