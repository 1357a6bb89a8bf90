// Prints the bytes of each page, gzipped, and fails if the first one is larger than it may be.

import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** Before the first picture of `/`. The limit of the project is 200 kB. */
const MAX_FIRST_PAGE_BYTES = 190_000;

const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8'));
rmSync('dist/.vite', { recursive: true }); // only for this script
const gzippedBytes = (path) => gzipSync(readFileSync(`dist/${path}`), { level: 9 }).length;

/** The files that an entry needs, with those that it imports at once. */
function filesOf(key, seen = new Set()) {
  if (seen.has(key)) return [];
  seen.add(key);
  const { file, css = [], imports = [] } = manifest[key];
  return [file, ...css, ...imports.flatMap((other) => filesOf(other, seen))];
}

const bytesOf = (...keys) => {
  const files = new Set(keys.flatMap((key) => filesOf(key)));
  return [...files].reduce((sum, file) => sum + gzippedBytes(file), 0);
};

const html = gzipSync(readFileSync('dist/index.html')).length;
const entry = Object.keys(manifest).find((key) => manifest[key].isEntry && key === 'index.html');
const pages = Object.keys(manifest).filter((key) => manifest[key].isDynamicEntry);
for (const page of pages) {
  console.log(`${page.padEnd(32)} ${((html + bytesOf(entry, page)) / 1000).toFixed(1).padStart(7)} kB`);
}
const first = html + bytesOf(entry, 'src/browse/BrowsePage.tsx');
const total = readdirSync('dist/assets').filter((name) => !/\.(gz|br)$/.test(name));
console.log(`${total.length} files, ${(total.reduce((sum, name) => sum + statSync(`dist/assets/${name}`).size, 0) / 1000).toFixed(0)} kB`);
if (first > MAX_FIRST_PAGE_BYTES) {
  console.error(`The first page has ${first} bytes, gzipped. At most ${MAX_FIRST_PAGE_BYTES}.`);
  process.exit(1);
}
