// What the pages of all three clients share: what the test controls, and what it reads.

import { request } from '../../../examples/clients/gateway';
import { freshAccessToken, onSignInOrOut, signIn, signOut } from '../../../examples/clients/session';
import { createSocket } from '../../../examples/clients/socket';
import { scaleDown, uploadGigImage } from '../../../examples/clients/upload';

export interface OwnGig {
  id: string;
  title: string;
  status: string;
}

export interface StatusEvent {
  gigId: string;
  version: number;
}

const parameters = new URLSearchParams(location.search);
export const gigId = parameters.get('gig')!;
export const isSignedIn = parameters.has('own');

export const socket = createSocket();

/** A photograph with so much noise that its JPEG has many bytes. */
async function photograph(width: number, height: number): Promise<Blob> {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d')!;
  const pixels = context.createImageData(width, height);
  for (let index = 0; index < pixels.data.length; index += 1) pixels.data[index] = Math.random() * 256;
  context.putImageData(pixels, 0, 0);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob!), 'image/jpeg', 0.95));
}

async function upload() {
  const { limits } = await request<{ limits: { gig: { imageUploadMaxBytes: number } } }>(
    '{ limits { gig { imageUploadMaxBytes } } }');
  const original = await photograph(4032, 3024);
  const scaled = await scaleDown(original, limits.gig.imageUploadMaxBytes);
  const progress: number[] = [];
  const { image, errors } = await uploadGigImage(scaled, (part) => progress.push(part));
  return { original: original.size, scaled: scaled.size, image, errors, progress };
}

const state = {
  received: [] as StatusEvent[],
  errors: [] as string[],
  connections: 0,
  isSignedOut: false,
  freshAccessToken,
  signIn,
  signOut,
  upload,
};
socket.on('connected', () => (state.connections += 1));
onSignInOrOut((isSignedInNow) => (state.isSignedOut = !isSignedInNow));
Object.assign(globalThis, { state });

export const received = (event: StatusEvent) => state.received.push(event);
export const failed = (error: unknown) => state.errors.push(String(error));
