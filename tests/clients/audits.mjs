// GraphQL over HTTP, as the audits of graphql-http have it: every one must pass, also what is only recommended.
import assert from 'node:assert/strict';
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: `${process.env.GATEWAY_FOR_ACTS}/graphql` });
const passed = results.filter(({ status }) => status === 'ok');
for (const { id, name, status, reason } of results.filter((result) => !passed.includes(result))) {
  console.error(`${status}: ${id} ${name}: ${reason}`);
}
console.log(`${passed.length} of ${results.length}`);
assert.deepEqual([passed.length, results.length], [61, 61]);
