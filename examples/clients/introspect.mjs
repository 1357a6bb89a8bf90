// Writes schema.json, from which the caches learn the types that have no id: node introspect.mjs

import { readFileSync, writeFileSync } from 'node:fs';

import { minifyIntrospectionQuery } from '@urql/introspection';
import { buildSchema, introspectionFromSchema } from 'graphql';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));
const introspection = minifyIntrospectionQuery(introspectionFromSchema(schema));
writeFileSync(new URL('schema.json', import.meta.url), JSON.stringify(introspection));
