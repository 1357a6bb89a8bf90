// Compares the code blocks of the documentation with the files that they are cut from.
//
//     node cut-snippets.mjs [--write]
//
// A comment in front of a block names its file and region: <!-- examples/clients/socket.ts#socket -->. A region begins
// with a line `// #region NAME` and ends with `// #endregion` (in shell scripts, `# region` and `# endregion`). Without
// a region, the block is the whole file. With --write, the blocks are rewritten. Exits with status 1 if a block differs,
// or has no such comment.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const documents = ['README.md', 'docs/CLIENTS.md', 'docs/SUBSCRIPTIONS.md'];
const isWriting = process.argv.includes('--write');

const lines = (path) => readFileSync(new URL(path, root), 'utf8').trimEnd().split('\n');

// Lines without the indentation that all of them have.
function dedent(block) {
  const indentations = block.filter((line) => line.trim()).map((line) => /^ */.exec(line)[0].length);
  const indentation = Math.min(...indentations);
  return block.map((line) => line.slice(indentation));
}

function cut(source) {
  const [path, region] = source.split('#');
  const file = lines(path);
  if (!region) return file;
  const start = file.findIndex((line) => new RegExp(`^\\s*(// #|# )region ${region}$`).test(line));
  const end = file.findIndex((line, index) => index > start && /^\s*(\/\/ #|# )endregion$/.test(line));
  if (start < 0 || end < 0) throw new Error(`${path} has no region ${region}`);
  return dedent(file.slice(start + 1, end));
}

// Blocks of commands that start something are not cut from a file: `make test` does not run them.
const isExempt = (block) => block.every((line) => /^(\s*#|make |gigway |\s*$)/.test(line));

let checked = 0;
const problems = [];

function check(document) {
  const text = lines(document);
  const output = [];
  for (let index = 0; index < text.length; index += 1) {
    const fence = /^( *)```\w*$/.exec(text[index]);
    output.push(text[index]);
    if (!fence) continue;
    const [, indentation] = fence;
    const end = text.indexOf(`${indentation}\`\`\``, index + 1);
    if (end < 0) throw new Error(`${document}:${index + 1}: the block does not end`);
    const block = text.slice(index + 1, end);
    const source = /^ *<!-- (\S+) -->$/.exec(text[index - 1] ?? '')?.[1];
    const expected = source ? cut(source).map((line) => (line ? indentation + line : line)) : block;
    if (!source && !isExempt(block)) problems.push(`${document}:${index + 1}: a block without a source`);
    if (expected.join('\n') !== block.join('\n')) problems.push(`${document}:${index + 1}: differs from ${source}`);
    if (source) checked += 1;
    output.push(...expected, text[end]);
    index = end;
  }
  if (isWriting) writeFileSync(new URL(document, root), `${output.join('\n')}\n`);
}

documents.forEach(check);
const unresolved = isWriting ? problems.filter((problem) => !problem.includes(': differs from ')) : problems;
for (const problem of unresolved) console.error(problem);
if (unresolved.length > 0) {
  console.error(`run \`make snippets\`, or add a source: see ${fileURLToPath(import.meta.url)}`);
  process.exitCode = 1;
}
console.log(`${checked} blocks are cut from files`);
