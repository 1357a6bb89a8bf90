// Composes the schema, as a subgraph of Apollo Federation 2, with another subgraph.
//
//     node compose.mjs SUBGRAPH
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';

const gigway = parse(readFileSync(process.argv[2], 'utf8'));
const billing = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])
  type Query { invoices: [Invoice!]! }
  type Invoice @key(fields: "id") { id: ID! gig: Gig! total: Money! }
  type Money @shareable { amount: Decimal! currencyCode: String! }
  scalar Decimal
  type Gig @key(fields: "id") { id: ID! invoiceCount: Int! }
  type User @key(fields: "id") { id: ID! balance: Money! }
  type Category @key(fields: "id") { id: ID! commissionPercent: Int! }
  type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
`);
const composed = composeServices([
  { name: 'gigway', typeDefs: gigway, url: 'http://gigway.example.com/graphql' },
  { name: 'billing', typeDefs: billing, url: 'http://billing.example.com/graphql' },
]);
assert.deepEqual(composed.errors?.map(({ message }) => message) ?? [], []);
const supergraph = parse(composed.supergraphSdl);
const fields = (type) =>
  supergraph.definitions.find(({ name, fields }) => name?.value === type && fields).fields.map(({ name }) => name.value);
for (const [type, gigwayField, billingField] of [
  ['Gig', 'title', 'invoiceCount'],
  ['User', 'displayName', 'balance'],
  ['Category', 'slug', 'commissionPercent'],
]) {
  assert.ok([gigwayField, billingField].every((field) => fields(type).includes(field)), `${type} must have fields of both subgraphs`);
}
console.log('both subgraphs compose');
