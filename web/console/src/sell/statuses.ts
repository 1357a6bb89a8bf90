// The tabs of the viewer's own gigs.

import type { GigStatus } from './sell.generated';

export const TABS = ['ALL', 'DRAFT', 'IN_REVIEW', 'ACTIVE', 'PAUSED', 'REJECTED', 'SUSPENDED', 'ARCHIVED'] as const;
export type TabId = (typeof TABS)[number];

export const statusesOf = (tab: TabId): GigStatus[] | null => (tab === 'ALL' ? null : [tab]);

export const PAGE_SIZE = 20;
