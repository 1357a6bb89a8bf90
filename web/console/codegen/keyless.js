// A plugin of GraphQL Code Generator: the names of the object types without an id, such as Money.

export const plugin = (schema) => {
  const names = Object.values(schema.getTypeMap())
    .filter((type) => type.astNode?.kind === 'ObjectTypeDefinition' && !type.getFields().id)
    .map(({ name }) => name)
    .filter((name) => !['Query', 'Mutation', 'Subscription'].includes(name))
    .sort();
  return `export const keylessTypes = ${JSON.stringify(names, null, 2)};\n`;
};
