// Writes the files of the package that are not code.

import { createHash } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';

import * as operations from '../dist/generated/operations/graphql.js';

const path = (name) => new URL(`../dist/${name}`, import.meta.url);

// Applications generate their types from it.
copyFileSync(new URL('../../../schema.graphql', import.meta.url), path('schema.graphql'));

// What the client sends by itself, for the manifest of a gateway that runs only trusted documents: by SHA-256.
const documents = Object.entries(operations)
  .filter(([name]) => name.endsWith('Document'))
  .map(([, document]) => String(document));
const byHash = documents.map((text) => [createHash('sha256').update(text).digest('hex'), text]);
writeFileSync(path('documents.json'), `${JSON.stringify(Object.fromEntries(byHash), null, 2)}\n`);
