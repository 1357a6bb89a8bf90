// Replaces Relay's graphql tags by what the Relay compiler has generated, as babel-plugin-relay does.

import { readFileSync } from 'node:fs';

const TAG = /graphql`\s*(?:query|mutation|subscription|fragment)\s+(\w+)[^`]*`/g;

export const relayTags = {
  name: 'relay-tags',
  setup(build) {
    build.onLoad({ filter: /\.tsx?$/ }, ({ path }) => {
      const imports = [];
      const contents = readFileSync(path, 'utf8').replace(TAG, (_, name) => {
        imports.push(`import ${name}_document from './__generated__/${name}.graphql';`);
        return `${name}_document`;
      });
      return { contents: [...imports, contents].join('\n'), loader: path.endsWith('x') ? 'tsx' : 'ts' };
    });
  },
};
