import { lazy } from 'react';

import type { Feature } from '../app/feature';

export const account: Feature = {
  routes: [
    { path: '/sign-in', page: lazy(() => import('./SignInPage')) },
    { path: '/sign-up', page: lazy(() => import('./SignUpPage')) },
  ],
  navigation: [],
};
