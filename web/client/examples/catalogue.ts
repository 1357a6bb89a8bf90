// What the pages of all three libraries share: the client, and how a list is shown.

import { createClient, type ClientOptions } from 'gigway-client';

export interface GigCard {
  id: string;
  title: string;
  price: { amount: string; currencyCode: string };
}

export const openClient = (options: ClientOptions = {}) =>
  createClient({ storage: localStorage, onConnection: (state) => (document.body.dataset.connection = state), ...options });

/** Shows the gigs of a list, or that there are none. */
export function show(gigs: readonly GigCard[]): void {
  const items = gigs.map(({ id, title, price }) => {
    const item = document.createElement('li');
    item.id = id;
    item.textContent = `${title}, ${price.amount} ${price.currencyCode}`;
    return item;
  });
  document.querySelector('ul')?.replaceChildren(...items);
}
