// What `npm publish` would send: `npm run build` first.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const directory = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${directory}package.json`, 'utf8')) as {
  exports: Record<string, string | Record<string, string>>;
  dependencies: Record<string, string>;
};

test('the package has its code, its types, the schema and what people read, and nothing else', () => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: directory, encoding: 'utf8' });
  // npm 11 prints a list, others an object by name.
  const [{ files }] = Object.values(JSON.parse(output) as Record<string, { files: { path: string }[] }>) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  const others = paths.filter((path) => !/^dist\/([\w-]+\/)*[\w-]+(\.d\.ts|\.js)$/.test(path)).sort();
  expect(others).toEqual([
    'LICENSE', 'README.md', 'dist/documents.json', 'dist/schema.graphql', 'package.json', 'scalars.d.ts', 'scalars.js',
  ]);
  expect(paths.filter((path) => /test|example|\/gql\./.test(path))).toEqual([]);
  for (const path of paths.filter((name) => name.endsWith('.js') && name.startsWith('dist/'))) {
    expect(paths).toContain(path.replace(/\.js$/, '.d.ts'));
  }
});

test('every export exists', () => {
  const targets = Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target)));
  expect(targets.length).toBeGreaterThan(10);
  for (const target of targets) expect(existsSync(`${directory}${target}`), target).toBe(true);
});

test('graphql-ws is the only dependency', () => {
  expect(Object.keys(manifest.dependencies)).toEqual(['graphql-ws']);
});

test('the documents of the client are listed by their hashes', async () => {
  const documents = JSON.parse(readFileSync(`${directory}dist/documents.json`, 'utf8')) as Record<string, string>;
  const names = Object.values(documents).map((text) => /(?:query|mutation) (\w+)/.exec(text)?.[1]).sort();
  expect(names).toEqual(['EventCursor', 'RefreshSession', 'SignIn', 'SignOut', 'SignUp', 'SignedInViewer', 'UploadLimits']);
  expect(Object.keys(documents).every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
});
