/** The TypeScript types of the schema's scalars, for `config.scalars` of GraphQL Code Generator. */
export declare const scalars: {
  readonly ID: 'string';
  readonly Date: 'string';
  readonly DateTime: 'string';
  readonly Decimal: 'string';
  readonly URL: 'string';
  readonly Upload: 'Blob';
};
