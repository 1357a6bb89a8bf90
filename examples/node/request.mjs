// Sends queries and mutations by `fetch`. Used by the scripts in this directory.

export const gateway = new URL('/graphql', process.env.GATEWAY_URL ?? 'http://127.0.0.1:8080');

// The `data` of the response. Throws if there is no response, or if there are GraphQL errors.
export async function request(query, variables = {}) {
  const response = await fetch(gateway, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(30_000),
  }).catch((error) => {
    throw new Error(`no response from ${gateway}`, { cause: error });
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(describe(errors));
  return data;
}

// The code and message of each GraphQL error.
export function describe(errors) {
  return errors.map(({ message, extensions }) => `${extensions?.code}: ${message}`).join('; ');
}

export function line({ id, title, price, seller }) {
  return `${id}  ${price.amount} ${price.currencyCode}  ${title} (${seller.displayName})`;
}

export const GIG_FIELDS = 'id title price { amount currencyCode } seller { displayName }';
