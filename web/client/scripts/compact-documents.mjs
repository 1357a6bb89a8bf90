// Makes the generated documents smaller: without line breaks, and so that a bundler leaves out those that are not used.

import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../src/generated/operations/graphql.ts', import.meta.url);
const compact = readFileSync(file, 'utf8').replace(
  /new TypedDocumentString\(`([^`]*)`/g,
  (_, text) => `/* @__PURE__ */ new TypedDocumentString(\`${text.replace(/\s+/g, ' ').trim()}\``,
);
writeFileSync(file, compact);
