// The README, with the package as it is installed: `npm run build` first.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { readmeBlocks } from '../support/readme.js';

const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));

let application: string;

/** An application that has the package, and all blocks of the README. */
beforeAll(() => {
  application = mkdtempSync(join(dirname(MODULES), '.readme-'));
  symlinkSync(MODULES, join(application, 'node_modules'));
  mkdirSync(join(application, 'src'));
  const blocks = readmeBlocks();
  const config = String(blocks.get('codegen.ts'));
  blocks.delete('codegen.ts');
  writeFileSync(join(application, 'codegen.ts'), config);
  writeFileSync(join(application, 'src/page.ts'), [...blocks.values()].join('\n'));
  writeFileSync(join(application, 'tsconfig.json'), JSON.stringify({
    extends: '../tsconfig.base.json',
    compilerOptions: { noUnusedLocals: false, noEmit: true, types: ['node'] },
    include: ['src', 'codegen.ts'],
  }));
});

afterAll(() => rmSync(application, { recursive: true, force: true }));

/** Runs a program of the application. Returns what it prints, also if it fails. */
function run(program: string, ...options: string[]): string {
  try {
    return execFileSync(process.execPath, [join(MODULES, program), ...options], { cwd: application, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}${stderr}`;
  }
}

test('the code generator and every block of the README work in strict TypeScript', { timeout: 120_000 }, () => {
  const generated = run('@graphql-codegen/cli/cjs/bin.js', '--config', 'codegen.ts');
  expect(generated).not.toMatch(/error|fail/i);
  expect(readFileSync(join(application, 'src/graphql/graphql.ts'), 'utf8')).toContain('GigQueryVariables');
  expect(run('typescript/bin/tsc', '--project', 'tsconfig.json')).toBe('');
  // The types are not `any`: a wrong variable is an error.
  const page = join(application, 'src/page.ts');
  writeFileSync(page, readFileSync(page, 'utf8').replace("client.request(GIG, { id: 'gig_1' })", 'client.request(GIG, { id: 1 })'));
  expect(run('typescript/bin/tsc', '--project', 'tsconfig.json')).toMatch(/page\.ts.*Type 'number' is not assignable to type 'string'/);
});
