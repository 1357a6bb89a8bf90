// A network for Relay.

import {
  Network, Observable, type CacheConfig, type GraphQLResponse, type RequestParameters, type UploadableMap, type Variables,
} from 'relay-runtime';

import { requestOptions, responseErrors, type OperationContext } from './adapter.js';
import type { Client } from './client.js';
import type { TypedDocument } from './document.js';

/**
 * Carries every operation of Relay: with the session, uploads, and subscriptions that resume. `cacheConfig.metadata` of
 * an operation can have `idempotencyKey`, `onUploadProgress`, `resume` and `reload`. Each name in `uploadables` is the
 * path of a variable, such as `file` or `input.file`.
 */
export const gigwayNetwork = (client: Client): ReturnType<typeof Network.create> =>
  Network.create(
    (request, variables, cacheConfig, uploadables) =>
      Observable.create<GraphQLResponse>((sink) => {
        const abort = new AbortController();
        client
          .execute(documentOf(request), withFiles(variables, uploadables), requestOptions(contextOf(cacheConfig), abort.signal))
          .then((result) => {
            sink.next(result as GraphQLResponse);
            sink.complete();
          })
          .catch((error: unknown) => abort.signal.aborted || sink.error(error as Error));
        return () => abort.abort();
      }),
    (request, variables, cacheConfig) =>
      Observable.create<GraphQLResponse>((sink) => {
        const { resume, reload } = contextOf(cacheConfig);
        return client.subscribe(documentOf(request) as TypedDocument<unknown, object>, variables, {
          next: (data, { error }) => sink.next({ data, ...(error && { errors: responseErrors(error) }) } as GraphQLResponse),
          error: (error) => sink.error(error as Error),
          complete: () => sink.complete(),
          resume,
          reload,
        });
      }),
  );

const contextOf = ({ metadata }: CacheConfig) => (metadata ?? {}) as Partial<OperationContext>;

function documentOf({ text, id, name }: RequestParameters): TypedDocument<unknown, never> {
  if (text === null) throw new TypeError(`The text of ${name} is missing: set persistConfig.includeQueryText for Relay's compiler`);
  return { toString: () => text, ...(id !== null && { __meta__: { hash: id } }) };
}

/** Puts the files into the variables, where the client finds them. */
function withFiles(variables: Variables, uploadables: UploadableMap | null | undefined): Variables {
  const result: Variables = { ...variables };
  for (const [path, file] of Object.entries(uploadables ?? {})) {
    const names = path.replace(/^variables\./, '').split('.');
    const last = names.pop() as string;
    let parent = result;
    for (const name of names) parent = parent[name] = Array.isArray(parent[name]) ? [...parent[name]] : { ...parent[name] };
    parent[last] = file;
  }
  return result;
}
