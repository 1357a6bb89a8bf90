// An exchange for urql.

import {
  makeErrorResult, makeOperation, makeResult, stringifyDocument, type Exchange, type Operation, type OperationResult,
} from '@urql/core';
import { filter, make, merge, mergeMap, pipe, share, takeUntil, type Source } from 'wonka';

import { requestOptions, responseErrors, type OperationContext } from './adapter.js';
import type { Client } from './client.js';
import { GigwayError } from './errors.js';

/**
 * Carries every operation of urql: with the session, uploads, and subscriptions that resume. It is the last exchange,
 * and takes the place of `fetchExchange` and `subscriptionExchange`. The context of an operation can have `idempotencyKey`,
 * `onUploadProgress`, `resume` and `reload`.
 */
export const gigwayExchange = (client: Client): Exchange => ({ forward, client: urql }) => (operations) => {
  const shared = share(operations);
  const isTeardown = ({ kind }: Operation) => kind === 'teardown';
  const endOf = ({ key }: Operation) => pipe(shared, filter((other) => isTeardown(other) && other.key === key));
  const results = pipe(
    shared,
    filter((operation) => !isTeardown(operation)),
    mergeMap((operation) => {
      const end = () => urql.reexecuteOperation(makeOperation('teardown', operation, operation.context));
      const source = operation.kind === 'subscription' ? subscribe(client, operation, end) : request(client, operation);
      return pipe(source, takeUntil(endOf(operation)));
    }),
  );
  return merge([results, pipe(shared, filter(isTeardown), forward)]);
};

const contextOf = ({ context }: Operation) => context as Partial<OperationContext>;

const request = (client: Client, operation: Operation): Source<OperationResult> =>
  make(({ next, complete }) => {
    const abort = new AbortController();
    client
      .execute(stringifyDocument(operation.query), operation.variables, {
        ...requestOptions(contextOf(operation), abort.signal),
        extensions: operation.extensions,
      })
      .then((result) => makeResult(operation, result as Parameters<typeof makeResult>[1]))
      .catch((error: unknown) => failed(operation, error))
      .then((result) => {
        if (!abort.signal.aborted) next(result);
        complete();
      });
    return () => abort.abort();
  });

const subscribe = (client: Client, operation: Operation, end: () => void): Source<OperationResult> =>
  make(({ next, complete }) => {
    const { resume, reload } = contextOf(operation);
    const finish = () => {
      complete();
      end();
    };
    return client.subscribe(stringifyDocument(operation.query), operation.variables as object, {
      next: (data, { error }) => next(makeResult(operation, { data: data as object, errors: (error && responseErrors(error)) as never })),
      error: (error) => {
        next({ ...failed(operation, error), hasNext: false });
        finish();
      },
      complete: finish,
      resume,
      reload,
    });
  });

function failed(operation: Operation, error: unknown): OperationResult {
  const errors = error instanceof GigwayError ? responseErrors(error) : undefined;
  return errors ? makeResult(operation, { data: null, errors: errors as never }) : makeErrorResult(operation, error as Error);
}
