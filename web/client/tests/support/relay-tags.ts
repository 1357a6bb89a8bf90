// Replaces Relay's graphql tags by what its compiler has generated, as its plugin for Babel does.

import type { Plugin } from 'vite';

const TAG = /graphql`\s*(?:query|mutation|subscription|fragment)\s+(\w+)[^`]*`/g;

export const relayTags: Plugin = {
  name: 'relay-tags',
  enforce: 'pre',
  transform(code, id) {
    if (!id.includes('/examples/') || !code.includes('graphql`')) return undefined;
    const imports: string[] = [];
    const replaced = code.replace(TAG, (_, name: string) => {
      imports.push(`import ${name}_document from './__generated__/${name}.graphql';`);
      return `${name}_document`;
    });
    return { code: [...imports, replaced].join('\n'), map: null };
  },
};
