// Checks the conventions of the schema: names, descriptions and Relay connections with graphql-schema-linter;
// ids, inputs and payloads, for which it has no rules, here.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { buildSchema, getNamedType, isInterfaceType, isListType, isNonNullType, isObjectType, isScalarType, isSpecifiedScalarType } from 'graphql';

// Without the rules that require alphabetical order: fields are in the order in which people read them.
const rules = [
  'arguments-have-descriptions',
  'defined-types-are-used',
  'deprecations-have-a-reason',
  'descriptions-are-capitalized',
  'enum-values-all-caps',
  'enum-values-have-descriptions',
  'fields-are-camel-cased',
  'fields-have-descriptions',
  'input-object-values-are-camel-cased',
  'input-object-values-have-descriptions',
  'relay-connection-arguments-spec',
  'relay-connection-types-spec',
  'relay-page-info-spec',
  'types-are-capitalized',
  'types-have-descriptions',
];

const file = process.argv[2] ?? '../../schema.graphql';
const linter = createRequire(import.meta.url).resolve('graphql-schema-linter/lib/cli.js');
execFileSync(process.execPath, [linter, '--rules', rules.join(','), file], { stdio: 'inherit' });

const schema = buildSchema(readFileSync(file, 'utf8'));
const own = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'));
// The fields and types of Apollo Federation are in the schema only if the gateway is a subgraph.
assert.deepEqual(own.filter(({ name }) => name.startsWith('_')).map(({ name }) => name), []);
assert.deepEqual(Object.keys(schema.getQueryType().getFields()).filter((name) => name.startsWith('_')), []);

// Exactly the types with a global id implement Node. The ids of the viewer and of accounts are not global.
const withOtherIds = ['Viewer', 'UserAccount'];
const node = schema.getType('Node');
assert.ok(isInterfaceType(node));
for (const type of own.filter(isObjectType)) {
  const id = type.getFields().id;
  assert.equal(Boolean(id) && !withOtherIds.includes(type.name), type.getInterfaces().includes(node), `${type.name} must implement Node if and only if it has an id`);
  assert.ok(!id || String(id.type) === 'ID!', `${type.name}.id must be an ID!`);
}
// Every scalar of this schema says where it is specified.
for (const type of own.filter(isScalarType).filter((type) => !isSpecifiedScalarType(type))) {
  assert.match(type.specifiedByURL ?? '', /^https:\/\//, `${type.name} must have @specifiedBy`);
}
// Entries of lists are non-null, except where the client requests each entry by its id.
for (const type of own.filter(isObjectType)) {
  for (const field of Object.values(type.getFields())) {
    const list = isNonNullType(field.type) ? field.type.ofType : field.type;
    const hasNullableEntries = type.name === 'Query' && field.name === 'nodes';
    assert.ok(!isListType(list) || isNonNullType(list.ofType) || hasNullableEntries, `the entries of ${type.name}.${field.name} must be non-null`);
  }
}
// A mutation takes either one `input` or only scalars. It returns a payload with `errors`.
for (const field of Object.values(schema.getMutationType().getFields())) {
  const inputs = field.args.filter(({ type }) => !isScalarType(getNamedType(type)));
  assert.ok(inputs.length === 0 || (field.args.length === 1 && field.args[0].name === 'input'), `${field.name} must take a single input`);
  const payload = getNamedType(field.type);
  assert.match(payload.name, /Payload$/, `${field.name} must return a payload`);
  assert.ok(isNonNullType(field.type), `the payload of ${field.name} must be non-null`);
  assert.equal(String(payload.getFields().errors?.type), '[UserError!]!', `${payload.name} must have errors`);
}
for (const type of own.filter(({ name }) => name.endsWith('Input'))) {
  assert.match(type.name, /^[A-Z][A-Za-z]+Input$/);
}
// Every subscription can be resumed after an event.
const event = schema.getType('Event');
for (const field of Object.values(schema.getSubscriptionType().getFields())) {
  assert.ok(getNamedType(field.type).getInterfaces().includes(event), `${field.name} must return an Event`);
  assert.ok(field.args.some(({ name }) => name === 'after'), `${field.name} must take after`);
}
console.log('the schema follows the conventions');
