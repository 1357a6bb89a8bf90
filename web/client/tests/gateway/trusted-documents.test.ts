// A gateway that runs only trusted documents.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { Gateway, until } from '../support/gateway.js';

/** A document with its hash, as the client preset generates it. */
function trusted(text: string) {
  const hash = createHash('sha256').update(text).digest('hex');
  return Object.assign(new String(text), { __meta__: { hash } });
}

test('ids are sent instead of documents, over HTTP, a WebSocket and server-sent events', async () => {
  const viewer = trusted('query Viewer { viewer { email } }');
  const changes = trusted('subscription Changes($after: String) { gigStatusChanged(after: $after) { cursor gigId } }');
  const own = JSON.parse(readFileSync(new URL('../../dist/documents.json', import.meta.url), 'utf8')) as Record<string, string>;
  const manifest = { ...own, ...Object.fromEntries([viewer, changes].map((document) => [document.__meta__.hash, String(document)])) };
  const directory = mkdtempSync(join(tmpdir(), 'gigway-manifest.'));
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
  const gateway = await Gateway.start({ GIGWAY_TRUSTED_DOCUMENTS: join(directory, 'manifest.json') });
  try {
    const user = gateway.addUser('trusted@example.com');
    const sent: string[] = [];
    for (const transport of ['websocket', 'sse'] as const) {
      const client = await gateway.signedIn(user, {
        transport,
        sendsDocumentIds: true,
        fetch: (input, init) => {
          sent.push(String(init?.body));
          return fetch(input, init);
        },
      });
      expect(await client.request(viewer)).toEqual({ viewer: { email: user.email } });
      const errors: unknown[] = [];
      client.subscribe(changes, {}, { next() {}, error: (error) => errors.push(error) });
      await until('the connection', () => client.connection === 'open' || errors.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(errors).toEqual([]);
      await expect(client.request('{ viewer { email role } }')).rejects.toMatchObject({ code: 'DOCUMENT_NOT_TRUSTED' });
      await client.session.signOut();
      client.close();
    }
    expect(sent.filter((body) => body.includes('query Viewer') || body.includes('subscription Changes'))).toEqual([]);
  } finally {
    await gateway.remove();
    rmSync(directory, { recursive: true, force: true });
  }
});
