// Prints what the first page costs: bytes before the first picture, and the times at 4x CPU slowdown.
// The limits are those of the project: 200 kB, 1 s until it is interactive, a layout shift of 0.05.

import { start } from './setup.mjs';

const SLOWDOWN = 4;
const RUNS = 5;
const median = (values) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];

const stage = await start();
const runs = [];
for (let run = 0; run < RUNS; run += 1) {
  const { page, context, close } = await stage.person();
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable');
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
  let bytes = 0;
  let bytesBeforePicture;
  const pictures = new Set();
  devtools.on('Network.requestWillBeSent', ({ requestId, type }) => {
    if (type !== 'Image') return;
    pictures.add(requestId);
    bytesBeforePicture ??= bytes;
  });
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (!pictures.has(requestId)) bytes += encodedDataLength;
  });
  await context.addInitScript(() => {
    globalThis.measured = { shift: 0, blocked: 0 };
    const observe = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
    observe('layout-shift', (entry) => entry.hadRecentInput || (globalThis.measured.shift += entry.value));
    observe('longtask', (entry) => (globalThis.measured.lastLongTask = entry.startTime + entry.duration));
    observe('largest-contentful-paint', (entry) => (globalThis.measured.largest = entry.startTime));
    observe('paint', (entry) => entry.name === 'first-contentful-paint' && (globalThis.measured.first = entry.startTime));
    // The cards are there, and the search can be used.
    new MutationObserver((_, observer) => {
      if (!document.querySelector('[data-gig]')) return;
      globalThis.measured.cards = performance.now();
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto('/');
  await page.locator('[data-gig] img').first().waitFor();
  await page.waitForTimeout(3000);
  const { first, cards, largest, lastLongTask = 0, shift } = await page.evaluate(() => globalThis.measured);
  runs.push({ first, cards, largest, interactive: Math.max(cards, lastLongTask), shift, bytesBeforePicture });
  await close();
}
for (const name of Object.keys(runs[0])) {
  const value = median(runs.map((run) => run[name]));
  console.log(name.padEnd(20), name === 'shift' ? value.toFixed(4) : Math.round(value).toLocaleString('en'));
}
await stage.close();
