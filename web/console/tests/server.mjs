// Serves the build as the gateway does: with the same Content-Security-Policy, and the API on the same origin.

import { existsSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { extname } from 'node:path';

const DIST = new URL('../dist/', import.meta.url);
const PAGES = /^\/(gigs\/[^/]+|sell|sell\/new|verification|review|dashboard|admin|sign-in|sign-up)?$/;
const TYPES = { '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.svg': 'image/svg+xml' };
const POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
  "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
].join('; ');

/** Listens on a free port unless one is given. `gateway` is the address to which the API's requests go. */
export function serveConsole(gateway, port = 0) {
  const forward = (incoming, onResponse) =>
    incoming.pipe(request(new URL(incoming.url, gateway), { method: incoming.method, headers: incoming.headers }, onResponse));

  const server = createServer((incoming, outgoing) => {
    const { pathname } = new URL(incoming.url, 'http://localhost');
    if (pathname === '/graphql' || pathname.startsWith('/media/')) {
      forward(incoming, (response) => {
        outgoing.writeHead(response.statusCode, response.headers);
        response.pipe(outgoing);
      }).on('error', () => outgoing.destroy());
      return;
    }
    const file = new URL(PAGES.test(pathname) ? 'index.html' : `.${pathname}`, DIST);
    if (!file.href.startsWith(DIST.href) || !existsSync(file)) return outgoing.writeHead(404).end();
    const isGzipped = existsSync(new URL(`${file.href}.gz`));
    outgoing.writeHead(200, {
      'content-type': TYPES[extname(file.pathname)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'cache-control': pathname.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      ...(isGzipped && { 'content-encoding': 'gzip' }),
    });
    outgoing.end(readFileSync(isGzipped ? new URL(`${file.href}.gz`) : file));
  });
  server.on('upgrade', (incoming, socket, head) => {
    const upstream = request(new URL(incoming.url, gateway), { method: incoming.method, headers: incoming.headers });
    upstream.on('upgrade', (response, other, otherHead) => {
      const headers = Object.entries(response.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('')}\r\n`);
      if (otherHead.length > 0) socket.write(otherHead);
      if (head.length > 0) other.write(head);
      socket.pipe(other).pipe(socket);
      socket.on('error', () => other.destroy());
      other.on('error', () => socket.destroy());
    });
    upstream.on('error', () => socket.destroy());
    upstream.end();
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [gateway, port] = process.argv.slice(2);
  await serveConsole(gateway, Number(port));
  console.log(`http://127.0.0.1:${port}/`);
}
