// Prints the size of what an application with a session, requests and subscriptions gets, minified and compressed by
// gzip, with graphql-ws. Fails if it is above the limit.

import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const LIMIT_BYTES = 15_000;
const directory = fileURLToPath(new URL('..', import.meta.url));

/** The bytes of a program, as they are and compressed. */
async function measure(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: directory },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['@apollo/client', '@urql/core', 'graphql', 'relay-runtime', 'wonka'],
    write: false,
    logLevel: 'warning',
  });
  const [{ contents: code }] = outputFiles;
  return { bytes: code.length, gzipped: gzipSync(code, { level: 9 }).length };
}

const CLIENT = `
  import { createClient } from './dist/index.js';
  const client = createClient({ storage: localStorage, onSignedOut: console.log, onConnection: console.log });
  await client.session.signIn({ email: 'a@example.com', password: 'b' });
  console.log(await client.request('{ gigs { totalCount } }'));
  client.subscribe('subscription { gigPublished { gigId } }', {}, { next: console.log });`;

const ADDITIONS = {
  'the Apollo link': "export { gigwayLink } from './dist/apollo.js';",
  'the urql exchange': "export { gigwayExchange } from './dist/urql.js';",
  'the Relay network': "export { gigwayNetwork } from './dist/relay.js';",
  'the session in cookies': "export { cookieSession } from './dist/cookies.js';",
};

const client = await measure(CLIENT);
console.log(`session, requests, uploads, subscriptions and graphql-ws: ${client.bytes} bytes, ${client.gzipped} gzipped`);
for (const [name, code] of Object.entries(ADDITIONS)) {
  const { gzipped } = await measure(`${CLIENT}\n${code}`);
  console.log(`${name} adds ${gzipped - client.gzipped} gzipped`);
}
if (client.gzipped >= LIMIT_BYTES) {
  console.error(`The limit is ${LIMIT_BYTES} bytes, compressed`);
  process.exitCode = 1;
}
