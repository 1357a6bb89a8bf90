// The TypeScript types of the schema's scalars, for GraphQL Code Generator.

/** For `config.scalars` of GraphQL Code Generator. */
export const scalars = {
  /** Opaque: an id that starts with its kind, such as "gig_". */
  ID: 'string',
  /** A calendar date such as "1990-05-17". */
  Date: 'string',
  /** A date and time in RFC 3339, in UTC. */
  DateTime: 'string',
  /** A decimal number such as "12.50". */
  Decimal: 'string',
  URL: 'string',
  /** A file, in the variables of an upload. */
  Upload: 'Blob',
};
