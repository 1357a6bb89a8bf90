// Compares the schema with the released one. The changelog must list each breaking change under "Unreleased",
// by its schema coordinate in backticks.
//
//     node compare-schemas.mjs [OLD NEW CHANGELOG]
import { readFileSync } from 'node:fs';
import { buildSchema, findBreakingChanges, findDangerousChanges } from 'graphql';

const [oldSchema = 'released.graphql', newSchema = '../../schema.graphql', changelog = '../../CHANGELOG.md'] = process.argv.slice(2);
const read = (file) => readFileSync(file, 'utf8');
const schemas = [oldSchema, newSchema].map((file) => buildSchema(read(file)));
const unreleased = /^## \[?Unreleased\]?.*?$([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(read(changelog))?.[1] ?? '';

for (const { description } of findDangerousChanges(...schemas)) {
  console.log(`dangerous change: ${description}`);
}
// The coordinate is the first name in the description with a dot, or else the first type.
const coordinate = (description) =>
  /\b\w+\.\w+\b/.exec(description)?.[0] ?? description.split(' ').find((word) => schemas.some((schema) => schema.getType(word)));
const unlisted = findBreakingChanges(...schemas).filter(
  ({ description }) => !unreleased.includes(`\`${coordinate(description)}\``),
);
for (const { description } of unlisted) {
  console.error(`breaking change: ${description}`);
  console.error(`  revert it, or list \`${coordinate(description)}\` under "Unreleased" in ${changelog}`);
}
process.exitCode = unlisted.length > 0 ? 1 : 0;
if (unlisted.length === 0) console.log('every breaking change is in the changelog');
