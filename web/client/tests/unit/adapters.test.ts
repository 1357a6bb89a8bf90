import { ApolloClient, CombinedGraphQLErrors, gql, InMemoryCache } from '@apollo/client';
import { cacheExchange, Client as UrqlClient, type OperationResult } from '@urql/core';
import type { CacheConfig, GraphQLResponse, UploadableMap } from 'relay-runtime';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { gigwayLink } from '../../src/apollo.js';
import { GigwayError } from '../../src/index.js';
import { gigwayNetwork } from '../../src/relay.js';
import { gigwayExchange } from '../../src/urql.js';
import { failure, lost, type SentRequest } from '../support/fake-gateway.js';
import { FakeSocket, settle } from '../support/fake-socket.js';
import { change, openPage, pass, type Page } from '../support/page.js';

const GIGS = 'query Gigs { gigs { totalCount } }';
const PAUSE = 'mutation Pause($id: ID!) { pauseGig(id: $id) { gig { id } } }';
const UPLOAD = 'mutation Upload($file: Upload!) { upload(file: $file) { id } }';
const CHANGES = 'subscription Changes($after: String) { catalogueChanged(after: $after) { cursor gigId } }';

let page: Page;

beforeEach(async () => {
  page = openPage();
  page.gateway
    .on('Gigs', () => ({ data: { gigs: { __typename: 'GigConnection', totalCount: 3 } } }))
    .on('Pause', () => ({ data: { pauseGig: { __typename: 'GigPayload', gig: { __typename: 'Gig', id: 'gig_1' } } } }))
    .on('Upload', () => ({ data: { upload: { __typename: 'GigImage', id: 'img_1' } } }));
  await page.client.session.signIn({ email: 'a@example.com', password: 'a password' });
});

afterEach(() => {
  page.client.close();
  vi.useRealTimers();
});

/** What a library makes of an operation. */
interface Outcome {
  data: unknown;
  /** The codes of the errors. */
  codes: string[];
}

interface Library {
  /** Runs a query or a mutation. */
  run(document: string, variables?: Record<string, unknown>, context?: Record<string, unknown>): Promise<Outcome>;
  /** Uploads a file. */
  upload(file: File): Promise<Outcome>;
  /** Subscribes. Returns a function to end it. */
  subscribe(variables: Record<string, unknown>, report: (outcome: Outcome) => void, context?: Record<string, unknown>): () => void;
  /** Starts a query, and cancels it. */
  cancel(): Promise<void>;
}

function apollo(): Library {
  const client = new ApolloClient({ cache: new InMemoryCache(), link: gigwayLink(page.client) });
  const codesOf = (error: unknown): string[] =>
    CombinedGraphQLErrors.is(error) ? error.errors.map(({ extensions }) => String(extensions?.code))
    : error instanceof GigwayError ? [`network: ${error.code}`] : error ? [String(error)] : [];
  const run: Library['run'] = async (text, variables = {}, context = {}) => {
    const document = gql(text);
    try {
      const { data } = text.startsWith('mutation')
        ? await client.mutate({ mutation: document, variables, context })
        : await client.query({ query: document, variables, context, fetchPolicy: 'network-only' });
      return { data, codes: [] };
    } catch (error) {
      return { data: undefined, codes: codesOf(error) };
    }
  };
  return {
    run,
    upload: (file) => run(UPLOAD, { file }),
    subscribe(variables, report, context = {}) {
      const subscription = client.subscribe({ query: gql(CHANGES), variables, context })
        .subscribe(({ data, error }) => report({ data, codes: codesOf(error) }));
      return () => subscription.unsubscribe();
    },
    async cancel() {
      const subscription = client.watchQuery({ query: gql(GIGS), fetchPolicy: 'network-only' }).subscribe({});
      await settle();
      subscription.unsubscribe();
    },
  };
}

