// Uploads of images.

import { gatewayUrl, RequestFailed } from './gateway';
import { freshAccessToken, SessionEnded } from './session';

// #region scale-down
/**
 * Returns the image or, if it is too large, a smaller JPEG. `maxBytes` is `limits { gig { imageUploadMaxBytes } }`,
 * 3 MiB by default. Photos that were taken with a phone often have 5 to 12 MB.
 */
export async function scaleDown(image: Blob, maxBytes: number): Promise<Blob> {
  const isAccepted = ['image/jpeg', 'image/png', 'image/webp'].includes(image.type);
  if (isAccepted && image.size <= maxBytes) return image;
  // Turns it upright, by its metadata. Fails for formats that the browser cannot read, such as HEIC in most.
  const bitmap = await createImageBitmap(image);
  const longest = Math.max(bitmap.width, bitmap.height);
  for (let side = Math.min(longest, 3072); side >= 320; side = Math.floor(side * 0.8)) {
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round((bitmap.width * side) / longest));
    canvas.height = Math.max(1, Math.round((bitmap.height * side) / longest));
    const context = canvas.getContext('2d')!;
    context.fillStyle = 'white'; // a JPEG has no transparency
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const jpeg = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.85));
    if (jpeg && jpeg.size <= maxBytes) return jpeg;
  }
  throw new Error(`The image cannot be scaled down to ${maxBytes} bytes`);
}
// #endregion

export interface UploadedImage {
  id: string;
  url: string;
  width: number;
  height: number;
}

export interface UserError {
  code: string;
  message: string;
  field: string[] | null;
}

// #region upload
const UPLOAD = `mutation ($file: Upload!) {
  uploadGigImage(file: $file) { image { id url width height } errors { code message field } } }`;

/** Uploads an image, and reports the part that was sent, 0 to 1. `fetch` does not report it, but XMLHttpRequest does. */
export async function uploadGigImage(image: Blob, onProgress: (part: number) => void, signal?: AbortSignal) {
  const accessToken = await freshAccessToken();
  if (!accessToken) throw new SessionEnded('Sign in to upload images');
  const form = new FormData();
  form.append('operations', JSON.stringify({ query: UPLOAD, variables: { file: null } }));
  form.append('map', JSON.stringify({ 0: ['variables.file'] }));
  form.append('0', image, 'image');
  const upload = new XMLHttpRequest();
  upload.open('POST', gatewayUrl);
  upload.responseType = 'json';
  upload.setRequestHeader('apollo-require-preflight', 'true');
  upload.setRequestHeader('accept', 'application/graphql-response+json');
  upload.setRequestHeader('authorization', `Bearer ${accessToken}`);
  upload.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
  await new Promise<void>((resolve, reject) => {
    upload.onload = () => resolve();
    upload.onerror = () => reject(new TypeError('The upload failed'));
    upload.onabort = () => reject(new DOMException('The upload was cancelled', 'AbortError'));
    signal?.addEventListener('abort', () => upload.abort());
    upload.send(form);
  });
  // Such as the error page of a proxy.
  if (!upload.response) throw new Error(`Status ${upload.status}, without a GraphQL response`);
  const { data, errors } = upload.response;
  if (errors) throw new RequestFailed(errors);
  return data.uploadGigImage as { image: UploadedImage | null; errors: UserError[] };
}
// #endregion
