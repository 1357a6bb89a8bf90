import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

import { relayTags } from './tests/support/relay-tags.js';

const source = (name: string) => fileURLToPath(new URL(`src/${name}.ts`, import.meta.url));

export default defineConfig({
  plugins: [relayTags],
  resolve: {
    // The examples import the package by its name. One copy of it: an error of another copy is not an instance.
    alias: [
      { find: /^gigway-client$/, replacement: source('index') },
      { find: /^gigway-client\/(apollo|urql|relay|cookies)$/, replacement: source('$1') },
    ],
  },
  test: {
    // A test that stubs a global leaves none behind.
    unstubGlobals: true,
    restoreMocks: true,
    projects: [
      { extends: true, test: { name: 'unit', include: ['tests/unit/**/*.test.ts'] } },
      { extends: true, test: { name: 'package', include: ['tests/package/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'gateway', include: ['tests/gateway/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 },
      },
    ],
  },
});
