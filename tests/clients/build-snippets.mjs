// Compiles the snippets of the documentation (examples/clients), and bundles the tests of them into .build/.
// TypeScript is strict. The packages are those of this directory.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { relayTags } from './relay-tags.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const snippets = path('../../examples/clients');
const run = (program, ...options) =>
  execFileSync(process.execPath, [path(`node_modules/${program}`), ...options], { cwd: snippets, stdio: ['ignore', 'inherit', 'inherit'] });

// Node, TypeScript and esbuild look for packages in the directory of the snippet.
rmSync(`${snippets}/node_modules`, { recursive: true, force: true });
symlinkSync(path('node_modules'), `${snippets}/node_modules`);
mkdirSync(`${snippets}/__generated__`, { recursive: true });

await import('../../examples/clients/introspect.mjs');
run('relay-compiler/cli.js', '--output', 'quiet-with-errors');
run('typescript/bin/tsc', '--project', 'tsconfig.json');

const tests = readdirSync(path('snippets')).filter((name) => name.endsWith('.test.mjs'));
await build({
  entryPoints: tests.map((name) => path(`snippets/${name}`)),
  outdir: path('.build'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  plugins: [relayTags],
  logLevel: 'warning',
});
