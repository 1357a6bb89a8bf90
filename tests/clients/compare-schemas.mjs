// What has become of the schema since it was last promised to clients: a change that breaks one must be named in the
// changelog, as what is unreleased, by its coordinate in backticks.
//
//     node compare-schemas.mjs [OLD NEW CHANGELOG]
import { readFileSync } from 'node:fs';
import { buildSchema, findBreakingChanges, findDangerousChanges } from 'graphql';

const [before = 'released.graphql', now = '../../schema.graphql', changelog = '../../CHANGELOG.md'] = process.argv.slice(2);
const read = (file) => readFileSync(file, 'utf8');
const schemas = [before, now].map((file) => buildSchema(read(file)));
const unreleased = /^## \[?Unreleased\]?.*?$([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(read(changelog))?.[1] ?? '';

for (const { description } of findDangerousChanges(...schemas)) {
  console.log(`may surprise a client: ${description}`);
}
// The coordinate is the first name of the sentence that has a dot, or is a type's.
const coordinate = (description) =>
  /\b\w+\.\w+\b/.exec(description)?.[0] ?? description.split(' ').find((word) => schemas.some((schema) => schema.getType(word)));
const unnamed = findBreakingChanges(...schemas).filter(
  ({ description }) => !unreleased.includes(`\`${coordinate(description)}\``),
);
for (const { description } of unnamed) {
  console.error(`breaks clients: ${description}`);
  console.error(`  take it back, or name \`${coordinate(description)}\` under "Unreleased" of ${changelog}`);
}
process.exitCode = unnamed.length > 0 ? 1 : 0;
if (unnamed.length === 0) console.log('no client breaks unannounced');
