// The code blocks of the README.

import { readFileSync } from 'node:fs';

const README = new URL('../../README.md', import.meta.url);

/** The TypeScript blocks by name. Each block has its name in a comment above it. */
export function readmeBlocks(): Map<string, string> {
  const text = readFileSync(README, 'utf8');
  const blocks = new Map([...text.matchAll(/<!-- ([\w.-]+) -->\n```ts\n(.*?)```/gs)].map(([, name, code]) => [String(name), String(code)]));
  const count = [...text.matchAll(/^```ts$/gm)].length;
  if (blocks.size !== count) throw new Error(`${count} blocks, of which ${blocks.size} have a name of their own`);
  return blocks;
}
