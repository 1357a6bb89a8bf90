// What a folder of pages adds to the console. It is in the first bundle, so its pages are loaded with `lazy`.

import type { SessionUser } from 'gigway-client';
import type { LucideIcon } from 'lucide-react';
import type { ComponentType, LazyExoticComponent } from 'react';

import type { CacheRules } from '../data/cache';

export interface Feature {
  routes: readonly {
    /** With parameters such as `/gigs/:id`, which the page gets as `params`. */
    path: string;
    page: LazyExoticComponent<ComponentType<PageProps>>;
    /** Who sees the page. Without it, everybody. */
    roles?: readonly SessionUser['role'][];
  }[];
  navigation: readonly {
    path: string;
    label: string;
    Icon: LucideIcon;
    /** Who sees the link. Without it, everybody. */
    roles?: readonly SessionUser['role'][];
  }[];
  cache?: CacheRules;
}

export interface PageProps {
  params: Readonly<Record<string, string | undefined>>;
}

/** For `roles`: everybody who is signed in. */
export const SIGNED_IN = ['MEMBER', 'REVIEWER', 'ADMIN'] as const;
