// Documents, and what can be read from their text without a parser of GraphQL.

/**
 * A document with the types of its variables and its data: a string, or the `TypedDocumentString` of GraphQL Code
 * Generator.
 */
export interface TypedDocument<Data = unknown, Variables = unknown> {
  toString(): string;
  readonly __meta__?: Record<string, unknown> | undefined;
  /** Only for the types. */
  readonly __apiType?: ((variables: Variables) => Data) | undefined;
}

/** The arguments after a document: its variables can be left out if none is required. */
export type OperationArguments<Variables, Options> = object extends Variables
  ? [variables?: Variables, options?: Options]
  : [variables: Variables, options?: Options];

export type OperationKind = 'query' | 'mutation' | 'subscription';

export interface Operation {
  readonly text: string;
  readonly kind: OperationKind;
  readonly name: string | undefined;
  /** The id of a trusted document, if the build of the application has given it one. */
  readonly id: string | undefined;
}

const cache = new Map<string, Pick<Operation, 'kind' | 'name'>>();

/** Reads the kind and the name of the operation in a document, which has one operation. */
export function parseDocument(document: Pick<TypedDocument, 'toString' | '__meta__'>): Operation {
  const text = document.toString();
  const hash = document.__meta__?.hash;
  return { text, ...headOf(text), id: typeof hash === 'string' ? hash : undefined };
}

function headOf(text: string): Pick<Operation, 'kind' | 'name'> {
  const known = cache.get(text);
  if (known) return known;
  // Without strings and comments, and without everything in braces: what remains is the head of each definition.
  let head = text.replace(/"""[^]*?"""|"(?:\\.|[^"\\\n])*"|#.*/g, ' ');
  for (let before = ''; before !== head; ) {
    before = head;
    head = head.replace(/\{[^{}]*\}/g, ';');
  }
  const match = /(?:^|[\s;])(query|mutation|subscription)\b\s*(\w+)?/.exec(head.replace(/\bfragment\s+\w+\s+on\s+\w+/g, ''));
  const result = { kind: (match?.[1] ?? 'query') as OperationKind, name: match?.[2] };
  if (cache.size > 500) cache.clear();
  cache.set(text, result);
  return result;
}
