// The address of the gateway, and requests by `fetch`.

declare global {
  var GATEWAY_URL: string | undefined;
}

export const gatewayUrl = new URL('/graphql', globalThis.GATEWAY_URL ?? 'https://api.example.com');

export const socketUrl = new URL(gatewayUrl);
socketUrl.protocol = gatewayUrl.protocol.replace('http', 'ws');

// #region request
export interface ApiError {
  message: string;
  extensions?: { code?: string; reason?: string; retryAfterSeconds?: number; requestId?: string };
}

/** GraphQL errors, with their codes. */
export class RequestFailed extends Error {
  constructor(readonly errors: readonly ApiError[]) {
    super(errors.map(({ message, extensions }) => `${extensions?.code}: ${message}`).join('; '));
  }

  has(code: string): boolean {
    return this.errors.some(({ extensions }) => extensions?.code === code);
  }
}

/** Runs a query or a mutation, and returns its data. */
export async function request<Data>(
  query: string,
  variables: object = {},
  accessToken?: string,
  seconds = 30, // until it fails
): Promise<Data> {
  const response = await fetch(gatewayUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(seconds * 1000),
  });
  if (!response.headers.get('content-type')?.includes('json')) {
    throw new Error(`Status ${response.status}, without a GraphQL response`); // such as the error page of a proxy
  }
  const { data, errors } = await response.json();
  if (errors) throw new RequestFailed(errors);
  return data;
}
// #endregion
