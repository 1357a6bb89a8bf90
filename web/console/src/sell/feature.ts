import { Store } from 'lucide-react';
import { lazy } from 'react';

import { SIGNED_IN, type Feature } from '../app/feature';
import { texts } from '../texts';
import { sellRules } from './cache';

export const sell: Feature = {
  routes: [
    { path: '/sell', page: lazy(() => import('./SellPage')), roles: SIGNED_IN },
    { path: '/sell/new', page: lazy(() => import('./GigFormPage')), roles: SIGNED_IN },
  ],
  navigation: [{ path: '/sell', label: texts.sell.title, Icon: Store, roles: SIGNED_IN }],
  cache: sellRules,
};
