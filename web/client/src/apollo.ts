// A link for Apollo Client 4.

import { ApolloLink, CombinedGraphQLErrors, Observable } from '@apollo/client';
import { OperationTypeNode, print, type DocumentNode } from 'graphql';

import { requestOptions, responseErrors, type OperationContext } from './adapter.js';
import type { Client } from './client.js';
import { GigwayError } from './errors.js';

/**
 * Carries every operation of Apollo Client: with the session, uploads, and subscriptions that resume. It is the last
 * link. The `context` of an operation can have `idempotencyKey`, `onUploadProgress`, `resume` and `reload`. Errors of
 * the gateway are `CombinedGraphQLErrors`, those of the network are a `GigwayError`.
 */
export const gigwayLink = (client: Client): ApolloLink =>
  new ApolloLink((operation) => {
    const context = operation.getContext() as Partial<OperationContext>;
    const { variables, extensions } = operation;
    const document = printed(operation.query);
    return new Observable((observer) => {
      const next = (result: object) => observer.next(result as ApolloLink.Result);
      const error = (cause: unknown) => observer.error(toApolloError(cause));
      const complete = () => observer.complete();
      if (operation.operationType === OperationTypeNode.SUBSCRIPTION) {
        const { resume, reload } = context;
        return client.subscribe(document, variables, {
          next: (data, event) => next({ data, ...(event.error && { errors: responseErrors(event.error) }) }),
          error,
          complete,
          resume,
          reload,
        });
      }
      const abort = new AbortController();
      const options = { ...requestOptions(context, abort.signal), extensions: hasEntries(extensions) ? extensions : undefined };
      client.execute(document, variables, options).then(next).then(complete, error);
      return () => abort.abort();
    });
  });

const hasEntries = (object: object | undefined) => object !== undefined && Object.keys(object).length > 0;

const texts = new WeakMap<DocumentNode, string>();

function printed(document: DocumentNode): string {
  let text = texts.get(document);
  if (text === undefined) texts.set(document, (text = print(document)));
  return text;
}

function toApolloError(cause: unknown): unknown {
  const errors = cause instanceof GigwayError ? responseErrors(cause) : undefined;
  return errors ? new CombinedGraphQLErrors({ errors }) : cause;
}
