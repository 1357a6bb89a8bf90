// Runs all audits of graphql-http for GraphQL over HTTP. All must pass, including the recommendations.
import assert from 'node:assert/strict';
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: `${process.env.GATEWAY_FOR_MUTATIONS}/graphql` });
const passed = results.filter(({ status }) => status === 'ok');
for (const { id, name, status, reason } of results.filter((result) => !passed.includes(result))) {
  console.error(`${status}: ${id} ${name}: ${reason}`);
}
console.log(`${passed.length} of ${results.length} audits passed`);
assert.deepEqual([passed.length, results.length], [61, 61]);
