import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createClient, type Client } from '../../src/index.js';
import { FakeGateway, failure, invalid, lost, sessionPayload } from '../support/fake-gateway.js';
import { fakeTabs } from '../support/fake-browser.js';
import { during } from '../support/time.js';

const ACCOUNT = { email: 'new@example.com', password: 'a password', displayName: 'Sofia' };
const created = () => ({ data: { signUp: sessionPayload() } });
const signedIn = () => ({ data: { signIn: sessionPayload() } });
const wrongCredentials = { data: { signIn: invalid('WRONG_CREDENTIALS') } };
const emailTaken = { data: { signUp: invalid('EMAIL_TAKEN', ['email']) } };

let gateway: FakeGateway;
let client: Client;

beforeEach(() => {
  vi.useFakeTimers();
  fakeTabs();
  gateway = new FakeGateway();
  client = createClient({ url: 'https://api.example.com/graphql', fetch: gateway.fetch });
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const names = () => gateway.requests.map(({ operationName }) => operationName);

test('a sign-up signs in', async () => {
  gateway.answers('SignUp', created);
  await expect(client.session.signUp(ACCOUNT)).resolves.toMatchObject({ id: 'usr_1' });
  expect(gateway.requests[0]?.variables).toEqual({ input: ACCOUNT });
  expect(gateway.requests[0]?.headers.get('idempotency-key')).toBeNull();
});

test('a lost sign-up that succeeded is followed by a sign-in', async () => {
  gateway.answers('SignUp', lost()).answers('SignIn', signedIn);
  await expect(during(client.session.signUp(ACCOUNT))).resolves.toMatchObject({ id: 'usr_1' });
  expect(names()).toEqual(['SignUp', 'SignIn']);
});

test('a lost sign-up that did not arrive is sent again', async () => {
  gateway.answers('SignUp', lost(), created).answers('SignIn', wrongCredentials);
  await expect(during(client.session.signUp(ACCOUNT))).resolves.toMatchObject({ id: 'usr_1' });
  expect(names()).toEqual(['SignUp', 'SignIn', 'SignUp']);
});

test('a lost sign-up that was still running is followed by another sign-in', async () => {
  gateway.answers('SignUp', lost(), emailTaken).answers('SignIn', wrongCredentials, signedIn);
  await expect(during(client.session.signUp(ACCOUNT))).resolves.toMatchObject({ id: 'usr_1' });
  expect(names()).toEqual(['SignUp', 'SignIn', 'SignUp', 'SignIn']);
});

test('the e-mail of somebody else is reported, also after a lost sign-up', async () => {
  gateway.answers('SignUp', emailTaken);
  await expect(client.session.signUp(ACCOUNT)).rejects.toMatchObject({ code: 'EMAIL_TAKEN', field: ['email'] });
  expect(names()).toEqual(['SignUp']);
  gateway.answers('SignUp', lost(), emailTaken).answers('SignIn', wrongCredentials);
  await expect(during(client.session.signUp(ACCOUNT))).rejects.toMatchObject({ code: 'EMAIL_TAKEN' });
});

test('without network, a sign-up fails after some attempts', async () => {
  gateway.answers('SignUp', lost()).answers('SignIn', lost());
  await expect(during(client.session.signUp(ACCOUNT))).rejects.toMatchObject({ code: 'NETWORK_ERROR', retryable: true });
});

test('a rate limit of sign-ins is reported at once', async () => {
  gateway.answers('SignIn', failure('RATE_LIMITED', { retryAfterSeconds: 900, budget: 'signIn' }));
  await expect(client.session.signIn(ACCOUNT)).rejects.toMatchObject({
    code: 'RATE_LIMITED', retryable: true, retryAfterSeconds: 900,
  });
  expect(names()).toEqual(['SignIn']);
});
