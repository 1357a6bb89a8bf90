// Photographs that are too large, or in a format that the gateway does not read: a smaller JPEG of each, upright.

export interface PhotographLimits {
  /** The largest file that the gateway accepts. */
  readonly maxBytes: number;
  /** The smallest shorter side, in pixels. */
  readonly minSide: number;
}

const ACCEPTED_TYPES = ['image/jpeg', 'image/png', 'image/webp'];
// The gateway stores at most 3000 pixels of a document, and 2048 of a gig.
const LONGEST_SIDE = 3072;
const QUALITY = 0.85;
const STEP = 0.8;

/** Whether the gateway would refuse the image because of its size or its format. Other files stay as they are. */
export const needsScaling = (file: Blob, { maxBytes }: PhotographLimits): boolean =>
  file.type.startsWith('image/') && (file.size > maxBytes || !ACCEPTED_TYPES.includes(file.type));

/** The sizes to try, the largest first: at most 3072 pixels on the longer side, at least `minSide` on the shorter. */
export function sizesToTry(width: number, height: number, minSide: number): { width: number; height: number }[] {
  const [longest, shortest] = [Math.max(width, height), Math.min(width, height)];
  const sizes = [];
  for (let side = Math.min(longest, LONGEST_SIDE); side >= 1; side = Math.floor(side * STEP)) {
    const scale = side / longest;
    if (sizes.length > 0 && shortest * scale < minSide) break;
    sizes.push({ width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  }
  return sizes;
}

/**
 * Returns the file or, if the gateway would refuse it, a smaller JPEG. If the browser cannot read the image, or cannot
 * make it small enough, this returns the file: the error of the gateway says what to do.
 */
export async function fitPhotograph(file: Blob, limits: PhotographLimits): Promise<Blob> {
  if (!needsScaling(file, limits) || typeof createImageBitmap !== 'function') return file;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    return file; // such as HEIC in most browsers
  }
  try {
    let bytesPerPixel = 0;
    for (const { width, height } of sizesToTry(bitmap.width, bitmap.height, limits.minSide)) {
      const pixels = width * height;
      // A smaller picture has more bytes for each pixel, so this skips only sizes that are certainly too large.
      if (pixels * bytesPerPixel > limits.maxBytes) continue;
      const jpeg = await encode(bitmap, width, height);
      if (jpeg && jpeg.size <= limits.maxBytes) return named(jpeg, file);
      if (jpeg) bytesPerPixel = jpeg.size / pixels;
    }
  } finally {
    bitmap.close();
  }
  return file;
}

async function encode(bitmap: ImageBitmap, width: number, height: number): Promise<Blob | null> {
  const canvas =
    typeof OffscreenCanvas === 'function'
      ? new OffscreenCanvas(width, height)
      : Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d') as CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null;
  if (!context) return null;
  context.fillStyle = 'white'; // a JPEG has no transparency
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  if ('convertToBlob' in canvas) return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', QUALITY));
}

/** Gives the JPEG the name of the original. */
function named(jpeg: Blob, original: Blob): Blob {
  const name = 'name' in original && original.name ? String(original.name).replace(/\.[^.]*$/, '') : 'photograph';
  return new File([jpeg], `${name}.jpg`, { type: 'image/jpeg' });
}