function urql(): Library {
  const client = new UrqlClient({ url: 'unused:', preferGetMethod: false, exchanges: [cacheExchange, gigwayExchange(page.client)] });
  const toOutcome = ({ data, error }: OperationResult): Outcome => ({
    data: data ?? undefined,
    codes: error?.networkError ? [`network: ${(error.networkError as GigwayError).code}`]
      : (error?.graphQLErrors ?? []).map(({ extensions }) => String(extensions.code)),
  });
  const run: Library['run'] = async (text, variables = {}, context = {}) =>
    toOutcome(text.startsWith('mutation')
      ? await client.mutation(text, variables, context).toPromise()
      : await client.query(text, variables, { requestPolicy: 'network-only', ...context }).toPromise());
  return {
    run,
    upload: (file) => run(UPLOAD, { file }),
    subscribe(variables, report, context = {}) {
      const { unsubscribe } = client.subscription(CHANGES, variables, context).subscribe((result) => report(toOutcome(result)));
      return unsubscribe;
    },
    async cancel() {
      const { unsubscribe } = client.query(GIGS, {}, { requestPolicy: 'network-only' }).subscribe(() => {});
      await settle();
      unsubscribe();
    },
  };
}

function relay(): Library {
  const network = gigwayNetwork(page.client);
  const request = (text: string) => ({
    text, id: null, name: /(\w+)[ (]/.exec(text.replace(/^\w+ /, ''))?.[1] ?? '', metadata: {}, cacheID: text,
    operationKind: text.split(' ')[0] as 'query',
  });
  const codesOf = (errors: readonly { extensions?: unknown }[] | undefined) =>
    (errors ?? []).map(({ extensions }) => String((extensions as { code?: string } | undefined)?.code));
  const execute = (text: string, variables: Record<string, unknown>, metadata: Record<string, unknown>, uploadables?: UploadableMap) =>
    network.execute(request(text) as never, variables, { metadata } as CacheConfig, uploadables);
  const toOutcome = (response: GraphQLResponse): Outcome => {
    const { data, errors } = response as { data?: unknown; errors?: { extensions?: unknown }[] };
    return { data: data ?? undefined, codes: codesOf(errors) };
  };
  const toFailure = (error: unknown): Outcome => {
    const { code, closeCode } = error as GigwayError;
    const isNetwork = code === 'NETWORK_ERROR' || closeCode !== undefined;
    return { data: undefined, codes: [isNetwork ? `network: ${code}` : code] };
  };
  const run = (text: string, variables = {}, metadata = {}, uploadables?: UploadableMap) =>
    execute(text, variables, metadata, uploadables).toPromise().then((response) => toOutcome(response as GraphQLResponse), toFailure);
  return {
    run: (text, variables, metadata) => run(text, variables, metadata),
    upload: (file) => run(UPLOAD, { file: null }, {}, { file }),
    subscribe(variables, report, metadata = {}) {
      const { unsubscribe } = execute(CHANGES, variables, metadata).subscribe({
        next: (response) => report(toOutcome(response)),
        error: (error: Error) => report(toFailure(error)),
      });
      return unsubscribe;
    },
    async cancel() {
      const { unsubscribe } = execute(GIGS, {}, {}).subscribe({});
      await settle();
      unsubscribe();
    },
  };
}

/** Lets time pass until the promise is settled. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let isSettled = false;
  void promise.finally(() => (isSettled = true));
  for (let passed = 0; !isSettled && passed < 60_000; passed += 10) await pass(10);
  return promise;
}

describe.each([['the Apollo link', apollo], ['the urql exchange', urql], ['the Relay network', relay]])('%s', (_, create) => {
  let library: Library;
  beforeEach(() => {
    library = create();
  });
  const sent = (name: string): SentRequest => page.gateway.of(name).at(-1) as SentRequest;

  test('carries queries and mutations with the session, and mutations with a key', async () => {
    const { data, codes } = await soon(library.run(GIGS));
    expect(data).toMatchObject({ gigs: { totalCount: 3 } });
    expect(codes).toEqual([]);
    expect(sent('Gigs').headers.get('authorization')).toMatch(/^Bearer access-/);
    await soon(library.run(PAUSE, { id: 'gig_1' }));
    expect(sent('Pause').variables).toEqual({ id: 'gig_1' });
    expect(sent('Pause').headers.get('idempotency-key')).toMatch(/^[0-9a-f]{32}$/);
    await soon(library.run(PAUSE, { id: 'gig_1' }, { idempotencyKey: 'mine' }));
    expect(sent('Pause').headers.get('idempotency-key')).toBe('mine');
  });

  test('refreshes an access token that was rejected, and sends a lost request again', async () => {
    page.gateway.answers('Gigs', failure('UNAUTHENTICATED'), lost(), { data: { gigs: { __typename: 'GigConnection', totalCount: 4 } } });
    expect(await soon(library.run(GIGS))).toMatchObject({ data: { gigs: { totalCount: 4 } }, codes: [] });
    expect(page.gateway.of('RefreshSession')).toHaveLength(1);
  });

  test('reports errors with their codes', async () => {
    page.gateway.on('Gigs', () => failure('FORBIDDEN'));
    expect((await soon(library.run(GIGS))).codes).toEqual(['FORBIDDEN']);
    page.gateway.on('Gigs', lost);
    expect((await soon(library.run(GIGS))).codes).toEqual(['network: NETWORK_ERROR']);
  });

  test('uploads files', async () => {
    const { data, codes } = await soon(library.upload(new File(['meow'], 'cat.jpg', { type: 'image/jpeg' })));
    expect({ data, codes }).toMatchObject({ data: { upload: { id: 'img_1' } }, codes: [] });
    const form = sent('Upload').body as FormData;
    expect(JSON.parse(String(form.get('map')))).toEqual({ 0: ['variables.file'] });
    expect((form.get('0') as File).name).toBe('cat.jpg');
  });

  test('subscribes, resumes after a lost connection, and ends', async () => {
    const outcomes: Outcome[] = [];
    const end = library.subscribe({ after: 'A' }, (outcome) => outcomes.push(outcome));
    await settle();
    await FakeSocket.last.accept();
    FakeSocket.last.next(change('B'));
    FakeSocket.last.end(1006);
    await pass(600);
    await FakeSocket.last.accept();
    expect(FakeSocket.last.variables).toEqual([{ after: 'B' }]);
    FakeSocket.last.next(change('C'));
    await settle();
    expect(outcomes).toMatchObject([{ data: change('B'), codes: [] }, { data: change('C'), codes: [] }]);
    end();
    await settle();
    expect(FakeSocket.last.of('complete')).toHaveLength(1);
  });

  test('reports the error that ends a subscription', async () => {
    const outcomes: Outcome[] = [];
    library.subscribe({ after: 'A' }, (outcome) => outcomes.push(outcome));
    await settle();
    await FakeSocket.last.accept();
    FakeSocket.last.error({ code: 'CURSOR_EXPIRED' });
    await settle();
    expect(outcomes).toMatchObject([{ codes: ['CURSOR_EXPIRED'] }]);
  });

  test('reloads after CURSOR_EXPIRED, and resumes by name', async () => {
    const outcomes: Outcome[] = [];
    let reloads = 0;
    const reload = async () => `L${(reloads += 1)}`;
    library.subscribe({}, (outcome) => outcomes.push(outcome), { resume: 'news', reload });
    await settle();
    await FakeSocket.last.accept();
    FakeSocket.last.error({ code: 'CURSOR_EXPIRED' });
    await settle();
    expect(FakeSocket.last.variables).toEqual([{ after: 'L1' }, { after: 'L2' }]);
    expect(outcomes).toEqual([]);
  });

  test('cancels a request that nobody waits for', async () => {
    page.gateway.on('Gigs', () => new Promise(() => {}));
    await library.cancel();
    await settle();
    expect(sent('Gigs').signal?.aborted).toBe(true);
  });
});

test('the Relay network says if the text of a document is missing', async () => {
  const request = { text: null, id: 'abc', name: 'Gigs', operationKind: 'query', metadata: {}, cacheID: 'abc' };
  expect(() => gigwayNetwork(page.client).execute(request as never, {}, {}).subscribe({})).not.toThrow();
  await expect(gigwayNetwork(page.client).execute(request as never, {}, {}).toPromise()).rejects.toThrow(/includeQueryText/);
});

test('the Relay network puts files into nested variables', async () => {
  const request = { text: UPLOAD, id: null, name: 'Upload', operationKind: 'mutation', metadata: {}, cacheID: '1' };
  const variables = Object.freeze({ input: Object.freeze({ side: 'FRONT', file: null }) });
  const file = new File(['x'], 'front.jpg');
  await soon(gigwayNetwork(page.client).execute(request as never, variables, {}, { 'input.file': file }).toPromise() as Promise<unknown>);
  const form = page.gateway.of('Upload')[0]?.body as FormData;
  expect(JSON.parse(String(form.get('map')))).toEqual({ 0: ['variables.input.file'] });
});
