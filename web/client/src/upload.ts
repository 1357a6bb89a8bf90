// Uploads by the GraphQL multipart request specification.

import type { RawResponse, RequestBody } from './http.js';

export interface UploadProgress {
  /** Bytes that were sent. */
  readonly loaded: number;
  /** Bytes of the request. */
  readonly total: number;
  /** The part that was sent, 0 to 1. */
  readonly fraction: number;
}

export const isFile = (value: unknown): value is Blob => typeof Blob === 'function' && value instanceof Blob;

/** Replaces every file in the variables by the result of `replace`. `path` is such as "variables.input.file". */
export function mapFiles(value: unknown, path: string, replace: (file: Blob, path: string) => unknown): unknown {
  if (isFile(value)) return replace(value, path);
  if (Array.isArray(value)) return value.map((item, index) => mapFiles(item, `${path}.${index}`, replace));
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapFiles(item, `${path}.${key}`, replace)]));
}

/** The multipart form of a request, or undefined if its variables have no files. */
export function formOf(body: RequestBody): FormData | undefined {
  const files: { file: Blob; path: string }[] = [];
  const variables = mapFiles(body.variables, 'variables', (file, path) => {
    files.push({ file, path });
    return null;
  });
  if (files.length === 0) return undefined;
  const form = new FormData();
  form.append('operations', JSON.stringify({ ...body, variables }));
  form.append('map', JSON.stringify(Object.fromEntries(files.map(({ path }, index) => [index, [path]]))));
  files.forEach(({ file }, index) => {
    // The same name in each attempt: by the name, too, the gateway recognizes a request that is sent again.
    form.append(String(index), file, 'name' in file && file.name ? String(file.name) : 'file');
  });
  return form;
}

/** Sends a form with XMLHttpRequest, which reports the progress of an upload. `fetch` does not. */
export function sendForm(
  url: string,
  form: FormData,
  headers: Readonly<Record<string, string>>,
  onProgress: (progress: UploadProgress) => void,
  signal: AbortSignal,
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open('POST', url);
    request.responseType = 'text';
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) =>
      onProgress({ loaded, total, fraction: total > 0 ? loaded / total : 0 });
    request.onload = () =>
      resolve({
        status: request.status,
        text: request.responseText,
        retryAfter: request.getResponseHeader('retry-after'),
      });
    request.onerror = () => reject(new TypeError('The upload failed'));
    request.onabort = () => reject(new DOMException('The upload was cancelled', 'AbortError'));
    request.onloadend = () => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    else request.send(form);
  });
}
