// Writes a `.br` and a `.gz` file beside each text file of the build, so that the gateway need not compress them.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const DIST = 'dist';
const TEXT = /\.(css|html|js|json|svg|txt|wasm)$/;
const MIN_BYTES = 512;

let plain = 0;
let gzipped = 0;
for (const name of readdirSync(DIST, { recursive: true, encoding: 'utf8' })) {
  const path = `${DIST}/${name}`;
  if (!TEXT.test(name) || statSync(path).size < MIN_BYTES) continue;
  const content = readFileSync(path);
  const gzip = gzipSync(content, { level: 9 });
  const brotli = brotliCompressSync(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
  });
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(`${path}.br`, brotli);
  plain += content.length;
  gzipped += gzip.length;
}
console.log(`compressed ${(plain / 1000).toFixed(0)} kB to ${(gzipped / 1000).toFixed(0)} kB (gzip)`);
