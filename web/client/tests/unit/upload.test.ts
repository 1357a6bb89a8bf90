import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { createClient, type Client, type UploadProgress } from '../../src/index.js';
import { fakeTabs } from '../support/fake-browser.js';
import { FakeGateway, lost, sessionPayload } from '../support/fake-gateway.js';
import { settle } from '../support/fake-socket.js';
import { during } from '../support/time.js';

const UPLOAD = 'mutation Upload($file: Upload!, $input: Form) { upload(file: $file, input: $input) { id } }';
const UPLOADED = { data: { upload: { id: 'img_1' } } };

let gateway: FakeGateway;
let client: Client;

beforeEach(async () => {
  vi.useFakeTimers();
  fakeTabs();
  gateway = new FakeGateway()
    .on('SignIn', () => ({ data: { signIn: sessionPayload() } }))
    .on('RefreshSession', () => ({ data: { refreshSession: sessionPayload() } }))
    .on('Upload', () => UPLOADED);
  client = createClient({ url: 'https://api.example.com/graphql', fetch: gateway.fetch });
  await client.session.signIn({ email: 'a@example.com', password: 'a password' });
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const picture = (name = 'cat.jpg') => new File(['0123456789'], name, { type: 'image/jpeg' });

test('files anywhere in the variables are sent by the multipart request specification', async () => {
  const variables = { file: picture(), input: { name: 'a', files: [picture('b.jpg'), new Blob(['x'])] } };
  await expect(client.request(UPLOAD, variables)).resolves.toEqual(UPLOADED.data);
  const [request] = gateway.of('Upload');
  const form = request?.body as FormData;
  expect(JSON.parse(String(form.get('operations')))).toEqual({
    query: UPLOAD, operationName: 'Upload', variables: { file: null, input: { name: 'a', files: [null, null] } },
  });
  expect(JSON.parse(String(form.get('map')))).toEqual({
    0: ['variables.file'], 1: ['variables.input.files.0'], 2: ['variables.input.files.1'],
  });
  expect([...form.keys()]).toEqual(['operations', 'map', '0', '1', '2']);
  expect(['0', '1', '2'].map((key) => (form.get(key) as File).name)).toEqual(['cat.jpg', 'b.jpg', 'file']);
  expect(request?.headers.get('apollo-require-preflight')).toBe('true');
  expect(request?.headers.get('content-type')).toBeNull();
  expect(variables.file).toBeInstanceOf(File);
});

test('a lost upload is sent again, the same with the same key', async () => {
  gateway.answers('Upload', lost(), UPLOADED);
  await during(client.request(UPLOAD, { file: picture() }));
  const requests = gateway.of('Upload');
  expect(requests).toHaveLength(2);
  expect(new Set(requests.map(({ headers }) => headers.get('idempotency-key'))).size).toBe(1);
  const [first, second] = requests.map(({ body }) => (body as FormData).get('0') as File);
  expect([second?.name, second?.size]).toEqual([first?.name, first?.size]);
});

test('without XMLHttpRequest, the end of an upload is its progress', async () => {
  const progress: UploadProgress[] = [];
  await client.request(UPLOAD, { file: picture() }, { onUploadProgress: (step) => progress.push(step) });
  expect(progress).toEqual([{ loaded: 10, total: 10, fraction: 1 }]);
});

describe('with XMLHttpRequest', () => {
  /** An XMLHttpRequest whose gateway is the test. */
  class FakeXhr {
    static all: FakeXhr[] = [];
    upload: { onprogress?: (event: { loaded: number; total: number }) => void } = {};
    onload?: () => void;
    onerror?: () => void;
    onabort?: () => void;
    onloadend?: () => void;
    status = 0;
    responseText = '';
    responseType = '';
    readonly headers: Record<string, string> = {};
    sent: unknown;
    target = '';

    constructor() {
      FakeXhr.all.push(this);
    }

    open(method: string, url: string): void {
      this.target = `${method} ${url}`;
    }

    setRequestHeader(name: string, value: string): void {
      this.headers[name] = value;
    }

    getResponseHeader(): null {
      return null;
    }

    send(body: unknown): void {
      this.sent = body;
    }

    abort(): void {
      this.onabort?.();
      this.onloadend?.();
    }

    answer(body: unknown): void {
      this.status = 200;
      this.responseText = JSON.stringify(body);
      this.onload?.();
      this.onloadend?.();
    }
  }

  const last = () => FakeXhr.all.at(-1) as FakeXhr;

  beforeEach(() => {
    FakeXhr.all = [];
    vi.stubGlobal('XMLHttpRequest', FakeXhr);
  });

  test('an upload reports its progress', async () => {
    const fractions: number[] = [];
    const upload = client.request(UPLOAD, { file: picture() }, { onUploadProgress: ({ fraction }) => fractions.push(fraction) });
    await settle();
    expect(last().target).toBe('POST https://api.example.com/graphql');
    expect(last().headers).toMatchObject({ authorization: expect.stringMatching(/^Bearer /), 'apollo-require-preflight': 'true' });
    expect((last().sent as FormData).get('0')).toBeInstanceOf(File);
    last().upload.onprogress?.({ loaded: 5, total: 20 });
    last().upload.onprogress?.({ loaded: 20, total: 20 });
    last().answer(UPLOADED);
    await expect(upload).resolves.toEqual(UPLOADED.data);
    expect(fractions).toEqual([0.25, 1]);
    expect(gateway.of('Upload')).toHaveLength(0);
  });

  test('a cancelled upload is aborted', async () => {
    const abort = new AbortController();
    const upload = client.request(UPLOAD, { file: picture() }, { onUploadProgress() {}, signal: abort.signal });
    const outcome = upload.catch((error: unknown) => error);
    await settle();
    const aborted = vi.spyOn(last(), 'abort');
    abort.abort();
    expect(await outcome).toMatchObject({ name: 'AbortError' });
    expect(aborted).toHaveBeenCalledOnce();
    expect(FakeXhr.all).toHaveLength(1);
  });

  test('a lost upload is sent again with the same key', async () => {
    const upload = client.request(UPLOAD, { file: picture() }, { onUploadProgress() {} });
    await settle();
    last().onerror?.();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeXhr.all).toHaveLength(2);
    last().answer(UPLOADED);
    await upload;
    expect(FakeXhr.all[0]?.headers['idempotency-key']).toBe(FakeXhr.all[1]?.headers['idempotency-key']);
  });

  test('the error page of a proxy is an error', async () => {
    const upload = client.request(UPLOAD, { file: picture() }, { onUploadProgress() {} });
    const outcome = upload.catch((error: unknown) => error);
    await settle();
    Object.assign(last(), { status: 413, responseText: '<html>' }).onload?.();
    expect(await outcome).toMatchObject({ code: 'BAD_RESPONSE', status: 413 });
  });
});
