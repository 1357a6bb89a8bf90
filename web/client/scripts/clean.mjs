// Empties a directory of the package: `node scripts/clean.mjs DIRECTORY`.

import { mkdirSync, rmSync } from 'node:fs';

const directory = new URL(`../${process.argv[2]}/`, import.meta.url);
rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
