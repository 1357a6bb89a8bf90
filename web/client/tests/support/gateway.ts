// A gateway of the tests, with its own data. `GIGWAY_BINARY` names the program.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import WebSocket from 'ws';

import { createClient, validated, type Client, type ClientOptions } from '../../src/index.js';

const PASSWORD = 'a password of the test';

export const GIG = {
  title: 'I will write a song for you',
  description: 'Three minutes of music, made for you alone.',
  price: '100.00',
  deliveryDays: 3,
  revisions: 1,
};

type Payload = { gig: { id: string; status: string; version: number } | null; errors: [] };

export class Gateway {
  readonly url: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #directory: string;
  readonly #program: string;
  readonly #options: string[];
  readonly #clients: Client[] = [];
  #process: ChildProcess | undefined;

  private constructor(program: string, port: number, settings: Record<string, string>, options: string[]) {
    this.#options = options;
    this.#program = program;
    this.#directory = mkdtempSync(join(tmpdir(), 'gigway-client.'));
    this.url = `http://127.0.0.1:${port}/graphql`;
    const inherited = Object.entries(process.env).filter(([name]) => !/^(GIGWAY_|DATABASE_URL|REDIS_URL)/.test(name));
    this.#environment = {
      ...Object.fromEntries(inherited),
      GIGWAY_DATA_DIR: this.#directory,
      GIGWAY_LISTEN: `127.0.0.1:${port}`,
      ...settings,
    };
  }

  static async start(settings: Record<string, string> = {}, ...options: string[]): Promise<Gateway> {
    const program = process.env.GIGWAY_BINARY;
    if (!program) throw new Error('GIGWAY_BINARY is not set: it names the program `gigway`, such as target/debug/gigway');
    const gateway = new Gateway(program, await freePort(), settings, options);
    await gateway.up();
    return gateway;
  }

  /** Starts the program, and waits until it is ready and has its demo data. */
  async up(): Promise<void> {
    const path = join(this.#directory, 'log');
    const log = openSync(path, 'a');
    this.#process = spawn(this.#program, ['serve', ...this.#options], { env: this.#environment, stdio: ['ignore', log, log] });
    const hasData = () => !this.#options.includes('--demo') || readFileSync(path, 'utf8').includes('Demo accounts');
    for (let attempt = 0; attempt < 1000; attempt += 1) {
      const response = await fetch(new URL('/readyz', this.url)).catch(() => undefined);
      if (response?.ok && hasData()) return;
      await setTimeout(100);
    }
    throw new Error(`the gateway does not start: ${path}`);
  }

  /** Ends the program, and keeps its data. */
  async down(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async remove(): Promise<void> {
    this.#clients.forEach((client) => client.close());
    await this.down();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Runs a command of the program. */
  run(...options: string[]): void {
    execFileSync(this.#program, options, { env: this.#environment, input: PASSWORD, stdio: ['pipe', 'ignore', 'inherit'] });
  }

  addUser(email: string, role = 'MEMBER'): { email: string; password: string } {
    this.run('user', 'add', '--email', email, '--display-name', 'Ann', '--role', role, '--password-stdin');
    return { email, password: PASSWORD };
  }

  /** A client, which is closed with the gateway. */
  client(options: Partial<ClientOptions> = {}): Client {
    const client = createClient({ url: this.url, webSocket: WebSocket, ...options });
    this.#clients.push(client);
    return client;
  }

  async signedIn(credentials: { email: string; password: string }, options?: Partial<ClientOptions>): Promise<Client> {
    const client = this.client(options);
    await client.session.signIn(credentials);
    return client;
  }
}

/** Runs a mutation of a gig, which must succeed. */
export async function mutateGig(client: Client, name: string, variables: { id: string } | { input: object }) {
  const [variable, type] = 'id' in variables ? ['id', 'ID!'] : ['input', `${name[0]?.toUpperCase()}${name.slice(1)}Input!`];
  const document = `mutation ($${variable}: ${type}) { ${name}(${variable}: $${variable}) {
    gig { id status version } errors { code message field } } }`;
  const data = (await client.request(document, variables)) as Record<string, Payload>;
  const { gig } = validated(data[name] as Payload);
  if (!gig) throw new Error(`${name} returned no gig`);
  return gig;
}

export async function postGig(client: Client, title = GIG.title) {
  const { categories } = (await client.request('{ categories { id } }')) as { categories: { id: string }[] };
  return mutateGig(client, 'postGig', { input: { ...GIG, title, category: categories[0]?.id } });
}

/** A gig that is listed. */
export async function publishGig(seller: Client, reviewer: Client, title?: string) {
  const { id } = await postGig(seller, title);
  return mutateGig(reviewer, 'decideGig', { input: { gigId: id, decision: 'APPROVE', expectedVersion: 1 } });
}

/** Waits until the function returns something true, and returns it. */
export async function until<T>(what: string, condition: () => T | Promise<T>, seconds = 60): Promise<NonNullable<T>> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await setTimeout(20)) {
    const result = await condition();
    if (result) return result;
  }
  throw new Error(`not within ${seconds} seconds: ${what}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
