// The schema keeps the conventions: names, descriptions and Relay's connections by graphql-schema-linter, and what it has
// no rule for (ids, inputs, payloads) here.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { buildSchema, getNamedType, isInterfaceType, isListType, isNonNullType, isObjectType, isScalarType } from 'graphql';

// Not the rules that want everything in the order of the alphabet: fields stand in the order in which people read them.
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

// Apollo Federation names these, and describes them.
const federation = ['Query._service', 'Query._entities', 'Query._entities.representations', '_Service', '_Service.sdl', '_Entity', '_Any'];
const ignored = Object.fromEntries(
  ['arguments-have-descriptions', 'fields-are-camel-cased', 'fields-have-descriptions', 'types-are-capitalized', 'types-have-descriptions']
    .map((rule) => [rule, federation]),
);

const file = process.argv[2] ?? '../../schema.graphql';
const linter = createRequire(import.meta.url).resolve('graphql-schema-linter/lib/cli.js');
execFileSync(process.execPath, [linter, '--rules', rules.join(','), '--ignore', JSON.stringify(ignored), file], { stdio: 'inherit' });

const schema = buildSchema(readFileSync(file, 'utf8'));
const own = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('_'));

// Whatever has a global id is a Node, and nothing is one otherwise.
const node = schema.getType('Node');
assert.ok(isInterfaceType(node));
for (const type of own.filter(isObjectType)) {
  const id = type.getFields().id;
  assert.equal(Boolean(id), type.getInterfaces().includes(node), `${type.name} has an id where it is a Node, and only there`);
  assert.ok(!id || String(id.type) === 'ID!', `${type.name}.id is an ID!`);
}
// A list has no holes, but where its entries are asked for one by one.
for (const type of own.filter(isObjectType)) {
  for (const field of Object.values(type.getFields())) {
    const list = isNonNullType(field.type) ? field.type.ofType : field.type;
    const mayHaveHoles = type.name === 'Query' && ['nodes', '_entities'].includes(field.name);
    assert.ok(!isListType(list) || isNonNullType(list.ofType) || mayHaveHoles, `${type.name}.${field.name} has no holes`);
  }
}
// A mutation takes one input, or a few plain values; and answers with a payload of its subject, which has the errors.
for (const field of Object.values(schema.getMutationType().getFields())) {
  const inputs = field.args.filter(({ type }) => !isScalarType(getNamedType(type)));
  assert.ok(inputs.length === 0 || (field.args.length === 1 && field.args[0].name === 'input'), `${field.name} takes one input`);
  const payload = getNamedType(field.type);
  assert.match(payload.name, /Payload$/, `${field.name} answers with a payload`);
  assert.ok(isNonNullType(field.type), `${field.name} always answers with one`);
  assert.equal(String(payload.getFields().errors?.type), '[UserError!]!', `${payload.name} has errors`);
}
for (const type of own.filter(({ name }) => name.endsWith('Input'))) {
  assert.match(type.name, /^[A-Z][A-Za-z]+Input$/);
}
// Every event can be resumed behind.
const event = schema.getType('Event');
for (const field of Object.values(schema.getSubscriptionType().getFields())) {
  assert.ok(getNamedType(field.type).getInterfaces().includes(event), `${field.name} tells events`);
  assert.ok(field.args.some(({ name }) => name === 'after'), `${field.name} takes after`);
}
console.log('the schema keeps the conventions');
