// The quick start of the README, with the demo data of a gateway.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import { expect, test } from 'vitest';

import { Gateway } from '../support/gateway.js';
import { readmeBlocks } from '../support/readme.js';

const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));

/** What somebody else does while the page is open, and what the page then shows. */
const MEANWHILE = `
const active = [...gigs.values()].find(({ status }) => status === 'ACTIVE');
await new Promise((resolve) => setTimeout(resolve, 500));
await client.request('mutation ($id: ID!) { pauseGig(id: $id) { errors { code } } }', { id: active.id });
for (let attempt = 0; attempt < 100 && gigs.get(active.id).status === 'ACTIVE'; attempt += 1) {
  await new Promise((resolve) => setTimeout(resolve, 100));
}
console.log('status:', gigs.get(active.id).status);`;

test('the quick start runs: it signs in, reads the gigs, and sees a change', async () => {
  const gateway = await Gateway.start({}, '--demo');
  const directory = mkdtempSync(join(WORKSPACE, '.readme-'));
  try {
    const [start, end] = String(readmeBlocks().get('quick-start')).split('// When the page is left:');
    const source = join(directory, 'quick-start.ts');
    writeFileSync(source, `${start?.replace('http://127.0.0.1:8080/graphql', gateway.url)}${MEANWHILE}${end}`);
    const outfile = join(directory, 'quick-start.mjs');
    await build({ entryPoints: [source], outfile, format: 'esm', platform: 'node', packages: 'external', logLevel: 'warning' });
    const output = execFileSync(process.execPath, [outfile], { cwd: directory, encoding: 'utf8', timeout: 60_000 });
    expect(output).toMatch(/^Hello Sofia/);
    expect(output).toMatch(/^status: PAUSED$/m);
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await gateway.remove();
  }
});
