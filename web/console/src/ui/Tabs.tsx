import type { ReactNode } from 'react';
import { Tab, TabList, TabPanel, Tabs as AriaTabs } from 'react-aria-components';

import { texts } from '../texts';
import styles from './Tabs.module.css';

export interface TabItem<Id extends string> {
  id: Id;
  label: string;
  /** Undefined while it is not known. */
  count?: number | undefined;
}

interface TabsProps<Id extends string> {
  label: string;
  tabs: readonly TabItem<Id>[];
  selected: Id;
  onSelect: (id: Id) => void;
  /** The content of the selected tab. */
  children: ReactNode;
}

export const Tabs = <Id extends string>({ label, tabs, selected, onSelect, children }: TabsProps<Id>) => (
  <AriaTabs selectedKey={selected} onSelectionChange={(key) => onSelect(key as Id)}>
    <TabList aria-label={label} className={styles.list ?? ''}>
      {tabs.map((tab) => (
        <Tab key={tab.id} id={tab.id} className={styles.tab ?? ''}>
          {tab.label}
          <span className={styles.count}>{tab.count === undefined ? '' : texts.number(tab.count)}</span>
        </Tab>
      ))}
    </TabList>
    <TabPanel id={selected} className={styles.panel ?? ''}>
      {children}
    </TabPanel>
  </AriaTabs>
);
