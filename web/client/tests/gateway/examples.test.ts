// The examples for Apollo Client, urql and Relay with a gateway: a list that stays up to date on a bad network.

import { readFileSync } from 'node:fs';

import { ApolloClient, gql } from '@apollo/client';
import { Client as Urql } from '@urql/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import * as apollo from '../../examples/apollo.js';
import type { GigCard } from '../../examples/catalogue.js';
import * as relay from '../../examples/relay.js';
import * as urql from '../../examples/urql.js';
import { gigwayNetwork } from '../../src/relay.js';
import type { Client } from '../../src/index.js';
import { Gateway, mutateGig, publishGig, until } from '../support/gateway.js';
import { Proxy } from '../support/proxy.js';

const IMAGE = new URL('../../../../examples/curl/image.png', import.meta.url);
const UPLOAD = 'mutation Upload($file: Upload!) { uploadGigImage(file: $file) { image { id } errors { code } } }';

type Show = (gigs: readonly GigCard[]) => void;

interface Example {
  follow(client: Client, show: Show, onError: (error: Error) => void): () => void;
  /** Uploads a picture. Returns its id. */
  upload(client: Client, file: File): Promise<string | undefined>;
}

const examples: Record<string, Example> = {
  apollo: {
    follow: (client, show, onError) => apollo.followCatalogue(apollo.createApollo(client), show, onError),
    async upload(client, file) {
      const library: ApolloClient = apollo.createApollo(client);
      const { data } = await library.mutate<{ uploadGigImage: { image: { id: string } } }>({ mutation: gql(UPLOAD), variables: { file } });
      return data?.uploadGigImage.image.id;
    },
  },
  urql: {
    follow: (client, show, onError) => urql.followCatalogue(urql.createUrql(client), show, onError),
    async upload(client, file) {
      const library: Urql = urql.createUrql(client);
      const { data } = await library.mutation(UPLOAD, { file }).toPromise();
      return data?.uploadGigImage.image.id as string;
    },
  },
  relay: {
    follow: (client, show, onError) => relay.followCatalogue(relay.createRelay(client), show, onError),
    async upload(client, file) {
      const request = { text: UPLOAD, id: null, name: 'Upload', operationKind: 'mutation', metadata: {}, cacheID: '1' };
      const response = await gigwayNetwork(client).execute(request as never, { file: null }, {}, { file }).toPromise();
      return (response as unknown as { data: { uploadGigImage: { image: { id: string } } } }).data.uploadGigImage.image.id;
    },
  },
};

let gateway: Gateway;
let seller: Client;
let reviewer: Client;

beforeAll(async () => {
  gateway = await Gateway.start();
  seller = await gateway.signedIn(gateway.addUser('seller@example.com'));
  reviewer = await gateway.signedIn(gateway.addUser('reviewer@example.com', 'REVIEWER'));
});

afterAll(() => gateway.remove());

describe.each(Object.entries(examples))('%s', (name, { follow, upload }) => {
  test('a list shows each change, also after the network was cut and the cursor has expired', async () => {
    const proxy = await Proxy.open(gateway.url);
    const client = gateway.client({ url: proxy.url });
    const errors: Error[] = [];
    let titles: string[] = [];
    const first = await publishGig(seller, reviewer, `I will write a song with ${name}`);
    const end = follow(client, (gigs) => (titles = gigs.map(({ title }) => title)), (error) => errors.push(error));
    await until('the list', () => titles.includes(`I will write a song with ${name}`));
    await until('the connection', () => client.connection === 'open');

    await mutateGig(seller, 'pauseGig', { id: first.id });
    await until('the paused gig leaves', () => !titles.some((title) => title.includes('song')), 20);

    proxy.cut();
    await mutateGig(seller, 'resumeGig', { id: first.id });
    await publishGig(seller, reviewer, `I will write a waltz with ${name}`);
    proxy.restore();
    await until('two gigs', () => titles.some((title) => title.includes('song')) && titles.some((title) => title.includes('waltz')), 30);

    await gateway.down();
    gateway.run('log', 'new-epoch');
    await gateway.up();
    await mutateGig(seller, 'pauseGig', { id: first.id });
    await until('the paused gig leaves again', () => !titles.some((title) => title.includes('song')), 30);
    expect(titles.filter((title) => title.includes('waltz') && title.includes(name))).toHaveLength(1);
    expect(errors).toEqual([]);

    const shown = [...titles];
    end();
    await mutateGig(seller, 'resumeGig', { id: first.id });
    await until('the connection is closed', () => client.connection === 'closed');
    expect(titles).toEqual(shown);
    await mutateGig(seller, 'archiveGig', { id: first.id });
    proxy.close();
  });

  test('a picture is uploaded', async () => {
    const file = new File([readFileSync(IMAGE)], 'picture.png', { type: 'image/png' });
    expect(await upload(seller, file)).toMatch(/^img_/);
  });
});
