// The browse page in PostGraphile, which generates a schema from the tables and executes each query as one statement.

import cluster from 'node:cluster';
import http from 'node:http';
import simplify from '@graphile-contrib/pg-simplify-inflector';
import { postgraphile } from 'postgraphile';
import pg from 'pg';

// One process for each processor.
const WORKERS = 2;
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

if (cluster.isPrimary && WORKERS > 1) {
  let ready = 0;
  cluster.on('listening', (_, { port }) => {
    ready += 1;
    if (ready === WORKERS) console.log(`postgraphile serves on http://127.0.0.1:${port}/`);
  });
  for (let worker = 0; worker < WORKERS; worker += 1) cluster.fork();
} else {
  const handler = postgraphile(pool, 'public', {
    // Recommended by its documentation for production.
    retryOnInitFail: true,
    dynamicJson: true,
    setofFunctionsContainNulls: false,
    ignoreRBAC: false,
    legacyRelations: 'omit',
    appendPlugins: [simplify],
    simpleCollections: 'both',
    disableDefaultMutations: true,
    disableQueryLog: true,
    graphiql: false,
    // Caches parsed queries between requests.
    queryCacheMaxSize: 50 * 1024 * 1024,
  });
  const server = http.createServer(handler);
  server.listen(0, '127.0.0.1', () => {
    if (!cluster.isWorker) console.log(`postgraphile serves on http://127.0.0.1:${server.address().port}/`);
  });
}
